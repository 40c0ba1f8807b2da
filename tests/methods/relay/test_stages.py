"""The current stage is the first that is not reached; goal stages must hold to the last."""

import numpy as np
import pytest

from goalrelay.methods.relay.guidance import Choice, Guidance
from goalrelay.methods.relay.stages import StageOrder
from goalrelay.types import Columns, Observation, Snapshot, Stage
from relay_batches import (
    ALL_DONE,
    AT_FIRST,
    AT_SECOND,
    FAR_FROM_ALL,
    FIRST_DONE,
    FIRST_LOST,
    RELATIVE,
    START,
    THREE,
    at,
    away,
    stage,
)
from two_blocks import STAGES as BLOCKS


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
    assert StageOrder(THREE).current(away(*distances)) == expected


def test_a_stage_that_is_lost_again_is_current_again() -> None:
    order = StageOrder(THREE)
    assert [order.current(away(d, 0, 1)) for d in (0.3, 0.05, 0.2, 0.09)] == [0, 2, 0, 2]


def test_each_stage_has_its_own_switch_distance_and_the_option_overrides_all() -> None:
    stages = (stage("a", 0, 0.1), stage("b", 1, 0.5), stage("c", 2))
    own, one, each = (
        StageOrder(stages),
        StageOrder(stages, (0.3,)),
        StageOrder(stages, (0.4, 0.2, 1)),
    )
    assert own.current(away(0.09, 0.49, 1)) == 2
    assert own.current(away(0.11, 0.49, 1)) == 0
    assert own.current(away(0.09, 0.51, 1)) == 1
    assert one.current(away(0.29, 0.29, 1)) == 2
    assert one.current(away(0.29, 0.49, 1)) == 1
    assert each.current(away(0.39, 0.19, 1)) == 2
    assert each.current(away(0.39, 0.21, 1)) == 1
    assert StageOrder(stages, (0.0,)).current(away(0.09, 0, 1)) == 0


def test_distances_are_straight_lines_between_the_columns() -> None:
    achieved, desired = Columns("observation", (2, 0)), Columns("achieved_goal", (0, 1))
    stages = (Stage("a", achieved, desired, 0.1, 5.0), THREE[0])  # 3 beside and 4 above: 5 away
    now = Observation(np.array([1.0, 9.0, 2.0], "f"), np.array([5.0, 5.0], "f"), np.zeros(1, "f"))
    assert StageOrder(stages).current(now) == 1
    assert StageOrder(stages, (4.9,)).current(now) == 0


# --- several objects ---


ORDER = StageOrder(BLOCKS)

ALONE = BLOCKS[3]._replace(name="bring1", threshold=0.1, maintained=())
"""Block 1 to its goal, whatever happens to block 0."""
WITH_ALONE = StageOrder((*BLOCKS[:2], BLOCKS[2]._replace(maintained=()), ALONE, BLOCKS[3]))


def who_acts(order: StageOrder, now: Observation, snapshot: Snapshot = START) -> set[Choice]:
    guidance = Guidance(RELATIVE, order)
    rngs = (np.random.default_rng(seed) for seed in range(30))
    return {guidance.choose(now, 0, snapshot, rng) for rng in rngs}


def test_blocks_at_their_goals_are_goal_stages_and_the_hand_at_a_block_prepares_one() -> None:
    assert [ORDER.is_goal_stage(n) for n in range(4)] == [False, True, False, True]
    assert [ORDER.moves_object(n) for n in range(4)] == [False, True, False, True]
    assert [list(ORDER.preparing(n)) for n in (1, 3)] == [[0], [2]]


@pytest.mark.parametrize(
    ("now", "stage", "goal_stage"),
    [
        (FAR_FROM_ALL, 0, 1),
        (AT_FIRST, 1, 1),
        (FIRST_DONE, 2, 3),
        (AT_SECOND, 3, 3),
        (ALL_DONE, 2, 3),
        (FIRST_LOST, 0, 1),
    ],
)
def test_the_first_unfinished_block_is_the_one_to_go_to(
    now: Observation, stage: int, goal_stage: int
) -> None:
    assert ORDER.current(now) == stage
    assert ORDER.first_unfinished(now) == goal_stage


def test_a_preparing_stage_guides_to_its_goal_stage_which_acts_for_itself() -> None:
    assert who_acts(ORDER, FAR_FROM_ALL) == {(0, True), (1, False)}
    assert who_acts(ORDER, AT_FIRST) == {(1, False)}
    assert who_acts(ORDER, FIRST_DONE) == {(2, True), (3, False)}
    assert who_acts(ORDER, AT_SECOND) == {(3, False)}


@pytest.mark.parametrize(
    ("now", "guide", "learner"),
    [(FIRST_DONE, 2, 4), (AT_SECOND, 3, 4), (FAR_FROM_ALL, 0, 1)],
)
def test_a_block_brought_alone_guides_to_the_goal_stage_that_maintains_the_others(
    now: Observation, guide: int, learner: int
) -> None:
    goal_stages = [WITH_ALONE.is_goal_stage(n) for n in range(5)]
    assert goal_stages == [False, True, False, False, True]
    assert list(WITH_ALONE.preparing(4)) == [2, 3]
    assert who_acts(WITH_ALONE, now) == {(guide, True), (learner, False)}
    assert WITH_ALONE.first_unfinished(now) == learner


def test_an_approach_stage_is_reached_whatever_happens_to_the_other_objects() -> None:
    """Those are for the goal stages before it: they have switch distances of their own."""
    strict = StageOrder((*BLOCKS[:2], BLOCKS[2]._replace(switch=0.05), BLOCKS[3]))
    first_off = at(-0.5, (0.82, -0.5), (0.9, -0.9))  # 0.08 from its goal, and done within 0.1
    assert strict.first_unfinished(first_off) == 3
    assert strict.current(first_off) == 3
    assert strict.current(at(-0.44, (0.82, -0.5), (0.9, -0.9))) == 2
