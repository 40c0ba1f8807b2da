"""The training episodes of each cycle: by this cycle's policy, or by that of K cycles before.

    staleness 0:  cycle c asks for its episodes and waits for them
    staleness K:  cycle c asks for the episodes of cycle c + K, and waits for those of its own,
                  which cycle c - K asked for; the first K cycles have the initial policy's

So workers go on collecting while the learner computes, as in Ape-X (Horgan et al. 2018, arXiv
1803.00933). But the weights are always K cycles old, neither more nor less: which worker is fast
changes nothing, and one seed gives one curve.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from goalrelay.data.collector import Collecting
from goalrelay.errors import Stopped, UsageError, first_line
from goalrelay.methods.acting import Acting, unpacked
from goalrelay.scale.collector import RemoteCollector
from goalrelay.scale.dispatch import Request
from goalrelay.train.config import AnyExperiment
from goalrelay.train.counters import Counters
from goalrelay.train.failures import Failures
from goalrelay.types import Episode


class _Asked(NamedTuple):
    """Episodes that a cycle to come will take."""

    acting: Acting
    request: Request | None
    """None: it is yet to be made."""


class Collection:
    """Collects the training episodes of a run.

    Args:
        experiment: all options.
        collector: of the run.
        failures: what happens to episodes that fail.
        seed_of: the seed of an episode, by its number.
        stopping: whether the run is to stop; asked while episodes are waited for.
    """

    def __init__(
        self,
        experiment: AnyExperiment,
        collector: Collecting,
        failures: Failures,
        seed_of: Callable[[int], int],
        stopping: Callable[[], bool],
    ):
        self._count, self._staleness = experiment.collect.episodes, experiment.scale.staleness
        self._collector, self._failures, self._seed_of = collector, failures, seed_of
        self._stopping = stopping
        if isinstance(collector, RemoteCollector):
            collector.stopping = stopping
        self._asked: list[_Asked] = []
        """For this cycle and the next K - 1."""

    def begin(self, acting: Acting) -> None:
        """Let the first K cycles have the episodes of one policy."""
        self._asked = [_Asked(acting, None)] * self._staleness

    def collect(self, acting: Acting, now: Counters) -> tuple[list[Episode], int] | None:
        """The episodes of this cycle, and the number of those that were dropped; None: stopped.

        Raises:
            TaskFailed: an episode failed.
        """
        try:
            if self._staleness and isinstance(self._collector, RemoteCollector):
                return self._ahead(self._collector, acting, now), 0
            return self._failures.replaced(
                lambda numbers: self._collector.collect(
                    acting, self._seeds(numbers), failed=self._failures.dropped
                ),
                now.episodes + now.dropped,
                self._stopping,
            )
        except Stopped:
            return None

    def saved(self) -> list[dict[str, np.ndarray]]:
        """Who acts in the episodes that were asked for, packed."""
        return [asked.acting.packed() for asked in self._asked]

    def restore(self, saved: list[Mapping[str, np.ndarray]]) -> None:
        """Take over a saved state; the episodes are asked for again.

        Raises:
            UsageError: it cannot be.
        """
        for i, arrays in enumerate(saved):
            like = self._asked[i].acting
            try:
                acting = unpacked(arrays, like.method, like.weights.learner_name)
            except (KeyError, TypeError, ValueError) as error:
                raise UsageError(f"the checkpoint cannot be read: {first_line(error)}") from error
            self._asked[i] = _Asked(acting, None)

    def _ahead(self, collector: RemoteCollector, acting: Acting, now: Counters) -> list[Episode]:
        """Ask for the episodes of K cycles later; those of this cycle."""
        requests = []
        for ahead, asked in enumerate([*self._asked, _Asked(acting, None)]):
            first = now.episodes + ahead * self._count
            seeds = self._seeds(range(first, first + self._count))
            requests.append(asked.request or collector.start(asked.acting, seeds))
        episodes = collector.finish(requests[0])  # a failure leaves the state of this cycle's start
        who = [*(asked.acting for asked in self._asked[1:]), acting]
        self._asked = [_Asked(*both) for both in zip(who, requests[1:], strict=True)]
        return episodes

    def _seeds(self, numbers: range) -> list[int]:
        return [self._seed_of(number) for number in numbers]
