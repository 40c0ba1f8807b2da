"""SAC (Haarnoja et al. 2018b, arXiv 1812.05905) with automatic temperature.

a', log pi(a'|s') from the current policy
y  = clip(r + discount * (min_i Q'_i(s', a') - alpha * log pi(a'|s')), return range)
critics:      sum_i mean (Q_i(s, a) - y)^2
actor:        mean (alpha * log pi(a|s) - min_i Q_i(s, a)) + action_l2 * mean a^2
temperature:  mean -log_alpha * (log pi(a|s) + target_entropy)
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from goalrelay.learners.config import ActorConfig, UpdateContext, clip_target, network, toward
from goalrelay.learners.imitation import with_imitation
from goalrelay.learners.networks import MLP, q_value
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
    """Temperature at the start."""
    target_entropy: float | None = None
    """Target entropy; minus the number of action dimensions by default."""
    action_l2: float = number(0.0, 0)
    """Weight of the mean squared action in the actor's loss."""
    clip_return: bool = False
    """Clip targets to the task's range of returns; off, since entropy adds to the reward."""
    target_interval: int = number(1, 0, 1_000_000)
    """Updates between two steps of the target networks; 0: one step after each cycle."""


class State(NamedTuple):
    """Networks, temperature and optimisers."""

    actor: MLP
    critics: tuple[MLP, MLP]
    target_critics: tuple[MLP, MLP]
    log_alpha: Array
    actor_optimizer: Any
    critic_optimizer: Any
    alpha_optimizer: Any


def init(config: Config, spec: Spec, inputs: int, key: Array) -> State:
    """Initial networks; the target critics are equal to the critics."""
    actor_key, *critic_keys = jax.random.split(key, 3)
    policy = network(config, actor_key, (inputs, *config.hidden, 2 * spec.action_size), spec.image)
    first, second = (
        network(config, k, (inputs + spec.action_size, *config.hidden, 1), spec.image)
        for k in critic_keys
    )
    log_alpha = jnp.log(jnp.array(config.initial_temperature, float))  # the type stays in updates
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
    """One batch for each update."""
    return 1


def sample(policy: MLP, inputs: Array, key: Array) -> tuple[Array, Array]:
    """Squashed Gaussian action [B, A] and its log-density [B] (SAC, appendix C)."""
    mean, log_std = jnp.split(policy(inputs), 2, axis=-1)
    log_std = log_std.clip(*LOG_STD_RANGE)
    noise = jax.random.normal(key, mean.shape)
    unsquashed = mean + jnp.exp(log_std) * noise  # u, with the action tanh(u)
    log_density = -0.5 * jnp.square(noise) - log_std - 0.5 * jnp.log(2 * jnp.pi)
    # log(1 - tanh(u)^2), in a form that does not underflow
    log_slope = 2 * (jnp.log(2.0) - unsquashed - jax.nn.softplus(-2 * unsquashed))
    return jnp.tanh(unsquashed), jnp.sum(log_density - log_slope, axis=-1)


def update(
    config: Config, context: UpdateContext, state: State, batches: Batch, key: Array
) -> tuple[State, dict[str, Array]]:
    """One step of critics, actor and temperature on one batch, [1, B, ...]."""
    batch = jax.tree.map(lambda x: x[0], batches)
    next_key, key = jax.random.split(key)
    alpha = jnp.exp(state.log_alpha)
    target = _target(context, state, alpha, batch, next_key)

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
    state = state._replace(
        actor=optax.apply_updates(state.actor, step),
        critics=critics,
        actor_optimizer=actor_optimizer,
        critic_optimizer=critic_optimizer,
    )
    state = _step_temperature(config, state, log_density, batch.action.shape[-1])
    metrics = {"critic_loss": critic_error, "actor_loss": actor_error, "q": q, "temperature": alpha}
    return state, metrics


def _target(context: UpdateContext, state: State, alpha: Array, batch: Batch, key: Array) -> Array:
    """The clipped double-Q target with the entropy term (SAC, section 4.2): [B]"""
    next_action, next_log_density = sample(state.actor, batch.next_inputs, key)
    first, second = (q_value(c, batch.next_inputs, next_action) for c in state.target_critics)
    next_value = jnp.minimum(first, second) - alpha * next_log_density
    return clip_target(context, batch.reward + batch.discount * next_value)


def _step_temperature(config: Config, state: State, log_density: Array, action_size: int) -> State:
    """One step of log_alpha (SAC, section 5).

    Args:
        config: the options.
        state: before the step.
        log_density: [] mean of log pi(a|s) over the batch.
        action_size: number of action dimensions.
    """
    entropy = -action_size if config.target_entropy is None else config.target_entropy
    gradient = -(log_density + entropy)  # of -log_alpha * (log pi + entropy)
    step, optimizer = optax.adam(config.temperature_lr).update(gradient, state.alpha_optimizer)
    log_alpha = optax.apply_updates(state.log_alpha, step)
    return state._replace(log_alpha=log_alpha, alpha_optimizer=optimizer)


def move_targets(config: Config, state: State) -> State:
    """A polyak step of the target critics towards the critics."""
    return state._replace(target_critics=toward(config, state.target_critics, state.critics))


def actor(state: State) -> MLP:
    """The policy network; its output is the mean and the log of the standard deviation."""
    return state.actor


def act(actor: MLP, inputs: Array, rng: np.random.Generator | None) -> Array:
    """[..., D] -> [..., A] in [-1, 1]: a sample, or the mode when rng is None."""
    output = actor(inputs)
    xp = output.__array_namespace__()
    half = output.shape[-1] // 2
    mean, log_std = output[..., :half], output[..., half:]
    if rng is not None:
        deviation = xp.exp(log_std.clip(*LOG_STD_RANGE))
        mean = mean + deviation * rng.standard_normal(mean.shape, np.float32)
    return xp.tanh(mean)
