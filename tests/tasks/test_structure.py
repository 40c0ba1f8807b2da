"""Stages are declared in a few lines, on an environment or for its id, and checked at once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import goalrelay
from goalrelay.errors import UsageError
from goalrelay.tasks import fetch_stages, structure
from goalrelay.tasks.goal_task import open_task
from goalrelay.tasks.structure import TaskStructure, about, columns, declare, signed_permutation
from goalrelay.types import BodyFrame, Columns, GoalConstraint, Stage, Symmetry
from relay_task import CARRY, Carry
from stranger_tasks import Line

POINT = "goalrelay/PointReach-v0"
WHOLE = Stage("task", columns("achieved_goal", 0, 2), columns("desired_goal", 0, 2), scale=0.05)
HALF = Stage("half", columns("observation", 0, 1), columns("desired_goal", 1, 2), 0.1, scale=0.05)
FLIP = Symmetry(
    "flip", signed_permutation(2, (1,)), signed_permutation(2, (1,)), signed_permutation(2, (1,))
)

MODULE = """
import gymnasium
from goalrelay.tasks.structure import columns
from goalrelay.tasks.toy.point_reach import Environment
from goalrelay.types import Stage

class Own(Environment):
    stages = [
        Stage("half", columns("observation", 0, 1), columns("desired_goal", 1, 2), threshold=0.1),
        Stage("task", columns("achieved_goal", 0, 2), columns("desired_goal", 0, 2)),
    ]

gymnasium.register("OwnStages-v0", Own, max_episode_steps=5)
gymnasium.register("Other-v0", Environment, max_episode_steps=5)
"""


@pytest.fixture(autouse=True)
def nothing_declared() -> Iterator[None]:
    before = dict(structure._declared)
    yield
    structure._declared.clear()
    structure._declared.update(before)


@pytest.fixture
def users_tasks(user_module: Path) -> None:
    (user_module / "own_stages.py").write_text(MODULE)


def test_stages_on_a_users_environment_are_known_to_the_learner(users_tasks: None) -> None:
    task = open_task("own_stages:OwnStages-v0")
    assert task.spec.stages == (HALF, WHOLE)
    assert task.spec.position_columns == ()
    assert task.symmetries == ()


def test_symmetries_and_hidden_columns_on_an_environment_are_known_too() -> None:
    task = open_task(CARRY)
    assert (task.spec.stages, task.spec.position_columns) == (Carry.stages, Carry.position_columns)
    assert task.symmetries == Carry.symmetries


def test_stages_are_declared_for_the_id_of_somebody_elses_task(users_tasks: None) -> None:
    assert open_task("own_stages:Other-v0").spec.stages == ()
    declare("Other-v0", TaskStructure((HALF, WHOLE), (FLIP,), (0,)))
    task = open_task("own_stages:Other-v0")
    assert (task.spec.stages, task.spec.position_columns) == ((HALF, WHOLE), (0,))
    assert task.symmetries == (FLIP,)
    declare("Other-v0", TaskStructure((WHOLE,)))
    assert open_task("own_stages:Other-v0").spec.stages == (WHOLE,)


def test_what_was_declared_stands_over_what_comes_with_the_library() -> None:
    whole = fetch_stages.REACH_A_POINT
    declare("FetchReach-v4", whole._replace(position_columns=()))
    assert open_task("FetchReach-v4").spec.position_columns == ()
    assert open_task("FetchReachDense-v4").spec.position_columns == (0, 1)


def test_all_that_a_user_needs_is_in_the_package_itself() -> None:
    for name in ("Stage", "GoalConstraint", "columns", "declare", "TaskStructure", "Symmetry"):
        assert name in goalrelay.__all__
        assert hasattr(goalrelay, name), name


@pytest.mark.parametrize(
    ("stage", "complaint"),
    [
        (
            WHOLE._replace(achieved=(0, 1)),
            "achieved is not goalrelay.Columns; write columns(source, start",
        ),
        (WHOLE._replace(achieved=columns("achieved_goal", 0, 3)), "achieved has columns (0, 1, 2)"),
        (WHOLE._replace(desired=columns("desired_goal", 2, 4)), "desired has columns (2, 3)"),
        (WHOLE._replace(achieved=Columns("observation", (-1, 0))), "achieved has columns (-1, 0)"),
        (WHOLE._replace(achieved=Columns("observation", ())), "achieved has columns ()"),
        (
            HALF._replace(achieved=columns("observation", 0, 2)),
            "achieved and desired differ in size",
        ),
        (HALF._replace(threshold=None), "'half' needs a threshold"),
        (WHOLE._replace(achieved=columns("observation", 0, 2)), "'task' needs a threshold"),
        (HALF._replace(threshold=-0.1), "threshold and switch must not be below 0"),
        (HALF._replace(switch=-0.1), "threshold and switch must not be below 0"),
        (HALF._replace(threshold="near"), "threshold must be a finite number, got 'near'"),
        (HALF._replace(switch=None), "switch must be a finite number, got None"),
        (HALF._replace(scale=float("nan")), "scale must be a finite number, got nan"),
        (HALF._replace(gain=[1.0]), "gain must be a finite number, got [1.0]"),
        (HALF._replace(scale=-1.0), "scale above 0"),
        (
            HALF._replace(
                achieved=Columns("observation", (0, 1, 0)),
                desired=Columns("desired_goal", (0, 1, 1)),
                gain=1.0,
            ),
            "a gain needs at least as many actions",
        ),
    ],
)
def test_a_stage_that_does_not_fit_is_refused_in_one_line(stage: Any, complaint: str) -> None:
    declare(POINT, TaskStructure((stage, WHOLE)))
    expect_refusal(complaint)


def test_an_unknown_source_is_refused_and_the_known_ones_named() -> None:
    source: Any = "goal"
    declare(POINT, TaskStructure((WHOLE._replace(desired=Columns(source, (0, 1))),)))
    expect_refusal("desired has columns of observation, achieved_goal, desired_goal")


def expect_refusal(complaint: str, where: str = ", stage '") -> None:
    with pytest.raises(UsageError) as refused:
        open_task(POINT)
    assert complaint in str(refused.value)
    assert f"task '{POINT}'{where}" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_actions_are_no_source_of_goals() -> None:
    source: Any = "action"
    declare(POINT, TaskStructure((HALF._replace(achieved=Columns(source, (0,))), WHOLE)))
    expect_refusal("achieved has columns of observation, achieved_goal, desired_goal, not action")


@pytest.mark.parametrize(
    ("found", "complaint"),
    [
        ((("a", "b", "c"),), "('a', 'b', 'c') is not a goalrelay.Stage"),
        ((HALF, HALF, WHOLE), "two stages have the same name, of half, half, task"),
        ((WHOLE, HALF), "the last stage, 'half', must be the task itself"),
        ((HALF,), "the last stage, 'half', must be the task itself"),
    ],
)
def test_stages_that_are_no_way_to_the_task_are_refused(found: Any, complaint: str) -> None:
    declare(POINT, TaskStructure(found))
    expect_refusal(complaint, ": ")


@pytest.mark.parametrize(
    ("symmetry", "complaint"),
    [
        (
            FLIP._replace(observation=signed_permutation(3)),
            "observation has 2 columns, its permutation another number",
        ),
        (
            FLIP._replace(goal=signed_permutation(1)),
            "achieved_goal has 2 columns, its permutation another number",
        ),
        (
            FLIP._replace(action=signed_permutation(4)),
            "action has 2 columns, its permutation another number",
        ),
        (
            FLIP._replace(goal=signed_permutation(2)._replace(sign=(1.0,))),
            "achieved_goal has 2 columns, its permutation another number",
        ),
        (
            FLIP._replace(observation=signed_permutation(2, swap=((0, 1),))),
            "mixes columns of stage 'half' with",
        ),
    ],
)
def test_a_symmetry_that_does_not_fit_is_refused(symmetry: Symmetry, complaint: str) -> None:
    declare(POINT, TaskStructure((HALF, WHOLE), (symmetry,)))
    expect_refusal(complaint, ", symmetry 'flip'")


FIRST, SECOND = (columns("achieved_goal", i, i + 1) for i in range(2))
X, Y = (columns("desired_goal", i, i + 1) for i in range(2))
EACH = (
    Stage("x", FIRST, X, 0.1),
    Stage("task", SECOND, Y, maintained=(GoalConstraint(FIRST, X),)),
)
SWAP = Symmetry(
    "y first",
    signed_permutation(2, swap=((0, 1),)),
    signed_permutation(2, swap=((0, 1),)),
    signed_permutation(2),
)


def test_the_constraints_of_the_last_stage_may_be_the_whole_goal_piece_by_piece() -> None:
    declare(POINT, TaskStructure((EACH[0], EACH[1]._replace(object_permutation=SWAP))))
    last = open_task(POINT).spec.stages[-1]
    assert last.constraints == (GoalConstraint(SECOND, Y), GoalConstraint(FIRST, X))
    assert last.object_permutation == SWAP


@pytest.mark.parametrize(
    ("last", "complaint"),
    [
        (EACH[1]._replace(maintained=()), "'task' needs a threshold"),
        (EACH[1]._replace(maintained=(GoalConstraint(FIRST, Y),)), "'task' needs a threshold"),
        (
            EACH[1]._replace(maintained=((0, 1),)),
            "maintained takes constraints; write GoalConstraint(achieved, desired)",
        ),
        (
            EACH[1]._replace(maintained=(GoalConstraint(FIRST, columns("desired_goal", 2, 3)),)),
            "has columns (2,)",
        ),
        (EACH[1]._replace(object_permutation="swap"), "'swap' is not a goalrelay.Symmetry"),
        (
            EACH[1]._replace(object_permutation=SWAP._replace(action=signed_permutation(2, (0,)))),
            "leave the action as it is",
        ),
        (
            EACH[1]._replace(object_permutation=SWAP._replace(goal=signed_permutation(2, (0,)))),
            "only change the places of",
        ),
        (
            EACH[1]._replace(object_permutation=SWAP._replace(goal=signed_permutation(3))),
            "achieved_goal has 2 columns",
        ),
    ],
)
def test_constraints_and_object_permutations_that_do_not_fit_are_refused(
    last: Any, complaint: str
) -> None:
    declare(POINT, TaskStructure((EACH[0], last)))
    expect_refusal(complaint)


@pytest.mark.parametrize("hidden", [(2,), (-1,), (0, 5)])
def test_hidden_columns_must_be_of_the_observation(hidden: tuple[int, ...]) -> None:
    declare(POINT, TaskStructure((WHOLE,), (), hidden))
    expect_refusal("position_columns names columns that the observation does not have", ": ")


@pytest.mark.parametrize("limits", [(1.0,), (1.0, 0.0)])
def test_a_subgoal_range_is_given_for_each_position_column(limits: tuple[float, ...]) -> None:
    declare(POINT, TaskStructure((WHOLE,), (), (0, 1), limits))
    expect_refusal("subgoal_range is a positive number for each of position_columns", ": ")


@pytest.mark.parametrize("goal", [(0,), (0, 2), (-1, 0)])
def test_the_position_in_a_goal_has_a_column_for_each_position_column(
    goal: tuple[int, ...],
) -> None:
    declare(POINT, TaskStructure((WHOLE,), (), (0, 1), goal_position_columns=goal))
    expect_refusal("goal_position_columns names a column of the desired goal for each", ": ")


@pytest.mark.parametrize(
    ("old", "new"), [("absolute", "position_columns"), ("reach", "subgoal_range")]
)
def test_a_name_of_an_earlier_version_is_refused_and_the_new_one_named(old: str, new: str) -> None:
    class Earlier(Line):
        """It declares under the old name what is ignored under that name now."""

    setattr(Earlier, old, (0,))
    maker: Any = Earlier
    gymnasium.register("Earlier-v0", maker, max_episode_steps=5)
    with pytest.raises(UsageError, match=f"the attribute {old} is called {new} now"):
        try:
            open_task("Earlier-v0")
        finally:
            gymnasium.registry.pop("Earlier-v0")


@pytest.mark.parametrize(
    ("rotation", "vectors", "complaint"),
    [
        ((0, 1), (), "body has four columns of a rotation, and three of each vector"),
        ((0, 1, 2, 3), ((4, 5),), "four columns of a rotation"),
        ((0, 1, 2, 3), (), "body names a column twice, or one that is not there"),
        ((0, 1, 1, 0), (), "body names a column twice"),
    ],
)
def test_a_body_is_made_of_columns_of_the_observation(
    rotation: Any, vectors: Any, complaint: str
) -> None:
    declare(POINT, TaskStructure((WHOLE,), body=BodyFrame(rotation, vectors)))
    expect_refusal(complaint, ": ")


def test_images_of_a_body_fit_the_task() -> None:
    plain = BodyFrame((0, 1, 2, 3))
    size = open_task("FetchReach-v4").spec.observation_size
    for image, complaint in (
        (
            Symmetry(
                "left", signed_permutation(size), signed_permutation(2), signed_permutation(4)
            ),
            "achieved_goal has 3 columns",
        ),
        (
            Symmetry(
                "left",
                signed_permutation(size, swap=((0, 5),)),
                signed_permutation(3),
                signed_permutation(4),
            ),
            "mixes positions with",
        ),
    ):
        body = plain._replace(symmetries=(image,))
        declare("FetchReach-v4", fetch_stages.REACH_A_POINT._replace(body=body))
        with pytest.raises(UsageError, match=complaint):
            open_task("FetchReach-v4")


def test_a_body_is_somewhere() -> None:
    body = BodyFrame((0, 1, 2, 3))
    declare("FetchReach-v4", fetch_stages.REACH_A_POINT._replace(body=body, position_columns=(0,)))
    with pytest.raises(UsageError, match="with a body, position_columns must be x, y or x, y, z"):
        open_task("FetchReach-v4")


def test_a_body_is_a_body() -> None:
    body: Any = (0, 1, 0, 1)
    declare(POINT, TaskStructure((WHOLE,), body=body))
    expect_refusal("is not a goalrelay.BodyFrame", ": ")


def test_lists_of_columns_become_tuples() -> None:
    columns: Any = [0, np.int64(1)]
    whole = WHOLE._replace(
        achieved=Columns("achieved_goal", columns), desired=Columns("desired_goal", columns)
    )
    stages: Any = [whole]
    declare(POINT, TaskStructure(stages))
    found = open_task(POINT).spec.stages
    assert found == (WHOLE,)
    assert {type(c) for stage in found for c in stage.achieved.columns} == {int}


def test_a_declaration_may_name_the_module_that_registers_the_task(users_tasks: None) -> None:
    declare("own_stages:Other-v0", TaskStructure((HALF, WHOLE)))
    assert open_task("own_stages:Other-v0").spec.stages == (HALF, WHOLE)


def test_the_stages_that_fit_are_taken() -> None:
    near = WHOLE._replace(name="near", threshold=0.3)
    declare(POINT, TaskStructure((HALF, near, WHOLE)))
    assert [s.threshold for s in open_task(POINT).spec.stages] == [0.1, 0.3, None]


MIRRORS = ["front-back", "left-right"]


@pytest.mark.parametrize(
    ("task_id", "names", "mirrors"),
    [
        ("FetchReach-v4", ["task"], MIRRORS),
        ("FetchPush-v4", ["reach", "task"], MIRRORS),
        ("FetchPickAndPlace-v4", ["reach", "task"], MIRRORS),
        ("FetchSlide-v4", ["reach", "task"], ["left-right"]),
        ("FetchPushDense-v4", ["reach", "task"], MIRRORS),
        ("HandReach-v3", [], []),
        (POINT, [], []),
    ],
)
def test_stock_fetch_tasks_have_stages_and_others_none(
    task_id: str, names: list[str], mirrors: list[str]
) -> None:
    task = open_task(task_id)
    assert [stage.name for stage in task.spec.stages] == names
    assert sorted(s.name for s in task.symmetries) == mirrors
    for symmetry in task.symmetries:
        assert len(symmetry.observation.order) == task.spec.observation_size
        assert len(symmetry.goal.order) == task.spec.goal_size
        assert len(symmetry.action.order) == task.spec.action_size
    task.close()


def test_the_hand_reaches_for_the_block_where_the_observation_says_they_are() -> None:
    task = open_task("FetchPush-v4")
    timestep, raw = task.reset(5), task.env.unwrapped
    data: Any = raw
    grip = data._utils.get_site_xpos(data.model, data.data, "robot0:grip")
    block = data._utils.get_site_xpos(data.model, data.data, "object0")
    reach, whole = task.spec.stages
    np.testing.assert_allclose(timestep.observation[list(reach.achieved.columns)], grip, atol=1e-6)
    np.testing.assert_allclose(timestep.achieved[list(reach.desired.columns)], block, atol=1e-6)
    assert (whole.achieved.source, whole.desired.source) == ("achieved_goal", "desired_goal")
    assert (reach.threshold, reach.switch, whole.threshold) == (0.05, 0.05, None)
    task.close()


def test_a_signed_permutation_says_what_flips_what_trades_places_and_about_which_centre() -> None:
    change = about(signed_permutation(4, flip=(1, 2), swap=((0, 3),)), {1: 0.75, 3: 9.0})
    assert change == ((3, 1, 2, 0), (1.0, -1.0, -1.0, 1.0), (0.0, 1.5, 0.0, 0.0))


def test_slide_shows_where_the_hand_is_along_the_table_and_hides_the_rest() -> None:
    """The same for the stock task and for ours, which are learned by the same networks."""
    stock, ours = open_task("FetchSlide-v4"), open_task("goalrelay/FetchSlide-v0")
    assert stock.spec.position_columns == ours.spec.position_columns == (1, 3, 4)
    assert stock.symmetries == ours.symmetries
    for task in (stock, ours):
        task.close()
