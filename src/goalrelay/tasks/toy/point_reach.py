"""Move a point on a square table to a goal by small steps: the smallest continuous goal task.

| observation | size | meaning (the table is [-1, 1] squared) |
| --- | --- | --- |
| observation | 2 | position |
| achieved_goal | 2 | position |
| desired_goal | 2 | desired position |

Action in [-1, 1] squared moves the point by up to `stride`. Reward -1, or 0 within `threshold` of
the goal. An episode has 25 steps; success counts at the last one.
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

REGISTRATIONS: dict[str, dict[str, Any]] = {"goalrelay/PointReach-v0": {"max_episode_steps": 25}}


class Environment(gymnasium.Env[Any, Any]):
    """The environment; see the module.

    Args:
        threshold: distance within which the goal counts as reached.
        stride: largest motion in x and in y of a step.
        render_mode: `rgb_array`, or None.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}
    reward_type = "sparse"

    def __init__(
        self, threshold: float = 0.1, stride: float = 0.15, render_mode: str | None = None
    ):
        self.threshold = threshold
        self.stride = stride
        self.render_mode = render_mode
        table = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.observation_space = spaces.Dict(
            {"observation": table, "achieved_goal": table, "desired_goal": table}
        )
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self._position = np.zeros(2, np.float32)
        self._goal = np.zeros(2, np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Draw a position and a goal, both uniform on the table."""
        super().reset(seed=seed)
        self._position = self.np_random.uniform(-1, 1, 2).astype(np.float32)
        self._goal = self.np_random.uniform(-1, 1, 2).astype(np.float32)
        return self._observation(), {}

    def step(self, action: np.ndarray):
        """Move by `stride` times the action, within the table."""
        move = self.stride * np.clip(action, -1, 1)
        self._position = np.clip(self._position + move, -1, 1).astype(np.float32)
        reward = float(self.compute_reward(self._position, self._goal, {}))
        return self._observation(), reward, False, False, {"is_success": reward == 0.0}

    def compute_reward(self, achieved_goal: np.ndarray, desired_goal: np.ndarray, info: Any):
        """0 within `threshold` of the goal, else -1: [..., 2], [..., 2] -> [...] float32."""
        distance = np.linalg.norm(achieved_goal - desired_goal, axis=-1)
        return -(distance > self.threshold).astype(np.float32)

    def render(self):
        """The table from above, goal in green, point in orange: [256, 256, 3] uint8."""
        axis = np.linspace(-1, 1, 256)
        x, y = np.meshgrid(axis, -axis)
        image = np.full((256, 256, 3), 245, np.uint8)
        image[np.hypot(x - self._goal[0], y - self._goal[1]) < self.threshold] = (0, 158, 115)
        image[np.hypot(x - self._position[0], y - self._position[1]) < 0.04] = (213, 94, 0)
        return image

    def _observation(self) -> dict[str, np.ndarray]:
        return {
            "observation": self._position.copy(),
            "achieved_goal": self._position.copy(),
            "desired_goal": self._goal.copy(),
        }
