"""Counters of a run, and how a cycle advances them."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from goalrelay.data.relabel import came_to_goal, stage_objective, whole
from goalrelay.data.rollout import Simulator
from goalrelay.types import Episode, Task


class Counters(NamedTuple):
    """Counters of a run at the start of a cycle; saved in the checkpoint."""

    cycle: int = 0
    episodes: int = 0
    steps: int = 0
    updates: int = 0
    owed: float = 0.0
    """Updates that are due for environment steps and not done yet."""
    best: float = -math.inf
    """Highest score of an evaluation."""
    success: float = math.nan
    """Success rate of the last evaluation; NaN: no evaluation yet, or a task without success."""
    ended_at_goal: int = 0
    """Training episodes that ended where they reached their goal."""
    passed_goal: int = 0
    """Training episodes that went on there."""
    seconds: float = 0.0
    dropped: int = 0
    """Training episodes that failed and were thrown away; `episodes` does not count them."""

    @property
    def ends_at_goal(self) -> bool:
        """Whether all episodes that came to their goal ended there, and some did."""
        return self.ended_at_goal > 0 and self.passed_goal == 0

    def after(
        self, episodes: Sequence[Episode], updates: int, owed: float, dropped: int = 0
    ) -> "Counters":
        """The counters after a cycle.

        Args:
            episodes: that it collected.
            updates: that it made.
            owed: updates that are due after it.
            dropped: episodes that it threw away.
        """
        return self._replace(
            cycle=self.cycle + 1,
            episodes=self.episodes + len(episodes),
            steps=self.steps + sum(episode.length for episode in episodes),
            updates=self.updates + updates,
            owed=owed,
            dropped=self.dropped + dropped,
        )


class EndsAtGoal:
    """Counts episodes that end, or go on, where their goal is reached.

    Tasks that say where they end are not watched.

    Args:
        simulator: of the task.
        task: as the method knows it.
    """

    def __init__(self, simulator: Simulator, task: Task):
        self._watched = not simulator.flat and simulator.calls.terminated is None
        self._success = stage_objective(task, whole(task.spec), 1.0).success

    def count(self, counters: Counters, episodes: Sequence[Episode]) -> Counters:
        """The counters with these episodes."""
        if not self._watched:
            return counters
        came = [came_to_goal(episode, self._success) for episode in episodes]
        return counters._replace(
            ended_at_goal=counters.ended_at_goal + sum(ended for ended, _ in came),
            passed_goal=counters.passed_goal + sum(passed for _, passed in came),
        )
