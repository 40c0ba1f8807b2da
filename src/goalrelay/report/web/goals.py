"""Which numbers of a task's goal are positions that can be dragged, and a task's new goal.

A goal is known to be a position where what is achieved is the position of a body or of a site of
the model, in the starts of some episodes. Goals of three numbers for each object are taken apart.
"""

from typing import Any, NamedTuple

import numpy as np

from goalrelay.data.rollout import Simulator
from goalrelay.report.web.scene import place
from goalrelay.tasks.late import mujoco
from goalrelay.types import Observation

LOOKS = 4
"""Episodes that are started for that."""
EXACT = 1e-4
"""Rounding of 32-bit numbers, in the model's unit of length."""


class Place(NamedTuple):
    """A part of the desired goal that is a position."""

    first: int
    """The first of its columns."""
    size: int
    """2: x and y, or 3: x, y and z."""
    name: str
    """Of the body or the site that has to come there; may be empty."""
    height: float
    """z of that body or site at the start of an episode, for positions of x and y."""

    def of(self, goal: np.ndarray) -> np.ndarray:
        """The position [3] in a goal [G]."""
        part = goal[self.first : self.first + self.size].astype(float)
        return part if self.size == 3 else np.append(part, self.height)

    def put(self, goal: np.ndarray, position: np.ndarray) -> np.ndarray:
        """The goal [G] with this position [3] in it."""
        changed = goal.copy()
        changed[self.first : self.first + self.size] = position[: self.size]
        return changed


def places(task: Simulator, model: Any, data: Any) -> tuple[Place, ...]:
    """The positions that make up the goal of a MuJoCo task; empty: it is not made of positions."""
    goal_size = task.spec.goal_size
    size = 2 if goal_size == 2 else 3
    if not goal_size or goal_size % size:
        return ()
    achieved, positions, shown = [], [], mujoco.MjData(model)
    for seed in range(LOOKS):
        achieved.append(task.reset(seed).achieved[:goal_size])
        place(model, data, shown)
        positions.append(np.concatenate([shown.site_xpos, shown.xpos[1:]]))
    starts, candidates = np.stack(achieved), np.stack(positions)
    found = []
    for first in range(0, goal_size, size):
        part = starts[:, None, first : first + size]
        gaps = np.abs(candidates[..., :size] - part).max(axis=(0, 2))
        nearest = int(gaps.argmin())
        if gaps[nearest] > EXACT:
            return ()
        sites = model.nsite
        named = model.site(nearest) if nearest < sites else model.body(nearest - sites + 1)
        found.append(Place(first, size, named.name, float(candidates[-1, nearest, 2])))
    return tuple(found)


class GoalSetter:
    """Gives a task another desired goal from now on.

    The observation gets it. So does the environment where it keeps its goal in an attribute `goal`,
    as Gymnasium-Robotics' and ours do: its own success is that of the new goal then.
    """

    def __init__(self, task: Simulator):
        self._task = task
        self._raw: Any = task.env.unwrapped
        self.goal: np.ndarray | None = None
        """[G]; None: the environment's own."""

    def set(self, goal: np.ndarray) -> None:
        """From now on this is the goal [G]."""
        self.goal = goal.astype(np.float32)
        self._tell()

    def shown(self, observation: Observation) -> Observation:
        """An observation of the environment, with the goal that is pursued."""
        if self.goal is None:
            return observation
        self._tell()  # an environment may move its goal
        return observation._replace(desired=self.goal)

    def reached(self, observation: Observation, info: dict[str, Any], reward: float) -> bool | None:
        """Whether the goal is reached; None: the task does not say."""
        limits = self._task.spec.reward_range
        if self.goal is not None and limits is not None:
            rewards = self._task.reward(observation.achieved[None], self.goal[None])
            return bool(rewards[0] >= limits[1])
        if self.goal is not None and self._own() is None:
            return None
        success = self._task.success(info, reward)
        return None if success != success else success > 0

    def _own(self) -> np.ndarray | None:
        """The goal in the environment; None: it has none that can be set."""
        own = getattr(self._raw, "goal", None)
        fits = isinstance(own, np.ndarray) and own.size == self._task.spec.goal_size
        return own if fits else None

    def _tell(self) -> None:
        own = self._own()
        if own is not None and self.goal is not None:
            self._raw.goal = self.goal.reshape(own.shape).astype(own.dtype)
