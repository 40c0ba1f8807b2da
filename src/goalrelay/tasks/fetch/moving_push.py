"""Push a block to a goal that glides over the table, with the fingers closed.

As `push`, but the goal moves at a constant speed (by default 5 cm/s, so 10 cm an episode). Its
direction is random in every episode, and it reverses at the border of the square of goals. The
desired goal is its current position; its velocity is not observed. The reward of a step uses the
goal after that step. Success: the block closer than 5 cm to the current goal at the last of 50
steps. No episode starts solved.
"""

import math
from typing import Any

import numpy as np

from goalrelay.errors import UsageError
from goalrelay.tasks.fetch import experts_push
from goalrelay.tasks.fetch.environment import registrations
from goalrelay.tasks.fetch.experts import Expert
from goalrelay.tasks.fetch.one_object import OneObject
from goalrelay.tasks.fetch.scene import BLOCK_ASIDE, compile_stock
from goalrelay.tasks.fetch.simulation import Scene

REGISTRATIONS = registrations("FetchMovingPush", 50)
FASTEST = 0.25
"""Highest speed of the goal, m/s: about that of a pushed block."""


class Environment(OneObject):
    """The environment; see the module.

    Args:
        speed: of the goal, m/s.
        settings: of `one_object.OneObject` and of the environment.

    Raises:
        UsageError: a speed below 0, or higher than that of a pushed block.
    """

    def __init__(self, speed: float = 0.05, **settings: Any):
        if not 0 <= speed <= FASTEST:
            raise UsageError(f"speed is between 0 and {FASTEST} m/s, not {speed}")
        self._speed = float(speed)
        self._velocity = np.zeros(3)
        start = compile_stock("push", block=BLOCK_ASIDE)
        super().__init__(Scene(start, ("object0",), blocked=True), **settings)

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
    """A controller for one episode: push the block after the goal."""
    return experts_push.chase()
