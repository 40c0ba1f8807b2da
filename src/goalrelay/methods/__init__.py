"""ONE FILE = ONE METHOD: a composition of relabelling, a learner and exploration.

Every module here has

    Config                    frozen dataclass with an `exploration` and a `priority`
    PARTS                     of a hierarchy, the level that acts first; () for a single learner
    NEEDS_GOALS               whether it is for goal tasks only
    DEMONSTRATED              whether it needs demonstrations, found where `Config.data` says
    PRESETS                   named settings with the evidence beside them; `default` among them
    FIGURES                   names of the diagnostic figures that `sample` gives
    check(config, rules)      raises UsageError where options do not fit the task
    input_size(config, spec)  size of the network input
    normalized(config, spec)  which of the inputs are normalised, [D] bool
    play(config, spec, network) -> Act                                a test episode: no noise
    begin(config, spec, network, progress, rng) -> Act                a training episode
    sample(config, rules, replay, shape, rng) -> Batch, figures       old steps, given a meaning
    observed(config, rules, replay, index, rng) -> inputs             what normalisation counts

A hierarchy has `PARTS` instead of the last two, of the sizes and of what is normalised: one
learner each, and a tuple of networks to act with; and

    wanted(config, spec, observation, decision) -> place, or None     what a film shows

The update is the learner's. `goalrelay methods` prints the first line of each module.
"""

import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from goalrelay.errors import UsageError
from goalrelay.goals import Progress
from goalrelay.relabel import Rules
from goalrelay.replay import Replay
from goalrelay.settings import suggest
from goalrelay.types import Batch, Index, Observation, Spec


class Preset(NamedTuple):
    """A named set of values."""

    about: str
    """What it reproduces, and the evidence."""
    learner: str
    """The learner it uses unless another is asked for."""
    settings: Mapping[str, Any]
    """Option by dotted name -> value. A `learner.` option that the chosen learner lacks is left
    out (DQN has no actor)."""


class Part(NamedTuple):
    """What a method says of one of its levels."""

    name: str
    """Before the names of its metrics."""
    learned: Callable[[Any, Spec], Spec]
    """(config, spec) -> the task as its learner knows it: what it acts by, what it is rewarded."""
    every: Callable[[Any], int]
    """(config) -> it makes one update for so many of the first level."""
    learns: Callable[[Any, int], bool]
    """(config, environment steps so far) -> whether it still learns."""
    input_size: Callable[[Any, Spec], int]
    normalized: Callable[[Any, Spec], np.ndarray]
    sample: Callable[..., tuple[Batch, dict[str, float]]]
    observed: Callable[..., np.ndarray]


Network = Callable[[np.ndarray, np.random.Generator | None], np.ndarray]
"""Raw inputs [D] -> action; a stochastic policy samples when a generator is given."""

Act = Callable[[Observation], np.ndarray]
"""What to do now, in one episode: an action, and beside it whatever else was decided."""


class Method(Protocol):
    """What a method module offers; see the package."""

    Config: Any
    PARTS: tuple[Part, ...]
    NEEDS_GOALS: bool
    DEMONSTRATED: bool
    PRESETS: Mapping[str, Preset]

    FIGURES: tuple[str, ...]

    def check(self, config: Any, rules: Rules) -> None: ...
    def input_size(self, config: Any, spec: Spec) -> int: ...
    def normalized(self, config: Any, spec: Spec) -> np.ndarray: ...
    def play(self, config: Any, spec: Spec, network: Any) -> Act: ...
    def begin(
        self,
        config: Any,
        spec: Spec,
        network: Any,
        progress: Progress,
        rng: np.random.Generator,
    ) -> Act: ...
    def sample(
        self,
        config: Any,
        rules: Rules,
        replay: Replay,
        shape: tuple[int, int],
        rng: np.random.Generator,
    ) -> tuple[Batch, dict[str, float]]: ...
    def observed(
        self, config: Any, rules: Rules, replay: Replay, index: Index, rng: np.random.Generator
    ) -> np.ndarray: ...
    def wanted(
        self, config: Any, spec: Spec, observation: Observation, decision: np.ndarray
    ) -> np.ndarray | None: ...


def names() -> list[str]:
    """The methods: the folder listing is the registry (design law 3)."""
    return [m.name for m in pkgutil.iter_modules(__path__)]


def parts(method: Method) -> tuple[Part, ...]:
    """The levels of a method, the one that acts first."""
    if method.PARTS:
        return method.PARTS
    alone = Part(
        "",
        lambda _, spec: spec,
        lambda _: 1,
        lambda _, __: True,
        method.input_size,
        method.normalized,
        method.sample,
        method.observed,
    )
    return (alone,)


@functools.cache  # acting asks for it at every step
def find(name: str) -> Method:
    """The method of a name.

    Raises:
        UsageError: unknown, with the nearest match.
    """
    if name not in names():
        raise UsageError(f"unknown method '{name}'{suggest(name, names())}")
    module: Any = importlib.import_module(f"{__name__}.{name}")
    return module
