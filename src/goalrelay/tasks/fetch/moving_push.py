"""Push a block to a place that glides over the table, with the fingers closed.

As `push`, but the goal moves at a constant speed (by default 5 cm/s, so 10 cm an episode) in a
direction drawn anew for every episode, and turns round at the border of the square in which goals
lie. The goal shown is where it is now; where it is heading is not shown. The reward of a step is
that of the goal shown after it. Success: the block closer than 5 cm to the goal of that moment at
the last of 50 steps. No episode starts solved.
"""

import math
from typing import Any

import numpy as np

from goalrelay.errors import UsageError
from goalrelay.tasks.fetch import experts_n
from goalrelay.tasks.fetch.environment import registrations
from goalrelay.tasks.fetch.experts import Expert
from goalrelay.tasks.fetch.one_object import OneObject
from goalrelay.tasks.fetch.scene import BLOCK_ASIDE, begin_of_stock

REGISTRATIONS = registrations("FetchMovingPush", 50)
FASTEST = 0.25
"""Highest speed of the goal, m/s: about as fast as a block can be pushed."""


class Environment(OneObject):
    """The environment; see the module.

    Args:
        speed: of the goal, m/s.
        settings: of `one_object.OneObject` and of the environment.

    Raises:
        UsageError: a speed below 0 or above what a push can follow.
    """

    def __init__(self, speed: float = 0.05, **settings: Any):
        if not 0 <= speed <= FASTEST:
            raise UsageError(f"speed is between 0 and {FASTEST} m/s, not {speed}")
        self._speed = float(speed)
        self._velocity = np.zeros(3)
        super().__init__(begin_of_stock("push", block=BLOCK_ASIDE), blocked=True, **settings)

    def _sample_goal(self) -> np.ndarray:
        goal = self.positions[0]
        while (self._distances(goal, self.positions[0]) < self.distance_threshold).all():
            goal = super()._sample_goal()
        angle = self.np_random.uniform(-math.pi, math.pi)
        heading = np.array((math.cos(angle), math.sin(angle), 0.0))
        self._velocity = self._speed * self._dt * heading
        return goal

    def _act(self, action: np.ndarray) -> None:
        super()._act(action)
        ahead = self.goal + self._velocity - self.begin.grip
        beyond = (np.abs(ahead) > self._goals) & (ahead * self._velocity > 0)
        self._velocity[beyond] *= -1.0
        self.goal = self.goal + self._velocity


def expert() -> Expert:
    """A script that solves an episode, for tests and as a yardstick."""
    return experts_n.chase()
