"""Who acts in an episode: a method, with the weights and the state that it acts by.

In this process an `Acting` is called. For another process or machine, and for a checkpoint, all but
the method is arrays (`packed`); the other side builds the method of its own (`unpacked`).
"""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from goalrelay import learners
from goalrelay.learners.networks import MLP, Seen
from goalrelay.learners.normalizer import Moments, normalize
from goalrelay.methods.base import Act, Method
from goalrelay.types import Array, Network, Snapshot

OPTIONAL = ("success", "best")
"""Fields of a snapshot that may be None; packed, that is NaN."""


@dataclass(frozen=True)
class Weights:
    """The networks of each level, and the statistics of their inputs: NumPy arrays."""

    learner_name: str
    actors: tuple[MLP, ...]
    """Of each level, in the order of `Method.levels`."""
    moments: tuple[Moments, ...]
    """Of each level: normalisation of its inputs."""

    @functools.cached_property
    def networks(self) -> tuple[Network, ...]:
        """Of each level: raw inputs [..., D], generator -> actions (see `types.Network`)."""
        learner = learners.find(self.learner_name)

        def network(actor: MLP, moments: Moments) -> Network:
            def act(
                inputs: np.ndarray,
                rng: np.random.Generator | None,
                image: np.ndarray | None = None,
            ) -> np.ndarray:
                seen: Array = normalize(moments, inputs)
                if actor.kernels:
                    seen = Seen(seen, image)
                return learner.act(actor, seen, rng)

            return act

        return tuple(map(network, self.actors, self.moments))


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
        arrays = {"noise": np.asarray(self.noise)}
        for name, value in self.state._replace(policies=())._asdict().items():
            value = math.nan if value is None else value
            arrays[f"state.{name}"] = np.asarray(value, np.float64)
        for n, (actor, moments) in enumerate(
            zip(self.weights.actors, self.weights.moments, strict=True)
        ):
            for kind, layers in actor._asdict().items():
                arrays |= {f"{n}.{kind}.{i}": layer for i, layer in enumerate(layers)}
            arrays |= {f"{n}.moments.{k}": np.asarray(v) for k, v in moments._asdict().items()}
        return arrays


def unpacked(arrays: Mapping[str, np.ndarray], method: Method, learner_name: str) -> Acting:
    """The `Acting` of packed arrays, by a method of this process.

    Raises:
        KeyError: an array is missing.
    """
    levels = range(len(method.levels))
    actors = tuple(MLP(*(_layers(arrays, f"{n}.{kind}.") for kind in MLP._fields)) for n in levels)
    moments = tuple(
        Moments(**{k: arrays[f"{n}.moments.{k}"] for k in Moments._fields}) for n in levels
    )
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
    noise = bool(arrays["noise"])
    return Acting(method, Weights(learner_name, actors, moments), state, noise)


def _layers(arrays: Mapping[str, np.ndarray], start: str) -> tuple[np.ndarray, ...]:
    """The arrays whose names begin so, in the order of their numbers."""
    count = sum(name.startswith(start) for name in arrays)
    return tuple(arrays[f"{start}{i}"] for i in range(count))
