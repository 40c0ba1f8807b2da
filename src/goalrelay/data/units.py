"""Rewards in the units of the learners: -1 and 0 for sparse tasks, about 1 for others.

Options such as the penalty of large actions were tuned for rewards of -1 and 0. A task can pay 1
and 0, or a hundredth. For a sparse task with two rewards the affine map that makes them -1 and 0
changes no ranking of policies: with discount gamma, and the goal reached after T steps,

    goes on at the goal:  V = far (1 - gamma^T) / (1 - gamma) + near gamma^T / (1 - gamma)
    ends at the goal:     V = far (1 - gamma^T) / (1 - gamma) + near gamma^T

and both grow with gamma^T alone, as they do for far = -1 and near = 0. Other rewards are divided by
their typical size.
"""

import numpy as np

from goalrelay.types import Task

SPARSE = (-1.0, 0.0)
"""Rewards of a sparse task in the learners' units: away from the goal, and at the goal."""


def in_learner_units(task: Task) -> Task:
    """The task with its rewards in the learners' units."""
    limits, scale = task.spec.reward_range, task.spec.reward_scale
    if limits == SPARSE or (limits is None and scale == 1):
        return task
    offset = 0.0 if limits is None else limits[1]
    unit = scale if limits is None else limits[1] - limits[0]

    def reward(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        return ((task.reward(achieved, desired) - offset) / unit).astype(np.float32)

    spec = task.spec._replace(reward_range=limits and SPARSE, reward_scale=1.0)
    return task._replace(spec=spec, reward=reward)
