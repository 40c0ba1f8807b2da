"""Move a point to a goal, seen from above: `PointReach` whose observation is an image alone.

| part | shape | meaning |
| --- | --- | --- |
| observation | [32, 32, 3] uint8 | the table with the point, without the goal |
| achieved_goal | [2] | position |
| desired_goal | [2] | desired position |
"""

from typing import Any

import numpy as np
from gymnasium import spaces

from goalrelay.tasks.toy import point_reach

REGISTRATIONS: dict[str, dict[str, Any]] = {
    "goalrelay/PointReachImage-v0": {"max_episode_steps": 25}
}
SIDE = 32
"""Rows and columns of an image."""
RADIUS = 0.15
"""Of the point in the image, where the table is [-1, 1] squared."""


class Environment(point_reach.Environment):
    """The environment; see the module."""

    def __init__(self, **settings: Any):
        super().__init__(**settings)
        space: Any = self.observation_space
        image = spaces.Box(0, 255, (SIDE, SIDE, 3), np.uint8)
        self.observation_space = spaces.Dict({**space.spaces, "observation": image})

    def _observation(self) -> dict[str, np.ndarray]:
        axis = np.linspace(-1, 1, SIDE)
        x, y = np.meshgrid(axis, -axis)
        image = np.full((SIDE, SIDE, 3), 245, np.uint8)
        image[np.hypot(x - self._position[0], y - self._position[1]) < RADIUS] = (213, 94, 0)
        return {**super()._observation(), "observation": image}
