"""The networks that act, with the statistics of their inputs: NumPy arrays."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from goalrelay.learners import find
from goalrelay.learners.networks import MLP, Seen
from goalrelay.learners.normalizer import Moments, normalize
from goalrelay.types import Array, Network


@dataclass(frozen=True)
class Weights:
    """The networks of each level of a method."""

    learner_name: str
    actors: tuple[MLP, ...]
    """Of each level, in the order of `Method.levels`."""
    moments: tuple[Moments, ...]
    """Of each level: normalisation of its inputs."""

    @functools.cached_property
    def networks(self) -> tuple[Network, ...]:
        """Of each level: raw inputs [..., D], generator -> actions (see `types.Network`)."""
        learner = find(self.learner_name)

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

    def packed(self) -> dict[str, np.ndarray]:
        """The arrays by name: `0.weights.1` is of the first level's second layer."""
        arrays: dict[str, np.ndarray] = {}
        for n, (actor, moments) in enumerate(zip(self.actors, self.moments, strict=True)):
            for kind, layers in actor._asdict().items():
                arrays |= {f"{n}.{kind}.{i}": layer for i, layer in enumerate(layers)}
            arrays |= {f"{n}.moments.{k}": np.asarray(v) for k, v in moments._asdict().items()}
        return arrays


def unpacked(arrays: Mapping[str, np.ndarray], learner_name: str, levels: int) -> Weights:
    """The weights of packed arrays.

    Args:
        arrays: by name; others are ignored.
        learner_name: which learner's networks they are.
        levels: of the method.

    Raises:
        KeyError: an array is missing.
    """
    actors = tuple(
        MLP(*(_layers(arrays, f"{n}.{kind}.") for kind in MLP._fields)) for n in range(levels)
    )
    moments = tuple(
        Moments(**{k: arrays[f"{n}.moments.{k}"] for k in Moments._fields}) for n in range(levels)
    )
    return Weights(learner_name, actors, moments)


def _layers(arrays: Mapping[str, np.ndarray], start: str) -> tuple[np.ndarray, ...]:
    """The arrays whose names begin so, in the order of their numbers."""
    count = sum(name.startswith(start) for name in arrays)
    return tuple(arrays[f"{start}{i}"] for i in range(count))
