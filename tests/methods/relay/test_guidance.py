"""Who acts while training: the guide on the way to a stage, the stage's own policy at it."""

from typing import Any

import numpy as np
import pytest

from goalrelay.methods.relay.config import Config
from goalrelay.methods.relay.guidance import Choice, Guidance, controller
from goalrelay.methods.relay.stages import StageOrder
from goalrelay.train import config as experiments
from goalrelay.types import Columns, Observation, Snapshot, Stage
from relay_batches import RELATIVE, START, THREE, away, changed
from relay_task import CARRY

PUBLISHED: Config = experiments.make("relay", CARRY, preset="rher-paper").method
LAST_ALONE, BEFORE_LAST = Choice(2, False), Choice(1, True)


def after(episodes: int, **known: Any) -> Snapshot:
    """The state of a run after so many episodes."""
    return START._replace(episodes=episodes, **known)


def chosen(
    config: Config,
    *distances: float,
    time: int = 0,
    snapshot: Snapshot = START,
    stages: tuple[Stage, ...] = THREE,
    seed: int = 0,
) -> Choice:
    order = StageOrder(stages, config.variant.switch)
    rng = np.random.default_rng(seed)
    return Guidance(config, order).choose(away(*distances), time, snapshot, rng)


def shares(config: Config, snapshot: Snapshot = START) -> np.ndarray:
    """Whether the guide acts, at 4000 steps on the way to the second stage."""
    guidance, rng = Guidance(config, StageOrder(THREE)), np.random.default_rng(0)
    choices = [guidance.choose(away(1, 1, 1), t, snapshot, rng) for t in range(4000)]
    assert set(choices) <= {Choice(0, True), Choice(1, False)}
    return np.array([choice.guiding for choice in choices])


@pytest.mark.parametrize(
    ("options", "distances", "expected"),
    [
        ({"guidance__probability": 1.0}, (1, 1, 1), Choice(0, True)),
        ({"guidance__probability": 1.0}, (0, 1, 1), Choice(1, True)),
        ({"guidance__guide": "none"}, (1, 1, 1), Choice(1, False)),
        ({"guidance__guide": "none"}, (0, 1, 1), Choice(2, False)),
    ],
)
def test_before_the_last_stage_one_role_can_act_alone(
    options: dict[str, Any], distances: tuple[float, ...], expected: Choice
) -> None:
    config = changed(RELATIVE, variant__after="mixed", **options)
    assert {chosen(config, *distances, seed=s) for s in range(20)} == {expected}


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("next", {LAST_ALONE}),
        ("stage", {BEFORE_LAST}),
        ("mixed", {BEFORE_LAST, LAST_ALONE}),
    ],
)
def test_at_the_last_stage_the_other_option_decides(role: str, expected: set[Choice]) -> None:
    config = changed(RELATIVE, variant__after=role)
    assert {chosen(config, 0, 0, 1, seed=s) for s in range(20)} == expected


@pytest.mark.parametrize("probability", [0.0, 0.2, 0.5, 1.0])
def test_the_guide_acts_with_its_probability_at_every_step_anew(probability: float) -> None:
    guides = shares(changed(RELATIVE, guidance__probability=probability))
    assert guides.mean() == pytest.approx(probability, abs=0.03)
    again = (guides[1:] & guides[:-1]).mean()  # steps do not depend on one another
    assert again == pytest.approx(probability**2, abs=0.03)


@pytest.mark.parametrize(
    ("anneal", "reached", "share"),
    [(1.0, (1.0, 0.25, 0.0), 0.6), (0.5, (0.0, 1.0, 0.0), 0.4), (1.0, (1.0, 1.0, 0.0), 0.0)],
)
def test_a_guide_acts_less_as_what_it_guides_to_is_learned(
    anneal: float, reached: tuple[float, ...], share: float
) -> None:
    config = changed(RELATIVE, guidance__probability=0.8, guidance__anneal=anneal)
    snapshot = after(10, success=0.0, best=0.0, reached=reached)
    assert shares(config, snapshot).mean() == pytest.approx(share, abs=0.03)


def test_a_guide_to_the_last_stage_acts_less_as_the_task_succeeds() -> None:
    """An evaluation succeeds at its last step: to reach the stage on the way is not enough."""
    config = changed(RELATIVE, guidance__probability=1.0, guidance__anneal=1.0)
    for success, expected in ((0.0, {BEFORE_LAST}), (1.0, {LAST_ALONE})):
        snapshot = after(10, success=success, best=success, reached=(1.0, 1.0, 1.0))
        got = {chosen(config, 0, 1, 1, snapshot=snapshot, seed=s) for s in range(20)}
        assert got == expected


def test_before_the_first_evaluation_and_without_success_no_guide_is_annealed() -> None:
    config = changed(RELATIVE, guidance__probability=1.0, guidance__anneal=1.0)
    for snapshot in (START, after(10), after(10, reached=(0.0, 0.0, 0.0))):
        got = {chosen(config, 0, 1, 1, snapshot=snapshot, seed=s) for s in range(20)}
        assert got == {BEFORE_LAST}


def test_the_published_setting_mixes_evenly_and_leaves_the_last_stage_to_its_policy() -> None:
    late = after(1000, success=0.9, best=0.9, reached=(1.0, 1.0, 0.9))
    assert shares(PUBLISHED).mean() == pytest.approx(0.5, abs=0.03)
    assert shares(PUBLISHED, late).mean() == pytest.approx(0.5, abs=0.03)
    assert {chosen(PUBLISHED, 0, 0, 1, seed=s) for s in range(20)} == {LAST_ALONE}
    assert chosen(PUBLISHED, 0.029, 0.029, 1) == LAST_ALONE  # a stage is reached within 0.03 m
    assert chosen(PUBLISHED, 0.031, 0.0, 1).stage < 2


@pytest.mark.parametrize("guide", ["policy", "jump-start"])
def test_a_task_of_one_stage_has_no_guide(guide: str) -> None:
    options: dict[str, Any] = {"guidance__guide": guide, "guidance__probability": 1.0}
    config = changed(RELATIVE, variant__after="stage", **options)
    assert chosen(config, 1, stages=THREE[:1]) == Choice(0, False)


@pytest.mark.parametrize(
    ("best", "guided"), [(None, True), (0.0, True), (0.79, True), (0.8, False), (1.0, False)]
)
def test_guidance_ends_when_an_evaluation_has_reached_its_mark(
    best: float | None, guided: bool
) -> None:
    options: dict[str, Any] = {"guidance__probability": 1.0, "variant__after": "stage"}
    config = changed(RELATIVE, variant__stop_at=0.8, **options)
    worse = after(99, success=None if best is None else 0.0, best=best)  # than the best so far
    for distances, guide in (((1, 1, 1), Choice(0, True)), ((0, 0, 1), BEFORE_LAST)):
        expected = guide if guided else LAST_ALONE
        assert chosen(config, *distances, snapshot=worse) == expected


@pytest.mark.parametrize("best", [0.0, 1.0])
def test_guidance_does_not_end_by_itself(best: float) -> None:
    config = changed(RELATIVE, guidance__probability=1.0)
    snapshot = after(10**6, success=best, best=best)
    assert chosen(config, 1, 1, 1, snapshot=snapshot).guiding


@pytest.mark.parametrize(
    ("episodes", "steps"), [(0, 20), (25, 15), (50, 10), (75, 5), (99, 0), (100, 0), (5000, 0)]
)
def test_a_jump_start_guides_for_fewer_and_fewer_first_steps(episodes: int, steps: int) -> None:
    options = {"variant__jump_start": 20, "variant__jump_start_episodes": 100}
    config = changed(RELATIVE, guidance__guide="jump-start", **options)
    choices = [chosen(config, 1, 1, 1, time=t, snapshot=after(episodes)) for t in range(50)]
    assert choices == [Choice(0, True)] * steps + [Choice(1, False)] * (50 - steps)


def test_a_jump_start_leaves_the_last_stage_to_its_own_policy() -> None:
    options: dict[str, Any] = {"variant__jump_start": 20, "variant__after": "stage"}
    config = changed(RELATIVE, guidance__guide="jump-start", **options)
    assert chosen(config, 0, 0, 1) == LAST_ALONE


def test_the_controller_moves_in_proportion_to_what_is_missing_and_not_past_the_limits() -> None:
    achieved, desired = Columns("observation", (0, 1)), Columns("desired_goal", (0, 1))
    reach = Stage("a", achieved, desired, 0.1, gain=4.0)
    now = Observation(np.array([0.1, -0.9], "f"), np.zeros(1, "f"), np.array([0.0, 0.1], "f"))
    action = controller(now, reach, 4)
    np.testing.assert_allclose(action, [-0.4, 1.0, 0.0, 0.0], rtol=1e-6)
    assert action.dtype == np.float32
