"""Behaviour cloning of demonstrated steps, as a part of an actor's loss (Nair et al. 2018).

    L = policy_weight * L_policy + weight * sum over demonstrated steps of |mu(s) - a|^2

With the Q-filter only over those steps on which the critic thinks the demonstrator better,
Q(s, a) > Q(s, mu(s)) (arXiv 1709.10089, section IV; OpenAI Baselines' `prm_loss_weight`,
`aux_loss_weight`, `q_filter`). A sum, not a mean: more demonstrated steps in a batch weigh more.

A method can also say where its actor is drawn to (`types.Pull`): mean weight * |mu(s) - a*|^2.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from goalrelay.settings import number
from goalrelay.types import Array, Batch


@dataclass(frozen=True)
class Cloning:
    """Imitation of demonstrated steps (method demos)."""

    weight: float = number(0.0, 0)
    """Weight of the summed squared distance from demonstrated actions; 0: no imitation."""
    policy_weight: float = number(1.0, 0)
    """Weight of the actor's own loss beside it; 0: nothing but imitation."""
    q_filter: bool = True
    """Imitate only where the critic thinks the demonstrator better than the actor."""


def with_cloning(
    config: Cloning,
    policy_loss: Array,
    action: Array,
    batch: Batch,
    value: Callable[[Array], Array],
) -> Array:
    """The actor's loss [] with its part of imitation, and of what the method draws it to.

    Args:
        config: the weights.
        policy_loss: [] the actor's own loss.
        action: [B, A] the actor's actions, mu(s).
        batch: what was done, and by whom.
        value: Q(s, .) of the batch's inputs: [B, A] -> [B].
    """
    if batch.pull is not None:
        away = jnp.sum(jnp.square(action - batch.pull.action), axis=-1)
        policy_loss = policy_loss + jnp.mean(batch.pull.weight * away)
    if not config.weight or batch.demonstrated is None:
        return config.policy_weight * policy_loss
    copied = batch.demonstrated
    if config.q_filter:
        better = value(batch.action) > value(jax.lax.stop_gradient(action))
        copied = copied * better
    distance = jnp.sum(jnp.square(action - batch.action), axis=-1)
    return config.policy_weight * policy_loss + config.weight * jnp.sum(copied * distance)
