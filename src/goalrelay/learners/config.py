"""Options of all learners, the clipping of targets, and the step of target networks."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from goalrelay.learners.imitation import Imitation
from goalrelay.learners.networks import MLP, Init, encoder, features, mlp
from goalrelay.settings import number
from goalrelay.types import Array, Spec


@dataclass(frozen=True)
class LearnerConfig:
    """Options of every learner."""

    hidden: tuple[int, ...] = number((256, 256, 256), 1, 8192)
    """Sizes of the hidden layers of every network."""
    init: Init = "glorot"
    """Initial weights: `glorot` (Baselines), `fan_in` (usual in PyTorch), `small_final_layer`
    (`fan_in` with an output layer near zero), or `orthogonal` (mrl)."""
    layer_norm: bool = False
    """Layer normalisation before the ReLU of every hidden layer (Ba et al. 2016)."""
    critic_lr: float = number(1e-3, above=0, high=1)
    """Adam's step size for critics (and for DQN's network)."""
    gamma: float = number(0.98, 0, below=1)
    """Discount per step."""
    batch_size: int = number(256, 1, 1_000_000)
    """Transitions in one update."""
    polyak: float = number(0.95, 0, below=1)
    """Fraction of the old target network that is kept at each of its steps (tau = 1 - polyak)."""
    target_interval: int = number(0, 0, 1_000_000)
    """Updates between two steps of the target networks, counted from the start of each cycle; 0:
    one step after each cycle (Baselines)."""
    normalize: bool = True
    """Normalise inputs by their running mean and standard deviation."""
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


def network(
    config: LearnerConfig, key: Array, sizes: tuple[int, ...], image: tuple[int, ...]
) -> MLP:
    """An initial network with layers sizes[0] -> ... -> sizes[-1], which also sees such images."""
    sizes = (features(image) + sizes[0], *sizes[1:])
    plain = mlp(key, sizes, config.init, config.layer_norm)
    if not image:
        return plain
    kernels, offsets = encoder(jax.random.fold_in(key, 0), image[-1])
    return plain._replace(kernels=kernels, offsets=offsets)


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
