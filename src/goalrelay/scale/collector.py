"""A collector whose episodes come from other processes; it is used like `data.Collector`."""

import math
import time
from collections.abc import Callable, Sequence

from goalrelay.errors import Stopped, TaskFailed
from goalrelay.scale.dispatch import Dispatcher, Request
from goalrelay.scale.pool import Packed, Packs
from goalrelay.types import Episode

LOOK = 0.2
"""Seconds between two looks whether the run is to stop."""
PATIENCE = 30.0
"""Seconds without any worker, after which that is said."""


class RemoteCollector:
    """Episodes by the workers of a dispatcher.

    Args:
        dispatcher: it is closed with the collector.
        log: called with lines for the user.
        hint: how a worker is started, for the line that none is there.
    """

    def __init__(self, dispatcher: Dispatcher, log: Callable[[str], None], hint: str = ""):
        self._dispatcher, self._log, self._hint = dispatcher, log, hint
        self._packed = 0
        self.stopping: Callable[[], bool] = lambda: False
        """Asked while episodes are waited for; once it is true, none is waited for any more."""
        self.waiting: Callable[[], None] = lambda: None
        """Called while episodes are waited for, a few times a second."""
        self.over = False
        """Whether the run is finished; see `Pool.close`."""

    @property
    def again(self) -> int:
        """Episodes that more than one worker was asked for."""
        return self._dispatcher.again

    def start(self, acting: Packs, seeds: Sequence[int]) -> Request:
        """Ask for episodes of training; `finish` gives them."""
        return self._dispatcher.request(self._pack(acting), seeds, False)

    def finish(self, request: Request) -> list[Episode]:
        """The episodes that were asked for, in the order of their seeds.

        Raises:
            TaskFailed: an episode failed.
            Stopped: the run is to stop, and some are missing.
        """
        self._wait(request, lambda _: True)
        return _episodes(request, None)

    def collect(
        self,
        begin: Packs,
        seeds: Sequence[int],
        evaluation: bool = False,
        going: Callable[[int], bool] = lambda _: True,
        failed: Callable[[TaskFailed], None] | None = None,
    ) -> list[Episode]:
        """One episode a seed, in the order of the seeds; see `data.collector.Collector.collect`.

        Raises:
            TaskFailed: an episode failed, without `failed`.
            Stopped: the run is to stop, and some are missing.
        """
        request = self._dispatcher.request(self._pack(begin), seeds, evaluation, first=evaluation)
        self._wait(request, going)
        return _episodes(request, failed)

    def close(self) -> bool:
        """End the workers."""
        self._dispatcher.close(self.over)
        return True

    def _pack(self, acting: Packs) -> Packed:
        self._packed += 1
        return Packed(self._packed, acting.packed())

    def _wait(self, request: Request, going: Callable[[int], bool]) -> None:
        """Wait for the episodes of a request; once it is not going, for those that have begun."""
        done, alone = -1, 0.0
        while missing := request.missing:
            now = len(request.outcomes())
            if now != done and not going(done := now):
                self._dispatcher.cancel(request)
            self.waiting()
            if self.stopping():
                self._dispatcher.cancel(request)
                raise Stopped
            before = time.monotonic()
            self._dispatcher.wait(request, missing, LOOK)
            alone = 0.0 if self._dispatcher.workers else alone + time.monotonic() - before
            if alone > PATIENCE:
                self._log(f"no worker is there{self._hint}; waiting for one")
                alone = -math.inf


def _episodes(request: Request, failed: Callable[[TaskFailed], None] | None) -> list[Episode]:
    """The episodes of a request; failures are raised, or given to `failed`."""
    episodes: list[Episode] = []
    for outcome in request.outcomes():
        if not isinstance(outcome, TaskFailed):
            episodes.append(outcome)
        elif failed is None:
            raise outcome
        else:
            failed(outcome)
    return episodes
