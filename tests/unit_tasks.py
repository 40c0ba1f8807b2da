"""A point on the square that must come near a goal, in any units, with any two rewards.

`goalrelay.train("her", "unit_tasks:PointIn-v0", settings={"task_options": ("unit=1000",)})`
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

STRIDE, NEAR = 0.25, 0.15


class PointIn(gymnasium.Env[Any, Any]):
    """Its lengths are in `unit`, from `offset` on."""

    def __init__(
        self,
        unit: float = 1.0,
        offset: float = 0.0,
        far: float = -1.0,
        near: float = 0.0,
        ends: bool = False,
        render_mode: str | None = None,
    ):
        self.unit, self.offset, self.rewards, self.ends = unit, offset, (far, near), ends
        low, high = np.full(2, offset - unit, "f"), np.full(2, offset + unit, "f")
        box = spaces.Box(low, high)
        keys = ("observation", "achieved_goal", "desired_goal")
        self.observation_space = spaces.Dict(dict.fromkeys(keys, box))
        self.action_space = spaces.Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        self.place, self.goal = self.np_random.uniform(-1, 1, (2, 2))
        return self.look(), {}

    def step(self, action: np.ndarray):
        self.place = (self.place + STRIDE * action).clip(-1, 1)
        seen = self.look()
        reward = self.compute_reward(seen["achieved_goal"], seen["desired_goal"], {})
        success = bool(reward == self.rewards[1])
        return seen, float(reward), self.ends and success, False, {"is_success": success}

    def look(self) -> dict[str, np.ndarray]:
        place, goal = ((self.offset + self.unit * x).astype("f") for x in (self.place, self.goal))
        return {"observation": place, "achieved_goal": place, "desired_goal": goal}

    def compute_reward(self, achieved: np.ndarray, desired: np.ndarray, info: Any) -> np.ndarray:
        gap = np.linalg.norm(np.asarray(achieved, float) - desired, axis=-1)
        return np.where(gap <= NEAR * self.unit, self.rewards[1], self.rewards[0])


class PointInTold(PointIn):
    """It also tells where episodes end."""

    def compute_terminated(
        self, achieved: np.ndarray, desired: np.ndarray, info: Any
    ) -> np.ndarray:
        return self.compute_reward(achieved, desired, info) == self.rewards[1]


gymnasium.register("PointIn-v0", "unit_tasks:PointIn", max_episode_steps=20)
gymnasium.register("PointInTold-v0", "unit_tasks:PointInTold", max_episode_steps=20)
