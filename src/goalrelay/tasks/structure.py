"""Ordered stages of a task, and its symmetries: a few lines in the file of the task.

In an environment of your own:

    class PegEnv(gymnasium.Env):
        stages = (
            Stage("reach", columns("observation", 0, 3), columns("achieved_goal", 0, 3), 0.05),
            Stage("insert", columns("achieved_goal", 0, 3), columns("desired_goal", 0, 3)),
        )

For an environment of somebody else: `declare("PandaPush-v3", TaskStructure(stages))`.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from goalrelay.errors import UsageError
from goalrelay.tasks.column_kinds import ColumnKinds
from goalrelay.types import BodyFrame, Columns, SignedPermutation, Stage, Symmetry

RENAMED = {"absolute": "position_columns", "reach": "subgoal_range"}
"""Attributes of environments: name in an earlier version -> name."""


class TaskStructure(NamedTuple):
    """What a task can declare about itself."""

    stages: tuple[Stage, ...] = ()
    """In order of difficulty; the last one is the task itself."""
    symmetries: tuple[Symmetry, ...] = ()
    position_columns: tuple[int, ...] = ()
    """Observation columns of positions (see `types.Spec.position_columns`)."""
    subgoal_range: tuple[float, ...] = ()
    """How far a hierarchy's sub-goal may change each of them (see `types.Spec.subgoal_range`)."""
    goal_position_columns: tuple[int, ...] = ()
    """Columns of the desired goal that are a position, in the order of `position_columns`."""
    body: BodyFrame | None = None
    """Which columns rotate with the robot's heading (see `types.Spec.body`)."""
    column_kinds: ColumnKinds | None = None
    """What the columns are. Symmetries, position columns and permutations of alike objects follow
    from it, unless they are given."""


_declared: dict[str, TaskStructure] = {}


def declare(task_id: str, decomposition: TaskStructure) -> None:
    """Declare the structure of the task with a Gymnasium id; replaces an earlier declaration."""
    _declared[_bare_id(task_id)] = decomposition


def _bare_id(task_id: str) -> str:
    """The id without the module that registers it."""
    return task_id.rpartition(":")[2]


def columns(
    source: Literal["observation", "achieved_goal", "desired_goal"], start: int, stop: int
) -> Columns:
    """Columns start .. stop - 1 of the array under the key `source`."""
    return Columns(source, tuple(range(start, stop)))


def signed_permutation(
    size: int, flip: Sequence[int] = (), swap: Sequence[tuple[int, int]] = ()
) -> SignedPermutation:
    """A change of arrays [.., size].

    Args:
        size: number of columns.
        flip: columns that change their sign.
        swap: pairs of columns that are exchanged.
    """
    order = list(range(size))
    for a, b in swap:
        order[a], order[b] = order[b], order[a]
    sign = [-1.0 if column in flip else 1.0 for column in range(size)]
    return SignedPermutation(tuple(order), tuple(sign), (0.0,) * size)


def about(change: SignedPermutation, centres: dict[int, float]) -> SignedPermutation:
    """The same change, but some columns are mirrored about a centre instead of about zero.

    Args:
        change: which columns are mirrored.
        centres: column -> centre. Columns that keep their sign are not shifted.
    """
    shift = [2 * centres[i] if s < 0 and i in centres else 0.0 for i, s in enumerate(change.sign)]
    return change._replace(shift=tuple(shift))


def find_structure(task_id: str, env: Any, stock: TaskStructure) -> TaskStructure:
    """What was declared for a task: by the environment, else for its id, else by the library.

    The result is not checked yet; see `structure_checks.check_structure`.

    Args:
        task_id: a Gymnasium id.
        env: the environment, unwrapped.
        stock: the structure that the library has for this id.

    Raises:
        UsageError: the environment has an attribute of an earlier version.
    """
    _refuse_renamed(env, f"task '{task_id}'")
    own = {name: getattr(env, name) for name in TaskStructure._fields if hasattr(env, name)}
    return TaskStructure(**own) if own else _declared.get(_bare_id(task_id), stock)


def _refuse_renamed(env: Any, where: str) -> None:
    """Refuse attribute names of an earlier version, which would otherwise be ignored silently."""
    for old, new in RENAMED.items():
        value = getattr(env, old, None)
        if isinstance(value, tuple | list) and value and not getattr(env, new, ()):
            raise UsageError(f"{where}: the attribute {old} is called {new} now")
