"""An evaluation at its edges: certain rates, no goals, unequal episodes."""

import math

import numpy as np
import pytest

from goalrelay.train.evaluate import diagnose, diagnosed, summarize, wilson
from goalrelay.types import Columns, Episode, Spec, Stage

PLAIN = Spec(1, 2, 2, 1, False, 5, (-1.0, 0.0))
TASK = Stage("task", Columns("achieved_goal", (0, 1)), Columns("desired_goal", (0, 1)), switch=1.0)
NEAR = Stage("near", Columns("observation", (0,)), Columns("achieved_goal", (1,)), 0.5, switch=2.0)


def test_the_interval_holds_the_rate_and_stays_a_probability() -> None:
    for trials in (1, 2, 5, 20, 149):
        for successes in range(trials + 1):
            low, high = wilson(successes, trials)
            assert 0 <= low <= successes / trials + 1e-12
            assert successes / trials - 1e-12 <= high <= 1


def test_the_interval_is_wilsons() -> None:
    # z = 1.959964: (k + z^2 / 2 -+ z sqrt(k (n - k) / n + z^2 / 4)) / (n + z^2)
    assert wilson(13, 17) == pytest.approx((0.527382, 0.904450), abs=1e-6)
    assert wilson(0, 20) == pytest.approx((0.0, 0.161125), abs=1e-6)
    assert wilson(20, 20) == pytest.approx((0.838875, 1.0), abs=1e-6)
    assert wilson(18.9999999, 20.0) == wilson(19, 20), "a rate times its episodes"


def test_the_interval_does_not_prefer_success_to_failure() -> None:
    low, high = wilson(13, 17)
    assert wilson(4, 17) == pytest.approx((1 - high, 1 - low))


def ended(success: float, achieved: list[float], desired: list[float]) -> Episode:
    """An episode of one step that starts at the origin and ends at `achieved`."""
    goals = np.array([[9.0] * len(desired), desired], np.float32).reshape(2, len(desired))
    reached = np.array([[0.0] * len(achieved), achieved], np.float32)
    action = np.zeros((1, 1), np.float32)
    return Episode(np.zeros((2, 1), np.float32), reached, goals, action, False, success, -1.0)


def test_the_interval_of_an_evaluation_counts_its_episodes() -> None:
    result = summarize([ended(1.0, [0.0], [0.0])] * 19 + [ended(0.0, [0.0], [0.0])], PLAIN)
    assert result.success == pytest.approx(0.95)
    assert (result.low, result.high) == pytest.approx(wilson(19, 20))


def test_the_distance_is_straight_and_from_the_last_timestep() -> None:
    # (5, 6) - (2, 2) = (3, 4), which is 5 long; the second episode is 1 away.
    result = summarize(
        [ended(0.0, [5.0, 6.0], [2.0, 2.0]), ended(1.0, [1.0, 0.0], [0.0, 0.0])], PLAIN
    )
    assert result.distance == pytest.approx(3.0)


def test_a_task_without_goals_has_no_distance() -> None:
    result = summarize([ended(math.nan, [4.0], [])], PLAIN)
    assert math.isnan(result.distance)
    assert (math.isnan(result.low), math.isnan(result.high)) == (True, True)
    assert result.score == result.mean_return == -1.0


def test_a_diagnosis_tells_where_episodes_got_to_at_any_time() -> None:
    # The object moves by 4 and then is 1 from its goal; the other lies still, 5 away.
    there = ended(0.0, [4.0, 0.0], [5.0, 0.0])
    still = ended(0.0, [0.0, 0.0], [3.0, 4.0])
    # What stage `near` brings to the object's second number, 0, is 2 away at the start.
    near = there._replace(observation=np.array([[2.0], [9.0]], np.float32))
    far = still._replace(observation=np.array([[-3.0], [2.1]], np.float32))
    spec = PLAIN._replace(stages=(NEAR, TASK))
    result = summarize([near, far, far, far], spec).diagnosis
    assert result == {"moved": 0.25, "reached_near": 0.25, "reached_task": 0.25}
    assert list(result) == diagnosed(spec)


@pytest.mark.parametrize(("distance", "moved"), [(0.0099, 0.0), (0.0101, 1.0)])
def test_a_centimetre_is_movement_even_if_the_object_comes_back(
    distance: float, moved: float
) -> None:
    episode = ended(0.0, [0.0, 0.0], [1.0, 1.0])
    there_and_back = np.array([[0, 0], [0, distance], [0, 0]], np.float32)
    episode = episode._replace(
        observation=np.zeros((3, 1), np.float32),
        achieved=there_and_back,
        desired=np.ones((3, 2), np.float32),
    )
    assert diagnose([episode], PLAIN._replace(stages=(TASK,)))["moved"] == moved


def test_a_task_without_stages_has_no_diagnosis() -> None:
    assert diagnose([ended(0.0, [0.0], [1.0])], PLAIN) == {}
    assert diagnosed(PLAIN) == []


def test_an_episode_that_does_not_tell_counts_as_failed_where_others_tell() -> None:
    told, silent = ended(1.0, [0.0], [0.0]), ended(math.nan, [0.0], [0.0])
    assert summarize([told, silent], PLAIN).success == 0.5
    assert math.isnan(summarize([silent, silent], PLAIN).success)
