"""Self-imitation: sub-goals lead where episodes went that reached the goal."""

from typing import Any

import numpy as np
import pytest
from point_worlds import (
    GOAL,
    RANGE,
    SPEC,
    C,
    World,
    add,
    anywhere,
    arrived,
    corridor,
    experience,
    in_corridor,
    trips,
)
from random_walks import GAMMA, as_it_did, constant, drawn, plain

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.data.relabel import stage_objective, whole
from goalrelay.methods.hierarchy.config import Config
from goalrelay.methods.hierarchy.self_imitation import SelfImitation
from goalrelay.methods.hierarchy.subgoals import SubgoalSpace
from goalrelay.types import ActionTarget, Batch, Snapshot, Spec, Steps, Task

Way = list[tuple[float, float]]
START = (0.12, 0.12)
LEFT: Way = [START, (-1, 1), GOAL]
RIGHT: Way = [START, (1, 1), GOAL]
WEIGHT = 3.0


def reward(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
    return (np.linalg.norm(achieved - desired, axis=-1) < 0.3).astype("f") - 1


TASK = Task(SPEC, reward, as_it_did)
CONFIG = plain(subgoal_steps=C, planner_weight=WEIGHT, self_imitation=True)
ZERO = constant([0.0, 0.0])


def went(
    count: int, way: Way, seed: int = 0, world: World = anywhere, steps: int = 40
) -> list[np.ndarray]:
    return trips(np.random.default_rng(seed), world, count, way, steps)


def shown(
    buffer: ReplayBuffer, here: tuple[float, float] = START, goal: tuple[float, float] = GOAL
) -> tuple[np.ndarray, np.ndarray]:
    """Where those near a place are drawn [10, 2], and the weights [10]."""
    places = [np.array(here) + 0.01 * np.array([[number, 0]] * 2) for number in range(-4, 6)]
    asking = add(buffer, places, goal)
    objective = stage_objective(TASK, whole(SPEC), GAMMA, C)
    copy = SelfImitation(C, WEIGHT, SubgoalSpace(Config(), SPEC), [0, 1], objective)
    goals = np.tile(np.array(goal, "f"), (len(places), 1))
    found = copy.subgoal_targets(buffer, asking, goals, np.random.default_rng(1))
    assert (np.abs(found.action) <= 1).all()
    return buffer.observation[asking.row] + RANGE * found.action, found.weight


def test_sub_goals_lead_where_successful_episodes_went() -> None:
    """Through the corridor: not where failures went, which are many."""
    good = went(400, [(0, 0), (2, 0), (2, 2), GOAL], world=corridor, steps=80)
    bad = went(400, [(0, 0), GOAL], world=corridor)
    assert arrived(np.stack(good)).all() and not arrived(np.stack(bad)).any()
    buffer = experience(good + bad)
    for here, across, up in (((0, 0), 0.2, 0.0), ((2, 1), 0.0, 0.2), ((1, 2), -0.2, 0.0)):
        to, weight = shown(buffer, (here[0] + START[0], here[1] + START[1]))
        known = weight > 0
        assert known.mean() > 0.8
        assert in_corridor(to[known]).all()
        along = to[known] - np.array(here) - START
        assert (along @ np.array([across, up]) > 0.04 * 0.5).all()


def test_only_after_enough_successes() -> None:
    bad = went(200, [(0, 0), (0, -2)])
    few, many = (shown(experience(bad + went(count, LEFT)))[1] for count in (2, 100))
    assert not few.any()
    assert (many > WEIGHT).mean() > 0.8  # more than the planner's
    assert len(set(many[many > 0])) == 1


def test_nothing_is_imitated_before_somebody_reached_the_goal() -> None:
    buffer = experience(went(300, [(0, 0), (0, -2)]))
    assert not shown(buffer)[1].any()
    batch, figures = drawn(1, CONFIG, buffer, TASK, shape=(2, 50))
    assert figures["imitated_fraction"] == 0
    assert batch.action_target is not None
    assert (batch.action_target.weight == WEIGHT).all()


@pytest.mark.parametrize(("better", "worse"), [(LEFT, RIGHT), (RIGHT, LEFT)])
def test_the_quicker_of_two_ways_is_imitated(better: Way, worse: Way) -> None:
    detour = [*worse[:2], (2 * worse[1][0], 3), GOAL]
    buffer = experience(went(800, better, steps=60) + went(1000, detour, 1, steps=60))
    to, weight = shown(buffer)
    assert (weight > 0).mean() > 0.8
    assert (to[weight > 0, 0] * better[1][0] > 0).all()


@pytest.mark.parametrize(("better", "worse"), [(LEFT, RIGHT), (RIGHT, LEFT)])
def test_the_surer_of_two_ways_is_imitated(better: Way, worse: Way) -> None:
    """Of those who went the other way some came to the goal too."""
    lost = [*worse[:2], (worse[1][0], -2)]
    buffer = experience(went(800, better) + went(400, worse, 1) + went(800, lost, 2))
    to, weight = shown(buffer)
    assert (weight > 0).mean() > 0.8
    assert (to[weight > 0, 0] * better[1][0] > 0).all()


def test_a_lucky_visit_is_not_imitated_before_many_good_ones() -> None:
    """Ten went right and all came to the goal; of 800 who went left half did."""
    lost: Way = [*LEFT[:2], (-1, -2)]
    good = went(400, LEFT)
    buffer = experience(good + went(400, lost, 1) + went(10, RIGHT, 2))
    to, weight = shown(buffer)
    assert (weight > 0).mean() > 0.8
    usual = np.median([path[C] for path in good], axis=0)
    assert (np.linalg.norm(to[weight > 0] - usual, axis=1) < 0.25).all()


def test_who_only_passes_the_goal_has_not_reached_it() -> None:
    by = went(200, [*LEFT, (2, 2)], steps=60)
    assert arrived(np.stack(by)).mean() > 0.9
    assert not shown(experience(by))[1].any()
    assert shown(experience(by + went(200, LEFT)))[1].any()


def test_success_at_another_goal_shows_nothing() -> None:
    buffer = experience(went(200, LEFT))
    assert shown(buffer)[1].any()
    assert not shown(buffer, goal=(2.0, 2.0))[1].any()
    assert not shown(buffer, here=(3.0, 0.0))[1].any()  # nor where nobody was


def test_each_goal_has_episodes_of_its_own() -> None:
    buffer = ReplayBuffer(SPEC, 40_000, 2)
    add(buffer, went(200, LEFT), GOAL)
    add(buffer, went(200, [START, (1, -1), (0, -2)]), (0, -2))
    for goal, sign in ((GOAL, 1), ((0, -2), -1)):
        to, weight = shown(buffer, goal=goal)
        assert (weight > 0).any()
        assert (to[weight > 0, 1] * sign > 0).all()


def figures_of(config: Config, spec: Spec, buffer: ReplayBuffer) -> tuple[Batch, float]:
    task, snapshot = TASK._replace(spec=spec), Snapshot((ZERO, ZERO))
    batch, figures = drawn(1, config, buffer, task, snapshot, (5, 100))
    return batch, figures["imitated_fraction"]


def test_some_steps_are_imitated_and_the_others_planned() -> None:
    buffer = experience(went(100, LEFT) + went(100, [START, (2, -1), (3, 0)], 1))
    batch, some = figures_of(CONFIG, SPEC, buffer)
    assert batch.action_target is not None
    lowest, highest = np.unique(batch.action_target.weight)
    assert lowest == WEIGHT < highest
    assert 0.1 < some < 0.9
    assert (batch.action_target.weight > WEIGHT).mean() == pytest.approx(some)


def test_what_is_imitated_stands_before_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Episodes below y = 1 are imitated here, by going back and down."""
    back = np.array([-0.25, -0.5], "f")

    def imitate(
        self: SelfImitation, buffer: ReplayBuffer, steps: Steps, goals: np.ndarray, rng: Any
    ) -> ActionTarget:
        some = buffer.observation[steps.row, 1] < 1
        return ActionTarget(np.tile(back, (len(some), 1)), 7 * some.astype("f"))

    monkeypatch.setattr(SelfImitation, "subgoal_targets", imitate)
    batch, _ = figures_of(CONFIG, SPEC, experience(went(100, LEFT)))
    assert batch.action_target is not None
    some = batch.inputs[..., 1] < 1
    assert 0.1 < some.mean() < 0.9
    np.testing.assert_array_equal(batch.action_target.weight, np.where(some, 7, WEIGHT))
    np.testing.assert_array_equal(batch.action_target.action[some], np.tile(back, (some.sum(), 1)))
    assert (batch.action_target.action[~some] != back).any(axis=1).all()


@pytest.mark.parametrize(
    ("options", "spec"),
    [
        ({"self_imitation": False}, SPEC),
        ({"self_imitation": False, "planner_weight": 0.0}, SPEC),
        ({}, SPEC._replace(reward_range=None)),  # nothing says that one is there
        ({}, SPEC._replace(goal_position_columns=())),
    ],
)
def test_it_needs_a_planner_and_sparse_rewards(options: Any, spec: Spec) -> None:
    buffer = experience(went(200, LEFT))
    assert figures_of(CONFIG, SPEC, buffer)[1] > 0
    config = plain(
        **{"subgoal_steps": C, "planner_weight": WEIGHT, "self_imitation": True} | options
    )
    assert figures_of(config, spec, buffer)[1] == 0
