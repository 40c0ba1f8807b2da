"""What every method offers: a class that is built once from its configuration and a task.

    act(snapshot, rng) -> Act            who acts in one episode; rng None: without noise
    sample(buffer, snapshot, shape, rng) -> Batch, figures      draw steps, relabel, encode
    inputs(buffer, steps, rng) -> [N, D]        what the normaliser counts and the network sees
    levels -> one, or two                       a hierarchy has two, each with its own learner

`sample` and `inputs` belong to a `Level`. A method with one learner is its own level.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.data.priority import Name as PriorityName
from goalrelay.methods.exploration import Exploration
from goalrelay.types import ActionTarget, Batch, Episode, Observation, Snapshot, Spec, Steps, Task

Act = Callable[[Observation], np.ndarray]
"""The action at a timestep of one episode; a hierarchy adds its sub-goal behind it."""

Setting = bool | int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...] | None


class Preset(NamedTuple):
    """A named set of values."""

    about: str
    """What it reproduces, and the evidence."""
    learner: str
    """The learner it uses unless another is asked for."""
    settings: Mapping[str, Setting]
    """Option by dotted name -> value. A `learner.` option that the chosen learner lacks is left
    out (DQN has no actor). The preset `default` names no `method.` option: the defaults of the
    method's `Config` are the default preset."""


@dataclass(frozen=True)
class MethodConfig:
    """Options that every method has."""

    exploration: Exploration = field(default_factory=Exploration)
    """Noise while collecting."""


class Level(ABC):
    """What one learner needs of a method."""

    name: str = ""
    """Prefix of its metrics."""
    spec: Spec
    """The task as this learner knows it: its actions, its rewards."""
    interval: int = 1
    """One update for so many of the first level."""
    normalized: np.ndarray
    """[D] bool: which network inputs are normalised."""

    @abstractmethod
    def sample(
        self,
        buffer: ReplayBuffer,
        snapshot: Snapshot,
        shape: tuple[int, int],
        rng: np.random.Generator,
    ) -> tuple[Batch, dict[str, float]]:
        """A cycle of batches [updates, B], and diagnostic figures."""

    @abstractmethod
    def inputs(self, buffer: ReplayBuffer, steps: Steps, rng: np.random.Generator) -> np.ndarray:
        """Network inputs [N, D] of steps [N], as `sample` gives them; not yet normalised."""


class Method(ABC):
    """A method for one task."""

    Config: ClassVar[type[MethodConfig]]
    PRESETS: ClassVar[Mapping[str, Preset]]
    NEEDS_GOALS: ClassVar[bool] = True
    """Whether it is for goal tasks only."""
    FIGURES: ClassVar[tuple[str, ...]] = ()
    """Names of the diagnostic figures that `sample` gives."""

    levels: tuple[Level, ...]
    """The level that acts first comes first."""
    priority: PriorityName = "uniform"
    """How steps are weighed when they are stored."""
    failure_lasts: bool = False
    """Whether an end without success lasts, see `data.relabel.Objective`."""

    def __init__(self, config: MethodConfig, task: Task, gamma: float):
        """Build a method.

        Args:
            config: its options.
            task: what it has to solve.
            gamma: the learner's discount.

        Raises:
            UsageError: an option that does not fit the task, named.
        """
        self.config = config
        self.task = task

    @abstractmethod
    def act(self, snapshot: Snapshot, rng: np.random.Generator | None) -> Act:
        """What acts in one episode: of training with a generator, of evaluation without."""

    def evaluated_stage(self, observation: Observation) -> int | None:
        """Number of the stage that acts at a timestep of evaluation; None: one policy for all."""
        return None

    def act_in_stage(self, snapshot: Snapshot, stage: int) -> Act:
        """What acts without noise for one stage's goal; one policy for all ignores the stage."""
        return self.act(snapshot, None)

    def subgoal_position(self, observation: Observation, decision: np.ndarray) -> np.ndarray | None:
        """Position [P] in the world that a hierarchy's sub-goal asks for, for films."""
        return None

    def completed(self, demonstration: Episode) -> Episode:
        """A demonstration with what the method stores behind each action."""
        return demonstration

    @property
    def extra_action_size(self) -> int:
        """Numbers that are stored with each action: a hierarchy's sub-goal."""
        return sum(level.spec.action_size for level in self.levels[1:])


def combine(batches: Sequence[Batch], join: Callable[[list[np.ndarray]], np.ndarray]) -> Batch:
    """One batch of several that have the same fields: `join` makes one array of each field's."""
    fields = [
        None if arrays[0] is None else join(list(arrays))
        for arrays in zip(*(batch[:-1] for batch in batches), strict=True)
    ]
    targets = [batch.action_target for batch in batches if batch.action_target is not None]
    target = None
    if targets:
        target = ActionTarget(*(join(list(arrays)) for arrays in zip(*targets, strict=True)))
    return Batch(*fields, action_target=target)


def in_cycle(batch: Batch, shape: tuple[int, int]) -> Batch:
    """Fields [updates * B, ...] as a cycle of batches [updates, B, ...]."""
    return combine([batch], lambda arrays: arrays[0].reshape(*shape, *arrays[0].shape[1:]))
