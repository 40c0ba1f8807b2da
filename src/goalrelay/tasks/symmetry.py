"""Symmetric copies of steps: a mirror image that is as true as what happened.

A symmetry changes whole arrays column by column (`types.SignedPermutation`). A stage's goal changes
as what the stage achieves does. Rewards stay as they are: a symmetry keeps distances.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from goalrelay.types import SignedPermutation, Stage, Symmetry


class StepArrays(NamedTuple):
    """Drawn steps as arrays of their own: [B, O], [B, achieved_size], [B, G], [B, A]."""

    observation: np.ndarray
    next_observation: np.ndarray
    achieved: np.ndarray
    next_achieved: np.ndarray
    goal: np.ndarray
    next_goal: np.ndarray
    action: np.ndarray
    target_action: np.ndarray
    """[B, A] actions to which the policy is drawn at these steps"""


def mirror(
    steps: StepArrays, stage: Stage, symmetries: Sequence[Symmetry], rng: np.random.Generator
) -> None:
    """Replace each step by its image under each symmetry with probability 1/2, in place.

    Args:
        steps: changed where they lie.
        stage: whose goals they pursue.
        symmetries: each is applied on its own, so two of them make four kinds of step.
        rng: decides.
    """
    for symmetry in symmetries:
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
        half(steps, changes, rng)


def half(
    arrays: Sequence[np.ndarray], changes: Sequence[SignedPermutation], rng: np.random.Generator
) -> None:
    """Replace each row [B, .] by its image with probability 1/2, in place; the same rows in all."""
    some = np.flatnonzero(rng.random(len(arrays[0])) < 0.5)
    for array, change in zip(arrays, changes, strict=True):
        array[some] = turned(array[some], change)


def of_goal(symmetry: Symmetry, stage: Stage) -> SignedPermutation:
    """How a symmetry changes a stage's goals, pair by pair."""
    return joined(
        of_columns(
            symmetry.observation if pair.achieved.source == "observation" else symmetry.goal,
            pair.achieved.columns,
        )
        for pair in stage.constraints
    )


def of_columns(whole: SignedPermutation, columns: tuple[int, ...]) -> SignedPermutation:
    """What a change does to some columns, which trade places with each other only."""
    return SignedPermutation(
        tuple(columns.index(whole.order[column]) for column in columns),
        tuple(whole.sign[column] for column in columns),
        tuple(whole.shift[column] for column in columns),
    )


def joined(changes: Iterable[SignedPermutation]) -> SignedPermutation:
    """What happens to arrays one behind the other."""
    order: tuple[int, ...] = ()
    sign: tuple[float, ...] = ()
    shift: tuple[float, ...] = ()
    for change in changes:
        order += tuple(len(order) + column for column in change.order)
        sign, shift = sign + change.sign, shift + change.shift
    return SignedPermutation(order, sign, shift)


def turned(array: np.ndarray, change: SignedPermutation) -> np.ndarray:
    """The image of rows [B, .]."""
    image = array[:, change.order] * np.array(change.sign, np.float32)
    return image + np.array(change.shift, np.float32)
