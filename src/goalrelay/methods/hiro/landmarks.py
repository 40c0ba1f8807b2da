"""Landmarks: the high level is drawn along the way that promises to be the quickest.

HIGL (Kim et al. 2021, arXiv 2110.13625) and DHRL (Lee et al. 2022, arXiv 2210.05150) plan over a
graph of stored moments whose edges are values. Here the room is cut into cells, and what happened
says how long a step from one to another takes: as many tries as there were moments in the first
for each that led on to the second within a period,

    tries(i -> j) = (moments in i + 1) / (moments in i that led to j + 1)

Neighbours are joined from the start, so the unknown is thought to be open until it has been tried:
a wall, or a corner at which one gets stuck, becomes longer with every try, and the robot looks for
another way. The quickest way from its cell to the desired goal's is followed for some cells, and
the place there is what the sub-goal should be:

    L = -Q(s, g) + weight * |g - g*|^2    g* the place AHEAD cells along the way

The way is only asked while learning: what acts is the network.
"""

import itertools

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from goalrelay.methods.hiro.cells import Cells, around, moments
from goalrelay.methods.hiro.config import Config, columns, ranges
from goalrelay.replay import Replay
from goalrelay.types import Pull, Spec

CELL = 0.2
"""Side of a cell, as a share of each column's reach."""
MOST_CELLS = 2000
"""In a larger room cells are larger."""
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
        sub-goals [B, K], as shares of the reach, and their weights [B].
    """
    chosen, reach = columns(config, spec), ranges(config, spec)
    rows = np.concatenate([*moments(config.period, replay, MOMENTS, rng), start])
    places = np.concatenate([replay.observation[rows[:, None], chosen], desired[:, : len(chosen)]])
    places /= reach
    room = np.ptp(places, axis=0) / CELL + 3
    side = CELL * max(1.0, (room.prod() / MOST_CELLS) ** (1 / len(chosen)))
    before, after, here, there = np.split(places / side, np.cumsum([MOMENTS, MOMENTS, len(start)]))
    cells = around(places / side, margin=1)
    came, led, node, to = (cells.number(x) for x in (before, after, here, there))
    asked, following = _ways(_tries(cells, came, led, replay.transitions / MOMENTS), to)
    goal = np.searchsorted(asked, to)
    for _ in range(AHEAD):
        node = following[goal, node]
    middle = _middles(cells, np.concatenate([came, led]), np.concatenate([before, after]))
    wanted = np.where((node == to)[:, None], there, middle[node])
    target = ((wanted - here) * side).clip(-1, 1).astype(np.float32)
    return Pull(target, np.full(len(start), config.landmarks, np.float32))


def _tries(cells: Cells, before: np.ndarray, after: np.ndarray, seen: float) -> csr_array:
    """How many tries a step takes [N, N], from row to column.

    Args:
        cells: of the room.
        before: [M] the cell of each moment.
        after: [M] a cell that it led on to.
        seen: moments for which each of these stands.
    """
    count, positions = cells.size, cells.positions()
    pairs = [before * count + after]
    for way in itertools.product((-1, 0, 1), repeat=len(cells.shape)):
        inside = ((positions + way >= 0) & (positions + way < cells.shape)).all(axis=1)
        head = np.ravel_multi_index(tuple((positions + way)[inside].T), cells.shape)
        pairs.append(np.flatnonzero(inside) * count + head)
    edge, which = np.unique(np.concatenate(pairs), return_inverse=True)
    led = np.bincount(which[: len(before)], minlength=len(edge))
    tail, head = edge // count, edge % count
    asked = np.bincount(before, minlength=count)[tail]
    return csr_array(((seen * asked + 1) / (seen * led + 1), (tail, head)), (count, count))


def _ways(tries: csr_array, goals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Those goals once each [D], and what follows each cell on the quickest way to them [D, N].

    A goal follows itself.
    """
    asked = np.unique(goals)
    _, following = dijkstra(tries.T, indices=asked, return_predecessors=True)
    following[np.arange(len(asked)), asked] = asked
    return asked, following


def _middles(cells: Cells, number: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The place [N, K] that stands for each cell: the mean of those seen in it, or its centre."""
    count = cells.size
    seen = np.bincount(number, minlength=count)[:, None]
    total = np.stack([np.bincount(number, x, minlength=count) for x in places.T], axis=1)
    centre = cells.corner + cells.positions() + 0.5
    return np.where(seen, total / np.maximum(seen, 1), centre)
