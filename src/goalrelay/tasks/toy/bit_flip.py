"""Bit-flipping (Andrychowicz et al. 2017, section 3.1): flip one of n bits a step until all match.

With n = 20 there are a million states, and one of them is rewarded. Random exploration never gets a
reward; hindsight solves the task in minutes. The task ends when the goal is reached.

| observation | size | meaning |
| --- | --- | --- |
| observation, achieved_goal | n | the bits, 0 or 1 |
| desired_goal | n | the desired bits |

Action: which bit to flip. Reward -1, or 0 when all bits match. Horizon n (or `max_episode_steps`).
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from goalrelay.errors import UsageError

MOST_BITS = 40
"""Largest n."""
REGISTRATIONS: dict[str, dict[str, Any]] = {"goalrelay/BitFlip-v0": {}}


class Environment(gymnasium.Env[Any, Any]):
    """The environment; see the module.

    Args:
        n: number of bits, 1 to 40.
        render_mode: `rgb_array`, or None.

    Raises:
        UsageError: n is not a whole number from 1 to 40.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 8}
    reward_type = "sparse"

    def __init__(self, n: int = 12, render_mode: str | None = None):
        if not (isinstance(n, int) and 1 <= n <= MOST_BITS):
            raise UsageError(f"task option n must be a whole number from 1 to {MOST_BITS}, got {n}")
        self.n = n
        self.render_mode = render_mode
        self.horizon = n
        bits = spaces.Box(0.0, 1.0, (n,), np.float32)
        self.observation_space = spaces.Dict(
            {"observation": bits, "achieved_goal": bits, "desired_goal": bits}
        )
        self.action_space = spaces.Discrete(n)
        self._bits = np.zeros(n, np.float32)
        self._goal = np.zeros(n, np.float32)
        self._steps = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Draw random bits, and a random goal that differs from them."""
        super().reset(seed=seed)
        self._bits = self.np_random.integers(2, size=self.n).astype(np.float32)
        self._goal = self._bits.copy()
        while (self._goal == self._bits).all():
            self._goal = self.np_random.integers(2, size=self.n).astype(np.float32)
        self._steps = 0
        return self._observation(), {}

    def step(self, action: np.int64):
        """Flip the bit with the number `action`."""
        self._bits[int(action)] = 1.0 - self._bits[int(action)]
        self._steps += 1
        reached = bool(self.compute_terminated(self._bits, self._goal, {}))
        reward = float(self.compute_reward(self._bits, self._goal, {}))
        info = {"is_success": reached}
        return self._observation(), reward, reached, self._steps >= self.horizon, info

    def compute_reward(self, achieved_goal: np.ndarray, desired_goal: np.ndarray, info: Any):
        """0 if all bits match, else -1: [..., n], [..., n] -> [...] float32."""
        return self.compute_terminated(achieved_goal, desired_goal, info).astype(np.float32) - 1.0

    def compute_terminated(self, achieved_goal: np.ndarray, desired_goal: np.ndarray, info: Any):
        """Whether the goal is reached: [..., n], [..., n] -> [...] bool."""
        return np.all(np.round(achieved_goal) == np.round(desired_goal), axis=-1)

    def render(self):
        """Two rows of cells, the bits above the goal: [64, 32 n, 3] uint8."""
        cells = np.stack([self._bits, self._goal])
        colour = np.where(cells[..., None] > 0, (230, 159, 0), (40, 40, 40)).astype(np.uint8)
        return np.kron(colour, np.ones((32, 32, 1), np.uint8))

    def _observation(self) -> dict[str, np.ndarray]:
        return {
            "observation": self._bits.copy(),
            "achieved_goal": self._bits.copy(),
            "desired_goal": self._goal.copy(),
        }
