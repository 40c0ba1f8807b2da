"""DDPG (Lillicrap et al. 2016, arXiv 1509.02971) in the form of OpenAI Baselines' HER.

    y  = clip(r + discount * Q'(s', mu'(s')), return range)
    critic:  mean (Q(s, a) - y)^2
    actor:  -mean Q(s, mu(s)) + action_l2 * mean mu(s)^2

Both gradients are computed at the same parameters; then both networks step (Baselines' order).
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
from goalrelay.types import Array, Batch, Spec

CONTINUOUS = True
METRICS = ("critic_loss", "actor_loss", "q")


@dataclass(frozen=True)
class Config(ActorConfig):
    """DDPG."""


class State(NamedTuple):
    """Networks and optimisers."""

    actor: MLP
    critic: MLP
    target_actor: MLP
    target_critic: MLP
    actor_optimizer: Any
    critic_optimizer: Any


def init(config: Config, spec: Spec, inputs: int, key: Array) -> State:
    """Initial networks; the target networks are equal to them."""
    actor_key, critic_key = jax.random.split(key)
    policy = network(config, actor_key, (inputs, *config.hidden, spec.action_size), spec.image)
    critic = network(config, critic_key, (inputs + spec.action_size, *config.hidden, 1), spec.image)
    return State(
        policy,
        critic,
        policy,
        critic,
        optax.adam(config.actor_lr).init(policy),
        optax.adam(config.critic_lr).init(critic),
    )


def stride(config: Config) -> int:
    """One batch for each update."""
    return 1


def update(
    config: Config, context: UpdateContext, state: State, batches: Batch, key: Array
) -> tuple[State, dict[str, Array]]:
    """One step of critic and actor on one batch, [1, B, ...]."""
    batch = jax.tree.map(lambda x: x[0], batches)
    next_action = jnp.tanh(state.target_actor(batch.next_inputs))
    next_q = q_value(state.target_critic, batch.next_inputs, next_action)
    target = clip_target(context, batch.reward + batch.discount * next_q)

    def critic_loss(critic: MLP) -> tuple[Array, Array]:
        q = q_value(critic, batch.inputs, batch.action)
        return jnp.mean(jnp.square(q - target)), jnp.mean(q)

    def value(action: Array) -> Array:
        return q_value(state.critic, batch.inputs, action)

    def actor_loss(policy: MLP) -> Array:
        action = jnp.tanh(policy(batch.inputs))
        loss = config.action_l2 * jnp.mean(jnp.square(action)) - jnp.mean(value(action))
        return with_imitation(context.imitation, loss, action, batch, value)

    (critic_error, q), critic_gradient = jax.value_and_grad(critic_loss, has_aux=True)(state.critic)
    actor_error, actor_gradient = jax.value_and_grad(actor_loss)(state.actor)
    critic_step, critic_optimizer = optax.adam(config.critic_lr).update(
        critic_gradient, state.critic_optimizer
    )
    actor_step, actor_optimizer = optax.adam(config.actor_lr).update(
        actor_gradient, state.actor_optimizer
    )
    state = state._replace(
        actor=optax.apply_updates(state.actor, actor_step),
        critic=optax.apply_updates(state.critic, critic_step),
        actor_optimizer=actor_optimizer,
        critic_optimizer=critic_optimizer,
    )
    return state, {"critic_loss": critic_error, "actor_loss": actor_error, "q": q}


def move_targets(config: Config, state: State) -> State:
    """A polyak step of the target networks towards the networks."""
    return state._replace(
        target_actor=toward(config, state.target_actor, state.actor),
        target_critic=toward(config, state.target_critic, state.critic),
    )


def actor(state: State) -> MLP:
    """The policy network."""
    return state.actor


def act(actor: MLP, inputs: Array, rng: np.random.Generator | None) -> Array:
    """mu(s): [..., D] -> [..., A] in [-1, 1]; deterministic either way."""
    output = actor(inputs)
    return output.__array_namespace__().tanh(output)
