"""Priorities: which steps are drawn more often, and with which hindsight goal.

    uniform           every step alike
    energy            Energy-Based Prioritization (Zhao and Tresp 2018, arXiv 1810.01363, eq. 1-9)
    innr              only steps from which hindsight can learn: the INNR filter of RHER
    inverse-density   goals first: an achieved goal in inverse proportion to how often its cell of
                      goal space was visited, then a step before it (`rare_goals`)

`energy` and `innr` weigh a step when it is stored. A step is drawn in proportion to its weight.
`inverse-density` draws pairs of a step and its goal. So all positions where the object has been
serve as goals equally often, the few in the air as much as the many on the table.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.data.rare_goals import RareGoals
from goalrelay.errors import UsageError
from goalrelay.types import Episode, Spec, Steps, SuccessPredicate

Name = Literal["uniform", "energy", "innr", "inverse-density"]
Weigh = Callable[[Episode, SuccessPredicate], np.ndarray]

GRAVITY, MASS, STEP_SECONDS = 9.81, 1.0, 0.04
"""EBP's constants, which its authors fixed for all Fetch tasks."""
CLIP_ENERGY = 0.5
"""Most energy that one step may add (EBP's value for the Fetch tasks)."""


def uniform(episode: Episode, success: SuccessPredicate) -> np.ndarray:
    """[L] ones."""
    return np.ones(episode.length, np.float32)


def energy(episode: Episode, success: SuccessPredicate) -> np.ndarray:
    """[L] the trajectory energy of the episode, at each of its steps.

    Energy is m g (z - z0) + m v^2 / 2 of every achieved position (metres, 25 steps a second); the
    trajectory energy is the sum over steps of its increase, clipped to [0, 0.5].
    """
    size = episode.achieved.shape[1]
    objects = 1 if size % 3 else size // 3  # a position and a rotation, or nothing but positions
    places = episode.achieved[:, : 3 * objects].reshape(-1, objects, 3)
    height = places[1:, :, 2] - places[0, :, 2]
    velocity = np.diff(places, axis=0) / STEP_SECONDS
    each = MASS * GRAVITY * height + 0.5 * MASS * np.square(velocity).sum(-1)
    total: np.ndarray = each.sum(-1)
    increase = np.diff(total, prepend=np.float32(0)).clip(0, CLIP_ENERGY)
    return np.full(episode.length, increase.sum(), np.float32)


def informative(episode: Episode, success: SuccessPredicate) -> np.ndarray:
    """[L] 1 where some later achieved goal is not reached yet, else 0.

    Any other step has only identical non-negative rewards (RHER's INNR).
    """
    steps = episode.length
    now = np.repeat(episode.achieved[1:], steps, axis=0)
    later = np.tile(episode.achieved[1:], (steps, 1))
    ahead = np.triu(~success(now, later).reshape(steps, steps))
    return np.any(ahead, axis=1).astype(np.float32)


WEIGHTS: dict[Name, Weigh] = {
    "uniform": uniform,
    "energy": energy,
    "innr": informative,
    "inverse-density": uniform,
}
"""What each priority stores with a step."""


class Priority(NamedTuple):
    """How steps are drawn."""

    name: Name = "uniform"
    fraction: float = 1.0
    """Fraction of the steps that are drawn by the priority; the others are drawn uniformly."""
    cell: float = 0.0
    """For inverse density: size of a cell of goal space, in the goal's units; 0: computed from the
    goals that the task asks for."""
    columns: tuple[int, ...] = ()
    """For inverse density: columns of the achieved goal, those of one object."""


class Drawing:
    """Draws steps by a priority.

    Args:
        priority: how.
        success: for inverse density, whether these columns of an achieved goal are as good as of
            another one; it says whether the object has moved since the episode began.
    """

    def __init__(self, priority: Priority, success: SuccessPredicate):
        self.priority = priority
        self._rare: RareGoals | None = None
        if priority.name == "inverse-density":
            self._rare = RareGoals(priority.columns, priority.cell, success)

    def draw(self, buffer: ReplayBuffer, count: int, rng: np.random.Generator) -> Steps:
        """Drawn steps [count]; those drawn by the priority come first."""
        priority = self.priority
        if self._rare is None:
            weighted = priority.fraction if priority.name != "uniform" else 0.0
            return buffer.sample(count, rng, weighted)
        steps = buffer.sample(count, rng, 1.0)
        first = round(priority.fraction * count)
        drawn = self._rare.draw(buffer, first, rng)
        if drawn is None:
            return steps
        goal_rows = np.full(count, -1)
        for field, values in zip(steps[:4], drawn[:4], strict=True):
            field[:first] = values
        goal_rows[:first] = drawn.goal_row
        return steps._replace(goal_row=goal_rows)


def check(name: Name, spec: Spec) -> None:
    """Refuse a priority that a task cannot have.

    Raises:
        UsageError: energy without a position in space.
    """
    if name == "energy" and spec.achieved_size < 3:
        raise UsageError(
            "--method.priority energy needs achieved goals that begin with a position x, y, z; "
            f"this task's have {spec.achieved_size} numbers"
        )
