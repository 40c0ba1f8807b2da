"""Symmetric copies of steps: a mirror image that is as true as what happened.

A symmetry changes whole arrays column by column (`types.Turn`); a stage's goal changes as what the
stage achieves does. Rewards stay as they are: a symmetry keeps distances.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from goalrelay.types import Stage, Symmetry, Turn


class Steps(NamedTuple):
    """Drawn steps as arrays of their own: [B, O], [B, achieved_size], [B, G], [B, A]."""

    observation: np.ndarray
    next_observation: np.ndarray
    achieved: np.ndarray
    next_achieved: np.ndarray
    goal: np.ndarray
    next_goal: np.ndarray
    action: np.ndarray
    advice: np.ndarray
    """[B, A] what somebody else would do at these steps"""


def mirror(
    steps: Steps, stage: Stage, symmetries: Sequence[Symmetry], rng: np.random.Generator
) -> None:
    """Replace each step by its image under each symmetry with probability 1/2, in place.

    Args:
        steps: changed where they lie.
        stage: whose goals they pursue.
        symmetries: each is applied on its own, so two of them make four kinds of step.
        rng: decides.
    """
    for symmetry in symmetries:
        some = np.flatnonzero(rng.random(len(steps.action)) < 0.5)
        goal = of_goal(symmetry, stage)
        changes = (
            symmetry.observation,
            symmetry.observation,
            symmetry.goal,
            symmetry.goal,
            goal,
            goal,
            symmetry.action,
            symmetry.action,
        )
        for array, change in zip(steps, changes, strict=True):
            array[some] = turned(array[some], change)


def of_goal(symmetry: Symmetry, stage: Stage) -> Turn:
    """How a symmetry changes a stage's goals, pair by pair."""
    order: list[int] = []
    sign: list[float] = []
    shift: list[float] = []
    for pair in stage.pairs:
        observed = pair.achieved.source == "observation"
        whole = symmetry.observation if observed else symmetry.goal
        columns, start = pair.achieved.columns, len(order)
        order += [start + columns.index(whole.order[column]) for column in columns]
        sign += [whole.sign[column] for column in columns]
        shift += [whole.shift[column] for column in columns]
    return Turn(tuple(order), tuple(sign), tuple(shift))


def turned(array: np.ndarray, change: Turn) -> np.ndarray:
    """The image of rows [B, .]."""
    image = array[:, change.order] * np.array(change.sign, np.float32)
    return image + np.array(change.shift, np.float32)
