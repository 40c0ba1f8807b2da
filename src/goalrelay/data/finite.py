"""Numbers of an environment that cannot be learned from: NaN, infinite, or of absurd size."""

from collections.abc import Sequence

import numpy as np

from goalrelay.data.interface import GOAL_KEYS
from goalrelay.types import Spec

LARGEST = 1e15
"""The largest magnitude of a number of an environment: the squares of some 300 million such numbers
can be summed in float32."""


def first_bad(
    fields: Sequence[np.ndarray], rewards: Sequence[float], spec: Spec
) -> tuple[str, int]:
    """The first number of an episode that is NaN, infinite or above LARGEST.

    Args:
        fields: observation, achieved and desired goal, each [L + 1, .].
        rewards: of the L steps.
        spec: of the task.

    Returns:
        the number in words, empty if there is none; and its step.
    """
    for name, field in zip(GOAL_KEYS, fields, strict=True):
        broken = np.argwhere(~(np.abs(field) <= LARGEST))
        if len(broken):
            step, column = broken[0]
            what = f"{name}[{column}]"
            if name == GOAL_KEYS[1] and column >= spec.goal_size:  # what rewards need lies behind
                what = "a number of info" if spec.goal_size else "the reward"
            return f"{what} became {field[step, column]:g}", int(step)
    for step, reward in enumerate(rewards, 1):
        if not abs(reward) <= LARGEST:
            return f"the reward became {reward:g}", step
    return "", 0
