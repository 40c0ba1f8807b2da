"""Sub-goals within reach: the high level is drawn to places that a period can come to.

HRAC (Zhang et al. 2020, arXiv 2006.11485) learns a network that tells which places are adjacent,
k steps apart, from a table of who came where, and weighs distances beyond. Here the table itself
answers: of the moments at which the robot was in the same small cell, those that followed within
a period say what is adjacent; a sub-goal in no cell of theirs is drawn to the nearest of them.

    L = -Q(s, g) + weight * |g - g*|^2    g* the nearest place that was come to from here
"""

import numpy as np

from goalrelay.methods.hiro.cells import around, moments
from goalrelay.methods.hiro.config import Config, columns, ranges
from goalrelay.replay import Replay
from goalrelay.types import Pull, Spec

CELL = 0.1
"""Side of a cell, as a share of each column's reach."""
MOMENTS = 20_000
"""Moments that are asked, drawn anew for every cycle of batches."""
NEIGHBOURS = 64
"""Of those in one cell, so many at most."""


def pull(
    config: Config,
    spec: Spec,
    replay: Replay,
    start: np.ndarray,
    wanted: np.ndarray,
    rng: np.random.Generator,
) -> Pull:
    """Where sub-goals are drawn to.

    Args:
        config: the method's.
        spec: of the task.
        replay: the facts.
        start: [B] rows at which the high level decides.
        wanted: [B, K] its sub-goals there, as shares of their reach.
        rng: draws the moments that are asked.

    Returns:
        the nearest adjacent sub-goals [B, K], as shares of the reach, and weights [B]: 0 where the
        wanted one is adjacent itself, or nobody was here before.
    """

    def places(rows: np.ndarray) -> np.ndarray:  # in cells
        seen = replay.observation[rows][:, columns(config, spec)]
        return seen / (CELL * ranges(config, spec))

    before, after = (places(index.row) for index in moments(config.period, replay, MOMENTS, rng))
    here = places(start)
    there = here + wanted / CELL
    cells = around(np.concatenate([before, here]))
    asked, mine = cells.number(before), cells.number(here)
    order = np.argsort(asked, kind="stable")
    asked = asked[order]
    first = np.searchsorted(asked, mine, side="left")
    found = np.searchsorted(asked, mine, side="right") - first
    count = np.minimum(found, NEIGHBOURS)  # the order within a cell is that of the draw
    which = first[:, None] + np.arange(NEIGHBOURS) % np.maximum(count, 1)[:, None]
    ends = after[order[which.clip(max=len(order) - 1)]]  # [B, N, K]
    nearest = np.argmin(np.linalg.norm(ends - there[:, None], axis=-1), axis=1)
    nearest = ends[np.arange(len(ends)), nearest]
    far = (count > 0) & (np.floor(nearest) != np.floor(there)).any(axis=1)
    target = ((nearest - here) * CELL).clip(-1, 1).astype(np.float32)
    return Pull(target, config.adjacency * far.astype(np.float32))
