"""A cabinet with a drawer, for the tasks that open one.

    compile_cabinet(...)    -> Start: the robot at a table with the cabinet
    DrawerTask              object 0 is the knob; it has a slide joint, not a free joint

The drawer opens towards the robot (-x). Its knob is an upright box on the handle. The hand does not
fit behind it. So it opens the drawer by pressing on the knob and dragging, or by grasping it.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from goalrelay.tasks.fetch.environment import Environment
from goalrelay.tasks.fetch.scene import (
    BASE,
    COLOURS,
    Start,
    add_goal,
    compile_start,
    load_stock,
)
from goalrelay.tasks.late import Spec, mujoco

WOOD, OAK, DARK = (0.62, 0.43, 0.27, 1), (0.8, 0.62, 0.42, 1), (0.28, 0.2, 0.15, 1)
TABLE_TOP = 0.32
"""Height of the table, m."""
CABINET = (1.5, 0.63, TABLE_TOP + 0.084)
"""Middle of the cabinet in the scene, m; a reset may move it."""
KNOB = (-0.124, 0.0, 0.046)
"""Offset from the middle of the cabinet to the knob of the closed drawer, m."""
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
"""Boards of the cabinet: middle and half size, m."""
DRAWER_OFFSET = (-0.01, 0, 0.006)
"""From the middle of the cabinet to the origin of the drawer, m."""
DRAWER = (
    ((-0.082, 0, 0.008), (0.008, 0.1, 0.052)),
    ((0.09, 0, 0.008), (0.008, 0.1, 0.052)),
    ((0, 0.092, 0.008), (0.074, 0.008, 0.052)),
    ((0, -0.092, 0.008), (0.074, 0.008, 0.052)),
    ((0, 0, -0.052), (0.09, 0.1, 0.008)),
)
"""Boards of the drawer: middle and half size, m."""
HANDLE = (
    ((-0.12, -0.05, 0), 0.03, (1, 0, 0)),
    ((-0.12, 0.05, 0), 0.03, (1, 0, 0)),
    ((-0.15, 0, 0), 0.05, (0, 1, 0)),
)
"""Bars of the handle: middle and half length, m, and direction."""
CONTACT = {"solimp": (0.99, 0.99, 0.01, 0.5, 2), "solref": (0.01, 1), "condim": 3}
CAMERA = {
    "distance": 1.5,
    "azimuth": 62.0,
    "elevation": -28.0,
    "lookat": np.array((1.28, 0.72, 0.45)),
}


def add_cabinet(spec: Spec, damping: float, glides: bool) -> None:
    """Add the cabinet `cabinet` with its drawer `drawer` and the knob, site `object0`.

    Args:
        spec: the scene.
        damping: of the drawer, N s/m.
        glides: whether the cabinet moves in x and y, on joints `glide_x` and `glide_y`. Its inertia
            is that of 1,000 t, so only a reset changes its velocity.
    """
    case = spec.worldbody.add_body(name="cabinet", pos=CABINET)
    if glides:
        for name, axis in (("glide_x", (1, 0, 0)), ("glide_y", (0, 1, 0))):
            joint = case.add_joint(name=name, type=mujoco.mjtJoint.mjJNT_SLIDE, axis=axis)
            joint.armature = 1e6
    _add_boards(case, CASE, mass=2.0, colour=WOOD)
    drawer = case.add_body(name="drawer", pos=DRAWER_OFFSET)
    slide = drawer.add_joint(name="drawer", type=mujoco.mjtJoint.mjJNT_SLIDE, axis=(-1, 0, 0))
    slide.range, slide.limited = (0, TRAVEL), True
    slide.armature = 0.001
    slide.damping = np.resize((damping, 0.0, 0.0), np.shape(slide.damping))  # newer: a polynomial
    _add_boards(drawer, DRAWER, mass=0.2, colour=OAK)
    _add_handle(drawer)
    # Boards that slide along one another must not collide.
    spec.add_exclude(bodyname1="cabinet", bodyname2="drawer")


def _add_boards(body: Any, boards: Any, mass: float, colour: tuple[float, ...]) -> None:
    """Add boxes, each of this mass, kg."""
    for middle, size in boards:
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX, pos=middle, size=size, mass=mass, rgba=colour, **CONTACT
        )


def _add_handle(drawer: Any) -> None:
    """Add the bars of the handle, and the knob on it."""
    for middle, half, direction in HANDLE:
        drawer.add_geom(
            type=mujoco.mjtGeom.mjGEOM_CAPSULE,
            fromto=(
                *np.subtract(middle, np.multiply(half, direction)),
                *np.add(middle, np.multiply(half, direction)),
            ),
            size=(0.009, 0, 0),
            mass=0.06,
            rgba=DARK,
            **CONTACT,
        )
    knob = np.subtract(KNOB, DRAWER_OFFSET)
    drawer.add_geom(
        name="object0",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        pos=knob,
        size=(0.025, 0.01, 0.01),
        mass=0.01,
        rgba=(*COLOURS[0], 1),
        **CONTACT,
    )
    drawer.add_site(name="object0", pos=knob, size=(0.005, 0.005, 0.005), rgba=(0, 0, 0, 0))


@functools.cache
def compile_cabinet(damping: float, box: bool = False, glides: bool = False) -> Start:
    """Compile the start of a scene with a cabinet, once a process.

    Args:
        damping: of the drawer, N s/m.
        box: whether there is a block `object1`, and fingers that move.
        glides: see `add_cabinet`.
    """
    spec = load_stock("pick_and_place" if box else "reach")
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
    return compile_start(spec, joints, extra_height=0.15)


def _rename_block(body: Any) -> None:
    """Rename the stock block to `object1`, because the knob is `object0`."""
    body.name = "object1"
    body.first_joint().name = "object1:joint"
    geom, site = body.first_geom(), body.first_site()
    geom.name, geom.material, geom.rgba = "object1", "", (*COLOURS[1], 1)
    site.name, site.size, site.rgba = "object1", (0.005, 0.005, 0.005), (0, 0, 0, 0)


class DrawerTask(Environment):
    """Base of the tasks with a drawer; its scene is of `compile_cabinet`, object 0 is the knob."""

    camera = CAMERA
    floor = 0.02
    """Lowest height of the grip above the middle of the knob, m. The fingertips are then 8.5 mm
    below the top of the knob, which presses lightly on it. Lower, they could get stuck next to the
    knob."""

    def _find_addresses(self) -> None:
        super()._find_addresses()
        self._cabinet = self.model.body("cabinet").id

    def set_position(self, name: str, position: Any) -> None:
        """Move an object. The knob goes to position[0], m in x, within the range of the drawer."""
        if name != "object0":
            super().set_position(name, position)
            return
        joint = self.data.joint("drawer")
        joint.qpos[0] = np.clip(self.closed()[0] - position[0], 0, TRAVEL)
        joint.qvel[0] = 0

    def closed(self) -> np.ndarray:
        """[3] position of the knob of the closed drawer, m."""
        return self.data.xpos[self._cabinet] + KNOB

    def motion(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Linear [3] and angular [3] velocity of an object, m and rad a step."""
        if number > 0:
            return super().motion(number)
        mujoco.mj_jacSite(self.model, self.data, self._jacobian, None, self._sites[0])
        return self._jacobian @ self.data.qvel * self._dt, np.zeros(3)

    def observe_knob(self) -> np.ndarray:
        """[25] the hand and the knob, in the columns of `push`."""
        grip, knob, grip_velocity = self.grip, self.positions[0], self.grip_velocity()
        velocity, rotation = self.motion(0)
        positions = (grip, knob, knob - grip, self.fingers, self.orientation(0))
        velocities = (velocity - grip_velocity, rotation, grip_velocity, self.finger_velocity())
        return np.concatenate((*positions, *velocities))

    def _act(self, action: np.ndarray) -> None:
        """Command no motion to below `floor`, up to the front of the drawer."""
        knob = self.positions[0]
        if self.grip[0] < knob[0] + 0.032:
            lowest = (knob[2] + self.floor - self.grip[2]) / self.stride
            action = np.array((*action[:2], np.clip(lowest, action[2], 1.0), action[3]))
        super()._act(action)
