"""A cycle of updates as one jitted scan, for any learner.

The call returns at once (JAX dispatches asynchronously), so physics for the next episodes runs
while it computes. Inputs are normalised once for the whole cycle; keys are split once at the top;
a delayed actor (TD3) is structure, not branching: an `update` takes `stride` batches.
"""

from functools import partial
from typing import Any

import jax

from goalrelay.learners import Learner
from goalrelay.normalizer import Moments, normalize
from goalrelay.types import Array, Batch


@partial(jax.jit, static_argnums=(0, 1))
def run_cycle(
    learner: Learner, config: Any, state: Any, moments: Moments, batches: Batch, key: Array
) -> tuple[Any, dict[str, Array]]:
    """N updates: batches [N, B, ...] with N a multiple of the stride -> state, mean metrics."""
    stride = learner.stride(config)
    groups = jax.tree.map(
        lambda x: x.reshape(x.shape[0] // stride, stride, *x.shape[1:]),
        batches._replace(
            inputs=normalize(moments, batches.inputs),
            next_inputs=normalize(moments, batches.next_inputs),
        ),
    )
    keys = jax.random.split(key, groups.reward.shape[0])

    def step(state: Any, drawn: tuple[Batch, Array]) -> tuple[Any, dict[str, Array]]:
        state, metrics = learner.update(config, state, *drawn)
        if config.target_move == "update":
            state = learner.move_targets(config, state)
        return state, metrics

    state, metrics = jax.lax.scan(step, state, (groups, keys))
    if config.target_move == "cycle":
        state = learner.move_targets(config, state)
    return state, jax.tree.map(lambda x: x.mean(), metrics)
