"""Stages with goals to maintain, for tests: a hand on a line and two blocks, all drawn at random.

Observation: hand, [block 0, block 0 minus hand], [block 1, block 1 minus hand], block 0 minus
block 1. Goals: where the blocks should be.
"""

import numpy as np

from goalrelay.tasks.structure import columns, signed_permutation
from goalrelay.types import Episode, GoalConstraint, Spec, Stage, Symmetry

HAND = columns("observation", 0, 1)
BLOCK = [columns("achieved_goal", i, i + 1) for i in range(2)]
WANTED = [columns("desired_goal", i, i + 1) for i in range(2)]
SWAP = signed_permutation(6, flip=(5,), swap=((1, 3), (2, 4)))
VIEW = Symmetry("block 1 first", SWAP, signed_permutation(2, swap=((0, 1),)), signed_permutation(1))
DONE = (GoalConstraint(BLOCK[0], WANTED[0]),)
STAGES = (
    Stage("reach0", HAND, BLOCK[0], 0.1, 0.1, 0.5),
    Stage("move0", BLOCK[0], WANTED[0], 0.1, 0.1, 0.5),
    Stage("reach1", HAND, BLOCK[1], 0.1, 0.1, 0.5, maintained=DONE, object_permutation=VIEW),
    Stage("task", BLOCK[1], WANTED[1], None, 0.1, 0.5, maintained=DONE, object_permutation=VIEW),
)
FLIP = Symmetry(
    "flip",
    signed_permutation(6, flip=range(6)),
    signed_permutation(2, flip=(0, 1)),
    signed_permutation(1, flip=(0,)),
)
SPEC = Spec(6, 2, 2, 1, False, 8, (-1.0, 0.0), STAGES, (0, 1, 3))


def reward(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
    """The task's own: 0 with both blocks within 0.1, block 1 within half of that."""
    near = np.abs(achieved - desired) <= np.array([0.1, 0.05])
    return np.asarray(near.all(axis=-1), np.float32) - 1


def observe(hand: np.ndarray, blocks: np.ndarray) -> np.ndarray:
    """[...], [..., 2] -> [..., 6]"""
    a, b = blocks[..., 0], blocks[..., 1]
    return np.stack([hand, a, a - hand, b, b - hand, a - b], axis=-1).astype(np.float32)


def episode(seed: int, length: int = 8) -> Episode:
    """Blocks that jump about a little, so that stages are sometimes reached and sometimes not."""
    rng = np.random.default_rng(seed)
    hand = rng.uniform(-0.3, 0.3, length + 1)
    blocks = rng.uniform(-0.15, 0.15, (length + 1, 2)).astype(np.float32)
    goal = rng.uniform(-0.15, 0.15, 2).astype(np.float32)
    return Episode(
        observe(hand, blocks),
        blocks,
        np.tile(goal, (length + 1, 1)),
        rng.uniform(-1, 1, (length, 1)).astype(np.float32),
        False,
        0.0,
        -1.0,
    )
