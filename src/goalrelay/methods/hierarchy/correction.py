"""HIRO's off-policy correction: sub-goals under which today's low level would act as was acted.

    argmax_g  -1/2 sum_i |a_i - low(s_i, g + s_t - s_i)|^2       (HIRO, equation 5)

Candidates g are the sub-goal that was set, the change that was achieved, and eight drawn around
that. All of them go through the low level, for all steps of a cycle's batches, in a few passes.
"""

import numpy as np

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.methods.hierarchy.subgoals import SubgoalSpace
from goalrelay.types import Network

CANDIDATES = 8
"""Sub-goals drawn around the achieved change (HIRO)."""
DEVIATION = 0.5
"""Their standard deviation, as a fraction of the range (HIRO)."""
ROWS = 5_000
"""Steps that go through the low level at once, about: the output of its layers then fits into a
cache (a third of the time that 100,000 take)."""


def correct(
    space: SubgoalSpace,
    buffer: ReplayBuffer,
    low_policy: Network,
    rows: np.ndarray,
    valid: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """The sub-goals [B, K] that explain best what was done.

    Args:
        space: of sub-goals.
        buffer: what happened.
        low_policy: the newest policy of the low level.
        rows: [B, c] rows of the steps for which each sub-goal stood.
        valid: [B, c] bool: False where the episode had ended before.
        rng: draws candidates.
    """
    columns, reach, size = space.columns, space.range, buffer.action.shape[1] - len(space.columns)
    last = rows[np.arange(len(rows)), valid.sum(axis=1) - 1]
    begin = buffer.observation[rows[:, 0]][:, columns]
    change = buffer.observation[last + 1][:, columns] - begin
    drawn = rng.standard_normal((CANDIDATES, *change.shape), np.float32)
    drawn = change + DEVIATION * reach * drawn
    stored = buffer.action[rows[:, 0]][:, size:]
    candidates = np.concatenate([stored[None], change[None], drawn]).clip(
        -reach, reach
    )  # [M, B, K]
    moved = buffer.observation[rows][..., columns] - begin[:, None]  # [B, c, K]
    score = np.empty(candidates.shape[:2])
    chunk = max(1, ROWS // (len(candidates) * rows.shape[1]))
    for first in range(0, len(rows), chunk):
        some = slice(first, first + chunk)
        subgoals = candidates[:, some, None] - moved[None, some]  # [M, b, c, K], at each step
        observation = buffer.observation[rows[some]]
        observation = np.broadcast_to(observation, (len(candidates), *observation.shape))
        action = low_policy(space.low_input(observation, subgoals), None)
        gap = np.square(buffer.action[rows[some]][..., :size] - action).sum(axis=-1)
        score[:, some] = -0.5 * (gap * valid[some]).sum(axis=-1)
    best = np.argmax(score, axis=0)
    return candidates[best, np.arange(len(rows))]
