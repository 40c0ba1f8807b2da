"""Between a Gymnasium environment and the library: how observations and actions are converted."""

from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces

from goalrelay.types import Observation

GOAL_KEYS = ("observation", "achieved_goal", "desired_goal")


class Interface(NamedTuple):
    """How a task's observations and actions are converted."""

    low: np.ndarray
    """[A] the task's own action limits, float32; empty for discrete actions"""
    high: np.ndarray
    first_action: int
    """number of the first discrete action; learners count from 0"""
    flat: bool
    """whether it is a task without goals"""

    def observation(self, raw: Any, reward: float = 0.0) -> Observation:
        """What the environment shows, copied: it may overwrite its arrays at the next step.

        Args:
            raw: a goal task's dictionary, or a flat task's array.
            reward: of the step before, which a flat task stores as its achieved goal.
        """
        if self.flat:
            flat = np.array(raw, np.float32).reshape(-1)
            return Observation(flat, np.array([reward], np.float32), np.zeros(0, np.float32))
        return Observation(*(np.array(raw[key], np.float32) for key in GOAL_KEYS))

    def native(self, decision: np.ndarray) -> Any:
        """The action that the environment takes.

        Args:
            decision: a normalised action, [A] in [-1, 1] or [] int. Numbers behind it, a
                hierarchy's sub-goal, are left out.
        """
        if not len(self.low):
            return self.first_action + int(decision)
        centre, half = (self.high + self.low) / 2, (self.high - self.low) / 2
        action = np.clip(decision[: len(self.low)], -1, 1)
        return (centre + half * action).astype(np.float32)

    def normalized(self, native: np.ndarray) -> np.ndarray:
        """Actions of the environment, [..., A] or [...] int, as learners know them."""
        if not len(self.low):
            return (np.asarray(native, np.int64) - self.first_action).astype(np.int32)
        centre, half = (self.high + self.low) / 2, (self.high - self.low) / 2
        unit = (np.asarray(native, np.float32) - centre) / half
        return unit.clip(-1, 1).astype(np.float32)


def interface_of(observation_space: Any, action_space: Any) -> Interface:
    """The interface of an environment with these spaces."""
    low = high = np.zeros(0, np.float32)
    first = 0
    if isinstance(action_space, spaces.Discrete):
        first = int(action_space.start)
    elif isinstance(action_space, spaces.Box):
        low, high = action_space.low, action_space.high
    return Interface(low, high, first, not isinstance(observation_space, spaces.Dict))
