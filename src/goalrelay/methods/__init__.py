"""ONE FILE = ONE METHOD: a composition of relabelling, a learner and exploration.

Every module here has

    Config                    frozen dataclass with an `exploration`
    NEEDS_GOALS               whether it is for goal tasks only
    PRESETS                   named settings with the evidence beside them; `default` among them
    input_size(spec)          size of the network input
    act(learner, actor, moments, observation, rng) -> action       rng None: deterministic
    relabel(config, task, gamma, replay, index, rng) -> Batch      old steps, given a meaning

The update is the learner's. `goalrelay methods` prints the first line of each module.
"""

import functools
import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from goalrelay.errors import UsageError
from goalrelay.learners import Learner
from goalrelay.networks import MLP
from goalrelay.normalizer import Moments
from goalrelay.relabel import Reward, Terminal
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


class Rules(NamedTuple):
    """What relabelling needs of a task: how it judges."""

    reward: Reward
    terminal: Terminal


class Method(Protocol):
    """What a method module offers; see the package."""

    Config: Any
    NEEDS_GOALS: bool
    PRESETS: Mapping[str, Preset]

    def input_size(self, spec: Spec) -> int: ...
    def act(
        self,
        learner: Learner,
        actor: MLP,
        moments: Moments,
        observation: Observation,
        rng: np.random.Generator | None,
    ) -> np.ndarray: ...
    def relabel(
        self,
        config: Any,
        rules: Rules,
        gamma: float,
        replay: Replay,
        index: Index,
        rng: np.random.Generator,
    ) -> Batch: ...


def names() -> list[str]:
    """The methods: the folder listing is the registry (design law 3)."""
    return [m.name for m in pkgutil.iter_modules(__path__)]


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
