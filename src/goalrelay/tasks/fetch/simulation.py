"""The simulation of a Fetch scene: what moves in it, what can be read from it, its pictures.

in: a `Scene`, and actions of the hand and of the fingers. out: positions and velocities.

All look-ups by name happen once, in `_find_addresses`; a step then reads and writes views of
MuJoCo's arrays.
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from goalrelay.tasks.fetch.contacts import Contacts
from goalrelay.tasks.fetch.scene import DOWN, GRIP, HAND, SUBSTEPS, Start
from goalrelay.tasks.late import mujoco

if TYPE_CHECKING:
    from gymnasium.envs.mujoco.mujoco_rendering import MujocoRenderer

STRIDE = 0.05
"""Motion of the hand that an action of 1 commands in a step, m."""
CAMERA = {
    "distance": 1.5,
    "azimuth": 132.0,
    "elevation": -28.0,
    "lookat": np.array((1.25, 0.75, 0.48)),
}
"""Nearer to the table than the camera of the stock tasks."""
_DOWN = np.array(DOWN)
TINY = 8.9e-16
"""Below this a rotation is in gimbal lock: four times the rounding error, as in the stock tasks."""


class Scene(NamedTuple):
    """What an environment simulates."""

    start: Start
    """The compiled scene and its start state; the model is copied, so environments can share it."""
    objects: tuple[str, ...] = ()
    """Sites whose positions are the achieved goal; without any it is the grip."""
    blocked: bool = False
    """Whether the fingers are held closed."""


class Simulation:
    """One simulated scene: a resource, not shared between threads.

    Args:
        scene: what is simulated.
        size: width and height of pictures, pixels.
    """

    stride: ClassVar[float] = STRIDE
    camera: ClassVar[dict[str, Any]] = CAMERA
    """View of the pictures, in the terms of Gymnasium's renderer."""

    def __init__(self, scene: Scene, size: tuple[int, int]):
        self.begin = scene.start
        self.model = copy.copy(self.begin.model)  # a reset may move static bodies
        self.model.vis.global_.offwidth, self.model.vis.global_.offheight = size
        self.data = mujoco.MjData(self.model)
        self.objects = scene.objects
        self.goal = np.zeros(3 * max(1, len(self.objects)))
        """[3 * objects] goals of the objects, m."""
        self._size = size
        self.mujoco_renderer: MujocoRenderer | None = None
        self.blocked = scene.blocked
        self._contacts = Contacts(self.model, self.data)
        self._find_addresses()
        self._restart()
        mujoco.mj_forward(self.model, self.data)

    # Positions and velocities, for tasks and experts

    @property
    def grip(self) -> np.ndarray:
        """[3] position between the fingertips, m."""
        return self._grip_position

    @property
    def positions(self) -> np.ndarray:
        """[objects, 3] positions of the objects, m; [1, 3] of the grip if there are none."""
        return self.data.site_xpos[self._sites]

    @property
    def fingers(self) -> np.ndarray:
        """[2] opening of the right and the left finger, m."""
        return self._qpos[self._finger_qpos]

    def set_position(self, name: str, position: Any) -> None:
        """Move an object with a free joint.

        Args:
            name: of the object.
            position: [2] in x and y, m; or [3], m, which also sets it upright and at rest.
        """
        joint = self.model.joint(f"{name}:joint")
        qpos, dof = int(joint.qposadr[0]), int(joint.dofadr[0])
        self.data.qpos[qpos : qpos + len(position)] = position
        if len(position) == 3:
            self.data.qpos[qpos + 3 : qpos + 7] = (1, 0, 0, 0)
            self.data.qvel[dof : dof + 6] = 0

    def grip_velocity(self) -> np.ndarray:
        """[3] velocity of the grip, m a step."""
        mujoco.mj_jacSite(self.model, self.data, self._jacobian, None, self._grip)
        return self._jacobian.dot(self._qvel) * self._dt

    def finger_velocity(self) -> np.ndarray:
        """[2] velocity of the fingers, m a step."""
        return self._qvel[self._finger_dof] * self._dt

    def motion(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Linear [3] and angular [3] velocity of a free object, m and rad a step."""
        dof = self._dofs[number]
        velocity = self._qvel[dof : dof + 6] * self._dt
        return velocity[:3], self._rotations[number].dot(velocity[3:])

    def orientation(self, number: int) -> tuple[float, float, float]:
        """Euler angles of an object, rad, in the convention of the stock tasks."""
        return euler(self.data.site_xmat[self._sites[number]])

    # One step, and pictures

    def _find_addresses(self) -> None:
        """Look up the addresses of everything that a step reads or writes."""
        model = self.model
        self._grip = model.site(GRIP).id
        self._hand = model.body(HAND).id
        self._sites = np.array([model.site(name).id for name in self.objects] or [self._grip])
        self._markers = [model.site(f"target{i}").id for i in range(len(self._sites))]
        sides = [model.joint(f"robot0:{side}_gripper_finger_joint") for side in "rl"]
        self._finger_qpos = np.array([int(joint.qposadr[0]) for joint in sides])
        self._finger_dof = np.array([int(joint.dofadr[0]) for joint in sides])
        bodies = [model.body(int(model.site_bodyid[site])) for site in self._sites]
        self._dofs = [int(body.dofadr[0]) for body in bodies]
        self._jacobian = np.zeros((3, model.nv))
        self._dt = SUBSTEPS * model.opt.timestep
        data = self.data  # below are views of MuJoCo's arrays, shared with the simulation
        self._qpos, self._qvel = data.qpos, data.qvel
        self._grip_position = data.site_xpos[self._grip]
        self._rotations = [data.site_xmat[site].reshape(3, 3) for site in self._sites]
        self._hand_position, self._hand_rotation = data.xpos[self._hand], data.xquat[self._hand]
        self._weld_position, self._weld_rotation = data.mocap_pos[0], data.mocap_quat[0]

    def _restart(self) -> None:
        """Restore the start state of the scene."""
        mujoco.mj_resetData(self.model, self.data)
        self.data.time = self.begin.time
        self.data.qpos[:] = self.begin.qpos
        self.data.qvel[:] = self.begin.qvel

    def _act(self, action: np.ndarray) -> None:
        """Move the weld target by an action [4], and simulate 20 physics steps."""
        data = self.data
        np.add(self._hand_position, self.stride * action[:3], out=self._weld_position)
        np.add(self._hand_rotation, _DOWN, out=self._weld_rotation)
        if self.model.nu:  # actuators in the order left, right; targets relative to the fingers
            change = 0.0 if self.blocked else action[3]
            data.ctrl[:] = self._qpos[self._finger_qpos[::-1]] + change
        self._contacts.choose()
        mujoco.mj_step(self.model, data, nstep=SUBSTEPS)
        if self.blocked:  # no forces are computed here: the next step starts with them
            self._qpos[self._finger_qpos] = 0.0
            mujoco.mj_kinematics(self.model, data)
            mujoco.mj_comPos(self.model, data)

    def _draw(self, mode: str | None) -> Any:
        """A picture with the goals in it, in one of Gymnasium's render modes."""
        if self.mujoco_renderer is None:
            from gymnasium.envs.mujoco.mujoco_rendering import MujocoRenderer  # imports MuJoCo

            self.mujoco_renderer = MujocoRenderer(self.model, self.data, self.camera, *self._size)
        self._render_callback()
        return self.mujoco_renderer.render(mode)

    def _render_callback(self) -> None:
        """Move the markers to the goals. A viewer calls this by the name in the stock tasks."""
        for site, goal in zip(self._markers, self.goal.reshape(-1, 3), strict=True):
            self.data.site_xpos[site] = goal  # drawn only: markers do not change the simulation

    def close(self) -> None:
        """Close the window."""
        if self.mujoco_renderer is not None:
            self.mujoco_renderer.close()
            self.mujoco_renderer = None


def euler(matrix: np.ndarray) -> tuple[float, float, float]:
    """Euler angles, rad, of a rotation matrix [9], as `mat2euler` of gymnasium-robotics."""
    m = matrix.tolist()
    across = math.hypot(m[8], m[5])
    pitch = -math.atan2(-m[2], across)
    if across > TINY:
        return -math.atan2(m[5], m[8]), pitch, -math.atan2(m[1], m[0])
    return 0.0, pitch, -math.atan2(-m[3], m[4])
