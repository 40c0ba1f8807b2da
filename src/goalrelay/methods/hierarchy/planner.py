"""Planner: sub-goals on the shortest path in a graph of observed transitions.

HIGL (Kim et al. 2021, arXiv 2110.13625) and DHRL (Lee et al. 2022, arXiv 2210.05150) plan over a
graph of stored states whose edges are values. Here the positions are cut into cells, and counts of
observed transitions give the cost of an edge: the expected number of attempts,

    attempts(i -> j) = (visits of i + 1) / (visits of i that were followed by j + 1)

"Followed" means within c steps, the time for which a sub-goal stands. Neighbouring cells are joined
from the start, so the unknown counts as open until it has been tried. A wall, or a corner at which
the robot gets stuck, becomes more expensive with every attempt, and the path takes another way.

What can be reached from a cell may depend on history: a block that was pushed aside, or into the
way. So a node of the graph is a cell together with a history: the last two waypoints of the robot's
path. Histories are rare, so each count is smoothed by a pseudo-count of TRUST visits from the
history-free estimate of the cell. That estimate is also where a path goes on from a new history.

The place AHEAD cells along the shortest path to the desired goal is the target g* of the sub-goal:

    L = -Q(s, g) + weight * |g - g*|^2

The planner is only asked while learning: what acts is the network.
"""

import itertools
from typing import NamedTuple

import numpy as np
from scipy.sparse import block_array, csr_array
from scipy.sparse.csgraph import dijkstra

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.methods.hierarchy.cells import Cells, around, shifted
from goalrelay.methods.hierarchy.subgoals import SubgoalSpace
from goalrelay.types import ActionTarget, Steps

CELL = 0.2
"""Side of a cell, as a fraction of each column's range."""
MOST_CELLS = 2000
"""In a larger world cells are larger."""
AHEAD = 2
"""Cells along the path: far enough to walk straight, near enough not to cut corners."""
TRUST = 100
"""Pseudo-count of the history-free estimate; one more counts for all neighbours being open."""
AT_GOAL = 1e-6
"""Cost of the edge from a cell to the goal in it."""
VISITS = 50_000
"""Transitions that are counted, drawn anew for every cycle of batches."""
STRIDE = 0.6
"""Distance between two waypoints, as a fraction of each column's range."""


class Graph(NamedTuple):
    """A transition graph of V nodes with a history, N cells without one, and N cells as goals."""

    cell: np.ndarray
    """[V + 2 N] of each node"""
    attempts: csr_array
    """[V + 2 N, V + 2 N] cost of each edge, from row to column"""
    first_goal: int
    """node of the first cell as a goal"""


class Planner:
    """Targets for the high level's sub-goals.

    Args:
        subgoal_steps: for which a sub-goal stands.
        weight: of the targets in the actor's loss.
        space: of sub-goals, which are positions.
        goal_columns: of the desired goal, its position.
    """

    def __init__(
        self, subgoal_steps: int, weight: float, space: SubgoalSpace, goal_columns: list[int]
    ):
        self._steps, self._weight = subgoal_steps, weight
        self._columns, self._range = space.columns, space.range
        self._goal_columns = goal_columns

    def subgoal_targets(
        self, buffer: ReplayBuffer, steps: Steps, goals: np.ndarray, rng: np.random.Generator
    ) -> ActionTarget:
        """Sub-goals [B, K], as fractions of the range, and their weights [B].

        Args:
            buffer: what happened.
            steps: [B] at which the high level decides.
            goals: [B, G] desired goals there.
            rng: draws the transitions that are counted.
        """
        before = buffer.sample(VISITS, rng)
        left = np.minimum(self._steps, before.length - before.time)
        after = shifted(before, rng.integers(1, left + 1))
        # All timesteps in one array: visits, what followed them, and the steps that ask.
        fields = zip(before[:4], after[:4], steps[:4], strict=True)
        visited = Steps(*(np.concatenate(parts) for parts in fields))
        positions = buffer.observation[visited.row[:, None], self._columns]
        wanted = goals[:, self._goal_columns]
        positions = np.concatenate([positions, wanted]) / self._range  # [2 M + B + B, K]
        cells, side = _grid(positions)
        cell, goal_cell = np.split(cells.cell_of(positions / side), [len(visited.row)])
        history, histories = self._histories(buffer, visited)
        # A node is a pair of cell and history that occurs; `node` numbers them for each timestep.
        pair, node = np.unique(cell * histories + history, return_inverse=True)
        pair_cell = pair // histories
        node_before, node_after, node_asking = np.split(node, [VISITS, 2 * VISITS])
        scale = buffer.transitions / VISITS  # stored transitions for each counted one
        graph = _graph(cells, pair_cell, node_before, node_after, scale)
        target_cell = _ahead(graph, node_asking, goal_cell)
        here, goal = positions[2 * VISITS : len(cell)], positions[len(cell) :]
        middle = _centres(cells, cell[: 2 * VISITS], positions[: 2 * VISITS] / side) * side
        target = np.where((target_cell == goal_cell)[:, None], goal, middle[target_cell])
        action = (target - here).clip(-1, 1).astype(np.float32)
        return ActionTarget(action, np.full(len(goal), self._weight, np.float32))

    def _histories(self, buffer: ReplayBuffer, steps: Steps) -> tuple[np.ndarray, int]:
        """A number for the last two waypoints at each step [M], and how many there can be."""
        memory = waypoints_at(self._steps, buffer, self._columns, self._range, steps) / STRIDE
        memory += 0.5  # an episode's start at 0 is the middle of a cell, not a corner of four
        cells = around(memory)
        return cells.cell_of(memory), cells.size


def waypoints(path: np.ndarray) -> np.ndarray:
    """The last two waypoints at each position of paths: [E, T, K] -> [E, T, 2 K].

    A waypoint is the first position, and any position that is STRIDE away from the last waypoint.
    Both are the first position until a second waypoint is passed.

    Args:
        path: positions, in fractions of the range.
    """
    last = before = path[:, 0]
    memory = np.empty((*path.shape[:2], 2 * path.shape[2]), path.dtype)
    for time in range(path.shape[1]):
        here = path[:, time]
        away = np.linalg.norm(here - last, axis=1, keepdims=True) >= STRIDE
        last, before = np.where(away, here, last), np.where(away, last, before)
        memory[:, time] = np.concatenate([before, last], axis=1)
    return memory


def waypoints_at(
    subgoal_steps: int, buffer: ReplayBuffer, columns: list[int], reach: np.ndarray, steps: Steps
) -> np.ndarray:
    """The last two waypoints at steps [M], in fractions of the range: [M, 2 K].

    Waypoints are looked for where sub-goals are set, every so many steps.
    """
    first, episode = np.unique(steps.row - steps.time, return_inverse=True)
    length = np.zeros(len(first), np.int64)
    length[episode] = steps.length
    times = np.minimum(np.arange(0, length.max() + 1, subgoal_steps), length[:, None])  # [E, T]
    path = buffer.observation[(first[:, None] + times)[..., None], columns] / reach
    return np.asarray(waypoints(path)[episode, steps.time // subgoal_steps])


def _grid(positions: np.ndarray) -> tuple[Cells, float]:
    """Cells around the positions [M, K], and their side."""
    room = np.ptp(positions, axis=0) / CELL + 3
    side = CELL * max(1.0, float(room.prod() / MOST_CELLS) ** (1 / positions.shape[1]))
    return around(positions / side, margin=1), side


def _graph(
    cells: Cells, cell: np.ndarray, before: np.ndarray, after: np.ndarray, scale: float
) -> Graph:
    """The transition graph.

    Args:
        cells: N of them.
        cell: [V] of each node with a history.
        before: [M] the node of each visit.
        after: [M] the node that followed.
        scale: stored transitions for which each of these stands.
    """
    history_free = _history_free(cells, cell[before], cell[after], scale)
    # With a history: (visits + TRUST + 1) / (visits that were followed + smoothed estimate).
    visits = scale * np.bincount(before, minlength=len(cell)) + TRUST + 1
    followed = csr_array((np.ones(len(before)), (before, after)), (len(cell), len(cell)))  # counts
    followed.data = np.repeat(visits, np.diff(followed.indptr)) / (scale * followed.data)
    forgetting = csr_array(history_free[cell])  # [V, N]: a path may drop its history
    forgetting.data = np.repeat(visits, np.diff(forgetting.indptr)) / (TRUST / forgetting.data + 1)
    walked = block_array([[followed, forgetting], [None, history_free]])
    every = np.arange(cells.size)
    cell = np.concatenate([cell, every])
    # From each node to its own cell as a goal, at almost no cost; goals lead nowhere.
    arrive = csr_array((np.full(len(cell), AT_GOAL), (np.arange(len(cell)), cell)))
    nowhere = csr_array((cells.size, cells.size))
    attempts = csr_array(block_array([[walked, arrive], [None, nowhere]]))
    return Graph(np.concatenate([cell, every]), attempts, len(cell))


def _history_free(cells: Cells, before: np.ndarray, after: np.ndarray, scale: float) -> csr_array:
    """Attempts from cell to cell [N, N] whatever the history; neighbours count as open."""
    count, indices = cells.size, cells.indices()
    pairs = [before * count + after]
    for offset in itertools.product((-1, 0, 1), repeat=len(cells.shape)):
        inside = ((indices + offset >= 0) & (indices + offset < cells.shape)).all(axis=1)
        head = np.ravel_multi_index(tuple((indices + offset)[inside].T), cells.shape)
        pairs.append(np.flatnonzero(inside) * count + head)
    edge, which = np.unique(np.concatenate(pairs), return_inverse=True)
    followed = np.bincount(which[: len(before)], minlength=len(edge))
    tail, head = edge // count, edge % count
    visits = np.bincount(before, minlength=count)[tail]
    return csr_array(((scale * visits + 1) / (scale * followed + 1), (tail, head)), (count, count))


def _ahead(graph: Graph, node: np.ndarray, goal_cell: np.ndarray) -> np.ndarray:
    """The cell [B] that is AHEAD cells along the shortest path from a node to a cell."""
    goals, which = np.unique(graph.first_goal + goal_cell, return_inverse=True)
    # Searched backwards from the goals: the predecessor of a node is the next one on its path.
    _, following = dijkstra(graph.attempts.T, indices=goals, return_predecessors=True)
    following[np.arange(len(goals)), goals] = goals  # a goal follows itself
    left = np.full(len(node), AHEAD)
    for _ in range(2 * AHEAD):  # the history can change without the cell
        ahead = following[which, node]
        entered = graph.cell[ahead] != graph.cell[node]
        node, left = np.where(left > 0, ahead, node), left - entered
    return graph.cell[node]


def _centres(cells: Cells, cell: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """The position [N, K] that stands for each cell: the mean of those visited, or its middle."""
    count = cells.size
    visits = np.bincount(cell, minlength=count)[:, None]
    total = np.stack([np.bincount(cell, x, minlength=count) for x in positions.T], axis=1)
    middle = cells.corner + cells.indices() + 0.5
    return np.where(visits, total / np.maximum(visits, 1), middle)
