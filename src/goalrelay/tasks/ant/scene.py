"""Scenes: the ant of Gymnasium between walls, and blocks that it can push.

Gymnasium's `ant.xml` is edited as an `MjSpec` to become the ant of rllab and HIRO: motors of gear 1
with torques of -30 to 30 (Gymnasium: gear 150, -1 to 1), steps of 20 ms (10), softer contacts. The
ant is first in `qpos` and `qvel`, blocks follow.
"""

import functools
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from goalrelay.tasks.ant.layout import HEIGHT, Layout
from goalrelay.tasks.late import Model, Spec, mujoco

SCALE = 8.0
"""Width of a cell, m."""
TORQUE = 30.0
"""Largest torque of a motor, N m."""
SUBSTEPS = 5
"""Physics steps of 20 ms in one step of a task: 10 Hz."""
MARGIN = 0.01
"""Distance below which two geometries are in contact, m."""
SOFT = (0.8, 0.8, 0.01, 0.5, 2.0)
"""Impedance of contacts: `solimp`, of which the first three numbers have an effect."""
HARD = (0.995, 0.995, 0.01, 0.5, 2.0)
"""The same in mazes with a block: the ant would walk into a soft one."""
PUSHED = {"xy": 0.0002, "yz": 0.001}
"""Axes along which a block slides -> its mass, kg. Its friction resists a push."""
ANT = (0.0, 0.45, 0.7, 1.0)
BLOCK = (0.84, 0.37, 0.0, 1.0)
TARGET = (0.0, 0.62, 0.45, 1.0)
SUBGOAL = (0.8, 0.35, 0.65, 1.0)
WALL = (0.55, 0.57, 0.6, 1.0)
GROUND = (0.92, 0.92, 0.9, 1.0)
PIT = (0.28, 0.28, 0.32, 1.0)
SHADE = 0.35
"""Opacity of the disc within which a target counts as reached."""


def of_each_geom() -> float:
    """The margin of one geometry that gives a pair of them `MARGIN`.

    A contact had the larger of its two margins up to MuJoCo 3.4.0 and has their sum from 3.5.0 on
    (measured for 3.3.7, and 3.4.0 to 3.9.0).
    """
    major, minor = (int(part) for part in mujoco.__version__.split(".")[:2])
    return MARGIN / 2 if (major, minor) >= (3, 5) else MARGIN


def ant(impedance: tuple[float, ...] = SOFT) -> Spec:
    """The ant on an infinite floor at height 0."""
    found = importlib.util.find_spec("gymnasium")
    assert found is not None and found.origin is not None
    path = Path(found.origin).parent / "envs" / "mujoco" / "assets" / "ant.xml"
    spec = mujoco.MjSpec.from_file(str(path))
    spec.option.timestep = 0.02
    for geom in spec.geoms:
        geom.margin, geom.solimp = of_each_geom(), impedance
        geom.material, geom.rgba = "", ANT
    floor = spec.geom("floor")
    floor.rgba = GROUND
    for motor in spec.actuators:
        motor.gear, motor.ctrlrange = (1, 0, 0, 0, 0, 0), (-TORQUE, TORQUE)
    lamp = spec.lights[0]
    lamp.pos, lamp.dir, lamp.diffuse = (0, 0, 40), (0.3, 0.4, -1), (0.35, 0.35, 0.35)
    spec.visual.headlight.ambient = (0.4, 0.4, 0.4)
    spec.visual.headlight.diffuse = (0.25, 0.25, 0.25)
    spec.visual.headlight.specular = (0, 0, 0)
    return spec


def add_box(
    body: Any,
    low: Any,
    high: Any,
    impedance: tuple[float, ...] = SOFT,
    colour: tuple[float, ...] = WALL,
    **settings: Any,
) -> None:
    """Add a box to a body.

    Args:
        body: of an `MjSpec`; `spec.worldbody` for a fixed box.
        low: [3] corner in the frame of the body, m.
        high: [3] opposite corner, m.
        impedance: of its contacts.
        colour: red, green, blue, opacity.
        settings: of the geometry.
    """
    low, high = np.array(low, float), np.array(high, float)
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX,
        pos=(low + high) / 2,
        size=(high - low) / 2,
        contype=1,
        conaffinity=1,
        condim=3,
        friction=(1, 0.5, 0.5),
        margin=of_each_geom(),
        solimp=impedance,
        rgba=colour,
        **settings,
    )


def add_mark(spec: Spec, name: str, size: float, colour: tuple[float, ...] = TARGET) -> None:
    """Add a ball that is drawn only."""
    spec.worldbody.add_site(name=name, size=(size, size, size), rgba=colour)


@functools.cache
def maze(layout: Layout) -> Model:
    """Compile the ant in a maze, once a process; environments copy the model."""
    movable = layout.block is not None
    impedance = HARD if movable else SOFT
    spec = ant(impedance)
    half, height = SCALE / 2, HEIGHT * SCALE
    ground = height if layout.raised else 0.0

    def cell(x: float, y: float, z: float, colour: tuple[float, ...]) -> None:
        middle = SCALE * np.array((x, y))
        low, high = (*(middle - half), z), (*(middle + half), z + height)
        add_box(spec.worldbody, low, high, impedance, colour)

    if layout.raised:
        spec.geom("floor").rgba = PIT
        spec.body("torso").pos = (0, 0, 0.75 + ground)
        for x, y in layout.cells("#.rM"):
            cell(x, y, 0.0, GROUND)
    for x, y in layout.cells("#"):
        cell(x, y, ground, WALL)
    if movable:
        _add_block(spec, layout, ground + height / 2, impedance)
    add_mark(spec, "target", 0.8)
    add_mark(spec, "subgoal", 0.6, SUBGOAL)
    spec.worldbody.add_site(
        name="target_area",
        type=mujoco.mjtGeom.mjGEOM_CYLINDER,
        size=(5.0, 0.02, 0.0),
        rgba=(*TARGET[:3], SHADE / 2),  # its two faces add up
    )
    spec.lights[0].pos = (*(SCALE * layout.middle), 40)
    return spec.compile()


@functools.cache
def arena(half: float, marks: tuple[tuple[str, tuple[float, ...]], ...]) -> Model:
    """Compile the ant on a square between low walls, with marks, once a process.

    Args:
        half: half the side of the square, m; the walls are 1 m thick, their middle is 1 m outside.
        marks: name and colour of balls that are drawn only.
    """
    spec = ant()
    inner, outer = half + 0.5, half + 1.5
    for low, high in ((-outer, -inner), (inner, outer)):
        add_box(spec.worldbody, (low, -outer, 0), (high, outer, 2))
        add_box(spec.worldbody, (-outer, low, 0), (outer, high, 2))
    for name, colour in marks:
        add_mark(spec, name, 0.5, colour)
    return spec.compile()


def _add_block(spec: Spec, layout: Layout, height: float, impedance: tuple[float, ...]) -> None:
    """Add a box of the size of a cell that slides along axes of the world and does not turn."""
    assert layout.block is not None
    body = spec.worldbody.add_body(name="block", pos=(*(SCALE * np.array(layout.block)), height))
    half = np.array((layout.shrink, layout.shrink, HEIGHT)) * SCALE / 2
    add_box(body, -half, half, impedance, BLOCK, name="block", mass=PUSHED[layout.slides])
    limits = {"y": (-SCALE, SCALE), "z": (-HEIGHT * SCALE, 0.0)} if layout.raised else {}
    for axis in layout.slides:
        joint = body.add_joint(
            name=f"block_{axis}",
            type=mujoco.mjtJoint.mjJNT_SLIDE,
            axis=[float(axis == one) for one in "xyz"],
            limited=axis in limits,
            range=limits.get(axis, (0.0, 0.0)),
            margin=MARGIN,
        )
        joint.armature = 0.0
        joint.damping = np.zeros(np.shape(joint.damping))  # newer: a polynomial
