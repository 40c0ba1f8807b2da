"""What is simulated: the Fetch robot of gymnasium-robotics, a table, and what a task puts on it.

A scene starts from a stock file (`stock`), is edited as an `MjSpec`, and becomes a `Start`: the
compiled model and the state from which episodes begin.

Our scenes are the stock ones but for this, none of which changes a number that the stock tasks
show (`tests/tasks/test_fetch_stock.py`):

- bodies without mass that hold cameras are left out, and the cross that marks the weld target;
- pairs of robot parts that cannot meet are not tested for contact; see `contacts`. No geometry is
  taken out of collision: all of them still meet tables, floor and objects.
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
"""Bodies of the stock scenes without mass, which hold nothing but cameras."""
DOWN = (1.0, 0.0, 1.0, 0.0)
"""Orientation of the hand, as the quaternion (not normalised) that the stock tasks command."""
BASE = {"robot0:slide0": 0.405, "robot0:slide1": 0.48, "robot0:slide2": 0.0}
"""Where the robot stands, m."""
APPROACH = (-0.498, 0.005, -0.431)
"""From the grip site of the zero pose to the start pose with no extra height, m."""
BLOCK = 0.025
"""Half a block's edge, m."""
BLOCK_ASIDE = (1.25, 0.53, 0.4)
"""Where the stock block is while the hand moves to its start pose, m."""
COLOURS = (
    (0.84, 0.37, 0.0),
    (0.0, 0.45, 0.7),
    (0.0, 0.62, 0.45),
    (0.8, 0.47, 0.65),
    (0.94, 0.89, 0.26),
    (0.34, 0.71, 0.91),
)
"""Red, green, blue of objects and their goals, told apart by colour-blind eyes (Okabe and Ito)."""


class Start(NamedTuple):
    """A compiled scene and the state in which its episodes begin."""

    model: Model
    qpos: np.ndarray
    qvel: np.ndarray
    time: float
    places: dict[str, np.ndarray]
    """[3] position of every named site, m."""

    @property
    def grip(self) -> np.ndarray:
        """[3] position between the fingertips, m; goals and objects are placed around it."""
        return self.places[GRIP]


def stock(name: str) -> Spec:
    """A scene file of gymnasium-robotics: `reach`, `push`, `pick_and_place`, `slide`."""
    found = importlib.util.find_spec("gymnasium_robotics")  # found, not imported: that is slow
    if found is None or found.origin is None:
        raise ModuleNotFoundError("gymnasium-robotics, whose robot the Fetch tasks use")
    path = Path(found.origin).parent / "envs" / "assets" / "fetch" / f"{name}.xml"
    spec = mujoco.MjSpec.from_file(str(path))
    for body in CAMERAS:
        spec.delete(spec.body(body))
    for geom in spec.body("robot0:mocap").geoms:
        spec.delete(geom)
    contacts.leave_out(spec)
    return spec


@functools.cache
def begin_of_stock(
    name: str, base: float = 0.405, height: float = 0.0, block: tuple[float, ...] = ()
) -> Start:
    """The start of a stock scene, compiled once a process.

    Args:
        name: of the file.
        base: where the robot stands in x, m.
        height: of the hand above the lowest start pose, m.
        block: [3] where `object0` is while the hand moves to its start pose, m.
    """
    spec = stock(name)
    paint(spec)
    joints: dict[str, Any] = {**BASE, "robot0:slide0": base}
    if block:
        joints["object0:joint"] = (*block, 1.0, 0.0, 0.0, 0.0)
    return start(spec, joints, height)


def add_block(spec: Spec, number: int) -> None:
    """A block `object{number}`, as the stock one, with a site of the same name at its middle.

    It must be given a place apart from other things: in `start`, and by every reset.
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
    """The marker `target{number}` of a goal, seen and not felt; in the colour of its object."""
    spec.worldbody.add_site(
        name=f"target{number}", size=(size, size, size), rgba=(*COLOURS[number], 0.6)
    )


def paint(spec: Spec) -> None:
    """Give the object and the goal of a stock scene colours that tell them apart."""
    for geom in spec.geoms:
        if geom.name == "object0":
            geom.material, geom.rgba = "", (*COLOURS[1], 1)
    for site in spec.sites:
        if site.name == "target0":
            site.rgba = (*COLOURS[0], 1)


def start(
    spec: Spec,
    joints: Mapping[str, Any],
    extra_height: float = 0.0,
) -> Start:
    """Compile a scene and bring the hand to where episodes begin, as the stock tasks do.

    Args:
        spec: the scene.
        joints: positions to begin from, by name; free joints take 7 numbers.
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
    model.exclude_signature[:] = everything  # an environment chooses from it
    places = {model.site(i).name: data.site_xpos[i].copy() for i in range(model.nsite)}
    return Start(model, data.qpos.copy(), data.qvel.copy(), data.time, places)
