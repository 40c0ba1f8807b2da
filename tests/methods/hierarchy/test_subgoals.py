"""The space of sub-goals: which columns, how far; and what is refused."""

from typing import Any

import numpy as np
import pytest
from random_walks import GAMMA, SPEC, TASK, constant, plain

from goalrelay.errors import UsageError
from goalrelay.methods.hierarchy import Hierarchy
from goalrelay.methods.hierarchy.config import PRESETS, Config
from goalrelay.tasks.goal_task import open_task
from goalrelay.train import config as experiments
from goalrelay.types import Observation, Snapshot, Spec


@pytest.mark.parametrize(
    ("options", "spec", "words"),
    [
        (
            {},
            SPEC._replace(position_columns=(), subgoal_range=()),
            "declares no position columns; name what sub-goals change: --method.subgoal-columns",
        ),
        (
            {"subgoal_columns": (0, 4), "subgoal_range": (1.0,)},
            SPEC,
            "--method.subgoal-columns must be columns of the observation, 0 to 3, got 0 4",
        ),
        (
            {"subgoal_columns": (-1,), "subgoal_range": (1.0,)},
            SPEC,
            "columns of the observation, 0 to 3",
        ),
        (
            {"subgoal_columns": (1, 1), "subgoal_range": (1.0,)},
            SPEC,
            "--method.subgoal-columns names a column twice",
        ),
        (
            {"subgoal_columns": (2,)},
            SPEC,
            "--method.subgoal-columns needs --method.subgoal-range",
        ),
        (
            {"subgoal_range": (1.0, 2.0, 3.0)},
            SPEC,
            "--method.subgoal-range takes one positive number, or one for each of the 2",
        ),
        ({"subgoal_range": (0.0,)}, SPEC, "--method.subgoal-range takes one positive"),
        ({"subgoal_noise": (1.0, -1.0)}, SPEC, "--method.variant.subgoal-noise takes one"),
        (
            {"self_imitation": True, "planner_weight": 0.0},
            SPEC,
            "--method.self-imitation needs --method.planner-weight",
        ),
        ({}, SPEC._replace(discrete=True), "needs continuous actions"),
    ],
)
def test_what_does_not_fit_is_refused(options: Any, spec: Spec, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Hierarchy(plain(**options), TASK._replace(spec=spec), GAMMA)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_fits_its_tasks(name: str) -> None:
    ant = SPEC._replace(observation_size=30, action_size=8)
    config = experiments.make("hierarchy", "goalrelay/AntMaze-v0", preset=name).method
    low, high = Hierarchy(config, TASK._replace(spec=ant), GAMMA).levels
    subgoal = 15 if name == "hiro" else 2
    assert len(low.normalized) == 28 + subgoal
    assert len(high.normalized) == 30 + 2
    assert high.spec.action_size == subgoal


def test_what_the_task_decides_is_filled_in() -> None:
    method = Hierarchy(plain(), TASK, GAMMA)
    assert isinstance(method.config, Config)
    assert method.config.subgoal_columns == (0, 1)
    assert method.config.subgoal_range == (5.0, 2.0)
    one = Hierarchy(plain(subgoal_range=(3.0,)), TASK, GAMMA)
    assert isinstance(one.config, Config)
    assert one.config.subgoal_range == (3.0, 3.0)
    own = plain(subgoal_columns=(3, 1, 2), subgoal_range=(3.0, 4.0, 5.0))
    assert Hierarchy(own, TASK, GAMMA).config == own
    assert Hierarchy(own, TASK, GAMMA).extra_action_size == 3


def test_sub_goals_of_other_columns_leave_the_position_hidden() -> None:
    config = plain(subgoal_columns=(3, 1, 2), subgoal_range=(3.0, 4.0, 5.0), subgoal_steps=2)
    method = Hierarchy(config, TASK, GAMMA)
    act = method.act(Snapshot((constant([0, 0]), constant([1, 0.5, -1]))), None)
    seen = np.arange(8, dtype="f").reshape(2, 4)
    first, second = (act(Observation(x, x[:2], x[2:])) for x in seen)
    np.testing.assert_allclose(first[2:], [3, 2, -5])
    np.testing.assert_allclose(second[2:], [-1, -2, -9])  # the columns changed by 4 each
    assert len(method.levels[0].normalized) == 2 + 3
    shown = Hierarchy(plain(hide_position=False), TASK, GAMMA)
    assert len(shown.levels[0].normalized) == 4 + 2


def test_where_a_sub_goal_wants_to_be_is_known_where_it_is_a_position() -> None:
    observation = Observation(np.array([1, 2, 3, 4], "f"), np.zeros(2, "f"), np.zeros(2, "f"))
    decision = np.array([0, 0, 10, 20, 30], "f")
    place = Hierarchy(plain(), TASK, GAMMA).subgoal_position(observation, decision[:4])
    assert place is not None
    np.testing.assert_array_equal(place, [11, 22])
    config = plain(subgoal_columns=(1, 3, 0), subgoal_range=(1.0,))
    place = Hierarchy(config, TASK, GAMMA).subgoal_position(observation, decision)
    assert place is not None
    np.testing.assert_array_equal(place, [31, 12])
    config = plain(subgoal_columns=(1, 3), subgoal_range=(1.0,))
    method = Hierarchy(config, TASK, GAMMA)
    assert method.subgoal_position(observation, decision[:4]) is None


@pytest.mark.parametrize(
    ("task", "positions"),
    [
        ("goalrelay/PointMazeSparse-v0", (0, 1)),
        ("goalrelay/AntGather-v0", ()),
        ("goalrelay/FetchPush-v0", ()),
    ],
)
def test_tasks_say_whether_their_goal_is_a_position(task: str, positions: Any) -> None:
    """Of what a hierarchy moves: an object's goal is none for the gripper."""
    simulator = open_task(task)
    assert simulator.spec.goal_position_columns == positions
    simulator.close()


def test_the_default_options_are_the_default_preset() -> None:
    config = experiments.make("hierarchy", "goalrelay/PointMaze-v0").method
    assert config == Config()
