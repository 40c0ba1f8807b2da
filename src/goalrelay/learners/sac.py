"""SAC (Haarnoja et al. 2018b) with the automatic temperature.

a', log pi(a'|s') from the current policy
y  = clip(r + discount * (min_i Q'_i(s', a') - alpha * log pi(a'|s')), return range)
critics:      sum_i mean (Q_i(s, a) - y)^2
actor:        mean (alpha * log pi(a|s) - min_i Q_i(s, a)) + action_l2 * mean a^2
temperature:  mean -log_alpha * (log pi(a|s) + target_entropy)
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from goalrelay.learners.config import ActorConfig, UpdateContext, clip_target, toward
from goalrelay.learners.imitation import with_imitation
from goalrelay.learners.networks import MLP, mlp, q_value
from goalrelay.settings import number
from goalrelay.types import Array, Batch, Spec

CONTINUOUS = True
METRICS = ("critic_loss", "actor_loss", "q", "temperature")
LOG_STD_RANGE = (-20.0, 2.0)


@dataclass(frozen=True)
class Config(ActorConfig):
    """SAC."""

    temperature_lr: float = number(1e-3, above=0, high=1)
    """Adam's step size for the logarithm of the temperature."""
    initial_temperature: float = number(1.0, above=0)
    """The temperature at the start."""
    target_entropy: float | None = None
    """Entropy aimed at; minus the number of action dimensions by default."""
    action_l2: float = number(0.0, 0)
    """Weight of the mean squared action in the actor's loss."""
    clip_return: bool = False
    """Clip targets to the task's reward range; off, since entropy adds to the reward."""
    target_move: Literal["update", "cycle"] = "update"
    """When targets move: after every update, or once after each cycle of updates."""


class State(NamedTuple):
    """Everything that learning changes."""

    actor: MLP
    critics: tuple[MLP, MLP]
    target_critics: tuple[MLP, MLP]
    log_alpha: Array
    actor_optimizer: Any
    critic_optimizer: Any
    alpha_optimizer: Any


def init(config: Config, spec: Spec, inputs: int, key: Array) -> State:
    """Fresh networks; target critics start equal to the critics."""
    actor_key, *critic_keys = jax.random.split(key, 3)
    policy = mlp(actor_key, (inputs, *config.hidden, 2 * spec.action_size), config.init)
    first, second = (
        mlp(k, (inputs + spec.action_size, *config.hidden, 1), config.init) for k in critic_keys
    )
    log_alpha = jnp.log(config.initial_temperature)
    return State(
        policy,
        (first, second),
        (first, second),
        log_alpha,
        optax.adam(config.actor_lr).init(policy),
        optax.adam(config.critic_lr).init((first, second)),
        optax.adam(config.temperature_lr).init(log_alpha),
    )


def stride(config: Config) -> int:
    """One batch an update."""
    return 1


def sample(policy: MLP, inputs: Array, key: Array) -> tuple[Array, Array]:
    """Squashed Gaussian action [B, A] and its log-density [B] (SAC, appendix C)."""
    mean, log_std = jnp.split(policy(inputs), 2, axis=-1)
    log_std = log_std.clip(*LOG_STD_RANGE)
    noise = jax.random.normal(key, mean.shape)
    before = mean + jnp.exp(log_std) * noise
    log_density = -0.5 * jnp.square(noise) - log_std - 0.5 * jnp.log(2 * jnp.pi)
    # log(1 - tanh(u)^2), written so that it does not underflow
    log_slope = 2 * (jnp.log(2.0) - before - jax.nn.softplus(-2 * before))
    return jnp.tanh(before), jnp.sum(log_density - log_slope, axis=-1)


def update(
    config: Config, context: UpdateContext, state: State, batches: Batch, key: Array
) -> tuple[State, dict[str, Array]]:
    """One step of critics, actor and temperature on batches [1, B, ...]."""
    batch = jax.tree.map(lambda x: x[0], batches)
    next_key, key = jax.random.split(key)
    alpha = jnp.exp(state.log_alpha)
    next_action, next_log_density = sample(state.actor, batch.next_inputs, next_key)
    first, second = (q_value(c, batch.next_inputs, next_action) for c in state.target_critics)
    next_value = jnp.minimum(first, second) - alpha * next_log_density
    target = clip_target(context, batch.reward + batch.discount * next_value)

    def critic_loss(critics: tuple[MLP, MLP]) -> tuple[Array, Array]:
        first, second = (q_value(c, batch.inputs, batch.action) for c in critics)
        error = jnp.mean(jnp.square(first - target)) + jnp.mean(jnp.square(second - target))
        return error, jnp.mean(first)

    (critic_error, q), gradient = jax.value_and_grad(critic_loss, has_aux=True)(state.critics)
    step, critic_optimizer = optax.adam(config.critic_lr).update(gradient, state.critic_optimizer)
    critics: Any = optax.apply_updates(state.critics, step)

    def value(action: Array) -> Array:
        return jnp.minimum(*(q_value(c, batch.inputs, action) for c in critics))

    def actor_loss(policy: MLP) -> tuple[Array, Array]:
        action, log_density = sample(policy, batch.inputs, key)
        soft_value = value(action) - alpha * log_density
        loss = config.action_l2 * jnp.mean(jnp.square(action)) - jnp.mean(soft_value)
        return with_imitation(context.imitation, loss, action, batch, value), log_density.mean()

    (actor_error, log_density), gradient = jax.value_and_grad(actor_loss, has_aux=True)(state.actor)
    step, actor_optimizer = optax.adam(config.actor_lr).update(gradient, state.actor_optimizer)
    policy = optax.apply_updates(state.actor, step)

    entropy = -batch.action.shape[-1] if config.target_entropy is None else config.target_entropy
    alpha_gradient = -(log_density + entropy)  # of -log_alpha * (log pi + entropy)
    step, alpha_optimizer = optax.adam(config.temperature_lr).update(
        alpha_gradient, state.alpha_optimizer
    )
    state = state._replace(
        actor=policy,
        critics=critics,
        log_alpha=optax.apply_updates(state.log_alpha, step),
        actor_optimizer=actor_optimizer,
        critic_optimizer=critic_optimizer,
        alpha_optimizer=alpha_optimizer,
    )
    return state, {
        "critic_loss": critic_error,
        "actor_loss": actor_error,
        "q": q,
        "temperature": alpha,
    }


def move_targets(config: Config, state: State) -> State:
    """Target critics take a polyak step toward the critics."""
    return state._replace(target_critics=toward(config, state.target_critics, state.critics))


def actor(state: State) -> MLP:
    """The policy network: mean and log-deviation."""
    return state.actor


def act(actor: MLP, inputs: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
    """[..., D] -> [..., A] in [-1, 1]: a sample, or the mode when rng is None."""
    output = actor(inputs)
    half = output.shape[-1] // 2
    mean, log_std = output[..., :half], output[..., half:]
    if rng is not None:
        deviation = np.exp(log_std.clip(*LOG_STD_RANGE))
        mean = mean + deviation * rng.standard_normal(mean.shape, np.float32)
    return np.tanh(mean)
