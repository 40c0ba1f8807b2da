"""Self-imitation: sub-goals copied from episodes that reached the goal (SIL, Oh et al. 2018).

The planner's graph joins transitions of many episodes. Where something that is not observed decides
(a block that was touched, and is jammed), the pieces fit and the whole path does not. An episode
that reached the goal is whole. So, as Monte-Carlo control does for hidden states (Singh, Jaakkola
and Jordan 1994), over visits of cell i in episodes with the goal g:

    value(i -> j) = sum over visits of i that went to j of gamma^(decisions until g, if reached)
                    / (visits of i that went to j + DOUBT)

Where a visit went is the cell in which the robot first was FAR cells away.
"""

import numpy as np

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.data.relabel import Objective, achieved, pursued
from goalrelay.methods.hierarchy.cells import around
from goalrelay.methods.hierarchy.planner import CELL, VISITS
from goalrelay.methods.hierarchy.subgoals import SubgoalSpace
from goalrelay.types import ActionTarget, Steps

FAR = 1
"""Cells from here to where a visit went: two would cut corners, on which the block may stand."""
FACTOR = 10
"""Loss weight relative to the planner. High, because the critic does not observe the block
either."""
DECISIONS = 10
"""Sub-goals after which a visit counts as gone, wherever it is."""
DOUBT = 100
"""Pseudo-count of visits that led nowhere."""
ENOUGH = 30
"""Visits in episodes that reached the goal, before they are imitated."""


class SelfImitation:
    """Targets for the high level's sub-goals.

    Args:
        subgoal_steps: for which a sub-goal stands.
        planner_weight: weight of the planner's targets in the actor's loss.
        space: of sub-goals, which are positions.
        goal_columns: of the desired goal, its position.
        objective: of the high level, which says what reaches a goal.
    """

    def __init__(
        self,
        subgoal_steps: int,
        planner_weight: float,
        space: SubgoalSpace,
        goal_columns: list[int],
        objective: Objective,
    ):
        self._steps, self._weight = subgoal_steps, FACTOR * planner_weight
        self._columns, self._range = space.columns, space.range
        self._goal_columns, self._objective = goal_columns, objective

    def subgoal_targets(
        self, buffer: ReplayBuffer, steps: Steps, goals: np.ndarray, rng: np.random.Generator
    ) -> ActionTarget:
        """As the planner's; the weight is 0 where no episode is imitated."""
        side = CELL * self._range
        visits = buffer.sample(VISITS, rng)
        value = self.discounted_arrival(buffer, visits)
        rows, count = np.concatenate([visits.row, steps.row]), len(visits.row)
        here = buffer.observation[rows[:, None], self._columns] / side
        wanted = np.concatenate([buffer.desired[visits.row], goals])
        goal = wanted[:, self._goal_columns] / side
        cells = around(np.concatenate([here, goal]))
        # One number for each pair of a cell and the cell of a goal.
        pair = cells.cell_of(here) * cells.size + cells.cell_of(goal)
        went = self.went(buffer, visits)
        scale = buffer.transitions / count  # stored transitions for each counted one
        known, position = best_positions(pair[:count], went, value, scale)
        asked = pair[count:]
        imitated = np.isin(asked, known)
        target = np.zeros((len(asked), len(self._columns)), np.float32)
        to = position[np.searchsorted(known, asked[imitated])]
        target[imitated] = (to - here[count:][imitated]) * side / self._range
        weight = self._weight * imitated.astype(np.float32)
        return ActionTarget(target.clip(-1, 1), weight)

    def discounted_arrival(self, buffer: ReplayBuffer, steps: Steps) -> np.ndarray:
        """gamma^(decisions until the goal) [M] of steps; 0 where the goal was not reached.

        The goal is that of the step's own episode. It counts as reached when the episode is there
        at its last step.
        """
        success, stage = self._objective.success, self._objective.stage
        first, episode = np.unique(steps.row - steps.time, return_inverse=True)
        length = np.zeros(len(first), np.int64)
        length[episode] = steps.length
        last = first + length
        good = success(achieved(buffer, stage, last), pursued(buffer, stage, last))
        reached = np.flatnonzero(good)
        value = np.zeros(len(steps.row), np.float32)
        if not len(reached):
            return value
        # All timesteps [E, T] of the episodes that reached their goal, and when they were there.
        times = np.minimum(np.arange(1, length.max() + 1), length[reached, None])
        rows = (first[reached, None] + times).ravel()
        there = success(achieved(buffer, stage, rows), pursued(buffer, stage, rows))
        arrival = np.full(len(first), -1)
        arrival[reached] = 1 + there.reshape(times.shape).argmax(axis=1)
        arrival = arrival[episode]
        some = arrival >= 0
        left = np.maximum(arrival[some] - steps.time[some], 0) / self._steps
        value[some] = self._objective.gamma**left
        return value

    def went(self, buffer: ReplayBuffer, steps: Steps) -> np.ndarray:
        """Where steps [M] led to, in cells [M, K]: FAR cells away, or as far as time allowed."""
        side = CELL * self._range
        times = np.arange(1, DECISIONS + 1) * self._steps
        rows = steps.row[:, None] + np.minimum(times, (steps.length - steps.time)[:, None])
        path = buffer.observation[rows[..., None], self._columns] / side  # [M, decisions, K]
        here = buffer.observation[steps.row[:, None], self._columns] / side
        far = np.linalg.norm(path - here[:, None], axis=2) >= FAR
        decision = np.where(far.any(axis=1), far.argmax(axis=1), DECISIONS - 1)
        return np.asarray(path[np.arange(len(path)), decision])


def best_positions(
    pair: np.ndarray, went: np.ndarray, value: np.ndarray, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """The position of the highest value, for each cell and goal.

    Args:
        pair: [M] the cell of each visit and of its goal, as one number.
        went: [M, K] where it led, in cells.
        value: [M] `discounted_arrival`.
        scale: stored transitions for which each of these stands.

    Returns:
        the pairs [P] that are imitated, ascending, and where they lead [P, K].
    """
    reached, cells = value > 0, around(went)
    pairs, of_pair = np.unique(pair, return_inverse=True)
    # Edges are numbered by pair and by the cell where a visit went; sums are over visits.
    edges, of_edge = np.unique(of_pair * cells.size + cells.cell_of(went), return_inverse=True)
    total = scale * np.bincount(of_edge, value) / (scale * np.bincount(of_edge) + DOUBT)
    tail = edges // cells.size
    order = np.lexsort([total, tail])  # of a pair's edges the last is the best
    chosen = order[np.append(np.diff(tail[order]) > 0, True)]
    successes = np.maximum(np.bincount(of_edge, reached), 1)
    position = np.stack([np.bincount(of_edge, reached * x) / successes for x in went.T], axis=1)
    enough = scale * np.bincount(of_pair, reached) >= ENOUGH
    return pairs[enough], position[chosen][enough]
