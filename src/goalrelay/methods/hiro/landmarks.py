"""Landmarks: the high level is drawn along the quickest way that was walked.

HIGL (Kim et al. 2021, arXiv 2110.13625) and DHRL (Lee et al. 2022, arXiv 2210.05150) plan over a
graph of stored moments whose edges are values; here an edge is what did happen. The room is cut
into cells; who was in one and in another within a period has walked from the one to the other, and
the seldomer those who were in the first came to the second, the longer that step takes: a corner at
which one gets stuck is far away. From the robot's cell the quickest way to the desired goal's cell
(or to the nearest one that is known) is followed for some cells, and the place there is what the
sub-goal should be:

    L = -Q(s, g) + weight * |g - g*|^2    g* the place AHEAD cells along the way

The way is only asked while learning: what acts is the network.
"""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from goalrelay.methods.hiro.cells import numbered
from goalrelay.methods.hiro.config import Config, columns, ranges
from goalrelay.replay import Replay
from goalrelay.types import Pull, Spec

CELL = 0.2
"""Side of a cell, as a share of each column's reach."""
AHEAD = 2
"""Cells along the way: far enough to walk straight, near enough not to cut corners."""
MOMENTS = 50_000
"""Moments that say who walked where, drawn anew for every cycle of batches."""


def known(config: Config, spec: Spec) -> bool:
    """Whether there are landmarks: sub-goals and desired goals are both about the task's places."""
    places = columns(config, spec) == list(spec.absolute)
    return config.landmarks > 0 and places and spec.goal_size >= len(spec.absolute)


def pull(
    config: Config,
    spec: Spec,
    replay: Replay,
    start: np.ndarray,
    desired: np.ndarray,
    rng: np.random.Generator,
) -> Pull:
    """Where sub-goals are drawn to.

    Args:
        config: the method's.
        spec: of the task.
        replay: the facts.
        start: [B] rows at which the high level decides.
        desired: [B, G] the goals that it has there, places first.
        rng: draws the moments that are asked.

    Returns:
        sub-goals [B, K], as shares of the reach, and weights [B]: 0 where no way is known.
    """
    chosen, size = columns(config, spec), CELL * ranges(config, spec)

    def places(rows: np.ndarray) -> np.ndarray:  # in cells
        return replay.observation[rows][:, chosen] / size

    index = replay.sample(MOMENTS, rng)
    left = np.minimum(config.period, index.length - index.time)
    later = index.row + rng.integers(1, left + 1)
    walked = np.concatenate([places(index.row), places(later)])
    _, cell = np.unique(numbered(walked), return_inverse=True)
    middle = _means(walked, cell)
    here, there = places(start), desired[:, : len(chosen)] / size
    at, to = _nearest(middle, here), _nearest(middle, there)
    following, known = _ways(len(middle), cell[: len(index.row)], cell[len(index.row) :], to)
    goal = np.searchsorted(known, to)
    node = at
    for _ in range(AHEAD):
        node = following[goal, node]
    wanted = np.where((node == to)[:, None], there, middle[node])
    target = ((wanted - here) * CELL).clip(-1, 1).astype(np.float32)
    return Pull(target, config.landmarks * (node >= 0).astype(np.float32))


def _means(places: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """The mean place [N, K] of those in each cell: [M, K], [M] -> away from walls."""
    count = np.bincount(cell)
    return np.stack([np.bincount(cell, column) / count for column in places.T], axis=1)


def _nearest(middle: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The cell [B] whose middle is nearest: [N, K], [B, K]."""
    square = np.square(middle).sum(axis=1) - 2 * place @ middle.T
    return np.argmin(square, axis=1)


def _ways(
    count: int, before: np.ndarray, after: np.ndarray, goals: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What follows each cell on the quickest way to each goal [D, N + 1], and those goals [D].

    A step takes as long as one has to try, on average: moments in a cell for each that led on.

    A goal follows itself; -1 follows where no way is known, and -1.
    """
    edge, times = np.unique(before * count + after, return_counts=True)
    tail, head = edge // count, edge % count
    tries = np.bincount(before)[tail] / times
    backward = csr_array((tries, (head, tail)), shape=(count, count))
    known = np.unique(goals)
    _, following = dijkstra(backward, indices=known, return_predecessors=True)
    following = np.maximum(following, -1)
    following[np.arange(len(known)), known] = known
    return np.pad(following, ((0, 0), (0, 1)), constant_values=-1), known
