"""The stages of a task in which a hand brings several objects to their goals.

For each object, in order:

    reach  the hand reaches the object, while earlier objects stay at their goals: a hand that
           hurries to the third block would knock over the tower of two
    bring  the object comes to its goal, without a condition on the others
    move   the object comes to its goal, while earlier ones stay at theirs; the last one is `task`
"""

from collections.abc import Sequence
from typing import NamedTuple

from goalrelay.types import Columns, GoalConstraint, Stage, Symmetry


class MovedObject(NamedTuple):
    """An object that the hand has to bring to its goal."""

    achieved: Columns
    """of the achieved goal"""
    desired: Columns
    """of the desired goal"""
    touch: float
    """Distance at which the hand has reached it."""
    near: float
    """Distance at which it has reached its goal."""
    object_permutation: Symmetry | None = None
    """See `types.Stage.object_permutation`."""


def object_stages(
    hand: Columns,
    objects: Sequence[MovedObject],
    gain: float | None = None,
    alone: bool = True,
    scale: float = 0.0,
) -> tuple[Stage, ...]:
    """`reach0`, `move0`, `reach1`, `bring1`, `move1`, .., `task`: 3 N - 1 stages for N objects.

    Args:
        hand: columns of its position.
        objects: in the order in which they are brought to their goals.
        gain: of the scripted guide (see `types.Stage.gain`).
        alone: whether a stage `bring` of each later object comes before `move`. It ignores the
            other objects, so it can use what was learned about the first one. Without it there are
            2 N stages (RHER).
        scale: see `types.Stage.scale`.
    """
    ordered: list[Stage] = []
    for m, thing in enumerate(objects):
        earlier = tuple(GoalConstraint(other.achieved, other.desired) for other in objects[:m])
        more = (scale, gain)
        rest = (earlier, thing.object_permutation)
        touch, near = thing.touch, thing.near
        ordered.append(Stage(f"reach{m}", hand, thing.achieved, touch, touch, *more, *rest))
        both = (thing.achieved, thing.desired)
        if alone and m:
            ordered.append(Stage(f"bring{m}", *both, near, near, *more, (), rest[1]))
        last = m == len(objects) - 1
        name, threshold = ("task", None) if last else (f"move{m}", near)
        ordered.append(Stage(name, *both, threshold, near, *more, *rest))
    return tuple(ordered)
