"""Demonstrations as episodes for the replay buffer."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from goalrelay.data.finite import LARGEST, bad
from goalrelay.data.rollout import Simulator
from goalrelay.demos.dataset import Demonstration, read
from goalrelay.errors import Notice, UsageError
from goalrelay.types import Episode


def load(folder: str, task: Simulator, most: int | None = None) -> list[Episode]:
    """The episodes in a folder, in the form of the task's own episodes.

    Args:
        folder: a Minari dataset.
        task: the task that they are of.
        most: number of episodes to take, from the first; None: all.

    Raises:
        UsageError: the folder has no dataset (see `dataset.read`), or one that does not fit.
    """
    found = read(folder)
    named, own = (str(one).rpartition(":")[2] for one in (found.task, task.id))
    if found.task is not None and named != own:
        notice = f"the demonstrations in {folder} are of task '{named}', and are used for '{own}'"
        warnings.warn(Notice(notice), stacklevel=2)
    return fitted_all(folder, found.demonstrations[:most], task)


def succeeded(demonstration: Demonstration, task: Simulator) -> float:
    """1 or 0: success at the last step; NaN: the task does not report success."""
    if not np.isnan(demonstration.success[-1]):
        return float(demonstration.success[-1])
    return task.success({}, float(demonstration.reward[-1]))


def fitted_all(
    source: str | Path, demonstrations: Sequence[Demonstration], task: Simulator
) -> list[Episode]:
    """Demonstrations in the form of the task's own episodes; messages number them from 0.

    Raises:
        UsageError: see `fitted`.
    """
    return [fitted(f"episode {i} in {source}", d, task) for i, d in enumerate(demonstrations)]


def not_finite(demonstration: Demonstration) -> str:
    """The first number that is NaN, infinite or above LARGEST, in words; else empty."""
    for name, part in zip(Demonstration._fields[:5], demonstration, strict=False):
        array = np.asarray(part)
        broken = np.argwhere(bad(array.reshape(len(array), -1)))
        if len(broken):
            step, column = broken[0]
            number = f"{name}{f'[{column}]' if array.ndim > 1 else ''} at step {step}"
            return f"values that are not finite or above {LARGEST:g}: {number}"
    return ""


def fitted(where: str, demonstration: Demonstration, task: Simulator) -> Episode:
    """A demonstration in the form of the task's own episodes.

    Args:
        where: which one it is, for messages.
        demonstration: in the task's own units.
        task: the task that it is of.

    Raises:
        UsageError: shapes or actions do not fit the task, or values are not finite.
    """
    spec = task.spec
    if spec.image:
        raise UsageError(f"task '{task.id}' shows images, which demonstrations do not hold")
    if task.calls.info:
        raise UsageError(
            f"the rewards of task '{task.id}' need info, which demonstrations do not have"
        )
    has = tuple(np.shape(part)[1:] for part in demonstration[:4])
    actions = task.interface.actions
    needs = ((spec.observation_size,), (spec.achieved_size,), (spec.goal_size,), actions.shape)
    if has != needs:
        raise UsageError(
            f"{where} does not fit task '{task.id}': observation, achieved goal, desired goal and "
            f"action have shapes {has}, the task's have {needs}"
        )
    broken = not_finite(demonstration)
    if broken:
        raise UsageError(f"{where} has {broken}")
    action = actions.normalized(demonstration.action)
    if spec.discrete and not ((action >= 0) & (action < spec.action_size)).all():
        raise UsageError(
            f"{where} has actions that task '{task.id}' does not have: "
            f"its actions are {task.env.action_space}"
        )
    return Episode(
        *(np.asarray(part, np.float32) for part in demonstration[:3]),
        action=action,
        terminal=demonstration.terminated,
        success=succeeded(demonstration, task),
        total_reward=float(demonstration.reward.sum()),
    )
