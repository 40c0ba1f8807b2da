"""From what columns are follow the mirrors, the positions and the exchange of alike objects."""

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pytest

from goalrelay.errors import UsageError
from goalrelay.tasks import column_kinds, fetch_stages, structure
from goalrelay.tasks.column_kinds import ColumnKinds
from goalrelay.tasks.fetch import several_structure
from goalrelay.tasks.goal_task import open_task, with_structure
from goalrelay.tasks.structure import TaskStructure, declare, signed_permutation
from goalrelay.tasks.symmetry import turned
from goalrelay.tasks.toy import point_reach
from goalrelay.types import Symmetry

FETCH = ColumnKinds(
    (
        "position of gripper",
        "position of block",
        "displacement of block from gripper",
        "pair along y of fingers",
        "euler of block",
        "velocity of block",
        "angular velocity of block",
        "velocity of gripper",
        "pair along y of finger velocities",
    ),
    centre=(1.3, 0.75),
)
TWO_BLOCKS = ColumnKinds(
    (
        "position of hand",
        "pair along y of fingers",
        *(
            f"{kind} of block{n}{' from hand' * (kind == 'displacement')}"
            for n in (0, 1)
            for kind in ("position", "displacement", "euler", "velocity", "angular velocity")
        ),
        "velocity of hand",
        "pair along y of finger velocities",
        "displacement of block0 from block1",
    ),
    centre=(1.3, 0.75),
)


@pytest.fixture(autouse=True)
def nothing_declared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(structure, "_declared", {})
    yield


def sizes(observation: int, goal: int, action: int) -> dict[str, int]:
    keys = ("observation", "achieved_goal", "desired_goal", "action")
    return dict(zip(keys, (observation, goal, goal, action), strict=True))


def found(kinds: ColumnKinds, size: dict[str, int]) -> tuple[Any, tuple[Symmetry, ...]]:
    reading = column_kinds.reading(kinds, size, "task")
    return reading, column_kinds.symmetries(kinds, reading, lambda _: 0.0, "task")


def test_the_kinds_of_fetch_give_the_mirrors_that_are_written_out() -> None:
    reading, mirrors = found(FETCH, sizes(25, 3, 4))
    assert mirrors == (fetch_stages.LEFT_RIGHT, fetch_stages.FRONT_BACK)
    assert column_kinds.positions(reading) == fetch_stages.MOVE_AN_OBJECT.position_columns


def test_the_kinds_of_two_blocks_give_mirrors_and_the_exchange_of_the_blocks() -> None:
    reading, mirrors = found(TWO_BLOCKS, sizes(43, 6, 4))
    assert mirrors == several_structure.symmetries(2)
    exchange = column_kinds.exchange(reading, "block0", "block1")
    written_out = several_structure.first(2, 1)
    assert exchange is not None
    assert exchange[1:] == written_out[1:]
    hand = column_kinds.exchange(reading, "block0", "hand")
    assert hand is None  # they have other columns


def test_a_declaration_by_kinds_fills_in_what_is_not_given() -> None:
    stages = several_structure.stages(2, alone=True)
    bare = tuple(stage._replace(object_permutation=None) for stage in stages)
    opened = open_task("goalrelay/FetchDoublePush-v0")
    kinds = TaskStructure(bare, column_kinds=TWO_BLOCKS)
    described = with_structure(opened, kinds)
    assert described.symmetries == opened.symmetries
    assert described.spec.position_columns == opened.spec.position_columns
    permutations = [stage.object_permutation for stage in described.spec.stages]
    assert [None if p is None else p[1:] for p in permutations] == [
        None if s.object_permutation is None else s.object_permutation[1:] for s in stages
    ]
    given = kinds._replace(position_columns=(0,), symmetries=opened.symmetries[:1])
    explicit = with_structure(opened, given)
    assert explicit.spec.position_columns == (0,)
    assert explicit.symmetries == opened.symmetries[:1]
    opened.close()


def test_a_planar_task_has_mirrors_about_the_measured_middle_and_a_quarter_turn() -> None:
    names = ("left-right", "front-back", "quarter-turn")
    kinds = ColumnKinds(("2 position of point",), symmetries=names)
    declare("goalrelay/PointReach-v0", TaskStructure(column_kinds=kinds))
    opened = open_task("goalrelay/PointReach-v0")
    assert [s.name for s in opened.symmetries] == list(names)
    left_right, _, turn = opened.symmetries
    assert left_right.action == signed_permutation(2, (1,))
    assert abs(left_right.observation.shift[1]) < 0.2  # the table is [-1, 1]
    assert turn.action == ((1, 0), (-1.0, 1.0), (0.0, 0.0))
    assert opened.spec.position_columns == (0, 1)
    opened.close()


def test_an_attribute_of_the_environment_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = ColumnKinds(("2 position of point",), centre=(0.0, 0.0), hide_positions=False)
    monkeypatch.setattr(point_reach.Environment, "column_kinds", kinds, raising=False)
    opened = open_task("goalrelay/PointReach-v0")
    assert [s.name for s in opened.symmetries] == ["left-right", "front-back"]
    assert opened.spec.position_columns == ()
    opened.close()


def test_a_quarter_turn_four_times_is_nothing() -> None:
    names = ("quarter-turn",)
    kinds = ColumnKinds(("position of a", "velocity of a"), symmetries=names, centre=(1.0, 3.0))
    _, (turn,) = found(kinds, sizes(6, 3, 3))
    x = np.array([[1.5, 3.0, 0.2, 1.0, 0.0, 0.5]], np.float32)
    once = turned(x, turn.observation)
    assert once.tolist()[0] == pytest.approx([1.0, 3.5, 0.2, 0.0, 1.0, 0.5])
    assert turned(turned(turned(once, turn.observation), turn.observation), turn.observation) == (
        pytest.approx(x)
    )


def test_orientations_turn_as_mirrors_turn_them() -> None:
    """A mirror image of a turn about z turns the other way; of a turn about y (left-right) not."""
    words = ("quaternion wxyz of a", "quaternion xyzw of a", "1 angular velocity of a")
    kinds = ColumnKinds(words, goal=("position of a",), centre=(0, 0))
    _, (left_right, front_back) = found(kinds, sizes(9, 3, 3))
    assert left_right.observation.sign == (1, -1, 1, -1, -1, 1, -1, 1, -1)
    assert front_back.observation.sign == (1, 1, -1, -1, 1, -1, -1, 1, -1)


def test_an_unknown_column_leaves_no_mirror_but_positions() -> None:
    kinds = ColumnKinds(("position of a", "2 unknown"))
    reading, mirrors = found(kinds, sizes(5, 3, 3))
    assert mirrors == ()
    assert column_kinds.positions(reading) == (0, 1)


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        (ColumnKinds(("positon of a",)), "unknown kind 'positon'; did you mean 'position'"),
        (ColumnKinds(("position of a", "same")), "names 4 columns; there are 3"),
        (ColumnKinds(("4 position of a",)), "cannot have 4 columns, but 2 or 3"),
        (ColumnKinds(cast(Any, "same")), "takes a tuple of kinds"),
        (ColumnKinds(("position of a",), symmetries=("up-down",)), "not 'up-down'"),
        (
            ColumnKinds(("euler of a",), ("position of a",), symmetries=("quarter-turn",)),
            "not exact for euler",
        ),
        ({"observation": 3}, "not goalrelay.ColumnKinds"),
    ],
)
def test_wrong_kinds_are_refused_in_one_line(kinds: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        found(kinds, sizes(3, 3, 3))
