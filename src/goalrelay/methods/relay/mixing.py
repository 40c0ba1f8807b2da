"""Which stages a batch holds steps for, and how many of each."""

from collections.abc import Sequence

import numpy as np

from goalrelay.goals import is_end
from goalrelay.methods.relay.config import Config
from goalrelay.types import Stage

FLOOR = 0.2
"""What an end weighs that is not at the frontier: nothing is forgotten, and later stages begin."""


def stage_of_each(
    config: Config, stages: Sequence[Stage], reached: Sequence[float], shape: tuple[int, int]
) -> np.ndarray:
    """Which stage each place of the cycle's batches is for: [updates, B].

    Args:
        config: says how stages are mixed.
        stages: of the task.
        reached: for each of them, the share of the last test's episodes that reached it; empty
            before the first.
        shape: updates and B.
    """
    if config.mixing == "turns":
        return np.repeat(np.arange(shape[0])[:, None] % len(stages), shape[1], axis=1)
    shares = np.array(config.shares or (1.0,) * len(stages))
    if config.mixing == "frontier" and not config.shares:
        shares = frontier(stages, reached)
    bounds = np.round(np.cumsum(shares / shares.sum()) * shape[1])
    one = np.searchsorted(bounds, np.arange(shape[1]), side="right").clip(max=len(stages) - 1)
    return np.tile(one, (shape[0], 1))


def frontier(stages: Sequence[Stage], reached: Sequence[float]) -> np.ndarray:
    """What stages weigh in a batch, where learning is at the frontier: [stages]

    An end (an object at its goal) weighs as many of the last test's episodes as reached the end
    before it and not itself; half of that is its own, half for the means to it (the gripper at
    that object).
    """
    weights = np.zeros(len(stages))
    came, first = 1.0, 0
    for number, _ in enumerate(stages):
        if not is_end(stages, number) and number < len(stages) - 1:
            continue
        done = min(came, reached[number]) if reached else 0.0
        weights[first : number + 1] = _halves(number + 1 - first) * (FLOOR + came - done)
        came, first = done, number + 1
    return weights


def _halves(count: int) -> np.ndarray:
    """Half for the last of so many, half for those before it: [count], sum 1."""
    if count == 1:
        return np.ones(1)
    return np.array([0.5 / (count - 1)] * (count - 1) + [0.5])
