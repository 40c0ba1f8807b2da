"""Conversion between the arrays of a Gymnasium environment and those of the library.

Observations become float32 arrays. Actions are normalised to [-1, 1], or counted from 0.
"""

from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces

from goalrelay.types import Observation

GOAL_KEYS = ("observation", "achieved_goal", "desired_goal")


class Interface(NamedTuple):
    """How the observations and actions of a task are converted."""

    low: np.ndarray
    """[A] lowest actions of the environment, float32; empty for discrete actions"""
    high: np.ndarray
    """[A] highest actions"""
    first_action: int
    """number of the environment's first discrete action; learners count from 0"""
    flat: bool
    """whether the task has no goals"""

    def observation(self, raw: Any, reward: float = 0.0) -> Observation:
        """The library's observation, float32, copied: environments may overwrite their arrays.

        Args:
            raw: the dictionary of a goal task, or the array of a flat task.
            reward: of the last step, which a flat task stores as its achieved goal.
        """
        if self.flat:
            flat = np.array(raw, np.float32).reshape(-1)
            return Observation(flat, np.array([reward], np.float32), np.zeros(0, np.float32))
        return Observation(*(np.array(raw[key], np.float32) for key in GOAL_KEYS))

    def native(self, decision: np.ndarray) -> Any:
        """The action in the environment's own units.

        Args:
            decision: a normalised action, [A] in [-1, 1] or [] int. Further numbers, such as the
                sub-goal of a hierarchy, are ignored.
        """
        if not len(self.low):
            return self.first_action + int(decision)
        centre, half = (self.high + self.low) / 2, (self.high - self.low) / 2
        action = np.clip(decision[: len(self.low)], -1, 1)
        return (centre + half * action).astype(np.float32)

    def normalized(self, native: np.ndarray) -> np.ndarray:
        """Actions in the learners' units, [..., A] in [-1, 1] or [...] int32 counted from 0.

        Args:
            native: actions in the environment's own units, [..., A] or [...] int.
        """
        if not len(self.low):
            return (np.asarray(native, np.int64) - self.first_action).astype(np.int32)
        centre, half = (self.high + self.low) / 2, (self.high - self.low) / 2
        unit = (np.asarray(native, np.float32) - centre) / half
        return unit.clip(-1, 1).astype(np.float32)


def interface_of(observation_space: Any, action_space: Any) -> Interface:
    """The interface of an environment with these Gymnasium spaces."""
    low = high = np.zeros(0, np.float32)
    first = 0
    if isinstance(action_space, spaces.Discrete):
        first = int(action_space.start)
    elif isinstance(action_space, spaces.Box):
        low, high = action_space.low, action_space.high
    return Interface(low, high, first, not isinstance(observation_space, spaces.Dict))
