"""Checks of what a task declares: stages, symmetries, positions, body frame.

A wrong declaration is refused when the task is opened, and the message says which part is wrong.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from goalrelay.errors import UsageError
from goalrelay.tasks.structure import TaskStructure
from goalrelay.types import BodyFrame, Columns, GoalConstraint, Stage, Symmetry

SOURCES = ("observation", "achieved_goal", "desired_goal")
"""Keys of the goal dictionary, whose columns a stage can name."""


def check_structure(declared: TaskStructure, where: str, sizes: dict[str, int]) -> TaskStructure:
    """The declared structure in normal form, with tuples in all fields.

    Args:
        declared: as found.
        where: the task, for messages.
        sizes: number of columns of each key, and of `action`.

    Raises:
        UsageError: a stage names columns that the task does not have, its goals do not match, or
            another part of the declaration is inconsistent.
    """
    stages = _check_stages(declared.stages, where, sizes)
    for symmetry in declared.symmetries:
        _check_symmetry(symmetry, stages, where, sizes)
    _check_positions(declared, where, sizes)
    if declared.body is not None:
        _check_body(declared.body, declared.position_columns, where, sizes)
    return TaskStructure(
        stages,
        tuple(declared.symmetries),
        tuple(declared.position_columns),
        tuple(declared.subgoal_range),
        tuple(declared.goal_position_columns),
        declared.body,
    )


def _check_stages(
    declared: Sequence[Stage], where: str, sizes: dict[str, int]
) -> tuple[Stage, ...]:
    """The stages in normal form (see `_normalise_stage`).

    Raises:
        UsageError: a stage is inconsistent, two have one name, the last one is not the task, or an
            object permutation does more than to exchange objects.
    """
    stages = tuple(_normalise_stage(stage, where, sizes) for stage in declared)
    names = [stage.name for stage in stages]
    if len(set(names)) < len(names):
        raise UsageError(f"{where}: two stages have the same name, of {', '.join(names)}")
    if stages and not _is_whole_goal(stages[-1], sizes):
        raise UsageError(
            f"{where}: the last stage, '{names[-1]}', must be the task itself: the whole "
            "achieved_goal and the whole desired_goal"
        )
    objects = {constraint.achieved for stage in stages for constraint in stage.constraints}
    for stage in stages:
        if stage.object_permutation is not None:
            _check_permutation(
                stage.object_permutation,
                objects,
                f"{where}, stage '{stage.name}', its object_permutation",
                sizes,
            )
    return stages


def _normalise_stage(stage: Stage, where: str, sizes: dict[str, int]) -> Stage:
    """The stage with its columns as tuples of int, and with its scale filled in.

    Raises:
        UsageError: the stage is inconsistent; the message says how.
    """
    if not isinstance(stage, Stage):
        raise UsageError(f"{where}: {stage!r} is not a goalrelay.Stage")
    where = f"{where}, stage '{stage.name}'"
    for field in ("threshold", "switch", "scale", "gain"):
        value = getattr(stage, field)
        if not (value is None and field in ("threshold", "gain")) and not _is_number(value):
            raise UsageError(f"{where}: {field} must be a finite number, got {value!r}")
    first, *maintained = (_normalise_constraint(c, where, sizes) for c in stage.constraints)
    stage = stage._replace(
        achieved=first.achieved,
        desired=first.desired,
        maintained=tuple(maintained),
        scale=stage.scale or stage.switch,
    )
    if stage.threshold is None and not _is_whole_goal(stage, sizes):
        raise UsageError(f"{where} needs a threshold: only the whole goal has the task's reward")
    if (stage.threshold or 0) < 0 or stage.switch < 0 or stage.scale <= 0:
        raise UsageError(f"{where}: threshold and switch must not be below 0, scale above 0")
    if stage.gain is not None and len(first.desired.columns) > sizes["action"]:
        raise UsageError(f"{where}: a gain needs at least as many actions as the goal has columns")
    return stage


def _is_number(value: Any) -> bool:
    """Whether a value is a number, of Python's or NumPy's, and finite."""
    return isinstance(value, int | float | np.integer | np.floating) and bool(np.isfinite(value))


def _normalise_constraint(
    constraint: GoalConstraint, where: str, sizes: dict[str, int]
) -> GoalConstraint:
    """The constraint with its columns as tuples of int.

    Raises:
        UsageError: a source or a column does not exist, or the two sizes differ.
    """
    if not isinstance(constraint, GoalConstraint):
        raise UsageError(
            f"{where}: maintained takes constraints; write GoalConstraint(achieved, desired)"
        )
    normalised: list[Columns] = []
    for field, declared in zip(("achieved", "desired"), constraint, strict=True):
        if not isinstance(declared, Columns):
            raise UsageError(
                f"{where}: {field} is not goalrelay.Columns; write columns(source, start, stop)"
            )
        if declared.source not in SOURCES:
            raise UsageError(
                f"{where}: {field} has columns of {', '.join(SOURCES)}, not {declared.source}"
            )
        numbers, size = tuple(int(c) for c in declared.columns), sizes[declared.source]
        if not numbers or not set(numbers) <= set(range(size)):
            raise UsageError(
                f"{where}: {field} has columns {numbers}; {declared.source} has {size}"
            )
        normalised.append(Columns(declared.source, numbers))
    achieved, desired = normalised
    if len(achieved.columns) != len(desired.columns):
        raise UsageError(f"{where}: achieved and desired differ in size")
    return GoalConstraint(achieved, desired)


def _is_whole_goal(stage: Stage, sizes: dict[str, int]) -> bool:
    """Whether a stage's constraints are the whole achieved and the whole desired goal."""
    same_columns = all(
        constraint.achieved.source == "achieved_goal"
        and constraint.desired == Columns("desired_goal", constraint.achieved.columns)
        for constraint in stage.constraints
    )
    numbers = sorted(column for c in stage.constraints for column in c.desired.columns)
    return same_columns and numbers == list(range(sizes["desired_goal"]))


def _check_positions(declared: TaskStructure, where: str, sizes: dict[str, int]) -> None:
    """Check position_columns, subgoal_range and goal_position_columns against the sizes."""
    positions, limits = declared.position_columns, declared.subgoal_range
    goal = declared.goal_position_columns
    if not set(positions) <= set(range(sizes["observation"])):
        raise UsageError(
            f"{where}: position_columns names columns that the observation does not have"
        )
    if limits and (len(limits) != len(positions) or min(limits) <= 0):
        raise UsageError(
            f"{where}: subgoal_range is a positive number for each of position_columns"
        )
    if goal and (len(goal) != len(positions) or not set(goal) <= set(range(sizes["desired_goal"]))):
        raise UsageError(
            f"{where}: goal_position_columns names a column of the desired goal for each of "
            "position_columns"
        )


def _check_body(body: Any, positions: Sequence[int], where: str, sizes: dict[str, int]) -> None:
    """Check the columns of a body frame, and that its symmetries map positions to positions."""
    if not isinstance(body, BodyFrame):
        raise UsageError(f"{where}: {body!r} is not a goalrelay.BodyFrame")
    lengths = [len(body.rotation), *map(len, body.vectors)]
    numbers = [*body.rotation, *(column for vector in body.vectors for column in vector)]
    if lengths != [4] + [3] * len(body.vectors):
        raise UsageError(f"{where}: body has four columns of a rotation, and three of each vector")
    if not set(numbers) <= set(range(sizes["observation"])) or len(set(numbers)) < len(numbers):
        raise UsageError(f"{where}: body names a column twice, or one that is not there")
    if len(positions) not in (2, 3):
        raise UsageError(f"{where}: with a body, position_columns must be x, y or x, y, z")
    for symmetry in body.symmetries:
        _check_symmetry(symmetry, (), where, sizes)
        images = {symmetry.observation.order[column] for column in positions}
        if not images <= set(positions):
            raise UsageError(f"{where}, symmetry '{symmetry.name}' mixes positions with others")


def _check_permutation(
    permutation: Symmetry, objects: set[Columns], where: str, sizes: dict[str, int]
) -> None:
    """Check that a permutation only exchanges objects: goals keep their values, actions stay.

    Args:
        permutation: of one stage.
        objects: achieved columns of all constraints of all stages.
        where: the task and the stage, for messages.
        sizes: number of columns of each key, and of `action`.
    """
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
    for achieved in objects:
        if achieved.source == "achieved_goal":
            image = tuple(permutation.goal.order.index(column) for column in achieved.columns)
            if Columns(achieved.source, image) not in objects:
                raise UsageError(
                    f"{where} takes columns {achieved.columns} to what no stage is about"
                )


def _check_symmetry(
    symmetry: Any, stages: Sequence[Stage], where: str, sizes: dict[str, int]
) -> None:
    """Check the sizes of a symmetry, and that it keeps the achieved columns of every constraint."""
    if not isinstance(symmetry, Symmetry):
        raise UsageError(f"{where}: {symmetry!r} is not a goalrelay.Symmetry")
    where = f"{where}, symmetry '{symmetry.name}'"
    changes = {
        "observation": symmetry.observation,
        "achieved_goal": symmetry.goal,
        "action": symmetry.action,
    }
    for name, change in changes.items():
        if {len(field) for field in change} != {sizes[name]}:
            raise UsageError(
                f"{where}: {name} has {sizes[name]} columns, its permutation another number"
            )
        if sorted(change.order) != list(range(sizes[name])):
            raise UsageError(f"{where}: the order of {name} must name each of its columns once")
    for stage in stages:
        for constraint in stage.constraints:
            achieved = constraint.achieved
            image = {changes[achieved.source].order[column] for column in achieved.columns}
            if image != set(achieved.columns):
                raise UsageError(f"{where} mixes columns of stage '{stage.name}' with others")
