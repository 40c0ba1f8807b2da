"""Landmarks: the high level is drawn along the way that promises to be the quickest.

HIGL (Kim et al. 2021, arXiv 2110.13625) and DHRL (Lee et al. 2022, arXiv 2210.05150) plan over a
graph of stored moments whose edges are values. Here the room is cut into cells, and what happened
says how long a step from one to another takes: as many tries as there were moments in the first
for each that led on to the second within a period,

    tries(i -> j) = (moments in i + 1) / (moments in i that led to j + 1)

Neighbours are joined from the start, so the unknown is thought to be open until it has been tried:
a wall, or a corner at which one gets stuck, becomes longer with every try, and the robot looks for
another way. What a cell leads on to can depend on where one came from (`trail`): moments that
remember the same are counted apart, and beside them TRUST moments of what is so of the cell
whatever is remembered, which is also where one goes on from there. The quickest way from its cell
to the desired goal's is followed for some cells, and the place there is what the sub-goal should
be:

    L = -Q(s, g) + weight * |g - g*|^2    g* the place AHEAD cells along the way

The way is only asked while learning: what acts is the network.
"""

import itertools
from typing import NamedTuple

import numpy as np
from scipy.sparse import block_array, csr_array
from scipy.sparse.csgraph import dijkstra

from goalrelay.methods.hiro import trail
from goalrelay.methods.hiro.cells import Cells, around, moments
from goalrelay.methods.hiro.config import Config, about_places, columns, ranges
from goalrelay.replay import Replay
from goalrelay.types import Index, Pull, Spec

CELL = 0.2
"""Side of a cell, as a share of each column's reach."""
MOST_CELLS = 2000
"""In a larger room cells are larger."""
AHEAD = 2
"""Cells along the way: far enough to walk straight, near enough not to cut corners."""
TRUST = 100
"""Moments that what is so of a cell whatever is remembered counts for, against what is so of it
with this memory; one more counts for all ways being open."""
ARRIVED = 1e-6
"""Tries that it takes to be at a goal when one is in its cell."""
MOMENTS = 50_000
"""Moments that say who walked where, drawn anew for every cycle of batches."""


def known(config: Config, spec: Spec) -> bool:
    """Whether there are landmarks: sub-goals and desired goals are both about the task's places."""
    places = about_places(config, spec) and spec.goal_size >= len(spec.absolute)
    return config.landmarks > 0 and places


def pull(
    config: Config,
    spec: Spec,
    replay: Replay,
    start: Index,
    desired: np.ndarray,
    rng: np.random.Generator,
) -> Pull:
    """Where sub-goals are drawn to.

    Args:
        config: the method's.
        spec: of the task.
        replay: the facts.
        start: [B] steps at which the high level decides.
        desired: [B, G] the goals that it has there, places first.
        rng: draws the moments that are asked.

    Returns:
        sub-goals [B, K], as shares of the reach, and their weights [B].
    """
    chosen, reach = columns(config, spec), ranges(config, spec)
    asked = [*moments(config.period, replay, MOMENTS, rng), start]
    index = Index(*(np.concatenate(parts) for parts in zip(*asked, strict=True)))
    places = replay.observation[index.row[:, None], chosen]
    places = np.concatenate([places, desired[:, : len(chosen)]]) / reach
    room = np.ptp(places, axis=0) / CELL + 3
    side = CELL * max(1.0, float(room.prod() / MOST_CELLS) ** (1 / len(chosen)))
    cells = around(places / side, margin=1)
    number, to = np.split(cells.number(places / side), [len(index.row)])
    memory = trail.came_from(config.period, replay, chosen, reach, index) / trail.STRIDE
    memory += 0.5  # the start of these mazes, 0, is the middle of a cell and not a corner of four
    memories = around(memory)
    known, node = np.unique(number * memories.size + memories.number(memory), return_inverse=True)
    before, after, node = np.split(node, [MOMENTS, 2 * MOMENTS])
    ways = _ways(cells, known // memories.size, before, after, replay.transitions / MOMENTS)
    reached = _ahead(ways, node, to)
    here, there = places[2 * MOMENTS : len(number)], places[len(number) :]
    middle = _middles(cells, number[: 2 * MOMENTS], places[: 2 * MOMENTS] / side) * side
    wanted = np.where((reached == to)[:, None], there, middle[reached])
    target = (wanted - here).clip(-1, 1).astype(np.float32)
    return Pull(target, np.full(len(to), config.landmarks, np.float32))


class Ways(NamedTuple):
    """What leads where. A node is a cell with what is remembered there, as some moment had it.

    Behind these V nodes are the N cells whatever is remembered, and the N cells as goals.
    """

    cell: np.ndarray
    """[V + 2 N] of each node"""
    tries: csr_array
    """[V + 2 N, V + 2 N] that a step takes, from row to column"""
    goals: int
    """where the goals begin"""


def _ways(
    cells: Cells, cell: np.ndarray, before: np.ndarray, after: np.ndarray, seen: float
) -> Ways:
    """What moments say.

    Args:
        cells: N of them.
        cell: [V] of each node.
        before: [M] the node of each moment.
        after: [M] a node that it led on to.
        seen: moments for which each of these stands.
    """
    forgetful = _forgetful(cells, cell[before], cell[after], seen)
    asked = seen * np.bincount(before, minlength=len(cell)) + TRUST + 1
    led = csr_array((np.ones(len(before)), (before, after)), (len(cell), len(cell)))  # counts
    led.data = np.repeat(asked, np.diff(led.indptr)) / (seen * led.data)
    forgetting = csr_array(forgetful[cell])
    forgetting.data = np.repeat(asked, np.diff(forgetting.indptr)) / (TRUST / forgetting.data + 1)
    walked = block_array([[led, forgetting], [None, forgetful]])
    every = np.arange(cells.size)
    cell = np.concatenate([cell, every])
    arrived = csr_array((np.full(len(cell), ARRIVED), (np.arange(len(cell)), cell)))
    nowhere = csr_array((cells.size, cells.size))
    tries = csr_array(block_array([[walked, arrived], [None, nowhere]]))
    return Ways(np.concatenate([cell, every]), tries, len(cell))


def _ahead(ways: Ways, node: np.ndarray, to: np.ndarray) -> np.ndarray:
    """The cell [B] that is AHEAD cells along the quickest way from a node to a cell."""
    goals, goal = np.unique(ways.goals + to, return_inverse=True)
    _, following = dijkstra(ways.tries.T, indices=goals, return_predecessors=True)
    following[np.arange(len(goals)), goals] = goals  # a goal follows itself
    left = np.full(len(node), AHEAD)
    for _ in range(2 * AHEAD):  # what is remembered can change without the cell
        ahead = following[goal, node]
        node, left = np.where(left > 0, ahead, node), left - (ways.cell[ahead] != ways.cell[node])
    return ways.cell[node]


def _forgetful(cells: Cells, before: np.ndarray, after: np.ndarray, seen: float) -> csr_array:
    """Tries from cell to cell [N, N] whatever is remembered; neighbours are thought to be open."""
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


def _middles(cells: Cells, number: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The place [N, K] that stands for each cell: the mean of those seen in it, or its centre."""
    count = cells.size
    seen = np.bincount(number, minlength=count)[:, None]
    total = np.stack([np.bincount(number, x, minlength=count) for x in places.T], axis=1)
    centre = cells.corner + cells.positions() + 0.5
    return np.where(seen, total / np.maximum(seen, 1), centre)
