"""Random positions in a box that keep their distances from each other and from given points."""

import itertools
from collections.abc import Sequence

import numpy as np

DARTS = 40
"""Candidates for one position before all positions are drawn again."""
ROUNDS = 200
"""Number of times that all positions are drawn before the distances shrink."""


def scatter(
    rng: np.random.Generator,
    box: np.ndarray,
    count: int,
    apart: float,
    away: Sequence[tuple[np.ndarray, float]] = (),
) -> np.ndarray:
    """Draw random positions in a box that keep their distances: [count, 2] m.

    Positions are drawn one after the other. If one does not fit, all are drawn again. If they never
    fit, the distances shrink, so the function always returns.

    Args:
        rng: random numbers.
        box: [2, 2] lowest and highest corner, m.
        count: number of positions.
        apart: least distance between two of them, m.
        away: pairs of points [P, 2] and the least distance from them, m.
    """
    for attempt in itertools.count():
        shrink = 0.9 ** max(0, attempt - ROUNDS)
        points, distances = _obstacles(count, apart, away)
        given = len(points) - count
        for drawn in range(count):
            darts = rng.uniform(box[0], box[1], size=(DARTS, 2))
            # [DARTS, points so far, 2] from each point to each candidate
            gap = darts[:, None] - points[: given + drawn]
            free = ((gap * gap).sum(-1) >= (shrink * distances[: given + drawn]) ** 2).all(-1)
            if not free.any():
                break
            points[given + drawn] = darts[free.argmax()]
        else:
            return points[given:]
    raise AssertionError("unreachable")


def _obstacles(
    count: int, apart: float, away: Sequence[tuple[np.ndarray, float]]
) -> tuple[np.ndarray, np.ndarray]:
    """Points [P + count, 2] that a position avoids, and their distances [P + count], m.

    The last `count` points are zero; they are filled in as they are drawn.
    """
    points = np.concatenate([*(given for given, _ in away), np.zeros((count, 2))])
    distances = [np.full(len(given), distance) for given, distance in away]
    return points, np.concatenate([*distances, np.full(count, apart)])
