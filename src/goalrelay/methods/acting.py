"""Who acts in an episode: a method, with the weights and the state that it acts by.

In this process an `Acting` is called. For another process or machine, and for a checkpoint, all but
the method is arrays (`packed`). The other side has built the method by itself (`unpacked`).
"""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from goalrelay.learners import weights
from goalrelay.learners.weights import Weights
from goalrelay.methods.base import Act, Method
from goalrelay.types import Snapshot

OPTIONAL = ("success", "best")
"""Fields of a snapshot that may be None; packed, that is NaN."""


@dataclass(frozen=True)
class Acting:
    """Called at the start of an episode, with its random numbers; gives what acts in it."""

    method: Method
    weights: Weights
    state: Snapshot
    """Without policies: those are of the weights."""
    noise: bool = True
    """Whether it explores; without noise for evaluation."""

    def __call__(self, rng: np.random.Generator) -> Act:
        """What acts in one episode."""
        return self.method.act(self.snapshot, rng if self.noise else None)

    @functools.cached_property
    def snapshot(self) -> Snapshot:
        """The state with its policies."""
        return self.state._replace(policies=self.weights.networks)

    def packed(self) -> dict[str, np.ndarray]:
        """All but the method and the learner's name, by name."""
        arrays = {"noise": np.asarray(self.noise), **self.weights.packed()}
        for name, value in self.state._replace(policies=())._asdict().items():
            value = math.nan if value is None else value
            arrays[f"state.{name}"] = np.asarray(value, np.float64)
        return arrays


def unpacked(arrays: Mapping[str, np.ndarray], method: Method, learner_name: str) -> Acting:
    """The `Acting` of packed arrays, by a method of this process.

    Raises:
        KeyError: an array is missing.
    """
    values = {name: arrays[f"state.{name}"].tolist() for name in Snapshot._fields}
    for name in OPTIONAL:
        values[name] = None if math.isnan(values[name]) else values[name]
    state = Snapshot(
        (),
        int(values["episodes"]),
        bool(values["random"]),
        values["success"],
        values["best"],
        tuple(values["reached"]),
        bool(values["ends_at_goal"]),
    )
    own = weights.unpacked(arrays, learner_name, len(method.levels))
    return Acting(method, own, state, bool(arrays["noise"]))
