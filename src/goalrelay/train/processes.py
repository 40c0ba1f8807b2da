"""Processes that work at the same time, each on cores of its own."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

from goalrelay.errors import notices_as_lines

_cores: Any = None  # in a worker process: queue of the sets of cores that no other process uses


def pool(jobs: int) -> ProcessPoolExecutor:
    """Processes, a new one for each task. A task begins with `own_cores`.

    Args:
        jobs: number of processes at the same time.
    """
    context = multiprocessing.get_context("spawn")
    cores = context.SimpleQueue()
    for share in _shares(jobs):
        cores.put(share)
    return ProcessPoolExecutor(
        jobs, context, initializer=_initialize, initargs=(cores,), max_tasks_per_child=1
    )


@contextmanager
def own_cores() -> Iterator[None]:
    """A block that runs on cores which no other process of the pool uses."""
    cores = _cores.get()
    try:
        if cores:
            os.sched_setaffinity(0, cores)
        yield
    finally:
        _cores.put(cores)


def _shares(jobs: int) -> list[set[int]]:
    """The cores for each job, disjoint; with more jobs than cores, several jobs share one."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    shares = [set(cores[i::jobs]) for i in range(min(jobs, len(cores)))]
    return [shares[i % len(shares)] if shares else set() for i in range(jobs)]


def _initialize(cores: Any) -> None:
    """Prepare a worker process: only the run itself handles Ctrl-C, in `session`."""
    global _cores
    _cores = cores
    notices_as_lines()
    signal.signal(signal.SIGINT, lambda *_: None)  # not SIG_IGN, which a run takes as nohup
