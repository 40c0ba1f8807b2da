"""Jobs for workers that may die, hang or slow down: each job is done in the end, once.

A job whose worker dies, or takes longer than it may, goes to another worker. When no job is left to
hand out, jobs that take long are given to idle workers too; the first result counts. All results of
a job are equal, since an episode depends on its seed and the policy alone.
"""

import contextlib
import queue
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from goalrelay.errors import TaskFailed, UsageError
from goalrelay.scale.pool import Event, Job, Packed, Pool
from goalrelay.types import Episode

ATTEMPTS = 5
"""Workers that may die or hang with one job, before the job is said to be the cause."""
SLOW = 3.0
"""A job that takes so many times the median is given to an idle worker too ..."""
SLOW_SECONDS = 1.0
"""... and takes at least so long."""
LOOK = 0.1
"""Seconds between two looks at the clock."""


@dataclass
class _Work:
    """A job on its way."""

    job: Job
    outcome: Episode | TaskFailed | None = None
    ended: list[str] = field(default_factory=list)
    """Workers that died or hung with it."""
    began: dict[str, float] = field(default_factory=dict)
    """Workers that have it now, and since when."""


class Request:
    """Jobs that were asked for together."""

    def __init__(self, works: list[_Work]):
        self._works = works

    def outcomes(self) -> list[Episode | TaskFailed]:
        """Those of the jobs that are done, in the order of their seeds."""
        return [work.outcome for work in self._works if work.outcome is not None]

    @property
    def missing(self) -> int:
        """Number of jobs that are not done."""
        return sum(work.outcome is None for work in self._works)

    @property
    def works(self) -> "list[_Work]":
        """For the dispatcher."""
        return self._works


class Dispatcher:
    """Hands jobs to the workers of a pool, in a thread of its own.

    Args:
        pool: the workers; it is closed with the dispatcher.
        timeout: seconds that an episode may take; then its worker hangs.
        log: called with a line about each worker that joins or is lost, in the dispatcher's thread.
    """

    def __init__(self, pool: Pool, timeout: float, log: Callable[[str], None]):
        self._pool, self._timeout, self._log = pool, timeout, log
        self._idle: dict[str, None] = {}  # in the order in which they became so
        self._running: dict[str, _Work] = {}
        self._queue: deque[_Work] = deque()
        self._durations: deque[float] = deque(maxlen=101)
        self._changed = threading.Condition()
        self._closed = False
        self._broken: BaseException | None = None
        self._number = 0
        self._joined, self._refused = False, 0
        self._reasons: set[str] = set()
        self.again = 0
        """Episodes that were given to one more worker, since theirs was lost or slow."""
        self._thread = threading.Thread(target=self._work, name="dispatch", daemon=True)
        self._thread.start()

    @property
    def workers(self) -> int:
        """Workers that are there."""
        return len(self._idle) + len(self._running)

    def request(
        self, acting: Packed, seeds: Sequence[int], evaluation: bool, first: bool = False
    ) -> Request:
        """Ask for one episode a seed.

        Args:
            acting: who acts.
            seeds: of the episodes.
            evaluation: whether they are of evaluation.
            first: before all that wait.
        """
        with self._changed:
            numbers = range(self._number, self._number + len(seeds))
            self._number = numbers.stop
            works = [
                _Work(Job(number, acting, seed, evaluation))
                for number, seed in zip(numbers, seeds, strict=True)
            ]
            if first:
                self._queue.extendleft(reversed(works))
            else:
                self._queue.extend(works)
            self._hand_out()
        return Request(works)

    def wait(self, request: Request, missing: int, seconds: float) -> bool:
        """Wait until fewer jobs of a request are missing, or so long; returns whether they are.

        Raises:
            TaskFailed: see `ATTEMPTS`.
            UsageError: a worker cannot open the task.
        """
        with self._changed:
            self._changed.wait_for(lambda: request.missing < missing or self._broken, seconds)
            if self._broken is not None:
                raise self._broken
            for work in request.works:
                if work.outcome is None and not work.began and len(work.ended) >= ATTEMPTS:
                    raise TaskFailed(
                        f"the episode with seed {work.job.seed} ended {ATTEMPTS} workers: "
                        f"{'; '.join(work.ended)}"
                    )
            return request.missing < missing

    def cancel(self, request: Request) -> int:
        """Take back what no worker has begun; returns how many jobs."""
        with self._changed:
            back = [work for work in request.works if work in self._queue]
            for work in back:
                self._queue.remove(work)
                request.works.remove(work)
            return len(back)

    def close(self, over: bool) -> None:
        """End the thread and the workers; see `Pool.close`."""
        with self._changed:
            self._closed = True
        self._thread.join()
        self._pool.close(over)

    def _work(self) -> None:
        try:
            self._serve()
        except BaseException as error:  # who waits for episodes gets it
            with self._changed:
                self._broken = error
                self._changed.notify_all()

    def _serve(self) -> None:
        while not self._closed:
            event = None
            with contextlib.suppress(queue.Empty):
                event = self._pool.events.get(timeout=LOOK)
            with self._changed:
                if event is not None:
                    self._take(event)
                self._end_hanging()
                self._hand_out()
                self._changed.notify_all()

    def _take(self, event: Event) -> None:
        worker = event.worker
        if event.kind == "joined":
            self._joined = True
            self._idle[worker] = None
            self._log(f"worker {worker} joined ({self.workers})")
        elif event.kind == "refused":
            self._refused += 1
            if not self._joined and self._refused >= self._pool.most_refused:
                raise UsageError(f"worker {worker}: {event.reason}")
            if event.reason not in self._reasons:
                self._reasons.add(event.reason)
                self._log(f"worker {worker} cannot work: {event.reason}")
        elif event.kind == "left":
            known = worker in self._idle or worker in self._running
            self._idle.pop(worker, None)
            self._lose(worker, event.reason)
            if known:
                self._log(f"worker {worker} left: {event.reason} ({self.workers})")
        elif worker in self._running and self._running[worker].job.number == event.job:
            work = self._running.pop(worker)
            self._durations.append(time.monotonic() - work.began.pop(worker))
            work.outcome = work.outcome or event.outcome
            self._idle[worker] = None

    def _lose(self, worker: str, reason: str) -> None:
        """A worker is gone; the job that it had is done by another."""
        work = self._running.pop(worker, None)
        if work is None:
            return
        work.began.pop(worker)
        work.ended.append(f"{worker} ({reason})")
        if work.outcome is None and not work.began and len(work.ended) < ATTEMPTS:
            self.again += 1
            self._queue.appendleft(work)
            self._log(f"the episode with seed {work.job.seed} is collected again")

    def _end_hanging(self) -> None:
        now = time.monotonic()
        for worker, work in list(self._running.items()):
            if now - work.began[worker] > self._timeout:
                self._pool.drop(worker)
                reason = f"its episode takes longer than {self._timeout:g} s"
                self._lose(worker, reason)
                self._log(f"worker {worker} is ended: {reason} ({self.workers})")

    def _hand_out(self) -> None:
        while self._idle:
            work = self._queue.popleft() if self._queue else self._slow()
            if work is None:
                return
            worker = next(iter(self._idle))
            del self._idle[worker]
            work.began[worker] = time.monotonic()
            self._running[worker] = work
            self._pool.give(worker, work.job)

    def _slow(self) -> _Work | None:
        """A job that one worker takes long for, as measured by the others; None: there is none."""
        if not self._durations:
            return None
        least = max(SLOW_SECONDS, SLOW * statistics.median(self._durations))
        now = time.monotonic()
        for work in self._running.values():
            attempts = len(work.began) + len(work.ended)
            if len(work.began) == 1 and work.outcome is None and attempts < ATTEMPTS:
                (worker, began), *_ = work.began.items()
                if now - began > least:
                    self.again += 1
                    self._log(
                        f"worker {worker} is slow: the episode with seed {work.job.seed} is "
                        "given to another too"
                    )
                    return work
        return None
