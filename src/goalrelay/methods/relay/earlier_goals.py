"""Steps at which the goals that a stage has to maintain hold."""

import numpy as np

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.data.relabel import distance
from goalrelay.types import Stage, Steps

LOOKED_AT = 8
"""Steps looked at for each one that is wanted."""


def where_earlier_goals_hold(
    buffer: ReplayBuffer, stage: Stage, count: int, rng: np.random.Generator
) -> Steps:
    """Up to `count` steps [N] before which all that a stage maintains was at its goal.

    They are looked for among `LOOKED_AT` times as many uniformly drawn ones. A stage that maintains
    nothing has none.
    """
    drawn = buffer.sample(LOOKED_AT * count if stage.maintained else 0, rng)
    held = np.ones(len(drawn.row), bool)
    for constraint in stage.maintained:
        held &= distance(buffer, constraint, drawn.row) <= stage.switch
    chosen = np.flatnonzero(held)[:count]
    return Steps(*(field[chosen] for field in drawn[:4]))
