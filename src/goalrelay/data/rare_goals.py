"""Rare goals: achieved goals drawn in inverse proportion to how often their cell was visited.

After Skew-Fit (Pong et al. 2020, arXiv 1903.03698) and MEGA (Pitis et al. 2020, arXiv 2007.02832).
Cells are counted in a hash table. A goal weighs one over its cell's count. The cell of each stored
goal is kept between draws, so a draw computes those of new steps alone.
"""

import weakref
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.types import Steps, SuccessPredicate

BUCKETS = 1 << 20
"""Size of the hash table."""
SPREAD = 0.6
"""Size of a cell, in standard deviations of the goals asked for, where no stage says it: 5 cm for
the goals of FetchPush."""
FACTORS = (73856093, 19349663, 83492791)
"""Multipliers of a spatial hash (Teschner et al. 2003), in turn for each dimension."""
OUTSIDE = -1
"""Instead of a bucket: this goal is not drawn."""


class _Box(NamedTuple):
    """The part of goal space that the task asks for, and the cells in it."""

    cell: float
    low: np.ndarray
    """[columns]"""
    high: np.ndarray

    def buckets(self, goals: np.ndarray) -> np.ndarray:
        """[N, columns] -> [N] int32, `OUTSIDE` for goals outside of the box."""
        within = np.flatnonzero(((goals >= self.low) & (goals <= self.high)).all(axis=1))
        cells = np.floor(goals[within] / self.cell).astype(np.int64)
        buckets = np.full(len(goals), OUTSIDE, np.int32)
        buckets[within] = (cells * np.resize(FACTORS, cells.shape[1])).sum(1) % BUCKETS
        return buckets


@dataclass
class _Seen:
    """What is kept about a buffer."""

    moved: np.ndarray
    """[rows] bool: whether the object lies elsewhere than at the start of the episode"""
    bucket: np.ndarray
    """[rows] int32, of the goal achieved there; `OUTSIDE` also where the object has not moved"""
    box: _Box | None = None
    """of the buckets"""
    added: int = 0
    """`ReplayBuffer.added` when this was up to date"""


class RareGoals:
    """Draws pairs of a step and a goal that its episode achieved later.

    Only goals in the box of all goals that the task has asked for are drawn: not where things fall
    to the floor. While the box grows, all stored goals are looked at again.

    Args:
        columns: of the achieved goal, those of one object.
        cell: size of a cell of goal space, in the goal's units; 0: computed from the goals that
            the task asks for.
        success: whether these columns of an achieved goal are as good as of another one; it says
            whether the object has moved since the episode began.
    """

    def __init__(self, columns: tuple[int, ...], cell: float, success: SuccessPredicate):
        self._columns, self._cell, self._success = list(columns), cell, success
        self._seen: weakref.WeakKeyDictionary[ReplayBuffer, _Seen] = weakref.WeakKeyDictionary()

    def draw(self, buffer: ReplayBuffer, count: int, rng: np.random.Generator) -> Steps | None:
        """Steps [count], each uniform among those up to a rare goal; None: nothing has moved."""
        steps = buffer.steps()
        bucket = self._buckets(buffer, steps)[steps.row + 1]  # [N] after each step
        drawable = np.flatnonzero(bucket != OUTSIDE)
        if not len(drawable):
            return None
        bucket = bucket[drawable]
        mass = np.cumsum(1 / np.bincount(bucket, minlength=BUCKETS)[bucket])
        drawn = np.searchsorted(mass, rng.random(count) * mass[-1], side="right")
        goal = Steps(*(field[drawable[drawn.clip(max=len(mass) - 1)]] for field in steps[:4]))
        # The step that is paired with a goal: uniformly among those up to the one that achieved it.
        time = rng.integers(0, goal.time + 1)
        return goal._replace(row=goal.row - goal.time + time, time=time, goal_row=goal.row + 1)

    def _buckets(self, buffer: ReplayBuffer, steps: Steps) -> np.ndarray:
        """[rows] the buckets of the goals achieved after steps, which are all that are stored."""
        if buffer not in self._seen:
            rows = len(buffer.achieved)
            self._seen[buffer] = _Seen(np.zeros(rows, bool), np.full(rows, OUTSIDE, np.int32))
        seen, box = self._seen[buffer], self._box(buffer, steps)
        new = buffer.newest(buffer.added - seen.added)
        seen.moved[new.row + 1] = ~self._success(
            self._achieved(buffer, new.row + 1), self._achieved(buffer, new.row - new.time)
        )
        rows = (new if _equal(box, seen.box) else steps).row + 1
        seen.bucket[rows] = OUTSIDE
        rows = rows[seen.moved[rows]]
        seen.bucket[rows] = box.buckets(self._achieved(buffer, rows))
        seen.box, seen.added = box, buffer.added
        return seen.bucket

    def _box(self, buffer: ReplayBuffer, steps: Steps) -> _Box:
        """The box of the goals that were asked for at the start of each episode, a cell wider."""
        asked = buffer.desired[steps.row[steps.time == 0]][:, self._columns]  # [episodes, columns]
        spread = SPREAD * float(asked.std(axis=0).mean())
        # two digits, so that it stays while goals are added
        cell = self._cell or float(f"{spread:.1e}") or 1.0
        return _Box(cell, asked.min(axis=0) - cell, asked.max(axis=0) + cell)

    def _achieved(self, buffer: ReplayBuffer, rows: np.ndarray) -> np.ndarray:
        """[B] -> [B, columns]"""
        return buffer.achieved[rows][:, self._columns]


def _equal(box: _Box, other: _Box | None) -> bool:
    return other is not None and all(map(np.array_equal, box, other))
