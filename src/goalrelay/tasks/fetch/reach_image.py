"""Bring the gripper to a point, seen by a fixed camera.

`FetchReach-v4` whose observation is an image alone: 64 x 64 pixels of a camera that looks at the
arm and the table, without the marker of the goal. Goals, rewards and success are those of the task
(`reach`); the achieved goal is the position of the grip. A policy under
`--method.goal-frame world` sees the image and the desired goal, and never the achieved one.

| part | shape | meaning |
| --- | --- | --- |
| observation | [64, 64, 3] uint8 | image |
| achieved_goal | [3] | grip position, m |
| desired_goal | [3] | desired position, m |
"""

import functools
import threading
from typing import Any

import numpy as np
from gymnasium import spaces

from goalrelay.tasks import opengl
from goalrelay.tasks.fetch import reach
from goalrelay.tasks.fetch.environment import registrations

REGISTRATIONS = registrations("FetchReachImage", 50)
SIDE = 64
"""Rows and columns of an image."""
VIEW = {
    "lookat": np.array([1.3, 0.75, 0.55]),
    "distance": 1.1,
    "azimuth": 150.0,
    "elevation": -25.0,
}
"""Of the camera, m and degrees: the whole range of the goals is in sight."""

choose_backend = functools.cache(opengl.choose_backend)
"""Once in a process."""
DRAWING = threading.Lock()
"""Held while drawing, and while a camera is freed: Mesa's software driver crashes if two threads
use it at once."""


class Environment(reach.Environment):
    """The environment; see the module."""

    stages = ()
    symmetries = ()
    position_columns = ()

    def __init__(self, **settings: Any):
        self._camera: Any = None
        super().__init__(**settings)
        space: Any = self.observation_space
        image = spaces.Box(0, 255, (SIDE, SIDE, 3), np.uint8)
        self.observation_space = spaces.Dict({**space.spaces, "observation": image})
        self.model.vis.quality.offsamples = 0  # smooth edges take twice the time

    def _state(self) -> dict[str, np.ndarray]:
        return {**super()._state(), "observation": self._image()}

    def _image(self) -> np.ndarray:
        """[SIDE, SIDE, 3] uint8: what the camera sees."""
        for marker in self._markers:
            self.data.site_xpos[marker] = -1  # out of sight
        with DRAWING:
            if self._camera is None:
                from gymnasium.envs.mujoco.mujoco_rendering import MujocoRenderer  # imports MuJoCo

                choose_backend()
                self._camera = MujocoRenderer(self.model, self.data, VIEW, SIDE, SIDE)
            return np.array(self._camera.render("rgb_array"))

    def close(self) -> None:
        """Free the camera and the window."""
        with DRAWING:
            if self._camera is not None:
                self._camera.close()
                self._camera = None
        super().close()
