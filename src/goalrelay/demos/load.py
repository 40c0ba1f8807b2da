"""Demonstrations as episodes for the replay buffer."""

from pathlib import Path

import numpy as np

from goalrelay.data.rollout import Simulator
from goalrelay.demos.dataset import Demonstration, read
from goalrelay.errors import UsageError
from goalrelay.types import Episode


def load(folder: str, task: Simulator, most: int | None = None) -> list[Episode]:
    """The episodes in a folder, in the form of the task's own episodes.

    Args:
        folder: a Minari dataset.
        task: the task that they are of.
        most: number of episodes to take, from the first; None: all.

    Raises:
        UsageError: the folder has no dataset (see `dataset.read`), or one of another task.
    """
    demonstrations = read(folder).demonstrations[:most]
    return [fitted(folder, demonstration, task) for demonstration in demonstrations]


def succeeded(demonstration: Demonstration, task: Simulator) -> float:
    """1 or 0: success at the last step; NaN: the task does not report success."""
    if not np.isnan(demonstration.success[-1]):
        return float(demonstration.success[-1])
    return task.success({}, demonstration.terminated, float(demonstration.reward[-1]))


def fitted(folder: str | Path, demonstration: Demonstration, task: Simulator) -> Episode:
    """A demonstration in the form of the task's own episodes.

    Args:
        folder: of the demonstration, for messages.
        demonstration: in the task's own units.
        task: the task that it is of.

    Raises:
        UsageError: shapes or actions do not fit the task, or values are not finite.
    """
    spec = task.spec
    has = tuple(np.shape(part)[1:] for part in demonstration[:4])
    action = () if spec.discrete else (spec.action_size,)
    needs = ((spec.observation_size,), (spec.achieved_size,), (spec.goal_size,), action)
    if has != needs:
        raise UsageError(
            f"the demonstrations in {folder} do not fit task '{task.id}': observation, achieved "
            f"goal, desired goal and action have shapes {has}, the task's have {needs}"
        )
    if not all(np.isfinite(part).all() for part in demonstration[:4]):
        raise UsageError(f"the demonstrations in {folder} have values that are not finite")
    action = task.interface.actions.normalized(demonstration.action)
    if spec.discrete and not ((action >= 0) & (action < spec.action_size)).all():
        raise UsageError(
            f"the demonstrations in {folder} have actions that task '{task.id}' does not have: "
            f"its actions are {task.env.action_space}"
        )
    return Episode(
        *(np.asarray(part, np.float32) for part in demonstration[:3]),
        action=action,
        terminal=demonstration.terminated,
        success=succeeded(demonstration, task),
        total_reward=float(demonstration.reward.sum()),
    )
