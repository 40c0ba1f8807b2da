"""Columns, stages and symmetries of the tasks with several blocks.

The columns of the observation are those of `several`: b = 5 + 15 m is the first one of block m.
Its stages are those of `tasks.object_stages`. The network gets every later block in the columns of
the first one (`Stage.object_permutation`). So what it learns about one block holds for all.
"""

import itertools
from typing import Any

from goalrelay.tasks.fetch.environment import THRESHOLD
from goalrelay.tasks.fetch.simulation import STRIDE
from goalrelay.tasks.object_stages import MovedObject, object_stages
from goalrelay.tasks.structure import about, columns, signed_permutation
from goalrelay.types import SignedPermutation, Stage, Symmetry

MIDDLE = (1.3, 0.75)
"""Middle of the table, m."""
BLOCK_COLUMNS = 15
"""Columns of the observation for each block."""
GAIN = 1 / STRIDE
"""Gain of the scripted guide (see `types.Stage.gain`), 1/m."""


def stages(count: int, alone: bool, exact: float = THRESHOLD) -> tuple[Stage, ...]:
    """`reach0`, `move0`, `reach1`, `bring1`, `move1`, .., `task`: 3 N - 1 stages.

    Args:
        count: number of blocks.
        alone: whether a stage `bring` of each later block comes before `move`. It ignores the
            other blocks, so it can use what was learned about the first one. Without it there are
            2 N stages (RHER).
        exact: success distance of all blocks but the last one, m.
    """
    objects = [
        MovedObject(
            _block_columns("achieved_goal", m),
            _block_columns("desired_goal", m),
            THRESHOLD,
            THRESHOLD if m == count - 1 else exact,
            object_permutation=first(count, m) if m else None,
        )
        for m in range(count)
    ]
    return object_stages(columns("observation", 0, 3), objects, GAIN, alone, THRESHOLD)


def _block_columns(source: Any, number: int) -> Any:
    """Columns of a block in the achieved or in the desired goal."""
    return columns(source, 3 * number, 3 * number + 3)


def size(count: int) -> int:
    """Number of columns of the observation."""
    return 10 + BLOCK_COLUMNS * count + 3 * (count * (count - 1) // 2)


def pairs(count: int) -> list[tuple[int, int]]:
    """Pairs of blocks whose relative position is observed, in the order of the columns."""
    return list(itertools.combinations(range(count), 2))


def first(count: int, number: int) -> Symmetry:
    """The symmetry that exchanges a block with the first one."""
    order = list(range(size(count)))
    sign = [1.0] * len(order)
    source = list(range(count))  # number of the block that block m is replaced by
    source[0], source[number] = number, 0
    for m in range(count):
        for column in range(BLOCK_COLUMNS):
            order[5 + BLOCK_COLUMNS * m + column] = 5 + BLOCK_COLUMNS * source[m] + column
    # First column of the relative position of each pair. If the exchange reverses the order of a
    # pair, its relative position changes sign.
    starts = {pair: 10 + BLOCK_COLUMNS * count + 3 * k for k, pair in enumerate(pairs(count))}
    for i, j in starts:
        a, b = source[i], source[j]
        for axis in range(3):
            order[starts[i, j] + axis] = starts[min(a, b), max(a, b)] + axis
            sign[starts[i, j] + axis] = 1.0 if a < b else -1.0
    observation = SignedPermutation(tuple(order), tuple(sign), (0.0,) * len(order))
    goal = signed_permutation(3 * count, swap=[(axis, 3 * number + axis) for axis in range(3)])
    return Symmetry(f"object{number} first", observation, goal, signed_permutation(4))


def symmetries(count: int) -> tuple[Symmetry, ...]:
    """The mirrors of the task: left-right (y) and front-back (x).

    A mirror changes the sign of rotations about the other two axes. Left-right exchanges the
    fingers.
    """
    end = 5 + BLOCK_COLUMNS * count
    fingers = ((3, 4), (end + 3, end + 4))
    return (_mirror("left-right", count, 1, fingers), _mirror("front-back", count, 0, ()))


def _mirror(name: str, count: int, axis: int, swap: tuple[tuple[int, int], ...]) -> Symmetry:
    """The mirror that changes the sign of an axis and exchanges pairs of columns."""
    end = 5 + BLOCK_COLUMNS * count
    others = [other for other in range(3) if other != axis]
    flip, centres = [axis, end + axis], {axis: MIDDLE[axis]}  # columns of the grip
    for b in range(5, end, BLOCK_COLUMNS):
        centres[b + axis] = MIDDLE[axis]
        flip += [b + axis, b + 3 + axis, b + 9 + axis]  # positions, velocities
        flip += [b + 6 + other for other in others] + [b + 12 + other for other in others]
    flip += [end + 5 + 3 * k + axis for k in range(len(pairs(count)))]
    goals = [3 * m + axis for m in range(count)]
    return Symmetry(
        name,
        about(signed_permutation(size(count), flip, swap), centres),
        about(signed_permutation(3 * count, goals), dict.fromkeys(goals, MIDDLE[axis])),
        signed_permutation(4, flip=(axis,)),
    )


def absolute(count: int) -> tuple[int, ...]:
    """Columns of x and y of the grip and of every block."""
    starts = (0, *range(5, 5 + BLOCK_COLUMNS * count, BLOCK_COLUMNS))
    return tuple(start + axis for start in starts for axis in (0, 1))
