"""Threads that do not keep a process alive: one that hangs in an environment does not stop its end.

`concurrent.futures.ThreadPoolExecutor` waits for its threads when the interpreter ends.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from typing import Any


class Workers:
    """A few threads that do jobs in the order in which they were given."""

    def __init__(self, count: int, name: str):
        self._jobs: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = (
            queue.SimpleQueue()
        )
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{i}", daemon=True)
            for i in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def start(self, job: Callable[[], Any]) -> Future[Any]:
        """Do a job when a thread is free."""
        future: Future[Any] = Future()
        self._jobs.put((future, job))
        return future

    def end(self) -> None:
        """Let the threads end after the jobs that were given."""
        for _ in self._threads:
            self._jobs.put(None)

    def close(self) -> None:
        """End the threads after the jobs that were given, and wait for them."""
        self.end()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (given := self._jobs.get()) is not None:
            future, job = given
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(job())
            except BaseException as error:  # of an environment; who waits for the result gets it
                future.set_exception(error)


def within(seconds: float | None, job: Callable[[], Any], of: str = "") -> Any:
    """The result of a job that may take so long; None: any time, in this thread.

    Args:
        seconds: that it may take.
        job: it runs in a thread of its own, which is left alone where it takes longer.
        of: who sets the seconds, for the message.

    Raises:
        TimeoutError: it takes longer.
    """
    if seconds is None:
        return job()
    worker = Workers(1, "within")
    future = worker.start(job)
    worker.end()
    if not wait_for([future], seconds).done:
        raise TimeoutError(f"it takes longer than {seconds:g} s{of}")
    return future.result()
