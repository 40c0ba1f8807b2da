"""A symmetry that what a task shows contradicts is refused, by name, with its worst column."""

import functools
from typing import Any

import pytest

import goalrelay
from conftest import SMALL
from goalrelay.data.rollout import Simulator
from goalrelay.errors import UsageError
from goalrelay.tasks import fetch_stages, structure
from goalrelay.tasks.column_kinds import ColumnKinds
from goalrelay.tasks.fetch import several_structure
from goalrelay.tasks.goal_task import described, open_task
from goalrelay.tasks.structure import TaskStructure, declare
from goalrelay.tasks.symmetry_data import (
    Contradiction,
    Shown,
    check_symmetries,
    contradictions,
    sample,
)
from goalrelay.types import SignedPermutation, Symmetry

LEFT_RIGHT, FRONT_BACK = fetch_stages.LEFT_RIGHT, fetch_stages.FRONT_BACK


@functools.cache
def push() -> Shown:
    opened = open_task("goalrelay/FetchPush-v0")
    data = sample(opened)
    opened.close()
    return data


def found(symmetry: Symmetry) -> list[Contradiction]:
    return contradictions(symmetry, push())


def with_sign(change: SignedPermutation, column: int) -> SignedPermutation:
    sign = list(change.sign)
    sign[column] = -sign[column]
    return change._replace(sign=tuple(sign))


def swapped(change: SignedPermutation, a: int, b: int) -> SignedPermutation:
    order = list(change.order)
    order[a], order[b] = order[b], order[a]
    return change._replace(order=tuple(order))


@pytest.mark.parametrize(
    ("task_id", "count"),
    [
        ("FetchReach-v4", 2),
        ("goalrelay/FetchSlide-v0", 1),
        ("goalrelay/FetchPickAndPlace-v0", 2),
        ("goalrelay/FetchInsert-v0", 2),
        ("goalrelay/FetchObstaclePush-v0", 2),
        ("goalrelay/FetchDoublePush-v0", 2),
        ("goalrelay/FetchTripleStack-v0", 2),
    ],
)
def test_the_symmetries_that_our_tasks_declare_hold(task_id: str, count: int) -> None:
    opened = open_task(task_id)
    assert len(opened.symmetries) == count
    check_symmetries(opened)
    opened.close()


@pytest.mark.parametrize("symmetry", [LEFT_RIGHT, FRONT_BACK], ids=lambda s: s.name)
@pytest.mark.parametrize("column", [0, 1, 2, 3, 4, 5, 6, 7, 8, 14, 15, 20, 21, 22])
def test_one_wrong_sign_is_found(symmetry: Symmetry, column: int) -> None:
    """Of positions, differences and velocities; the block hardly turns in a few steps."""
    assert not found(symmetry)
    assert found(symmetry._replace(observation=with_sign(symmetry.observation, column)))


@pytest.mark.parametrize("symmetry", [LEFT_RIGHT, FRONT_BACK], ids=lambda s: s.name)
def test_a_wrong_goal_action_pair_of_columns_or_centre_is_found(symmetry: Symmetry) -> None:
    wrong = [
        symmetry._replace(goal=with_sign(symmetry.goal, 0)),
        symmetry._replace(action=with_sign(symmetry.action, 0)),
        symmetry._replace(action=with_sign(symmetry.action, 1)),
        symmetry._replace(observation=swapped(symmetry.observation, 20, 21)),
        symmetry._replace(observation=swapped(symmetry.observation, 0, 3)),
    ]
    for one in wrong:
        assert found(one), one
    # one of two equal positions about another centre; all about a centre that is far away
    axis = 1 if symmetry is LEFT_RIGHT else 0
    moved = list(symmetry.observation.shift)
    moved[3 + axis] += 0.1
    assert found(symmetry._replace(observation=symmetry.observation._replace(shift=tuple(moved))))
    none = SignedPermutation(symmetry.goal.order, symmetry.goal.sign, (0.0,) * 3)
    still = symmetry.observation._replace(shift=(0.0,) * 25)
    (worst, *_) = found(symmetry._replace(observation=still, goal=none))
    assert "as if about a wrong centre" in worst.what


def test_a_wrong_exchange_of_objects_is_refused() -> None:
    opened = open_task("goalrelay/FetchDoublePush-v0")
    stages = opened.spec.stages
    exchange = several_structure.first(2, 1)
    wrong = exchange._replace(observation=swapped(exchange.observation, 8, 9))
    spec = opened.spec._replace(
        stages=(*stages[:-1], stages[-1]._replace(object_permutation=wrong))
    )
    with pytest.raises(UsageError, match="the symmetry 'object1 first' is contradicted"):
        check_symmetries(described(opened, spec, ()))
    opened.close()


def test_the_mirror_of_another_axis_is_found() -> None:
    assert found(LEFT_RIGHT._replace(action=FRONT_BACK.action))


def test_a_run_with_a_wrong_symmetry_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(structure, "_declared", {})
    wrong = ColumnKinds(("2 position of point",), action=("2 same",), centre=(0.0, 0.0))
    declare("goalrelay/PointReach-v0", TaskStructure(column_kinds=wrong))
    with pytest.raises(UsageError) as refused:
        goalrelay.train(
            "her", "goalrelay/PointReach-v0", episodes=2, out=tmp_path / "r", settings=SMALL
        )
    assert "the symmetry 'left-right' is contradicted by what the task shows" in str(refused.value)
    assert "observation column 1" in str(refused.value)
    assert not (tmp_path / "r").exists()


def test_a_task_without_symmetries_is_not_played(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = open_task("goalrelay/PointReach-v0")
    monkeypatch.setattr(Simulator, "step", None)
    check_symmetries(opened)
    opened.close()
