"""Symmetry augmentation: replay steps are replaced by their mirror images.

KER (Lin et al. 2020, arXiv 1909.10707) adds such images to the replay buffer; here drawn steps are
mirrored. A symmetry changes whole arrays column by column (`types.SignedPermutation`). The goals of
a stage change like the columns that the stage achieves. Rewards stay the same, because a symmetry
keeps distances.
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
    """[B, A] actions to which the actor's loss draws the policy at these steps"""


def mirror(
    steps: StepArrays, stage: Stage, symmetries: Sequence[Symmetry], rng: np.random.Generator
) -> None:
    """Replace each step by its image under each symmetry with probability 1/2, in place.

    Args:
        steps: changed in place.
        stage: the stage whose goals the steps have.
        symmetries: applied independently, so two of them give four kinds of steps.
        rng: decides which steps are replaced.
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
    """Replace each row by its image with probability 1/2, in place; the same rows in all arrays.

    Args:
        arrays: [B, .] each.
        changes: one for each array.
        rng: decides which rows are replaced.
    """
    replaced = np.flatnonzero(rng.random(len(arrays[0])) < 0.5)  # row numbers, [about B / 2]
    for array, change in zip(arrays, changes, strict=True):
        array[replaced] = turned(array[replaced], change)


def of_goal(symmetry: Symmetry, stage: Stage) -> SignedPermutation:
    """How a symmetry changes the goals [B, G] of a stage, constraint by constraint."""
    return joined(
        of_columns(
            symmetry.observation if c.achieved.source == "observation" else symmetry.goal,
            c.achieved.columns,
        )
        for c in stage.constraints
    )


def of_columns(whole: SignedPermutation, columns: tuple[int, ...]) -> SignedPermutation:
    """The change of an array with only these columns, which are exchanged among themselves."""
    return SignedPermutation(
        tuple(columns.index(whole.order[column]) for column in columns),
        tuple(whole.sign[column] for column in columns),
        tuple(whole.shift[column] for column in columns),
    )


def joined(changes: Iterable[SignedPermutation]) -> SignedPermutation:
    """The change of arrays that are concatenated along their last axis."""
    order: tuple[int, ...] = ()
    sign: tuple[float, ...] = ()
    shift: tuple[float, ...] = ()
    for change in changes:
        order += tuple(len(order) + column for column in change.order)
        sign, shift = sign + change.sign, shift + change.shift
    return SignedPermutation(order, sign, shift)


def turned(array: np.ndarray, change: SignedPermutation) -> np.ndarray:
    """The images of rows: [B, .] -> [B, .]."""
    image = array[:, change.order] * np.array(change.sign, np.float32)
    return image + np.array(change.shift, np.float32)
