"""Imitation in the actor's loss: of demonstrated steps (Nair et al. 2018), and of action targets.

    L = policy_weight * L_policy + weight * sum over demonstrated steps of |mu(s) - a|^2

With the Q-filter, the sum is only over steps with Q(s, a) > Q(s, mu(s)): the critic rates the
demonstrated action higher (arXiv 1709.10089, section IV; OpenAI Baselines' `prm_loss_weight`,
`aux_loss_weight`, `q_filter`). It is a sum and not a mean, so more demonstrated steps in a batch
have more weight.

A method can also give action targets (`types.ActionTarget`): mean weight * |mu(s) - a*|^2.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from goalrelay.types import Array, Batch


class Imitation(NamedTuple):
    """Options of imitation in the actor's loss."""

    weight: float = 0.0
    """Weight of the summed squared distance from demonstrated actions; 0: no imitation."""
    policy_weight: float = 1.0
    """Weight of the actor's own loss; 0: imitation only."""
    q_filter: bool = True
    """Imitate only steps for which the critic rates the demonstrated action above the actor's."""


def with_imitation(
    config: Imitation,
    policy_loss: Array,
    action: Array,
    batch: Batch,
    value: Callable[[Array], Array],
) -> Array:
    """The actor's loss [] with imitation of demonstrated steps and of action targets.

    Args:
        config: the weights.
        policy_loss: [] the actor's own loss.
        action: [B, A] the actor's actions, mu(s).
        batch: with the demonstrated actions, and which of its steps are demonstrated.
        value: Q(s, .) at the batch's inputs: [B, A] -> [B].
    """
    if batch.action_target is not None:
        gap = jnp.sum(jnp.square(action - batch.action_target.action), axis=-1)
        policy_loss = policy_loss + jnp.mean(batch.action_target.weight * gap)
    if not config.weight or batch.demonstrated is None:
        return config.policy_weight * policy_loss
    imitated = batch.demonstrated  # [B] 1 for steps to imitate, else 0
    if config.q_filter:
        better = value(batch.action) > value(jax.lax.stop_gradient(action))
        imitated = imitated * better
    distance = jnp.sum(jnp.square(action - batch.action), axis=-1)
    return config.policy_weight * policy_loss + config.weight * jnp.sum(imitated * distance)
