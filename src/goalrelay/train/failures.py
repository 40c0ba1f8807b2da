"""What happens to episodes that fail: they end the run, or are dropped and others replace them.

In a test nothing replaces them: they count as failed (`evaluate`).
"""

from collections.abc import Callable

from goalrelay.errors import TaskFailed
from goalrelay.train.config import AnyExperiment
from goalrelay.train.notes import Notes
from goalrelay.types import Episode

MOST_IN_ROW = 100
"""Episodes in a row that may fail and be dropped."""


class Failures:
    """Episodes of a run that fail.

    Args:
        experiment: says whether they are dropped.
        notes: get a line about the first episode that is dropped.
    """

    def __init__(self, experiment: AnyExperiment, notes: Notes):
        self._wanted, self._task = experiment.collect.episodes, experiment.task
        self._notes, self._last = notes, ""
        self.dropped = None if experiment.collect.bad_episodes == "stop" else self._drop
        """Takes the failure of an episode that is bad; None: a failure ends the run."""

    def _drop(self, failure: TaskFailed) -> None:
        self._last = str(failure)
        self._notes.dropped(self._last)

    def replaced(
        self, collect: Callable[[range], list[Episode]], first: int, stopping: Callable[[], bool]
    ) -> tuple[list[Episode], int] | None:
        """The episodes of a cycle, and the number of those that were dropped on the way.

        None: it was stopped while it replaced some.

        Args:
            collect: gives the episodes of these numbers, without those that are dropped.
            first: number of the first episode; later ones replace those that are dropped.
            stopping: asked before any is replaced.

        Raises:
            TaskFailed: MOST_IN_ROW episodes failed.
        """
        episodes, start, in_row = [], first, 0
        while len(episodes) < self._wanted:
            if start > first and stopping():
                return None
            numbers = range(start, start + self._wanted - len(episodes))
            new, start = collect(numbers), numbers.stop
            episodes, in_row = [*episodes, *new], 0 if new else in_row + len(numbers)
            if in_row >= MOST_IN_ROW:
                raise TaskFailed(
                    f"task '{self._task}': {in_row} episodes in a row failed, the last: "
                    f"{self._last}"
                )
        return episodes, start - first - self._wanted
