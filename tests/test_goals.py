"""Who acts: the current stage is the first not reached, and guidance ends when it must."""

from dataclasses import replace

import numpy as np
import pytest

from goalrelay.methods.relay.guidance import (
    Choice,
    Guidance,
    Progress,
    choose,
    controller,
    current,
    gap,
)
from goalrelay.types import Observation, Columns, Stage

START = Progress(0, -np.inf)


def stage(name: str, column: int, switch: float = 0.1, gain: float | None = None) -> Stage:
    """Stage `name` is as far from its goal as the column of the observation says."""
    achieved, desired = Columns("observation", (column,)), Columns("desired_goal", (0,))
    return Stage(name, achieved, desired, 0.1, switch, gain=gain)


STAGES = tuple(stage(name, column) for column, name in enumerate("abc"))


def at(*distances: float) -> Observation:
    goal = np.zeros(1, np.float32)
    return Observation(np.array(distances, np.float32), goal, goal)


def chosen(
    config: Guidance,
    *distances: float,
    time: int = 0,
    progress: Progress = START,
    stages: tuple[Stage, ...] = STAGES,
    seed: int = 0,
) -> Choice:
    rng = np.random.default_rng(seed)
    return choose(config, stages, at(*distances), time, progress, rng)


@pytest.mark.parametrize(
    ("distances", "expected"),
    [
        ((1, 1, 1), 0),
        ((-1, 0, 0), 0),
        ((0, 1, 1), 1),
        ((0, 0, 1), 2),
        ((0, 0, 0), 2),
        ((1, 0, 0), 0),
        ((0, 1, 0), 1),
    ],
)
def test_the_current_stage_is_the_first_that_is_not_reached(
    distances: tuple[float, ...], expected: int
) -> None:
    assert current(Guidance(), STAGES, at(*distances)) == expected


def test_a_stage_that_is_lost_again_is_current_again() -> None:
    walk = [current(Guidance(), STAGES, at(d, 0, 1)) for d in (0.3, 0.05, 0.2, 0.09)]
    assert walk == [0, 2, 0, 2]


def test_each_stage_has_its_own_switch_distance_and_the_option_overrides_all() -> None:
    stages = (stage("a", 0, 0.1), stage("b", 1, 0.5), stage("c", 2))
    assert current(Guidance(), stages, at(0.09, 0.49, 1)) == 2
    assert current(Guidance(), stages, at(0.11, 0.49, 1)) == 0
    assert current(Guidance(), stages, at(0.09, 0.51, 1)) == 1
    assert current(Guidance(switch=0.3), stages, at(0.29, 0.29, 1)) == 2
    assert current(Guidance(switch=0.3), stages, at(0.29, 0.49, 1)) == 1
    assert current(Guidance(switch=0.0), stages, at(0.09, 0, 1)) == 0


def test_distances_are_straight_lines_between_the_parts() -> None:
    away = Stage("a", Columns("observation", (2, 0)), Columns("achieved_goal", (0, 1)), 0.1, 5.0)
    moment = Observation(
        np.array([1.0, 9.0, 2.0], "f"), np.array([5.0, 5.0], "f"), np.zeros(1, "f")
    )
    np.testing.assert_array_equal(gap(moment, away.constraints[0]), [3.0, 4.0])
    assert current(Guidance(), (away, STAGES[0]), moment) == 1
    assert current(Guidance(switch=4.9), (away, STAGES[0]), moment) == 0


@pytest.mark.parametrize(
    ("before", "distances", "expected"),
    [
        ("stage", (1, 1, 1), Choice(0, True)),
        ("stage", (0, 1, 1), Choice(1, True)),
        ("next", (1, 1, 1), Choice(1, False)),
        ("next", (0, 1, 1), Choice(2, False)),
    ],
)
def test_before_the_last_stage_one_role_acts_alone(
    before: str, distances: tuple[float, ...], expected: Choice
) -> None:
    config = replace(Guidance(after="mixed"), before=before)
    assert {chosen(config, *distances, seed=s) for s in range(20)} == {expected}


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("next", {Choice(2, False)}),
        ("stage", {Choice(1, True)}),
        ("mixed", {Choice(1, True), Choice(2, False)}),
    ],
)
def test_at_the_last_stage_the_other_option_decides(after: str, expected: set[Choice]) -> None:
    config = replace(Guidance(before="stage"), after=after)
    assert {chosen(config, 0, 0, 1, seed=s) for s in range(20)} == expected


@pytest.mark.parametrize("probability", [0.0, 0.2, 0.5, 1.0])
def test_the_guide_acts_with_its_probability_at_every_step_anew(probability: float) -> None:
    config, rng = Guidance(probability=probability), np.random.default_rng(0)
    choices = [choose(config, STAGES, at(1, 1, 1), t, START, rng) for t in range(4000)]
    assert set(choices) <= {Choice(0, True), Choice(1, False)}
    guides = np.array([c.guiding for c in choices])
    assert guides.mean() == pytest.approx(probability, abs=0.03)
    again = (guides[1:] & guides[:-1]).mean()  # steps do not depend on one another
    assert again == pytest.approx(probability**2, abs=0.03)


@pytest.mark.parametrize(
    ("fade", "reached", "share"),
    [(1.0, (1.0, 0.25, 0.0), 0.6), (0.5, (0.0, 1.0, 0.0), 0.4), (1.0, (1.0, 1.0, 0.0), 0.0)],
)
def test_a_guide_fades_as_what_it_guides_to_is_learned(
    fade: float, reached: tuple[float, ...], share: float
) -> None:
    config, rng = Guidance(probability=0.8, fade=fade), np.random.default_rng(0)
    progress = Progress(10, 0.0, reached)
    choices = [choose(config, STAGES, at(1, 1, 1), 0, progress, rng) for _ in range(4000)]
    assert np.mean([c.guiding for c in choices]) == pytest.approx(share, abs=0.03)


def test_before_the_first_test_and_without_success_no_guide_fades() -> None:
    config = Guidance(probability=1.0, fade=1.0)
    for score in (-np.inf, -40.0, 9000.0):
        assert chosen(config, 0, 1, 1, progress=Progress(10, score)) == Choice(1, True)


def test_the_published_setting_mixes_evenly_and_leaves_the_last_stage_to_its_policy() -> None:
    assert Guidance() == Guidance("mixed", "next", 0.5, 0.0, 0.0, None, None, "last")
    assert {chosen(Guidance(), 0, 0, 1, seed=s) for s in range(20)} == {Choice(2, False)}


def test_a_task_of_one_stage_has_no_guide() -> None:
    config = Guidance("stage", "stage", 1.0, jump_start=50)
    assert chosen(config, 1, stages=STAGES[:1]) == Choice(0, False)


@pytest.mark.parametrize(
    ("success", "guided"), [(-np.inf, True), (0.0, True), (0.79, True), (0.8, False), (1.0, False)]
)
def test_guidance_ends_when_a_test_has_reached_its_mark(success: float, guided: bool) -> None:
    config = Guidance("stage", "stage", stop_at=0.8)
    for distances, guide in (((1, 1, 1), Choice(0, True)), ((0, 0, 1), Choice(1, True))):
        expected = guide if guided else Choice(2, False)
        assert chosen(config, *distances, progress=Progress(99, 0.0, (), success)) == expected


@pytest.mark.parametrize("score", [1.5, 300.0])
def test_a_score_that_is_no_rate_of_success_ends_no_guidance(score: float) -> None:
    config = Guidance("stage", stop_at=0.8)
    assert chosen(config, 1, 1, 1, progress=Progress(99, 0.0, (), score)).guiding


@pytest.mark.parametrize("success", [0.0, 1.0, 1.5])
def test_guidance_does_not_end_by_itself(success: float) -> None:
    assert Guidance().stop_at is None
    assert chosen(Guidance("stage"), 1, 1, 1, progress=Progress(10**6, 0.0, (), success)).guiding


@pytest.mark.parametrize(
    ("episodes", "steps"), [(0, 20), (25, 15), (50, 10), (75, 5), (99, 0), (100, 0), (5000, 0)]
)
def test_a_jump_start_guides_for_fewer_and_fewer_first_steps(episodes: int, steps: int) -> None:
    config = Guidance("mixed", "stage", 1.0, jump_start=20, jump_start_episodes=100)
    progress = Progress(episodes, 0.0)
    choices = [chosen(config, 1, 1, 1, time=t, progress=progress) for t in range(50)]
    assert choices == [Choice(0, True)] * steps + [Choice(1, False)] * (50 - steps)


def test_a_jump_start_leaves_the_last_stage_to_its_own_policy() -> None:
    config = Guidance("stage", "stage", 1.0, jump_start=20)
    assert chosen(config, 0, 0, 1) == Choice(2, False)


def test_the_controller_moves_in_proportion_to_what_is_missing_and_not_past_the_limits() -> None:
    reach = Stage(
        "a", Columns("observation", (0, 1)), Columns("desired_goal", (0, 1)), 0.1, gain=4.0
    )
    moment = Observation(np.array([0.1, -0.9], "f"), np.zeros(1, "f"), np.array([0.0, 0.1], "f"))
    action = controller(moment, reach, 4)
    np.testing.assert_allclose(action, [-0.4, 1.0, 0.0, 0.0], rtol=1e-6)
    assert action.dtype == np.float32
