"""Which steps of a demonstrator were for the sake of a stage, so that its policy may imitate them.

A demonstrator who carries the second block does nothing for the first. A step was for a stage if
the ends before it held and the stage itself was still to be reached; for the last one, from when
the others held to the end of the episode.
"""

from collections.abc import Sequence

import numpy as np

from goalrelay.goals import Guidance, is_end, switch
from goalrelay.relabel import distance
from goalrelay.replay import Replay
from goalrelay.types import Stage


def intended(
    config: Guidance, stages: Sequence[Stage], number: int, replay: Replay, rows: np.ndarray
) -> np.ndarray:
    """Whether the steps were for the sake of a stage, [B] bool.

    Args:
        config: where stages count as reached.
        stages: of the task.
        number: of the stage.
        replay: what the demonstrator did.
        rows: [B] of the steps.
    """

    def holds(stage: Stage, pairs: int | None = None) -> np.ndarray:
        near = [distance(replay, p, rows) <= switch(config, stage) for p in stage.pairs[:pairs]]
        return np.all(near, axis=0)

    last = len(stages) - 1
    end = next(n for n in range(number, last + 1) if n == last or is_end(stages, n))
    meant = np.ones(len(rows), bool)
    for before in range(end):
        if is_end(stages, before):
            meant &= holds(stages[before])
    if end < last:
        meant &= ~holds(stages[end])
    if number < end:
        meant &= ~holds(stages[number], 1)  # what else it asks for, the ends before watch
    return meant
