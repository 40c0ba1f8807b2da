"""Ordered stages of a task, and its symmetries: declared beside the task, in a few lines.

On an environment of one's own:

    class PegEnv(gymnasium.Env):
        stages = (
            Stage("reach", part("observation", 0, 3), part("achieved_goal", 0, 3), 0.05, 0.03),
            Stage("insert", part("achieved_goal", 0, 3), part("desired_goal", 0, 3)),
        )

For an environment of somebody else's: `declare("PandaPush-v3", Decomposition(stages))`.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from goalrelay.errors import UsageError
from goalrelay.types import Part, Stage, Symmetry, Turn


class Decomposition(NamedTuple):
    """What relay can know of a task."""

    stages: tuple[Stage, ...]
    """In order of difficulty; the last is the task itself."""
    symmetries: tuple[Symmetry, ...] = ()
    absolute: tuple[int, ...] = ()
    """Observation columns of positions in the room (see `types.Spec.absolute`)."""


_declared: dict[str, Decomposition] = {}


def declare(task_id: str, decomposition: Decomposition) -> None:
    """Tell how the task of a Gymnasium id decomposes; replaces what was declared before."""
    _declared[task_id] = decomposition


def part(
    source: Literal["observation", "achieved_goal", "desired_goal"], start: int, stop: int
) -> Part:
    """Columns start .. stop - 1 of what a task shows under the key `source`."""
    return Part(source, tuple(range(start, stop)))


def turn(size: int, flip: Sequence[int] = (), swap: Sequence[tuple[int, int]] = ()) -> Turn:
    """The change of an array of a size: columns whose sign flips, columns that trade places."""
    order = list(range(size))
    for a, b in swap:
        order[a], order[b] = order[b], order[a]
    sign = [-1.0 if column in flip else 1.0 for column in range(size)]
    return Turn(tuple(order), tuple(sign), (0.0,) * size)


def about(change: Turn, centres: dict[int, float]) -> Turn:
    """The same change with columns mirrored about a centre instead of about zero."""
    shift = [2 * centres[i] if s < 0 and i in centres else 0.0 for i, s in enumerate(change.sign)]
    return change._replace(shift=tuple(shift))


def of_task(task_id: str, env: Any, sizes: dict[str, int], stock: Decomposition) -> Decomposition:
    """What was declared for a task: on the environment, or for its id.

    Args:
        task_id: for messages, and the name under which it may have been declared.
        env: the environment, unwrapped.
        sizes: how many columns each key has.
        stock: what comes with the library.

    Raises:
        UsageError: a stage names columns that the task does not have, or goals that do not match.
    """
    stages = getattr(env, "stages", None)
    if stages is not None:
        found = Decomposition(
            tuple(stages),
            tuple(getattr(env, "symmetries", ())),
            tuple(getattr(env, "absolute", ())),
        )
    else:
        found = _declared.get(task_id.rpartition(":")[2], stock)
    for stage in found.stages:
        _check(stage, task_id, sizes)
    return found


def _check(stage: Stage, task_id: str, sizes: dict[str, int]) -> None:
    where = f"task '{task_id}', stage '{getattr(stage, 'name', stage)}'"
    if not isinstance(stage, Stage):
        raise UsageError(f"{where} is not a goalrelay.Stage")
    for what, piece in (("achieved", stage.achieved), ("desired", stage.desired)):
        if piece.source not in sizes:
            raise UsageError(f"{where}: {what} is a part of {', '.join(sizes)}, not {piece.source}")
        size = sizes[piece.source]
        if not piece.columns or not set(piece.columns) <= set(range(size)):
            raise UsageError(
                f"{where}: {what} has columns {piece.columns}; {piece.source} has {size}"
            )
    if len(stage.achieved.columns) != len(stage.desired.columns):
        raise UsageError(f"{where}: achieved and desired differ in size")
    if stage.threshold is None and not (
        stage.achieved.source == "achieved_goal"
        and stage.desired.source == "desired_goal"
        and len(stage.desired.columns) == sizes["desired_goal"]
    ):
        raise UsageError(f"{where} needs a threshold: only the whole goal has the task's reward")
    if np.any([value is not None and value < 0 for value in (stage.threshold, stage.switch)]):
        raise UsageError(f"{where}: threshold and switch are distances, not below 0")
