"""What a pool of workers offers; `ray_pool` and `socket_pool` are two."""

import queue
from collections.abc import Mapping
from typing import Literal, NamedTuple, Protocol

import numpy as np

from goalrelay.errors import TaskFailed
from goalrelay.types import Episode

REMEMBERED = 8
"""Weights that a worker keeps: those of training and of evaluation, some cycles old. When it takes
more, it forgets those that it took first."""


class Packs(Protocol):
    """Who acts, such as `methods.acting.Acting`."""

    def packed(self) -> Mapping[str, np.ndarray]:
        """All that a worker needs of it."""
        ...


class Packed(NamedTuple):
    """Who acts, as arrays (see `methods.acting`)."""

    number: int
    """Equal numbers are equal arrays, so a worker needs them once."""
    arrays: Mapping[str, np.ndarray]


class Job(NamedTuple):
    """One episode for a worker."""

    number: int
    acting: Packed
    seed: int
    evaluation: bool


class Event(NamedTuple):
    """What a worker did."""

    worker: str
    """Its name, for messages too; a worker that comes back has another."""
    kind: Literal["joined", "left", "refused", "done"]
    """`refused`: it cannot work. Where none has joined, that ends the run."""
    job: int = -1
    """The job that is done."""
    outcome: Episode | TaskFailed | None = None
    """Of the job."""
    reason: str = ""
    """Why a worker left, or refused."""


class Pool(Protocol):
    """Workers that come and go. A worker has one job at a time."""

    most_refused: int
    """Workers that may refuse before one has joined; with the last of them the run ends."""
    events: "queue.SimpleQueue[Event]"
    """What happens, in order. Of a worker that left, nothing follows."""

    def give(self, worker: str, job: Job) -> None:
        """Give a job to a worker that has none. It must not wait for the worker."""

    def drop(self, worker: str) -> None:
        """End a worker that hangs; it may be replaced by a new one. No event `left` follows."""

    def close(self, over: bool) -> None:
        """End all workers.

        Args:
            over: whether the run is finished; else it may go on, and workers that others have
                started may wait for that.
        """
