"""Which steps of a demonstrator were for the sake of a stage, so that its policy may imitate them.

A demonstrator who carries the second block does nothing for the first. A step was for a stage if
the goal stages before it held and the stage itself was still to be reached. For the last stage, a
step was for it from when the others held to the end of the episode.
"""

import numpy as np

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.data.relabel import distance
from goalrelay.methods.relay.stages import StageOrder


def serves_stage(
    order: StageOrder, number: int, buffer: ReplayBuffer, rows: np.ndarray
) -> np.ndarray:
    """Whether the steps were for the sake of a stage, [B] bool.

    Args:
        order: the task's stages.
        number: of the stage.
        buffer: what the demonstrator did.
        rows: [B] of the steps.
    """

    def holds(stage: int, constraints: int | None = None) -> np.ndarray:
        own = order.stages[stage]
        chosen = own.constraints[:constraints]
        near = [distance(buffer, c, rows) <= order.switch[stage] for c in chosen]
        return np.all(near, axis=0)

    last = order.last
    goal_stage = next(n for n in range(number, last + 1) if n == last or order.is_goal_stage(n))
    serves = np.ones(len(rows), bool)
    for before in range(goal_stage):
        if order.is_goal_stage(before):
            serves &= holds(before)
    if goal_stage < last:
        serves &= ~holds(goal_stage)
    if number < goal_stage:
        serves &= ~holds(number, 1)  # the goal stages before watch over what else it maintains
    return serves
