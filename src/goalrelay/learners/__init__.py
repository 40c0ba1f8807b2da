"""Learners. One file is one update rule: a module of pure functions over a pytree of arrays.

A learner module has

    Config                                       frozen dataclass, a docstring for each field
    init(config, spec, inputs, key) -> State     networks, target networks, optimisers
    stride(config) -> int                        number of batches that one `update` takes
    update(config, context, state, batches, key) -> State, metrics; batches [stride, B, ...]
    move_targets(config, state) -> State         one step of the target networks
    actor(state) -> MLP                          the network that acts
    act(actor, inputs, rng) -> action            NumPy or JAX; deterministic when rng is None
    CONTINUOUS                                   true for continuous actions, false for discrete
    METRICS                                      names of the metrics, in the log's order

`agent.run_cycle` makes one jitted scan over a cycle of updates from any of them.
"""

import functools
import importlib
import pkgutil
from typing import Any, Protocol

import numpy as np

from goalrelay.errors import UsageError
from goalrelay.learners.config import UpdateContext
from goalrelay.learners.networks import MLP
from goalrelay.settings import suggest
from goalrelay.types import Array, Batch, Spec


class Learner(Protocol):
    """The interface of a learner module; see the package."""

    CONTINUOUS: bool
    METRICS: tuple[str, ...]
    Config: Any

    def init(self, config: Any, spec: Spec, inputs: int, key: Array) -> Any: ...
    def stride(self, config: Any) -> int: ...
    def update(
        self, config: Any, context: UpdateContext, state: Any, batches: Batch, key: Array
    ) -> tuple[Any, dict[str, Array]]: ...
    def move_targets(self, config: Any, state: Any) -> Any: ...
    def actor(self, state: Any) -> MLP: ...
    def act(self, actor: MLP, inputs: Array, rng: np.random.Generator | None) -> Array: ...


NOT_LEARNERS = {"agent", "config", "imitation", "networks", "normalizer", "weights"}


def names() -> list[str]:
    """The learners: the folder listing is the registry (design law 3)."""
    return [m.name for m in pkgutil.iter_modules(__path__) if m.name not in NOT_LEARNERS]


@functools.cache  # acting calls it at every step
def find(name: str) -> Learner:
    """The learner of a name.

    Raises:
        UsageError: the name is unknown; the message has the nearest match.
    """
    if name not in names():
        raise UsageError(f"unknown learner '{name}'{suggest(name, names())}")
    module: Any = importlib.import_module(f"{__name__}.{name}")
    return module
