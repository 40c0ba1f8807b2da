"""Scenes: the Fetch robot of gymnasium-robotics, a table, and the objects of a task.

A scene starts from a stock file (`load_stock`), is edited as an `MjSpec`, and becomes a `Start`:
the compiled model and the state in which episodes start.

Our scenes differ from the stock ones in two points. Neither changes an observation or a reward of
the stock tasks (`tests/tasks/test_fetch_stock.py`):

- massless bodies that hold cameras are removed, and the cross that marks the weld target;
- pairs of robot parts that cannot touch are not tested for contact; see `contacts`. Every geometry
  can still touch tables, floor and objects.
"""

import functools
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from goalrelay.tasks.fetch import contacts
from goalrelay.tasks.late import Model, Spec, mujoco

SUBSTEPS = 20
"""Physics steps of 2 ms in one step of a task: 25 Hz."""
HAND = "robot0:gripper_link"
GRIP = "robot0:grip"
CAMERAS = ("robot0:head_camera_link", "robot0:gripper_camera_link", "robot0:external_camera_body_0")
"""Massless bodies of the stock scenes, which hold only cameras."""
DOWN = (1.0, 0.0, 1.0, 0.0)
"""Orientation of the hand: the quaternion, not normalised, that the stock tasks command."""
BASE = {"robot0:slide0": 0.405, "robot0:slide1": 0.48, "robot0:slide2": 0.0}
"""Joints that hold the position of the robot, m."""
APPROACH = (-0.498, 0.005, -0.431)
"""Offset from the grip in the zero pose to the grip in the lowest start pose, m."""
BLOCK = 0.025
"""Half the edge of a block, m."""
BLOCK_ASIDE = (1.25, 0.53, 0.4)
"""Position of the stock block while the hand moves to its start pose, m."""
COLOURS = (
    (0.84, 0.37, 0.0),
    (0.0, 0.45, 0.7),
    (0.0, 0.62, 0.45),
    (0.8, 0.47, 0.65),
    (0.94, 0.89, 0.26),
    (0.34, 0.71, 0.91),
)
"""Colours of objects and their goals, RGB, distinct for colour-blind people (Okabe and Ito)."""


class Start(NamedTuple):
    """A compiled scene and the state in which its episodes start."""

    model: Model
    qpos: np.ndarray
    """[nq] of MuJoCo"""
    qvel: np.ndarray
    """[nv] of MuJoCo"""
    time: float
    """s"""
    sites: dict[str, np.ndarray]
    """[3] position of every named site, m."""

    @property
    def grip(self) -> np.ndarray:
        """[3] position between the fingertips, m; the centre of goals and objects."""
        return self.sites[GRIP]


def load_stock(name: str) -> Spec:
    """Load a scene file of gymnasium-robotics: `reach`, `push`, `pick_and_place`, `slide`."""
    found = importlib.util.find_spec("gymnasium_robotics")  # not imported, which would be slow
    if found is None or found.origin is None:
        raise ModuleNotFoundError("gymnasium-robotics, whose robot the Fetch tasks use")
    path = Path(found.origin).parent / "envs" / "assets" / "fetch" / f"{name}.xml"
    spec = mujoco.MjSpec.from_file(str(path))
    for body in CAMERAS:
        spec.delete(spec.body(body))
    for geom in spec.body("robot0:mocap").geoms:
        spec.delete(geom)
    contacts.exclude_pairs(spec)
    return spec


@functools.cache
def compile_stock(
    name: str, base: float = 0.405, height: float = 0.0, block: tuple[float, ...] = ()
) -> Start:
    """Compile the start of a stock scene, once a process.

    Args:
        name: of the scene file.
        base: position of the robot in x, m.
        height: of the hand above the lowest start pose, m.
        block: [3] position of `object0` while the hand moves to its start pose, m.
    """
    spec = load_stock(name)
    paint(spec)
    joints: dict[str, Any] = {**BASE, "robot0:slide0": base}
    if block:
        joints["object0:joint"] = (*block, 1.0, 0.0, 0.0, 0.0)
    return compile_start(spec, joints, height)


def add_block(spec: Spec, number: int) -> None:
    """Add a block `object{number}` like the stock one, with a site of this name at its middle.

    `compile_start` and every reset must move it to a position away from everything else.
    """
    name = f"object{number}"
    body = spec.worldbody.add_body(name=name)
    joint = body.add_freejoint(name=f"{name}:joint")
    joint.damping = np.resize((0.01, 0.0, 0.0), np.shape(joint.damping))  # newer: a polynomial
    body.add_geom(
        name=name,
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=(BLOCK, BLOCK, BLOCK),
        condim=3,
        mass=2.0,
        rgba=(*COLOURS[number], 1),
    )
    body.add_site(name=name, size=(0.005, 0.005, 0.005), rgba=(0, 0, 0, 0))


def add_goal(spec: Spec, number: int, size: float = 0.02) -> None:
    """Add the marker `target{number}` of a goal, drawn only, in the colour of its object."""
    spec.worldbody.add_site(
        name=f"target{number}", size=(size, size, size), rgba=(*COLOURS[number], 0.6)
    )


def paint(spec: Spec) -> None:
    """Give the object and the goal of a stock scene different colours."""
    for geom in spec.geoms:
        if geom.name == "object0":
            geom.material, geom.rgba = "", (*COLOURS[1], 1)
    for site in spec.sites:
        if site.name == "target0":
            site.rgba = (*COLOURS[0], 1)


def compile_start(
    spec: Spec,
    joints: Mapping[str, Any],
    extra_height: float = 0.0,
) -> Start:
    """Compile a scene and move the hand to its start pose, as the stock tasks do.

    Args:
        spec: the scene.
        joints: initial joint positions by name; 7 numbers for a free joint.
        extra_height: of the hand above the lowest start pose, m.
    """
    model = spec.compile()
    everything = model.exclude_signature.copy()
    model.exclude_signature[:] = contacts.exclusions(model, everything, contacts.ALL)
    data = mujoco.MjData(model)
    for name, value in joints.items():
        data.joint(name).qpos[:] = value
    welds = model.eq_type == mujoco.mjtEq.mjEQ_WELD
    model.eq_data[welds, :7] = (0, 0, 0, 0, 0, 0, 1)
    mujoco.mj_forward(model, data)
    data.mocap_pos[0] = data.site(GRIP).xpos + APPROACH + np.array((0, 0, extra_height))
    data.mocap_quat[0] = DOWN
    for _ in range(10):
        mujoco.mj_step(model, data, nstep=SUBSTEPS)
    model.exclude_signature[:] = everything  # each environment chooses from these
    sites = {model.site(i).name: data.site_xpos[i].copy() for i in range(model.nsite)}
    return Start(model, data.qpos.copy(), data.qvel.copy(), data.time, sites)
