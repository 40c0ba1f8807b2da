"""Environments in threads, that run episodes side by side; one that hangs is named.

Results do not depend on the number of threads: episodes come in the order of their seeds.
"""

import contextlib
import functools
import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from typing import Any, Protocol

from goalrelay.data.rollout import Begin, Simulator, rollout
from goalrelay.data.workers import Workers
from goalrelay.errors import TaskFailed
from goalrelay.types import Episode, Observation

WATCH = 0.2
"""Seconds between two looks at environments that may hang, and at Ctrl-C."""


class Hangs(TaskFailed):
    """A step of an environment takes too long; its thread cannot be used again."""


class Collecting(Protocol):
    """What collects episodes: `Collector`, or one that does it elsewhere; see there."""

    def collect(
        self,
        begin: Any,
        seeds: Sequence[int],
        evaluation: bool = False,
        going: Callable[[int], bool] = lambda _: True,
        failed: Callable[[TaskFailed], None] | None = None,
    ) -> list[Episode]:
        """One episode a seed, in the order of the seeds."""
        ...

    def close(self) -> bool:
        """Free what it holds; whether that ended."""
        ...


class Collector:
    """Environments that run episodes side by side, one a thread.

    Each thread keeps its environment: what draws images with OpenGL is bound to its thread.

    Args:
        make_task: opens an environment.
        threads: number of environments.
        step_timeout: seconds that a step may take; None: any time.
    """

    def __init__(
        self, make_task: Callable[[], Simulator], threads: int, step_timeout: float | None = None
    ):
        self._own = threading.local()
        self._workers = Workers(threads, "collect")
        gate, lock = threading.Barrier(threads), threading.Lock()

        def open_own() -> Simulator:
            gate.wait()  # so that no thread opens two
            with lock:  # importing and registering is no work for several threads
                self._own.task = make_task()
            return self._own.task

        jobs = [self._workers.start(open_own) for _ in range(threads)]
        try:
            self._tasks = [job.result() for job in jobs]
        except BaseException:  # nobody waits for the others, which may hang while they open
            self._workers.end()
            for job in jobs:
                job.add_done_callback(_close_opened)
            raise
        self._step_timeout = step_timeout

    def collect(
        self,
        begin: Begin,
        seeds: Sequence[int],
        evaluation: bool = False,
        going: Callable[[int], bool] = lambda _: True,
        failed: Callable[[TaskFailed], None] | None = None,
    ) -> list[Episode]:
        """One episode a seed, in the order of the seeds.

        Args:
            begin: who acts.
            seeds: of the episodes.
            evaluation: whether they are of evaluation, not of training.
            going: called before each episode with the number of those that are over; once it is
                false, no more begin, and there are fewer episodes than seeds.
            failed: called for each episode that fails, in the order of the seeds, which is then
                left out; None: the first one raises.

        Raises:
            TaskFailed: see `rollout`; or a step takes longer than it may.
        """
        done: list[int] = []

        def run(seed: int) -> Episode | None:
            if not going(len(done)):
                return None
            try:
                return rollout(self._own.task, begin, seed, evaluation)
            finally:
                done.append(seed)

        jobs = [self._workers.start(functools.partial(run, seed)) for seed in seeds]
        try:
            episodes = [self._result(job, failed) for job in jobs]
        except BaseException as error:
            running = [job for job in jobs if not job.cancel()]
            if isinstance(error, TaskFailed) and not isinstance(error, Hangs):
                with contextlib.suppress(Hangs):  # the first failure is the one to report
                    for job in running:
                        self._wait(job)
            raise
        return [episode for episode in episodes if episode is not None]

    def reset(self, seed: int) -> Observation:
        """Reset an environment, outside of an episode."""
        return self._workers.start(lambda: self._own.task.reset(seed)).result()

    def _result(
        self, job: "Future[Episode | None]", failed: Callable[[TaskFailed], None] | None
    ) -> Episode | None:
        """The episode of a job; None: there is none. See `collect`."""
        self._wait(job)
        try:
            return job.result()
        except TaskFailed as error:
            if failed is None:
                raise
            failed(error)
        return None

    def _wait(self, job: "Future[Episode | None]") -> None:
        """Wait until a job is done.

        Raises:
            Hangs: a step of an environment takes longer than it may.
        """
        most = math.inf if self._step_timeout is None else self._step_timeout
        # short waits also without a limit: Python answers Ctrl-C between them at the latest
        while not wait_for([job], WATCH).done:
            for task in self._tasks:
                seed, step, began = task.moment
                if began is not None and time.monotonic() - began > most:
                    what = f"step {step}" if step else "the reset"
                    raise Hangs(
                        f"task '{task.id}' hangs: {what} of the episode with seed {seed} takes "
                        f"longer than the {most:g} s of --collect.step-timeout"
                    )

    def close(self) -> bool:
        """Stop the threads and free the simulators; those that are in use are left alone.

        Returns:
            whether that ended; where one takes too long (`Simulator.close`), the others would too.
        """
        if any(task.moment.began is not None for task in self._tasks):
            return True  # after an interrupt or a hanging step: nobody can wait for it
        self._workers.close()
        return all(task.close() for task in self._tasks)


def _close_opened(job: "Future[Simulator]") -> None:
    """Free the simulator that a job has opened."""
    if job.exception() is None:
        job.result().close()
