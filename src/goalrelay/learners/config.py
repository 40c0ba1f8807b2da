"""What all learners are configured by, and the target-network step they share."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

import jax
import jax.numpy as jnp

from goalrelay.learners.cloning import Cloning
from goalrelay.networks import Init
from goalrelay.settings import number
from goalrelay.types import Array, Spec


@dataclass(frozen=True)
class LearnerConfig:
    """Fields every learner has."""

    hidden: tuple[int, ...] = number((256, 256, 256), 1, 8192)
    """Sizes of the hidden layers of every network."""
    init: Init = "glorot"
    """How weights start: `glorot` (Baselines), `fan_in` (customary in PyTorch), or `small_end`, the
    same with an output layer near zero."""
    critic_lr: float = number(1e-3, above=0, high=1)
    """Adam's step size for critics (and for DQN's network)."""
    gamma: float = number(0.98, 0, below=1)
    """Discount per step."""
    batch_size: int = number(256, 1, 1_000_000)
    """Transitions in one update."""
    polyak: float = number(0.95, 0, below=1)
    """Share of the old target network kept at each of its moves."""
    target_move: Literal["update", "cycle"] = "cycle"
    """When targets move: after every update, or once after each cycle of updates (Baselines)."""
    normalize: bool = True
    """Normalise inputs by their running mean and deviation."""
    clip_input: float = number(200.0, above=0)
    """Raw inputs are clipped to +- this before they are normalised."""
    clip_normalized: float = number(5.0, above=0)
    """Normalised inputs are clipped to +- this."""
    clip_return: bool = True
    """Clip targets to the returns that the task's reward range allows; for rewards of -1 and 0
    that is [-1 / (1 - gamma), 0]. Tasks that promise no range are not clipped."""
    return_low: float | None = None
    """Lowest target value; by default computed from the task's reward range."""
    return_high: float | None = None
    """Highest target value; by default computed from the task's reward range."""


@dataclass(frozen=True)
class ActorConfig(LearnerConfig):
    """Fields of learners with an actor network."""

    actor_lr: float = number(1e-3, above=0, high=1)
    """Adam's step size for the actor."""
    action_l2: float = number(1.0, 0)
    """Weight of the mean squared action in the actor's loss; keeps tanh out of saturation."""
    cloning: Cloning = field(default_factory=Cloning)
    """Imitation of demonstrated steps (method demos)."""


AnyConfig = TypeVar("AnyConfig", bound=LearnerConfig)


def resolve(config: AnyConfig, spec: Spec) -> AnyConfig:
    """The configuration with the limits of a return filled in from the task's reward range."""
    if not config.clip_return or spec.reward_range is None:
        return config
    low, high = spec.reward_range
    horizon = 1 / (1 - config.gamma)
    limits: dict[str, Any] = {}
    if config.return_low is None:
        limits["return_low"] = min(low * horizon, low)
    if config.return_high is None:
        limits["return_high"] = max(high * horizon, high)
    return replace(config, **limits)


def clip_target(config: LearnerConfig, target: Array) -> Array:
    """Targets within the limits of a return, where there are any."""
    if config.return_low is None and config.return_high is None:
        return target
    return jnp.clip(target, config.return_low, config.return_high)


def toward(config: LearnerConfig, target: Array, online: Array) -> Array:
    """Polyak * target + (1 - polyak) * online, over pytrees."""
    return jax.tree.map(lambda t, o: config.polyak * t + (1 - config.polyak) * o, target, online)
