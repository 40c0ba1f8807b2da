"""What the network sees of a task with several objects: one slot a thing, one view for all."""

from typing import Any

import numpy as np
import pytest

from goalrelay.methods.relay.inputs import Layout, Timestep, encode, layout, normalized, unzeroed
from two_blocks import SPEC, STAGES, observe

HAND, BLOCKS = 0.7, np.array([0.2, -0.1], np.float32)
NOW = Timestep(observe(np.array(HAND), BLOCKS), BLOCKS)
GOALS = {
    "reach0": [0.3],
    "move0": [0.0],
    "reach1": [0.25, 0.1],  # for the hand; for block 0, which is done
    "task": [-0.3, 0.1],  # for block 1; for block 0
}


def plan(**changes: Any) -> Layout:
    options: dict[str, Any] = {
        "encoding": "absolute",
        "tell_stage": False,
        "translation": False,
        "focus": False,
    }
    return layout(**(options | changes), spec=SPEC)


def shown(stage: str, **changes: Any) -> np.ndarray:
    number = [s.name for s in STAGES].index(stage)
    return encode(plan(**changes), NOW, np.array(GOALS[stage], np.float32), number)


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
    np.testing.assert_allclose(shown(stage, encoding="relative")[6:], slots, rtol=1e-5)


@pytest.mark.parametrize(
    ("stage", "told"),
    [("reach0", [1, 0, 0]), ("move0", [0, 1, 0]), ("reach1", [1, 1, 0]), ("task", [0, 1, 1])],
)
def test_one_flag_a_thing_tells_whose_goal_counts(stage: str, told: list[int]) -> None:
    np.testing.assert_array_equal(shown(stage, tell_stage=True)[9:], told)


def test_in_focus_the_second_block_looks_as_the_first_would_in_its_place() -> None:
    swapped = Timestep(observe(np.array(HAND), BLOCKS[::-1]), BLOCKS[::-1])
    options = {"encoding": "relative", "tell_stage": True, "focus": True}
    seen = encode(plan(**options), NOW, np.array([-0.3], np.float32), 1)  # move block 0
    of_second = encode(plan(**options), swapped, np.array([-0.3, -0.1], np.float32), 3)
    # block 1 of the swapped moment is where block 0 was; block 0 of it is done, at its goal
    np.testing.assert_allclose(of_second[:9], seen[:9], rtol=1e-6)
    np.testing.assert_array_equal(seen[9:], [0, 1, 0])
    np.testing.assert_array_equal(of_second[9:], [0, 1, 1])


def test_without_focus_they_look_different() -> None:
    assert not np.allclose(
        shown("task", encoding="relative"), shown("task", encoding="relative", focus=True)
    )


def test_hidden_columns_are_those_of_what_is_seen_in_their_place() -> None:
    full = shown("task", focus=True)
    np.testing.assert_array_equal(
        shown("task", focus=True, translation=True), np.delete(full, SPEC.position_columns)
    )


@pytest.mark.parametrize("focus", [False, True])
@pytest.mark.parametrize("encoding", ["absolute", "relative"])
@pytest.mark.parametrize("tell", [False, True])
def test_sizes_and_masks_fit(focus: bool, encoding: str, tell: bool) -> None:
    options = {"focus": focus, "encoding": encoding, "tell_stage": tell, "translation": True}
    size = 3 + 3 + 3 * tell
    assert plan(**options).size == size == len(shown("task", **options))
    mask = normalized(plan(**options))
    np.testing.assert_array_equal(
        mask, [True] * 3 + [encoding == "absolute"] * 3 + [False] * 3 * tell
    )


def test_statistics_see_every_goal_in_its_slot() -> None:
    goals = [np.array(GOALS[stage.name], np.float32) for stage in STAGES]
    whole = unzeroed(plan(), NOW, goals, 0)
    np.testing.assert_allclose(whole, [*NOW.observation, 0.25, 0.1, -0.3], rtol=1e-6)


def test_a_batch_is_encoded_row_by_row() -> None:
    rng = np.random.default_rng(0)
    blocks = rng.normal(size=(5, 2)).astype(np.float32)
    many = Timestep(observe(rng.normal(size=5), blocks), blocks)
    goal = rng.normal(size=(5, 2)).astype(np.float32)
    options = plan(encoding="relative", focus=True, tell_stage=True)
    together = encode(options, many, goal, 3)
    for i in range(5):
        alone = encode(options, Timestep(*(facts[i] for facts in many)), goal[i], 3)
        np.testing.assert_array_equal(together[i], alone)
