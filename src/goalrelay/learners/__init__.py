"""ONE FILE = ONE UPDATE RULE. A learner is a module of pure functions over a pytree.

Every module here has

    Config                                       frozen dataclass, a docstring a field
    init(config, spec, inputs, key) -> State     a pytree of arrays, targets included
    stride(config) -> int                        how many batches one `update` takes
    update(config, context, state, batches, key) -> State, metrics; batches [stride, B, ...]
    move_targets(config, state) -> State         one step of the target networks
    actor(state) -> MLP                          all that acting needs
    act(actor, inputs, rng) -> action            NumPy; deterministic when rng is None
    CONTINUOUS                                   the kind of actions it can learn
    METRICS                                      names of the metrics, in the log's order

and `agent.run_cycle` turns any of them into one jitted scan over a cycle of updates.
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
    """What a learner module offers; see the package."""

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
    def act(
        self, actor: MLP, inputs: np.ndarray, rng: np.random.Generator | None
    ) -> np.ndarray: ...


NOT_LEARNERS = {"agent", "config", "imitation", "networks", "normalizer"}


def names() -> list[str]:
    """The learners: the folder listing is the registry (design law 3)."""
    return [m.name for m in pkgutil.iter_modules(__path__) if m.name not in NOT_LEARNERS]


@functools.cache  # acting asks for it at every step
def find(name: str) -> Learner:
    """The learner of a name.

    Raises:
        UsageError: unknown, with the nearest match.
    """
    if name not in names():
        raise UsageError(f"unknown learner '{name}'{suggest(name, names())}")
    module: Any = importlib.import_module(f"{__name__}.{name}")
    return module
