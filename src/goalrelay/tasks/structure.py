"""Ordered stages of a task, and its symmetries: declared beside the task, in a few lines.

On an environment of one's own:

    class PegEnv(gymnasium.Env):
        stages = (
            Stage("reach", columns("observation", 0, 3), columns("achieved_goal", 0, 3), 0.05, 0.03),
            Stage("insert", columns("achieved_goal", 0, 3), columns("desired_goal", 0, 3)),
        )

For an environment of somebody else's: `declare("PandaPush-v3", TaskStructure(stages))`.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from goalrelay.errors import UsageError
from goalrelay.types import BodyFrame, Columns, GoalConstraint, SignedPermutation, Stage, Symmetry

SOURCES = ("observation", "achieved_goal", "desired_goal")
"""What columns can be columns of."""
RENAMED = {"absolute": "position_columns", "reach": "subgoal_range"}
"""Attributes of environments by their names in an earlier version."""


class TaskStructure(NamedTuple):
    """What a task can declare of itself."""

    stages: tuple[Stage, ...] = ()
    """In order of difficulty; the last is the task itself."""
    symmetries: tuple[Symmetry, ...] = ()
    position_columns: tuple[int, ...] = ()
    """Observation columns of positions (see `types.Spec.position_columns`)."""
    subgoal_range: tuple[float, ...] = ()
    """How far a hierarchy's sub-goal may change each of them (see `types.Spec.subgoal_range`)."""
    goal_position_columns: tuple[int, ...] = ()
    """Columns of the desired goal that are a position, in the order of `position_columns`."""
    body: BodyFrame | None = None
    """Which columns rotate with the robot's heading (see `types.Spec.body`)."""


_declared: dict[str, TaskStructure] = {}


def declare(task_id: str, decomposition: TaskStructure) -> None:
    """Tell how the task of a Gymnasium id decomposes; replaces what was declared before."""
    _declared[_bare(task_id)] = decomposition


def _bare(task_id: str) -> str:
    """The id without the module that registers it."""
    return task_id.rpartition(":")[2]


def columns(
    source: Literal["observation", "achieved_goal", "desired_goal"], start: int, stop: int
) -> Columns:
    """Columns start .. stop - 1 of what a task shows under the key `source`."""
    return Columns(source, tuple(range(start, stop)))


def signed_permutation(
    size: int, flip: Sequence[int] = (), swap: Sequence[tuple[int, int]] = ()
) -> SignedPermutation:
    """The change of an array of a size: columns whose sign flips, columns that trade places."""
    order = list(range(size))
    for a, b in swap:
        order[a], order[b] = order[b], order[a]
    sign = [-1.0 if column in flip else 1.0 for column in range(size)]
    return SignedPermutation(tuple(order), tuple(sign), (0.0,) * size)


def about(change: SignedPermutation, centres: dict[int, float]) -> SignedPermutation:
    """The same change with columns mirrored about a centre instead of about zero."""
    shift = [2 * centres[i] if s < 0 and i in centres else 0.0 for i, s in enumerate(change.sign)]
    return change._replace(shift=tuple(shift))


def of_task(task_id: str, env: Any, sizes: dict[str, int], stock: TaskStructure) -> TaskStructure:
    """What was declared for a task: on the environment, or for its id.

    Args:
        task_id: for messages, and the name under which it may have been declared.
        env: the environment, unwrapped.
        sizes: how many columns each key has, and `action`.
        stock: what comes with the library.

    Raises:
        UsageError: a stage names columns that the task does not have, or goals that do not match.
    """
    _check_names(env, f"task '{task_id}'")
    own = {name: getattr(env, name) for name in TaskStructure._fields if hasattr(env, name)}
    found = TaskStructure(**own) if own else _declared.get(_bare(task_id), stock)
    where = f"task '{task_id}'"
    stages = tuple(_stage(stage, where, sizes) for stage in found.stages)
    names = [stage.name for stage in stages]
    if len(set(names)) < len(names):
        raise UsageError(f"{where}: two stages have the same name, of {', '.join(names)}")
    if stages and not _is_task(stages[-1], sizes):
        raise UsageError(
            f"{where}: the last stage, '{names[-1]}', must be the task itself: the whole "
            "achieved_goal and the whole desired_goal"
        )
    things = {pair.achieved for stage in stages for pair in stage.constraints}
    for stage in stages:
        if stage.object_permutation is not None:
            _check_permutation(
                stage.object_permutation,
                things,
                f"{where}, stage '{stage.name}', its object_permutation",
                sizes,
            )
    for symmetry in found.symmetries:
        _check_symmetry(symmetry, stages, where, sizes)
    _check_positions(found, where, sizes)
    if found.body is not None:
        _check_body(found.body, where, sizes)
        if len(found.position_columns) not in (2, 3):
            raise UsageError(f"{where}: with a body, position_columns must be x, y or x, y, z")
        for symmetry in found.body.symmetries:
            _check_symmetry(symmetry, (), where, sizes)
            images = {symmetry.observation.order[c] for c in found.position_columns}
            if not images <= set(found.position_columns):
                raise UsageError(f"{where}, symmetry '{symmetry.name}' mixes positions with others")
    return TaskStructure(
        stages,
        tuple(found.symmetries),
        tuple(found.position_columns),
        tuple(found.subgoal_range),
        tuple(found.goal_position_columns),
        found.body,
    )


def _check_names(env: Any, where: str) -> None:
    """Refuse names of an earlier version, which would be ignored without a word."""
    for old, new in RENAMED.items():
        value = getattr(env, old, None)
        if isinstance(value, tuple | list) and value and not hasattr(env, new):
            raise UsageError(f"{where}: the attribute {old} is called {new} now")


def _check_positions(found: TaskStructure, where: str, sizes: dict[str, int]) -> None:
    columns, limits, goal = found.position_columns, found.subgoal_range, found.goal_position_columns
    if not set(columns) <= set(range(sizes["observation"])):
        raise UsageError(
            f"{where}: position_columns names columns that the observation does not have"
        )
    if limits and (len(limits) != len(columns) or min(limits) <= 0):
        raise UsageError(
            f"{where}: subgoal_range is a positive number for each of position_columns"
        )
    if goal and (len(goal) != len(columns) or not set(goal) <= set(range(sizes["desired_goal"]))):
        raise UsageError(
            f"{where}: goal_position_columns names a column of the desired goal for each of "
            "position_columns"
        )


def _stage(stage: Stage, where: str, sizes: dict[str, int]) -> Stage:
    """The stage, with its columns as tuples.

    Raises:
        UsageError: what is wrong with it.
    """
    if not isinstance(stage, Stage):
        raise UsageError(f"{where}: {stage!r} is not a goalrelay.Stage")
    where = f"{where}, stage '{stage.name}'"
    first, *also = (_pair(pair, where, sizes) for pair in stage.constraints)
    stage = stage._replace(
        achieved=first.achieved,
        desired=first.desired,
        maintained=tuple(also),
        scale=stage.scale or stage.switch,
    )
    if stage.threshold is None and not _is_task(stage, sizes):
        raise UsageError(f"{where} needs a threshold: only the whole goal has the task's reward")
    if (stage.threshold or 0) < 0 or stage.switch < 0 or stage.scale <= 0:
        raise UsageError(f"{where}: threshold and switch must not be below 0, scale above 0")
    if stage.gain is not None and len(first.desired.columns) > sizes["action"]:
        raise UsageError(f"{where}: a gain needs at least as many actions as the goal has columns")
    return stage


def _pair(pair: GoalConstraint, where: str, sizes: dict[str, int]) -> GoalConstraint:
    if not isinstance(pair, GoalConstraint):
        raise UsageError(
            f"{where}: maintained takes constraints; write GoalConstraint(achieved, desired)"
        )
    pieces: list[Columns] = []
    for what, piece in zip(("achieved", "desired"), pair, strict=True):
        if not isinstance(piece, Columns):
            raise UsageError(
                f"{where}: {what} is not goalrelay.Columns; write columns(source, start, stop)"
            )
        if piece.source not in SOURCES:
            raise UsageError(
                f"{where}: {what} has columns of {', '.join(SOURCES)}, not {piece.source}"
            )
        columns, size = tuple(int(c) for c in piece.columns), sizes[piece.source]
        if not columns or not set(columns) <= set(range(size)):
            raise UsageError(f"{where}: {what} has columns {columns}; {piece.source} has {size}")
        pieces.append(Columns(piece.source, columns))
    achieved, desired = pieces
    if len(achieved.columns) != len(desired.columns):
        raise UsageError(f"{where}: achieved and desired differ in size")
    return GoalConstraint(achieved, desired)


def _is_task(stage: Stage, sizes: dict[str, int]) -> bool:
    """Whether a stage's pairs are the whole achieved and desired goal, piece by piece."""
    alike = all(
        pair.achieved.source == "achieved_goal"
        and pair.desired == Columns("desired_goal", pair.achieved.columns)
        for pair in stage.constraints
    )
    columns = sorted(column for pair in stage.constraints for column in pair.desired.columns)
    return alike and columns == list(range(sizes["desired_goal"]))


def _check_body(body: Any, where: str, sizes: dict[str, int]) -> None:
    if not isinstance(body, BodyFrame):
        raise UsageError(f"{where}: {body!r} is not a goalrelay.BodyFrame")
    lengths = [len(body.rotation), *map(len, body.vectors)]
    columns = [*body.rotation, *(column for vector in body.vectors for column in vector)]
    if lengths != [4] + [3] * len(body.vectors):
        raise UsageError(f"{where}: body has four columns of a rotation, and three of each vector")
    if not set(columns) <= set(range(sizes["observation"])) or len(set(columns)) < len(columns):
        raise UsageError(f"{where}: body names a column twice, or one that is not there")


def _check_permutation(
    permutation: Symmetry, things: set[Columns], where: str, sizes: dict[str, int]
) -> None:
    """It may only exchange objects: goals keep their values, actions stay as they are."""
    _check_symmetry(permutation, (), where, sizes)
    identity = tuple(range(sizes["action"]))
    if (
        permutation.action.order != identity
        or set(permutation.action.sign) != {1}
        or any(permutation.action.shift)
    ):
        raise UsageError(f"{where} must leave the action as it is")
    if set(permutation.goal.sign) != {1} or any(permutation.goal.shift):
        raise UsageError(f"{where} may only change the places of goals")
    for thing in things:
        if thing.source == "achieved_goal":
            image = tuple(permutation.goal.order.index(column) for column in thing.columns)
            if Columns(thing.source, image) not in things:
                raise UsageError(f"{where} takes columns {thing.columns} to what no stage is about")


def _check_symmetry(
    symmetry: Any, stages: Sequence[Stage], where: str, sizes: dict[str, int]
) -> None:
    if not isinstance(symmetry, Symmetry):
        raise UsageError(f"{where}: {symmetry!r} is not a goalrelay.Symmetry")
    where = f"{where}, symmetry '{symmetry.name}'"
    changes = {
        "observation": symmetry.observation,
        "achieved_goal": symmetry.goal,
        "action": symmetry.action,
    }
    for name, change in changes.items():
        if {len(piece) for piece in change} != {sizes[name]}:
            raise UsageError(
                f"{where}: {name} has {sizes[name]} columns, its permutation another number"
            )
        if sorted(change.order) != list(range(sizes[name])):
            raise UsageError(f"{where}: the order of {name} must name each of its columns once")
    for stage in stages:
        for pair in stage.constraints:
            columns, order = pair.achieved.columns, changes[pair.achieved.source].order
            if {order[column] for column in columns} != set(columns):
                raise UsageError(f"{where} mixes columns of stage '{stage.name}' with others")
