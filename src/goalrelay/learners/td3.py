"""TD3 (Fujimoto et al. 2018, arXiv 1802.09477): two critics, target smoothing, a delayed actor.

a' = clip(mu'(s') + clip(eps, +-c), +-1),  eps ~ N(0, sigma)
y  = clip(r + discount * min_i Q'_i(s', a'), return range)
critics:  sum_i mean (Q_i(s, a) - y)^2 (or Huber's loss), on each of `policy_delay` batches
actor:   -mean Q_1(s, mu(s)) + action_l2 * mean mu(s)^2, on the last of these batches
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

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
METRICS = ("critic_loss", "actor_loss", "q")
LOSSES = {"mse": jnp.square, "huber": optax.huber_loss}


@dataclass(frozen=True)
class Config(ActorConfig):
    """TD3."""

    policy_delay: int = number(2, 1, 100)
    """Critic steps for each actor step."""
    target_noise: float = number(0.2, 0)
    """Standard deviation of the noise on target actions."""
    target_noise_clip: float = number(0.5, 0)
    """This noise is clipped to [-this, this]."""
    loss: Literal["mse", "huber"] = "mse"
    """Loss of the critics: squared error, or Huber's (half the square up to 1, linear above)."""


class State(NamedTuple):
    """Networks and optimisers."""

    actor: MLP
    critics: tuple[MLP, MLP]
    target_actor: MLP
    target_critics: tuple[MLP, MLP]
    actor_optimizer: Any
    critic_optimizer: Any


def init(config: Config, spec: Spec, inputs: int, key: Array) -> State:
    """Initial networks; the target networks are equal to them."""
    actor_key, *critic_keys = jax.random.split(key, 3)
    policy = network(config, actor_key, (inputs, *config.hidden, spec.action_size), spec.image)
    first, second = (
        network(config, k, (inputs + spec.action_size, *config.hidden, 1), spec.image)
        for k in critic_keys
    )
    return State(
        policy,
        (first, second),
        policy,
        (first, second),
        optax.adam(config.actor_lr).init(policy),
        optax.adam(config.critic_lr).init((first, second)),
    )


def stride(config: Config) -> int:
    """`policy_delay` batches for each update, one for each critic step."""
    return config.policy_delay


def update(
    config: Config, context: UpdateContext, state: State, batches: Batch, key: Array
) -> tuple[State, dict[str, Array]]:
    """`policy_delay` critic steps, then one actor step; batches [policy_delay, B, ...]."""

    def critic_step(state: State, drawn: tuple[Batch, Array]) -> tuple[State, tuple[Array, Array]]:
        batch, key = drawn
        target = _target(config, context, state, batch, key)

        def loss(critics: tuple[MLP, MLP]) -> tuple[Array, Array]:
            first, second = (q_value(c, batch.inputs, batch.action) for c in critics)
            errors = LOSSES[config.loss](jnp.stack([first, second]) - target)
            return jnp.sum(jnp.mean(errors, axis=1)), jnp.mean(first)

        (error, q), gradient = jax.value_and_grad(loss, has_aux=True)(state.critics)
        step, optimizer = optax.adam(config.critic_lr).update(gradient, state.critic_optimizer)
        critics = optax.apply_updates(state.critics, step)
        return state._replace(critics=critics, critic_optimizer=optimizer), (error, q)

    keys = jax.random.split(key, config.policy_delay)
    state, (errors, q) = jax.lax.scan(critic_step, state, (batches, keys))
    last = jax.tree.map(lambda x: x[-1], batches)

    def value(action: Array) -> Array:
        return q_value(state.critics[0], last.inputs, action)

    def actor_loss(policy: MLP) -> Array:
        action = jnp.tanh(policy(last.inputs))
        loss = config.action_l2 * jnp.mean(jnp.square(action)) - jnp.mean(value(action))
        return with_imitation(context.imitation, loss, action, last, value)

    actor_error, gradient = jax.value_and_grad(actor_loss)(state.actor)
    step, optimizer = optax.adam(config.actor_lr).update(gradient, state.actor_optimizer)
    policy = optax.apply_updates(state.actor, step)
    state = state._replace(actor=policy, actor_optimizer=optimizer)
    return state, {"critic_loss": errors.mean(), "actor_loss": actor_error, "q": q.mean()}


def _target(
    config: Config, context: UpdateContext, state: State, batch: Batch, key: Array
) -> Array:
    """The smoothed, clipped double-Q target (TD3, equations 10 and 14): [B]"""
    noise = config.target_noise * jax.random.normal(key, batch.action.shape)
    noise = noise.clip(-config.target_noise_clip, config.target_noise_clip)
    next_action = (jnp.tanh(state.target_actor(batch.next_inputs)) + noise).clip(-1, 1)
    first, second = (q_value(c, batch.next_inputs, next_action) for c in state.target_critics)
    next_q = jnp.minimum(first, second)
    return clip_target(context, batch.reward + batch.discount * next_q)


def move_targets(config: Config, state: State) -> State:
    """A polyak step of the target networks towards the networks."""
    return state._replace(
        target_actor=toward(config, state.target_actor, state.actor),
        target_critics=toward(config, state.target_critics, state.critics),
    )


def actor(state: State) -> MLP:
    """The policy network."""
    return state.actor


def act(actor: MLP, inputs: Array, rng: np.random.Generator | None) -> Array:
    """mu(s): [..., D] -> [..., A] in [-1, 1]; deterministic either way."""
    output = actor(inputs)
    return output.__array_namespace__().tanh(output)
