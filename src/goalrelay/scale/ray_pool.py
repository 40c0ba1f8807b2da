"""Workers that Ray starts: on this machine, or anywhere in a cluster (docs.ray.io).

Each is an actor with one CPU. Ray moves what they need: the weights once a cycle to each machine,
by its object store, and the episodes back. An actor that dies is replaced, where there is room for
it. So workers come back with the machine that they were lost with.
"""

import itertools
import queue
import threading
from collections.abc import Callable
from typing import Any, Protocol

from goalrelay.errors import TaskFailed, UsageError, first_line, with_kind
from goalrelay.scale.pool import Event, Job
from goalrelay.scale.ray_cluster import check_installed, connect
from goalrelay.types import Episode

BEFORE_RESTART = 1.0
"""Seconds between the loss of a worker and the start of the one that replaces it."""
ENVIRONMENT = {"JAX_PLATFORMS": "cpu", "OMP_NUM_THREADS": "1"}
"""Of a worker: it only acts, on one core; a GPU is the learner's."""


class Worker(Protocol):
    """What runs episodes; made in the process of an actor."""

    def has(self, number: int) -> bool:
        """Whether it has the weights of this number."""
        ...

    def take(self, number: int, arrays: Any) -> None:
        """Take weights."""

    def run(self, number: int, seed: int, evaluation: bool) -> Episode | TaskFailed:
        """An episode by weights that it has."""
        ...


class _Actor:
    """Runs in a process that Ray started."""

    def __init__(self, make: Callable[[], Worker]):
        self._make, self._worker = make, None

    def open(self) -> tuple[str, str]:
        """The address of its machine, and why the worker cannot be made here, or nothing."""
        import ray

        where = ray.util.get_node_ip_address()
        try:
            self._worker = self._make()
        except Exception as error:  # of the task's module, of a library
            return where, str(error) if isinstance(error, UsageError) else with_kind(error)
        return where, ""

    def run(self, number: int, arrays: Any, seed: int, evaluation: bool) -> Episode | TaskFailed:
        """An episode; see `Worker`."""
        worker: Any = self._worker
        if not worker.has(number):
            worker.take(number, arrays)
        return worker.run(number, seed, evaluation)


class RayPool:
    """Workers of Ray; see `pool.Pool`.

    Args:
        make: makes a worker in its own process.
        workers: how many; fewer run where the cluster has no room, until it has.
        address: of a cluster; empty: one is started here, with as many CPUs as workers.

    Raises:
        UsageError: Ray is not installed, or there is no cluster.
    """

    most_refused = 3

    def __init__(self, make: Callable[[], Worker], workers: int, address: str = ""):
        check_installed("--scale.workers")
        self._ray, self._owned = connect(address, workers, "--scale.address")
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._make = self._ray.put(make)
        self._actor = self._ray.remote(_Actor)
        self._numbers = itertools.count()
        self._workers: dict[str, Any] = {}
        self._weights: tuple[int, Any] = (-1, None)
        self._lock = threading.Lock()
        self._closed = False
        for _ in range(workers):
            self._start()

    def give(self, worker: str, job: Job) -> None:
        """Give a job to a worker that has none."""
        number, weights = self._weights
        if number != job.acting.number:
            number, weights = job.acting.number, self._ray.put(dict(job.acting.arrays))
            self._weights = number, weights
        with self._lock:
            actor = self._workers.get(worker)
        if actor is None:  # it has left, and the event is on its way
            return
        reference = actor.run.remote(number, weights, job.seed, job.evaluation)

        def done(future: Any) -> None:
            error = future.exception()
            if error is None:
                self.events.put(Event(worker, "done", job.number, future.result()))
            else:
                self._left(worker, error)

        reference.future().add_done_callback(done)

    def drop(self, worker: str) -> None:
        """End a worker that hangs; a new one is started."""
        with self._lock:
            actor = self._workers.pop(worker, None)
        if actor is not None:
            self._end(actor)
            self._start()

    def close(self, over: bool) -> None:
        """End all workers, and the cluster if it was started here."""
        with self._lock:
            self._closed = True
            workers, self._workers = self._workers, {}
        if self._owned:
            self._ray.shutdown()  # actors end with the process that started them
        else:
            for actor in workers.values():
                self._end(actor)

    def _start(self) -> None:
        """Start a worker; it joins when it has opened its task."""
        if self._closed:
            return
        number = next(self._numbers)
        options = {"num_cpus": 1, "runtime_env": {"env_vars": ENVIRONMENT}, "max_restarts": 0}
        actor = self._actor.options(**options).remote(self._make)
        reference = actor.open.remote()
        name = f"{number}"

        def opened(future: Any) -> None:
            error = future.exception()
            where, refusal = ("?", _reason(error)) if error is not None else future.result()
            worker = f"{number}@{where}"
            if refusal:
                with self._lock:
                    self._workers.pop(name, None)
                self._end(actor)
                self.events.put(Event(worker, "refused", reason=refusal))
                self._replace()
                return
            with self._lock:
                self._workers.pop(name, None)
                self._workers[worker] = actor
            self.events.put(Event(worker, "joined"))

        with self._lock:
            self._workers[name] = actor
        reference.future().add_done_callback(opened)

    def _left(self, worker: str, error: BaseException) -> None:
        with self._lock:
            actor = self._workers.pop(worker, None)
        if actor is not None:
            self._end(actor)  # it may be alive, behind a network that is not
            self.events.put(Event(worker, "left", reason=_reason(error)))
            self._replace()

    def _end(self, actor: Any) -> None:
        """End an actor, in a thread: Ray waits where its machine does not answer."""
        threading.Thread(target=self._ray.kill, args=(actor,), daemon=True).start()

    def _replace(self) -> None:
        """Start another worker, a little later: a machine that is gone is not asked at once."""
        timer = threading.Timer(BEFORE_RESTART, self._start)
        timer.daemon = True
        timer.start()


def _reason(error: BaseException) -> str:
    """Why an actor is gone, in a few words."""
    kind = type(error).__name__
    if "Died" in kind:
        return "its process or its machine is gone"
    return "its machine does not answer" if "Unavailable" in kind else first_line(error)
