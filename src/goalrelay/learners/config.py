"""Options of all learners, the clipping of targets, and the step of target networks."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from goalrelay.learners.imitation import Imitation
from goalrelay.learners.networks import Init
from goalrelay.settings import number
from goalrelay.types import Array, Spec


@dataclass(frozen=True)
class LearnerConfig:
    """Options of every learner."""

    hidden: tuple[int, ...] = number((256, 256, 256), 1, 8192)
    """Sizes of the hidden layers of every network."""
    init: Init = "glorot"
    """Initial weights: `glorot` (Baselines), `fan_in` (usual in PyTorch), or `small_final_layer`:
    `fan_in` with an output layer near zero."""
    critic_lr: float = number(1e-3, above=0, high=1)
    """Adam's step size for critics (and for DQN's network)."""
    gamma: float = number(0.98, 0, below=1)
    """Discount per step."""
    batch_size: int = number(256, 1, 1_000_000)
    """Transitions in one update."""
    polyak: float = number(0.95, 0, below=1)
    """Fraction of the old target network that is kept at each of its steps (tau = 1 - polyak)."""
    target_move: Literal["update", "cycle"] = "cycle"
    """When target networks step: after every update, or once after each cycle (Baselines)."""
    normalize: bool = True
    """Normalise inputs by their running mean and standard deviation."""
    clip_input: float = number(200.0, above=0)
    """Raw inputs are clipped to [-this, this] before normalisation."""
    clip_return: bool = True
    """Clip targets to the returns that the task's reward range allows: [-1 / (1 - gamma), 0] for
    rewards of -1 and 0. No effect for tasks that declare no range."""


@dataclass(frozen=True)
class ActorConfig(LearnerConfig):
    """Options of learners with an actor network."""

    actor_lr: float = number(1e-3, above=0, high=1)
    """Adam's step size for the actor."""
    action_l2: float = number(1.0, 0)
    """Weight of the mean squared action in the actor's loss; it keeps tanh from saturating."""


class UpdateContext(NamedTuple):
    """Constants of a run that an update needs in addition to the learner's options."""

    value_range: tuple[float, float] | None = None
    """Smallest and largest possible return; None: unknown."""
    imitation: Imitation = Imitation()
    """Options of imitation in the actor's loss."""


def value_range(config: LearnerConfig, spec: Spec) -> tuple[float, float] | None:
    """Smallest and largest return for a task's reward range; None: targets are not clipped."""
    if not config.clip_return or spec.reward_range is None:
        return None
    low, high = spec.reward_range
    horizon = 1 / (1 - config.gamma)
    return min(low * horizon, low), max(high * horizon, high)


def clip_target(context: UpdateContext, target: Array) -> Array:
    """Targets [B] clipped to the possible returns, if these are known."""
    return target if context.value_range is None else jnp.clip(target, *context.value_range)


def toward(config: LearnerConfig, target: Array, online: Array) -> Array:
    """A polyak step: polyak * target + (1 - polyak) * online, over pytrees."""
    return jax.tree.map(lambda t, o: config.polyak * t + (1 - config.polyak) * o, target, online)
