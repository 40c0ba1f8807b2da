"""Which stages a batch holds steps for, and how many of each."""

from collections.abc import Sequence

import numpy as np

from goalrelay.methods.relay.config import StageWeights
from goalrelay.methods.relay.stages import StageOrder

MINIMUM = 0.2
"""Least weight of a goal stage, so that learned stages are rehearsed and later ones get data."""


def stage_of_each(
    weights: StageWeights, order: StageOrder, reached: Sequence[float], shape: tuple[int, int]
) -> np.ndarray:
    """Which stage each place of the cycle's batches is for: [updates, B].

    Args:
        weights: how stages are weighed.
        order: the task's stages.
        reached: success rate of each stage in the last evaluation; empty before the first.
        shape: updates and B.
    """
    count = len(order.stages)
    if weights == "turns":
        return np.repeat(np.arange(shape[0])[:, None] % count, shape[1], axis=1)
    ratios = frontier(order, reached) if weights == "frontier" else np.ones(count)
    # The batch is cut into one run of places for each stage; `bounds` are the ends of the runs.
    bounds = np.round(np.cumsum(ratios / ratios.sum()) * shape[1])
    one = np.searchsorted(bounds, np.arange(shape[1]), side="right").clip(max=count - 1)
    return np.tile(one, (shape[0], 1))


def frontier(order: StageOrder, reached: Sequence[float]) -> np.ndarray:
    """Weights of stages [stages] where learning is at the frontier.

    A goal stage weighs as many of the last evaluation's episodes as reached the goal stage before
    it and not itself. Half of that is its own, half for the stages that prepare it.
    """
    weights = np.zeros(len(order.stages))
    came, first = 1.0, 0
    for number in range(len(order.stages)):
        if not order.is_goal_stage(number) and number < order.last:
            continue
        done = min(came, reached[number]) if reached else 0.0
        weights[first : number + 1] = _halves(number + 1 - first) * (MINIMUM + came - done)
        came, first = done, number + 1
    return weights


def _halves(count: int) -> np.ndarray:
    """Half for the last of so many, half for those before it: [count], sum 1."""
    if count == 1:
        return np.ones(1)
    return np.array([0.5 / (count - 1)] * (count - 1) + [0.5])
