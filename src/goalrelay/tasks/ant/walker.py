"""Base of the ant's maze tasks: be near a target at the last of 500 steps.

| observation | size | meaning |
| --- | --- | --- |
| 0-2 | 3 | position of the torso, m |
| 3-6 | 4 | its rotation, a quaternion |
| 7-14 | 8 | angles of hip and ankle of the four legs, rad |
| 15-28 | 14 | velocities of all these, per second |
| 29 | 1 | number of steps, times 0.001 |

`achieved_goal` is x, y of the torso (x, y, z in a maze with a chasm), `desired_goal` the target.
Actions are torques of the eight joints in the motors' order (`hip_4, ankle_4, hip_1, ...`), -30 to
30 N m. A step is 0.1 s. A fall does not end the episode. The block is not observed.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from gymnasium import spaces

from goalrelay.tasks.ant import scene, turning
from goalrelay.tasks.ant.body import MOTION, POSE, Ant
from goalrelay.tasks.ant.layout import HEIGHT
from goalrelay.tasks.ant.seeker import Seeker

STEPS = 500
OBSERVED = POSE + MOTION + 1
"""Columns of the observation."""


class Walker(Seeker):
    """Base of the ant's maze tasks.

    Args:
        reward_type: `dense` (minus the distance) or `sparse` (-1, or 0 within 5 m of the target).
        evaluation: whether every episode has the evaluation target.
        render_mode: `rgb_array`, `depth_array` or `human`.
        width: of pictures, pixels.
        height: of pictures, pixels.

    Raises:
        UsageError: an unknown reward_type.
    """

    metadata: dict[str, Any] = {
        "render_modes": ["human", "rgb_array", "depth_array"],
        "render_fps": 10,
    }

    def __init__(
        self,
        reward_type: Literal["dense", "sparse"] = "dense",
        evaluation: bool = False,
        render_mode: str | None = None,
        width: int = 480,
        height: int = 480,
    ):
        super().__init__(scene.SCALE, OBSERVED, reward_type, evaluation, render_mode)
        self.body = turning.body(len(self.goal))
        self.action_space = spaces.Box(-scene.TORQUE, scene.TORQUE, (8,), np.float32)
        self.camera = self._camera()
        self.ant = Ant(scene.maze(self.layout), self.camera, (width, height))
        self.model, self.data = self.ant.model, self.ant.data  # for viewers

    def step(self, action: np.ndarray):
        """One step of 0.1 s under torques [8], N m."""
        result = super().step(action)
        if self.render_mode == "human":
            self.render()
        return result

    def render(self):
        """From above, [height, width, 3] uint8: green target, pink sub-goal, orange block."""
        ground = HEIGHT * self.scale if self.layout.raised else 0.0
        x, y = self.goal[:2]
        marks = {"target": (x, y, ground + 0.8), "target_area": (x, y, ground + 0.05)}
        marks["subgoal"] = (*self.subgoal, ground + 0.6) if self.subgoal else (x, y, -10.0)
        return self.ant.picture(self.render_mode, marks)

    def close(self) -> None:
        """Close the window."""
        self.ant.close()

    def _begin(self) -> None:
        self.ant.restart(self.np_random)

    def _move(self, action: np.ndarray) -> None:
        self.ant.move(action)

    def _observe(self, time: float) -> np.ndarray:
        observation = np.empty(OBSERVED)
        observation[:POSE] = self.ant.pose
        observation[POSE:-1] = self.ant.motion
        observation[-1] = time
        return observation

    def _achieved(self) -> np.ndarray:
        return self.ant.pose[: len(self.goal)].copy()

    def _camera(self) -> dict[str, Any]:
        """View from above, slightly from the south."""
        middle = self.scale * self.layout.middle
        return {
            "distance": 1.3 * self.scale * (self.layout.size - 1),
            "azimuth": 90.0,
            "elevation": -78.0,
            "lookat": np.array((*middle, 0.0)),
        }
