"""What the method hiro is configured by."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from goalrelay.exploration import Exploration
from goalrelay.settings import number
from goalrelay.types import Spec


@dataclass(frozen=True)
class Config:
    """Hierarchy with off-policy correction."""

    period: int = number(10, 1, 1000)
    """Steps for which the high level's goal stands (c)."""
    every: int | None = number(None, 1, 1000)
    """Updates of the low level for each one of the high level (default: the period)."""
    columns: tuple[int, ...] = ()
    """Columns of the observation that a sub-goal wants changed (default: of the positions that the
    task declares)."""
    reach: tuple[float, ...] = ()
    """How far a sub-goal may change each of them; one number stands for all (default: what the task
    declares)."""
    hide: bool = True
    """The low level does not see where in the room things are (columns that the task declares)."""
    egocentric: bool = False
    """The low level sees the room from where the robot looks (where the task declares its body and
    sub-goals are about the places that the task declares); so does the high level where the task
    has no goals."""
    mirrored: bool = False
    """The low level learns from mirror images too (where the task declares its body's, and as
    above)."""
    low_gamma: float | None = number(None, 0, below=1)
    """Discount of the low level (default: the learner's)."""
    shaped: bool = False
    """The low level is rewarded for the way that it gains toward the sub-goal: the same reward
    shaped by the distance, and scaled. The best policy is the same, but its values need not tell
    the distance, beside which a step is little."""
    freeze: int | None = number(None, 0)
    """Environment steps after which the low level learns no more (default: it always learns)."""
    bootstrap: Literal["kept", "next"] = "kept"
    """What the low level looks ahead to when a period is over: the same place (the paper), or
    the sub-goal that came next (the authors' code)."""
    correction: Literal["off-policy", "none"] = "off-policy"
    """Whether old sub-goals are replaced by those under which today's low level would do what was
    done."""
    candidates: int = number(8, 0, 1000)
    """Sub-goals drawn around what was reached, beside that itself and the old one."""
    candidate_noise: float = number(0.5, 0)
    """Their deviation, as a share of the reach."""
    reward_scale: float = number(0.1, above=0)
    """Of the high level's summed reward."""
    hindsight: float = number(0.0, 0, 1)
    """Share of the low level's steps whose sub-goal becomes a change that did come about within
    the period."""
    high_hindsight: float = number(0.0, 0, 1)
    """Share of the high level's steps whose desired goal becomes one that was achieved later."""
    actual: float = number(0.0, 0, 1)
    """Share of the high level's steps whose desired goal becomes one that was desired at another
    stored step; the other steps are relabelled as high_hindsight says."""
    adjacency: float = number(0.0, 0)
    """Weight of the squared distance, in shares of the reach, of the high level's sub-goals from
    the nearest place that a period can come to, where they are none themselves (HRAC)."""
    landmarks: float = number(0.0, 0)
    """Weight of the squared distance, in shares of the reach, of the high level's sub-goals from
    the next place on the way to the desired goal that promises to be the quickest; only where both
    are about the places that the task declares."""
    proven: bool = False
    """Where episodes came to the desired goal, sub-goals are drawn to where these went from here
    instead; only with landmarks, and for sparse rewards."""
    subgoal_noise: tuple[float, ...] = (0.1,)
    """Deviation of the noise on sub-goals while collecting, as a share of each column's reach; one
    number stands for all."""
    persistence: float = number(0.0, 0, below=1)
    """Correlation of that noise from one sub-goal to the next."""
    wander: float = number(0.0, 0, 1)
    """Share of training episodes that explore from where what was learned leads: without noise on
    sub-goals up to some moment, and from then on with random ones, as persistent as the noise
    (first return, then explore: Ecoffet et al. 2021)."""
    priority: Literal["uniform"] = "uniform"
    """All steps are drawn alike."""
    exploration: Exploration = field(default_factory=Exploration)
    """Noise on the low level's actions while collecting; `random` is the share of sub-goals that
    are replaced by random ones."""


def columns(config: Config, spec: Spec) -> list[int]:
    """[K] what sub-goals are about."""
    return list(config.columns or spec.absolute)


def about_places(config: Config, spec: Spec) -> bool:
    """Whether sub-goals are about the places that the task declares."""
    return columns(config, spec) == list(spec.absolute)


def ranges(config: Config, spec: Spec) -> np.ndarray:
    """[K] how far a sub-goal may change each column."""
    return _each(config.reach or spec.reach, len(columns(config, spec)))


def noise(config: Config, spec: Spec) -> np.ndarray:
    """[K] deviation of the noise on a sub-goal."""
    return ranges(config, spec) * _each(config.subgoal_noise, len(columns(config, spec)))


def _each(numbers: tuple[float, ...], count: int) -> np.ndarray:
    return np.array(numbers * count if len(numbers) == 1 else numbers, np.float32)
