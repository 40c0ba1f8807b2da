"""Figures of an evaluation, and the interval around a success rate."""

import math

import numpy as np
import pytest

from goalrelay.evaluation import summarize, wilson
from goalrelay.types import Episode


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (95, 100, 0.88825, 0.97846),
        (0, 20, 0.0, 0.16113),
        (20, 20, 0.83887, 1.0),
        (5, 10, 0.23659, 0.76341),
    ],
)
def test_the_wilson_interval(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson(successes, trials) == pytest.approx((low, high), abs=1e-5)


def episode(success: float, total: float, gap: float) -> Episode:
    achieved, desired = np.zeros((3, 2), np.float32), np.zeros((3, 2), np.float32)
    desired[-1, 0] = gap
    action = np.zeros((2, 1), np.float32)
    return Episode(np.zeros((3, 4)), achieved, desired, action, False, success, total)


def test_an_evaluation_sums_up_its_episodes() -> None:
    result = summarize([episode(1.0, -3.0, 0.0), episode(0.0, -5.0, 0.3)])
    assert result.episodes == 2
    assert result.success == 0.5
    assert result.mean_return == -4.0
    assert result.distance == pytest.approx(0.15)
    assert result.score == 0.5


def test_a_task_without_success_is_scored_by_its_return() -> None:
    result = summarize([episode(math.nan, 7.0, 0.0)])
    assert math.isnan(result.success)
    assert math.isnan(result.low)
    assert result.score == 7.0
