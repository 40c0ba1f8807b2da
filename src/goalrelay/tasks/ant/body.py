"""The ant as a resource: its simulation, state and pictures.

| array | size | meaning |
| --- | --- | --- |
| qpos[:15] | 15 | torso position, m; its rotation, a quaternion; hips and ankles, rad |
| qvel[:14] | 14 | their velocities, per second; that of the rotation in the torso's frame |

All look-ups by name happen once, in `__init__`; arrays that are kept are views of the simulation.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from goalrelay.tasks.ant.scene import SUBSTEPS, TORQUE
from goalrelay.tasks.late import Model, mujoco

if TYPE_CHECKING:
    from gymnasium.envs.mujoco.mujoco_rendering import MujocoRenderer

NOISE = 0.1
"""Half-width of the uniform noise of the start pose; standard deviation of its velocity."""
POSE, MOTION = 15, 14
"""Sizes of the ant's part of qpos and qvel; blocks follow."""


class Ant:
    """One ant in one scene; not shared between threads.

    Args:
        model: the scene; copied, so it can be shared.
        camera: view of the pictures, in the terms of Gymnasium's renderer.
        size: width and height of pictures, pixels.
    """

    def __init__(self, model: Model, camera: Mapping[str, Any], size: tuple[int, int]):
        self.model = copy.copy(model)
        self.model.vis.global_.offwidth, self.model.vis.global_.offheight = size
        self.data = mujoco.MjData(self.model)
        self.pose = self.data.qpos[:POSE]
        """[15] position, rotation and joints."""
        self.motion = self.data.qvel[:MOTION]
        """[14] their velocities."""
        self._control = self.data.ctrl
        self._start = self.model.qpos0[:POSE].copy()
        self._camera, self._size = dict(camera), size
        self._marks = {self.model.site(i).name: i for i in range(self.model.nsite)}
        self.mujoco_renderer: MujocoRenderer | None = None

    def restart(self, rng: np.random.Generator) -> None:
        """Restore the start state, with noise on the pose and the velocity of the ant."""
        mujoco.mj_resetData(self.model, self.data)
        self.pose[:] = self._start + rng.uniform(-NOISE, NOISE, POSE)
        self.pose[3:7] /= np.sqrt(np.square(self.pose[3:7]).sum())
        self.motion[:] = NOISE * rng.standard_normal(MOTION)

    def move(self, torques: np.ndarray) -> None:
        """Simulate 0.1 s under torques [8], N m."""
        np.clip(torques, -TORQUE, TORQUE, out=self._control)
        mujoco.mj_step(self.model, self.data, nstep=SUBSTEPS)

    def picture(self, mode: str | None, marks: Mapping[str, Any]) -> Any:
        """A picture, [height, width, 3] uint8 for `rgb_array`, with sites at given positions.

        Args:
            mode: Gymnasium's render mode.
            marks: site name -> position [3], m.
        """
        if self.mujoco_renderer is None:
            from gymnasium.envs.mujoco.mujoco_rendering import MujocoRenderer  # imports MuJoCo

            self.mujoco_renderer = MujocoRenderer(self.model, self.data, self._camera, *self._size)
        mujoco.mj_kinematics(
            self.model, self.data
        )  # updates positions of bodies, which lag after a step
        mujoco.mj_camlight(self.model, self.data)
        for name, position in marks.items():
            self.data.site_xpos[self._marks[name]] = position
        return self.mujoco_renderer.render(mode)

    def close(self) -> None:
        """Close the window."""
        if self.mujoco_renderer is not None:
            self.mujoco_renderer.close()
            self.mujoco_renderer = None
