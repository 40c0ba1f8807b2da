"""Double DQN (van Hasselt et al. 2016, arXiv 1509.06461) for discrete actions.

y = clip(r + discount * Q'(s', argmax_a Q(s', a)), return range)
loss:  mean huber(Q(s, a) - y)
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from goalrelay.learners.config import LearnerConfig, UpdateContext, clip_target, network, toward
from goalrelay.learners.networks import MLP
from goalrelay.settings import number
from goalrelay.types import Array, Batch, Spec

CONTINUOUS = False
METRICS = ("critic_loss", "q")


@dataclass(frozen=True)
class Config(LearnerConfig):
    """Double DQN."""

    hidden: tuple[int, ...] = number((256,), 1, 8192)
    """Sizes of the hidden layers."""


class State(NamedTuple):
    """Networks and optimiser."""

    critic: MLP
    target_critic: MLP
    optimizer: Any


def init(config: Config, spec: Spec, inputs: int, key: Array) -> State:
    """The initial network; the target network is equal to it."""
    critic = network(config, key, (inputs, *config.hidden, spec.action_size), spec.image)
    return State(critic, critic, optax.adam(config.critic_lr).init(critic))


def stride(config: Config) -> int:
    """One batch for each update."""
    return 1


def update(
    config: Config, context: UpdateContext, state: State, batches: Batch, key: Array
) -> tuple[State, dict[str, Array]]:
    """One step on one batch, [1, B, ...], with integer actions [1, B]."""
    batch = jax.tree.map(lambda x: x[0], batches)
    best = jnp.argmax(state.critic(batch.next_inputs), axis=-1)
    next_q = _pick(state.target_critic(batch.next_inputs), best)
    target = clip_target(context, batch.reward + batch.discount * next_q)

    def loss(critic: MLP) -> tuple[Array, Array]:
        q = _pick(critic(batch.inputs), batch.action)
        return jnp.mean(optax.huber_loss(q, target)), jnp.mean(q)

    (error, q), gradient = jax.value_and_grad(loss, has_aux=True)(state.critic)
    step, optimizer = optax.adam(config.critic_lr).update(gradient, state.optimizer)
    critic = optax.apply_updates(state.critic, step)
    state = state._replace(critic=critic, optimizer=optimizer)
    return state, {"critic_loss": error, "q": q}


def _pick(values: Array, action: Array) -> Array:
    """values[b, action[b]]: [B, A], [B] -> [B]"""
    return jnp.take_along_axis(values, action[:, None], axis=-1)[:, 0]


def move_targets(config: Config, state: State) -> State:
    """A polyak step of the target network towards the network."""
    return state._replace(target_critic=toward(config, state.target_critic, state.critic))


def actor(state: State) -> MLP:
    """The Q network; its argmax acts."""
    return state.critic


def act(actor: MLP, inputs: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
    """argmax_a Q(s, a): [..., D] -> [...] int32"""
    return np.asarray(actor(inputs).argmax(axis=-1), np.int32)
