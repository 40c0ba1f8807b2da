"""A cabinet with a drawer, shared by the tasks that open one.

    scene(...)      -> Start: the robot at a table on which the cabinet stands
    DrawerTask      object 0 is the knob, on a slide instead of a free joint

The drawer opens towards the robot (-x). Its knob is an upright box on the handle; there is no room
behind it, so a hand opens the drawer by pressing on the knob and dragging, or by grasping it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from goalrelay.tasks.fetch.environment import Environment
from goalrelay.tasks.fetch.scene import (
    BASE,
    COLOURS,
    Start,
    add_goal,
    start,
    stock,
)
from goalrelay.tasks.late import Spec, mujoco

WOOD, OAK, DARK = (0.62, 0.43, 0.27, 1), (0.8, 0.62, 0.42, 1), (0.28, 0.2, 0.15, 1)
TABLE_TOP = 0.32
"""Height of the table, m."""
CABINET = (1.5, 0.63, TABLE_TOP + 0.084)
"""Middle of the cabinet where nothing moves it, m."""
KNOB = (-0.124, 0.0, 0.046)
"""From the middle of the cabinet to the knob of the closed drawer, m."""
TOP = CABINET[2] + 0.084
"""Height of the cabinet's top, m."""
TRAVEL = 0.2
"""How far the drawer opens, m."""
CASE = (
    ((0, 0.11, 0), (0.1, 0.008, 0.084)),
    ((0, -0.11, 0), (0.1, 0.008, 0.084)),
    ((0.092, 0, -0.008), (0.008, 0.102, 0.076)),
    ((-0.008, 0, -0.07), (0.092, 0.102, 0.014)),
    ((0, 0, 0.076), (0.1, 0.102, 0.008)),
)
"""The boards of the cabinet: middle and half size, m."""
DRAWER = (
    ((-0.082, 0, 0.008), (0.008, 0.1, 0.052)),
    ((0.09, 0, 0.008), (0.008, 0.1, 0.052)),
    ((0, 0.092, 0.008), (0.074, 0.008, 0.052)),
    ((0, -0.092, 0.008), (0.074, 0.008, 0.052)),
    ((0, 0, -0.052), (0.09, 0.1, 0.008)),
)
"""The boards of the drawer, from its own middle 1 cm before that of the cabinet."""
CONTACT = {"solimp": (0.99, 0.99, 0.01, 0.5, 2), "solref": (0.01, 1), "condim": 3}
CAMERA = {
    "distance": 1.5,
    "azimuth": 62.0,
    "elevation": -28.0,
    "lookat": np.array((1.28, 0.72, 0.45)),
}


def add_cabinet(spec: Spec, damping: float, glides: bool) -> None:
    """The cabinet `cabinet` with its drawer `drawer` and the knob, site `object0`.

    Args:
        spec: the scene.
        damping: of the drawer, N s/m.
        glides: whether the cabinet moves in x and y, on joints `glide_x` and `glide_y`, as if it
            weighed 1,000 t: nothing but a reset changes how.
    """
    box = mujoco.mjtGeom.mjGEOM_BOX
    case = spec.worldbody.add_body(name="cabinet", pos=CABINET)
    if glides:
        for name, axis in (("glide_x", (1, 0, 0)), ("glide_y", (0, 1, 0))):
            joint = case.add_joint(name=name, type=mujoco.mjtJoint.mjJNT_SLIDE, axis=axis)
            joint.armature = 1e6
    for place, size in CASE:
        case.add_geom(type=box, pos=place, size=size, mass=2.0, rgba=WOOD, **CONTACT)
    drawer = case.add_body(name="drawer", pos=(-0.01, 0, 0.006))
    slide = drawer.add_joint(name="drawer", type=mujoco.mjtJoint.mjJNT_SLIDE, axis=(-1, 0, 0))
    slide.range, slide.limited = (0, TRAVEL), True
    slide.armature = 0.001
    slide.damping = np.resize((damping, 0.0, 0.0), np.shape(slide.damping))  # newer: a polynomial
    for place, size in DRAWER:
        drawer.add_geom(type=box, pos=place, size=size, mass=0.2, rgba=OAK, **CONTACT)
    bars = [((-0.12, side, 0), (-0.12, side, 0), 0.03, (1, 0, 0)) for side in (-0.05, 0.05)]
    bars.append(((-0.15, 0, 0), (-0.15, 0, 0), 0.05, (0, 1, 0)))
    for place, _, half, along in bars:
        drawer.add_geom(
            type=mujoco.mjtGeom.mjGEOM_CAPSULE,
            fromto=(
                *np.subtract(place, np.multiply(half, along)),
                *np.add(place, np.multiply(half, along)),
            ),
            size=(0.009, 0, 0),
            mass=0.06,
            rgba=DARK,
            **CONTACT,
        )
    knob = np.subtract(KNOB, (-0.01, 0, 0.006))
    drawer.add_geom(
        name="object0",
        type=box,
        pos=knob,
        size=(0.025, 0.01, 0.01),
        mass=0.01,
        rgba=(*COLOURS[0], 1),
        **CONTACT,
    )
    drawer.add_site(name="object0", pos=knob, size=(0.005, 0.005, 0.005), rgba=(0, 0, 0, 0))
    # Boards that slide along one another must not collide.
    spec.add_exclude(bodyname1="cabinet", bodyname2="drawer")


@functools.cache
def scene(damping: float, box: bool = False, glides: bool = False) -> Start:
    """The start of a scene with a cabinet, compiled once a process.

    Args:
        damping: of the drawer, N s/m.
        box: whether there is a block `object1`, and fingers that move.
        glides: see `add_cabinet`.
    """
    spec = stock("pick_and_place" if box else "reach")
    table = spec.body("table0")
    table.pos = (1.42, 0.75, TABLE_TOP / 2)
    table.first_geom().size = (0.25, 0.35, TABLE_TOP / 2)
    spec.site("target0").rgba = (*COLOURS[0], 0.6)
    joints: dict[str, Any] = {**BASE, "robot0:slide2": 0.15}
    if box:
        _rename_block(spec.body("object0"))
        add_goal(spec, 1)
        joints["object1:joint"] = (1.25, 1.0, TABLE_TOP + 0.025, 1, 0, 0, 0)
    add_cabinet(spec, damping, glides)
    return start(spec, joints, extra_height=0.15)


def _rename_block(body: Any) -> None:
    """Make the stock block `object1`: the knob is `object0`."""
    body.name = "object1"
    body.first_joint().name = "object1:joint"
    geom, site = body.first_geom(), body.first_site()
    geom.name, geom.material, geom.rgba = "object1", "", (*COLOURS[1], 1)
    site.name, site.size, site.rgba = "object1", (0.005, 0.005, 0.005), (0, 0, 0, 0)


class DrawerTask(Environment):
    """Base of the tasks with a drawer; object 0 is its knob.

    Args:
        begin: the scene, of `scene`.
        objects: names of all the objects, `object0` first.
        settings: of the environment.
    """

    camera = CAMERA
    floor = 0.02
    """The grip stays this far above the middle of the knob, m: the fingertips are then 8.5 mm
    below its top, which makes a light press, and the hand cannot wedge itself in beside it."""

    def __init__(self, begin: Start, objects: Sequence[str] = ("object0",), **settings: Any):
        super().__init__(begin, objects, **settings)

    def _find(self) -> None:
        super()._find()
        self._cabinet = self.model.body("cabinet").id

    def set_position(self, name: str, position: Any) -> None:
        """Move an object; the knob goes to position[0] m in x as far as the drawer can."""
        if name != "object0":
            super().set_position(name, position)
            return
        joint = self.data.joint("drawer")
        joint.qpos[0] = np.clip(self.closed()[0] - position[0], 0, TRAVEL)
        joint.qvel[0] = 0

    def closed(self) -> np.ndarray:
        """[3] where the knob of the closed drawer is, m."""
        return self.data.xpos[self._cabinet] + KNOB

    def motion(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Linear [3] and angular [3] velocity of an object, m and rad a step."""
        if number > 0:
            return super().motion(number)
        mujoco.mj_jacSite(self.model, self.data, self._jacobian, None, self._sites[0])
        return self._jacobian @ self.data.qvel * self._dt, np.zeros(3)

    def see_knob(self) -> np.ndarray:
        """[25] the hand and the knob, in the columns of `push`."""
        grip, knob, speed = self.grip, self.positions[0], self.grip_velocity()
        velocity, turning = self.motion(0)
        places = (grip, knob, knob - grip, self.fingers, self.orientation(0))
        speeds = (velocity - speed, turning, speed, self.finger_velocity())
        return np.concatenate((*places, *speeds))

    def _act(self, action: np.ndarray) -> None:
        """Ask for no motion below the floor, in front of the drawer's front."""
        knob = self.positions[0]
        if self.grip[0] < knob[0] + 0.032:
            lowest = (knob[2] + self.floor - self.grip[2]) / self.stride
            action = np.array((*action[:2], np.clip(lowest, action[2], 1.0), action[3]))
        super()._act(action)
