"""A pool of workers in threads, that die, hang or slow down when a test says so."""

import itertools
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from goalrelay.scale.pool import Event, Job
from goalrelay.scale.ray_pool import Worker

Fault = Callable[[str, Job], float | str]
"""Called by a worker before a job: seconds that it takes more, or `die`."""


class ThreadPool:
    """Workers in threads; one that dies is replaced.

    Args:
        make: makes a worker.
        workers: how many.
        address: as of a pool of Ray; unused.
        fault: what happens to the workers.
    """

    usual: Fault = staticmethod(lambda *_: 0.0)
    """What happens to workers of pools without a `fault` of their own."""
    most_refused = 1

    def __init__(
        self,
        make: Callable[[], Worker],
        workers: int,
        address: str = "",
        fault: Fault | None = None,
    ):
        self.fault = fault or self.usual
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.done: list[int] = []
        """Seeds of all episodes that were collected, in the order of their ends."""
        self._make, self._numbers = make, itertools.count()
        self._jobs: dict[str, queue.SimpleQueue[Job | None]] = {}
        for _ in range(workers):
            self.start()

    def start(self) -> None:
        """Start one more worker."""
        name = f"w{next(self._numbers)}"
        self._jobs[name] = queue.SimpleQueue()
        threading.Thread(target=self._work, args=(name, self._make()), daemon=True).start()
        self.events.put(Event(name, "joined"))

    def give(self, worker: str, job: Job) -> None:
        """Give a job to a worker."""
        self._jobs[worker].put(job)

    def drop(self, worker: str) -> None:
        """A worker that hangs is left alone, and replaced."""
        self.start()

    def close(self, over: bool) -> None:
        """End the workers that do not hang."""
        for jobs in self._jobs.values():
            jobs.put(None)

    def _work(self, name: str, worker: Any) -> None:
        while (job := self._jobs[name].get()) is not None:
            fault = self.fault(name, job)
            if fault == "die":
                self.events.put(Event(name, "left", reason="it died"))
                self.start()
                return
            time.sleep(float(fault))
            if not worker.has(job.acting.number):
                worker.take(job.acting.number, job.acting.arrays)
            outcome = worker.run(job.acting.number, job.seed, job.evaluation)
            self.done.append(job.seed)
            self.events.put(Event(name, "done", job.number, outcome))
