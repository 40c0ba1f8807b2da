"""The Fetch scenes for physics on a device: the same arm, without what never matters.

Left out, since each costs time in every physics step of every world:

- the meshes of the robot, its head, and all contacts but those of PAIRS;
- the joints of base and torso, which damping of 1e7 to 1e11 N s/m holds in place. The numbers of
  such damping are also beyond what float32 can add to a mass.

So a simulation differs from that of the full scene: in rounding, in the palm, and where the arm
would touch itself, its base or the table. `benchmarks/mjx_agreement.py` measures it.
"""

from typing import NamedTuple

import numpy as np

from goalrelay.tasks.fetch.scene import Start, load_stock
from goalrelay.tasks.late import Model, Spec, mujoco

HELD = ("robot0:slide0", "robot0:slide1", "robot0:slide2", "robot0:torso_lift_joint")
"""Slide joints that their damping holds in place."""
HEAD = "robot0:head_pan_link"
FINGERS = ("robot0:r_gripper_finger_link", "robot0:l_gripper_finger_link")
TABLE, FLOOR, OBJECT = "table0", "floor0", "object0"
TOUCHES = {FLOOR: (4, 0), TABLE: (1, 0), OBJECT: (2, 5), FINGERS[0]: (0, 3), FINGERS[1]: (0, 3)}
"""Bits `contype` and `conaffinity` of each geometry: the table touches object and fingers, the
fingers touch the object, and the floor catches an object that falls from the table."""
ITERATIONS, LINE_SEARCH = 4, 8
"""Of the constraint solver, which starts from the solution of the step before."""


class Reduced(NamedTuple):
    """A reduced scene, and where its numbers are in the full one."""

    model: Model
    qpos: np.ndarray
    """[nq] address of each number of `qpos` in the full scene"""
    qvel: np.ndarray
    """[nv] address of each number of `qvel` in the full scene"""


def reduce(stock: str, start: Start) -> Reduced:
    """The reduced scene of a task.

    Args:
        stock: name of its scene file, see `scene.load_stock`.
        start: the full scene, whose start state holds the joints of HELD.
    """
    spec = load_stock(stock)
    for exclude in list(spec.excludes):
        spec.delete(exclude)
    spec.delete(spec.body(HEAD))
    for name in HELD:
        _fix(spec, name, float(start.qpos[start.model.joint(name).qposadr[0]]))
    for geom in list(spec.geoms):
        if geom.type == mujoco.mjtGeom.mjGEOM_MESH:
            spec.delete(geom)
        else:
            geom.contype, geom.conaffinity = TOUCHES[geom.name or geom.parent.name]
    spec.compiler.fusestatic = True
    model = spec.compile()
    model.eq_data[:] = start.model.eq_data
    model.opt.iterations, model.opt.ls_iterations = ITERATIONS, LINE_SEARCH
    return Reduced(model, *_addresses(model, start.model))


def _fix(spec: Spec, joint: str, position: float) -> None:
    """Replace a slide joint by its position, m. Its body's frame is parallel to its parent's."""
    found = spec.joint(joint)
    body = found.parent
    body.pos = body.pos + position * np.array(found.axis)
    spec.delete(found)


def _addresses(model: Model, full: Model) -> tuple[np.ndarray, np.ndarray]:
    """Addresses of a scene's `qpos` and `qvel` in those of another that has all its joints."""
    qpos, qvel = [], []
    for number in range(model.njnt):
        joint = model.joint(number)
        other = full.joint(joint.name)
        qpos += range(int(other.qposadr[0]), int(other.qposadr[0]) + len(joint.qpos0))
        qvel += range(int(other.dofadr[0]), int(other.dofadr[0]) + len(joint.damping))
    return np.array(qpos), np.array(qvel)
