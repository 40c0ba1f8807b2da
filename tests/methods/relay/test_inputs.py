"""What the network sees: one slot for the goals of each thing, one view for all objects."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goalrelay.data.relabel import ends_as_it_did
from goalrelay.learners.normalizer import empty, moments, normalize, observe
from goalrelay.methods import her
from goalrelay.methods.relay.config import Config
from goalrelay.methods.relay.inputs import StageInputs
from goalrelay.tasks import fetch_stages
from goalrelay.types import Observation, Spec, Task
from relay_batches import (
    CARRY_TASK,
    GAMMA,
    GOAL,
    PAPER_INPUTS,
    RELATIVE,
    SEEN,
    STAGES,
    WORLD,
    by_blocks,
    changed,
    numbered,
    relay,
)
from two_blocks import SPEC
from two_blocks import STAGES as BLOCKS
from two_blocks import observe as observe_blocks

FETCH = Spec(
    *(25, 3, 3, 4, False, 50, (-1.0, 0.0)),
    fetch_stages.MOVE_AN_OBJECT.stages,
    fetch_stages.MOVE_AN_OBJECT.position_columns,
)
NOWHERE = np.zeros(3, np.float32)
"""The goal that a timestep shows: what the network sees does not depend on it."""

# --- one object ---


def timesteps(seed: int, count: int = 5) -> tuple[Observation, np.ndarray]:
    """Fetch timesteps and goals on a grid of 1/64 m, on which float32 sums are exact."""
    rng = np.random.default_rng(seed)
    observation, achieved, goal = (
        (rng.integers(-20, 20, (count, n)) / 64).astype(np.float32) for n in (25, 3, 3)
    )
    observation[:, 3:6] = achieved
    return Observation(observation, achieved, NOWHERE), goal


@pytest.mark.parametrize("stage", [0, 1])
def test_the_papers_inputs_are_observation_and_a_zero_slot_for_the_other_stage(stage: int) -> None:
    now, goal = timesteps(0)
    slots = [np.zeros_like(goal), np.zeros_like(goal)]
    slots[stage] = goal
    inputs = StageInputs(PAPER_INPUTS, FETCH)
    expected = np.hstack([now.observation, *slots])
    np.testing.assert_array_equal(inputs.encode(now, goal, stage), expected)
    assert inputs.size == 25 + 3 + 3


@pytest.mark.parametrize("stage", [0, 1])
def test_relative_goals_are_what_is_missing_in_units_of_the_stage_and_limited(stage: int) -> None:
    inputs = StageInputs(RELATIVE, FETCH)
    observation = np.arange(100.0, 125.0, dtype=np.float32)
    observation[:3] = [1.0, 0.5, 0.25]
    achieved = np.array([1.5, 0.5, 0.5], np.float32)
    goal = np.array([1.125, 9.0, 0.4], np.float32)
    seen = [*observation[[2]], *observation[5:]]  # without gripper x, y and object x, y
    missing = goal - (observation[:3] if stage == 0 else achieved)
    shown = [min(max(float(m) / 0.05, -5.0), 5.0) for m in missing]
    slots = [*shown, 0, 0, 0] if stage == 0 else [0, 0, 0, *shown]
    indicator = [1, 0] if stage == 0 else [0, 1]
    encoded = inputs.encode(Observation(observation, achieved, NOWHERE), goal, stage)
    np.testing.assert_allclose(encoded, [*seen, *slots, *indicator], rtol=1e-5)
    assert encoded.dtype == np.float32
    assert inputs.size == len(encoded) == 21 + 6 + 2


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 1]))
def test_what_is_shown_is_the_same_everywhere_on_the_table(seed: int, stage: int) -> None:
    now, goal = timesteps(seed)
    move = np.append(np.random.default_rng(seed + 1).integers(-20, 20, 2) / 64, 0).astype("f")
    moved = now._replace(observation=now.observation.copy(), achieved=now.achieved + move)
    moved.observation[:, :3] += move
    moved.observation[:, 3:6] += move
    invariant = StageInputs(RELATIVE, FETCH)
    np.testing.assert_array_equal(
        invariant.encode(moved, goal + move, stage), invariant.encode(now, goal, stage)
    )
    inputs = StageInputs(changed(RELATIVE, translation_invariant=False), FETCH)
    seen = inputs.encode(moved, goal + move, stage)
    assert (seen[:, [0, 1, 3, 4]] == moved.observation[:, [0, 1, 3, 4]]).all()


def test_a_task_of_one_stage_is_shown_as_hindsight_shows_it() -> None:
    alone = FETCH._replace(stages=FETCH.stages[1:])
    now, goal = timesteps(0)
    inputs = StageInputs(PAPER_INPUTS, alone)
    shown = inputs.encode(now, goal, 0)
    np.testing.assert_array_equal(shown, np.hstack([now.observation, goal]))
    plain = her.Her(
        her.Config(structure="none", goal_frame="world"),
        Task(alone, by_blocks, ends_as_it_did),
        GAMMA,
    )
    np.testing.assert_array_equal(inputs.normalized, plain.normalized)


@pytest.mark.parametrize("indicator", [False, True])
@pytest.mark.parametrize("invariant", [False, True])
@pytest.mark.parametrize("frame", ["world", "relative"])
def test_sizes_and_masks_fit_what_is_encoded(frame: str, invariant: bool, indicator: bool) -> None:
    options = {"variant__goal_frame": frame, "variant__stage_indicator": indicator}
    config = changed(RELATIVE, translation_invariant=invariant, **options)
    inputs = StageInputs(config, FETCH)
    width = inputs.encode(*timesteps(1), 1).shape[1]
    assert inputs.size == len(inputs.normalized) == width
    expected = (21 if invariant else 25) + (6 if frame == "world" else 0)
    np.testing.assert_array_equal(inputs.normalized, np.arange(width) < expected)


def test_a_blank_slot_is_a_constant_that_no_goal_of_the_stage_looks_like() -> None:
    buffer, method = numbered(), relay(WORLD)
    steps = buffer.sample(500, np.random.default_rng(0))
    inputs = method.inputs(buffer, steps, np.random.default_rng(1)) + 10
    counted = observe(empty(SEEN + STAGES * GOAL + STAGES), inputs)
    statistics = moments(counted, 5.0, method.normalized)
    goal = buffer.desired[steps.row]
    now = Observation(buffer.observation[steps.row], buffer.achieved[steps.row], goal)
    encoded = StageInputs(WORLD, CARRY_TASK.spec).encode(now, goal, 1)
    shown = normalize(statistics, encoded)
    first = slice(SEEN, SEEN + GOAL)
    blank = np.clip((0 - inputs[:, first].mean(0)) / inputs[:, first].std(0), -5, 5)
    np.testing.assert_allclose(shown[:, first], np.tile(blank, (500, 1)), rtol=1e-4)
    assert (blank == -5).all()
    np.testing.assert_array_equal(shown[:, -STAGES:], np.tile([0, 1], (500, 1)))


def test_statistics_count_every_stages_goal_and_zero_none() -> None:
    buffer = numbered()
    steps = buffer.sample(2000, np.random.default_rng(0))
    inputs = relay(WORLD).inputs(buffer, steps, np.random.default_rng(1))
    np.testing.assert_array_equal(inputs[:, :SEEN], buffer.observation[steps.row])
    np.testing.assert_array_equal(inputs[:, SEEN : SEEN + GOAL], buffer.achieved[steps.row])
    kept = (inputs[:, SEEN + GOAL : SEEN + 2 * GOAL] == buffer.desired[steps.row]).all(1)
    assert kept.mean() == pytest.approx(0.2, abs=0.03), "the last stage's are relabelled"


# --- several objects ---

HAND, PLACES = 0.7, np.array([0.2, -0.1], np.float32)
NOW = Observation(observe_blocks(np.array(HAND), PLACES), PLACES, NOWHERE)
GOALS = {
    "reach0": [0.3],
    "move0": [0.0],
    "reach1": [0.25, 0.1],  # for the hand; for block 0, which is done
    "task": [-0.3, 0.1],  # for block 1; for block 0
}
BLOCKS_WORLD = replace(PAPER_INPUTS, variant=replace(PAPER_INPUTS.variant, object_centric=False))


def of_blocks(**changes: Any) -> StageInputs:
    config: Config = changed(BLOCKS_WORLD, **changes)
    return StageInputs(config, SPEC)


def shown(stage: str, **changes: Any) -> np.ndarray:
    number = [s.name for s in BLOCKS].index(stage)
    return of_blocks(**changes).encode(NOW, np.array(GOALS[stage], np.float32), number)


@pytest.mark.parametrize(
    ("stage", "slots"),
    [  # the table of the published code: hand, block 0, block 1; later blocks stay where they are
        ("reach0", [0.3, 0.0, -0.1]),
        ("move0", [0.0, 0.0, -0.1]),
        ("reach1", [0.25, 0.1, 0.0]),
        ("task", [0.0, 0.1, -0.3]),
    ],
)
def test_goals_lie_in_the_slots_of_what_they_are_about(stage: str, slots: list[float]) -> None:
    np.testing.assert_allclose(shown(stage), [*NOW.observation, *slots], rtol=1e-6)


@pytest.mark.parametrize(
    ("stage", "slots"),
    [
        ("reach0", [(0.3 - 0.7) / 0.5, 0, 0]),
        ("move0", [0, (0.0 - 0.2) / 0.5, 0]),
        ("reach1", [(0.25 - 0.7) / 0.5, (0.1 - 0.2) / 0.5, 0]),
        ("task", [0, (0.1 - 0.2) / 0.5, (-0.3 + 0.1) / 0.5]),
    ],
)
def test_relative_goals_are_what_is_missing_in_units_of_the_scale(
    stage: str, slots: list[float]
) -> None:
    found = shown(stage, variant__goal_frame="relative")[6:]
    np.testing.assert_allclose(found, slots, rtol=1e-5)


@pytest.mark.parametrize(
    ("stage", "flags"),
    [("reach0", [1, 0, 0]), ("move0", [0, 1, 0]), ("reach1", [1, 1, 0]), ("task", [0, 1, 1])],
)
def test_one_flag_for_each_thing_tells_whose_goal_counts(stage: str, flags: list[int]) -> None:
    np.testing.assert_array_equal(shown(stage, variant__stage_indicator=True)[9:], flags)


def test_object_centric_the_second_block_looks_as_the_first_would_in_its_place() -> None:
    swapped = Observation(observe_blocks(np.array(HAND), PLACES[::-1]), PLACES[::-1], NOWHERE)
    inputs = of_blocks(
        variant__goal_frame="relative", variant__stage_indicator=True, variant__object_centric=True
    )
    of_first = inputs.encode(NOW, np.array([-0.3], np.float32), 1)  # move block 0
    of_second = inputs.encode(swapped, np.array([-0.3, -0.1], np.float32), 3)
    # block 1 of the swapped timestep is where block 0 was; block 0 of it is done, at its goal
    np.testing.assert_allclose(of_second[:9], of_first[:9], rtol=1e-6)
    np.testing.assert_array_equal(of_first[9:], [0, 1, 0])
    np.testing.assert_array_equal(of_second[9:], [0, 1, 1])


def test_without_an_object_centric_view_they_look_different() -> None:
    plain = shown("task", variant__goal_frame="relative")
    centric = shown("task", variant__goal_frame="relative", variant__object_centric=True)
    assert not np.allclose(plain, centric)


def test_hidden_columns_are_those_of_what_is_seen_in_their_place() -> None:
    full = shown("task", variant__object_centric=True)
    hidden = shown("task", variant__object_centric=True, translation_invariant=True)
    np.testing.assert_array_equal(hidden, np.delete(full, SPEC.position_columns))


@pytest.mark.parametrize("centric", [False, True])
@pytest.mark.parametrize("frame", ["world", "relative"])
@pytest.mark.parametrize("indicator", [False, True])
def test_sizes_and_masks_fit(centric: bool, frame: str, indicator: bool) -> None:
    options = {
        "variant__object_centric": centric,
        "variant__goal_frame": frame,
        "variant__stage_indicator": indicator,
        "translation_invariant": True,
    }
    size, inputs = 3 + 3 + 3 * indicator, of_blocks(**options)
    assert inputs.size == size == len(shown("task", **options))
    expected = [True] * 3 + [frame == "world"] * 3 + [False] * 3 * indicator
    np.testing.assert_array_equal(inputs.normalized, expected)


def test_statistics_see_every_goal_in_its_slot() -> None:
    goals = [np.array(GOALS[stage.name], np.float32) for stage in BLOCKS]
    unzeroed = of_blocks().encode_all(NOW, goals, 0)
    np.testing.assert_allclose(unzeroed, [*NOW.observation, 0.25, 0.1, -0.3], rtol=1e-6)


def test_a_batch_is_encoded_row_by_row() -> None:
    rng = np.random.default_rng(0)
    places = rng.normal(size=(5, 2)).astype(np.float32)
    many = Observation(observe_blocks(rng.normal(size=5), places), places, np.tile(NOWHERE, (5, 1)))
    goal = rng.normal(size=(5, 2)).astype(np.float32)
    inputs = of_blocks(
        variant__goal_frame="relative", variant__object_centric=True, variant__stage_indicator=True
    )
    together = inputs.encode(many, goal, 3)
    for i in range(5):
        alone = inputs.encode(Observation(*(field[i] for field in many[:3])), goal[i], 3)
        np.testing.assert_array_equal(together[i], alone)
