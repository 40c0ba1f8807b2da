"""Tasks as strangers write them, which take no time: a point on a line, and what it is to reach.

`stranger_tasks:Line-v0` is the plain one; every other changes one thing.
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

STRIDE, NEAR = 0.25, 0.15
KEYS = ("observation", "achieved_goal", "desired_goal")
BOX = spaces.Box(-9, 9, (1,), np.float32)


class Line(gymnasium.Env[Any, Any]):
    """Rewards are minus the distance."""

    action_space: spaces.Space[Any] = spaces.Box(-2, 2, (1,), np.float32)

    def __init__(self, render_mode: str | None = None):
        self.observation_space: spaces.Space[Any] = spaces.Dict(dict.fromkeys(KEYS, BOX))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        self.place, self.goal = self.np_random.uniform(-1, 1, (2, 1)).astype("f")
        return self.look(), {}

    def step(self, action: Any):
        self.place = (self.place + self.move(action)).clip(-1, 1).astype("f")
        reward = self.compute_reward(self.place.copy(), self.goal.copy(), {})
        success = abs(self.place - self.goal)[0] <= NEAR
        return self.look(), reward, False, False, {"is_success": bool(success)}

    def move(self, action: Any) -> Any:
        return STRIDE * action / 2

    def compute_reward(self, achieved: np.ndarray, desired: np.ndarray, info: Any) -> Any:
        return -np.linalg.norm(achieved - desired, axis=-1)

    def look(self) -> dict[str, np.ndarray]:
        parts = self.place, self.place, self.goal
        return {key: part.copy() for key, part in zip(KEYS, parts, strict=True)}

    def expert(self) -> Any:
        def act(seen: dict[str, np.ndarray]) -> np.ndarray:
            gap = seen["desired_goal"] - seen["achieved_goal"]
            return (2 * gap / STRIDE).clip(-2, 2)

        return act


class Reusing(Line):
    """It overwrites its arrays at every step, the action and what it is to judge among them."""

    def __init__(self, render_mode: str | None = None):
        super().__init__()
        self.shown = {key: np.zeros(1, np.float32) for key in KEYS}
        self.rewards = np.zeros(1000, np.float32)

    def look(self) -> dict[str, np.ndarray]:
        for key, value in super().look().items():
            self.shown[key][:] = value
        return self.shown

    def move(self, action: Any) -> Any:
        action *= STRIDE / 2
        return action

    def compute_reward(self, achieved: np.ndarray, desired: np.ndarray, info: Any) -> Any:
        achieved -= desired
        rewards = self.rewards[: achieved.size].reshape(achieved.shape[:-1])
        rewards[...] = -np.linalg.norm(achieved, axis=-1)
        return rewards

    def compute_terminated(self, achieved: np.ndarray, desired: np.ndarray, info: Any) -> Any:
        achieved -= desired
        return np.zeros(achieved.shape[:-1], bool)


class FromOne(Line):
    """Its actions are 1, 2 and 3: back, stay, on."""

    first = 1
    action_space = spaces.Discrete(3, start=1)

    def move(self, action: Any) -> Any:
        assert self.action_space.contains(action), f"{action} is not in {self.action_space}"
        return STRIDE * (action - self.first - 1)

    def expert(self) -> Any:
        def act(seen: dict[str, np.ndarray]) -> int:
            gap = seen["desired_goal"][0] - seen["achieved_goal"][0]
            return self.first + 1 + round(float((gap / STRIDE).clip(-1, 1)))

        return act


for kind in (Line, Reusing, FromOne):
    if f"{kind.__name__}-v0" not in gymnasium.registry:
        entry = f"stranger_tasks:{kind.__name__}"
        gymnasium.register(f"{kind.__name__}-v0", entry, max_episode_steps=6)
