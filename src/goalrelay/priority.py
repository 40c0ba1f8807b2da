"""Which steps matter: a weight for each step of an episode, given when it is stored.

    uniform   every step the same
    energy    Energy-Based Prioritization (Zhao and Tresp 2018, arXiv 1810.01363, eq. 1-9)
    moving    steps from which hindsight can learn: some later goal is not reached yet

Drawing takes a step with probability proportional to its weight.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np

from goalrelay.errors import UsageError
from goalrelay.types import Episode, Judge, Spec

Name = Literal["uniform", "energy", "moving"]
Priority = Callable[[Episode, Judge], np.ndarray]

GRAVITY, MASS, STEP_SECONDS = 9.81, 1.0, 0.04
"""EBP's constants, which its authors fixed for all Fetch tasks."""
CLIP_ENERGY = 0.5
"""Most energy that one step may add (EBP's value for the Fetch tasks)."""


def uniform(episode: Episode, reward: Judge) -> np.ndarray:
    """[L] ones."""
    return np.ones(episode.length, np.float32)


def energy(episode: Episode, reward: Judge) -> np.ndarray:
    """[L] the trajectory energy of the episode, at each of its steps.

    Energy is m g (z - z0) + m v^2 / 2 of the achieved position (metres, 25 steps a second); the
    trajectory energy is the sum over steps of its increase, clipped to [0, 0.5].
    """
    height = episode.achieved[1:, 2] - episode.achieved[0, 2]
    velocity = np.diff(episode.achieved[:, :3], axis=0) / STEP_SECONDS
    total: np.ndarray = MASS * GRAVITY * height + 0.5 * MASS * np.square(velocity).sum(-1)
    increase = np.diff(total, prepend=np.float32(0)).clip(0, CLIP_ENERGY)
    return np.full(episode.length, increase.sum(), np.float32)


def moving(episode: Episode, reward: Judge) -> np.ndarray:
    """[L] 1 where some later achieved goal would reward the step negatively, else 0.

    A step of which this is not so has only identical non-negative rewards (RHER's INNR).
    """
    steps = episode.length
    now = np.repeat(episode.achieved[1:], steps, axis=0)
    later = np.tile(episode.achieved[1:], (steps, 1))
    rewards = reward(now, later).reshape(steps, steps)
    return np.any(np.triu(rewards) < 0, axis=1).astype(np.float32)


PRIORITIES: dict[str, Priority] = {f.__name__: f for f in (uniform, energy, moving)}


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
