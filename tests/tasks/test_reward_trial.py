"""Rewards are tried when a task is opened: two values or many, and how large."""

import numpy as np
import pytest

from goalrelay.tasks.goal_task import open_task
from goalrelay.tasks.reward_trial import tried
from goalrelay.types import Observation, RewardFunction

NOWHERE = np.zeros((4, 0))


def timesteps(achieved: list[float], desired: list[float]) -> Observation:
    return Observation(
        np.zeros((len(achieved), 0)), *(np.array([x]).T for x in (achieved, desired))
    )


APART = timesteps([0.0, 1.0, 2.0], [5.0, 6.0, 7.0])


def sparse(far: float, near: float) -> RewardFunction:
    return lambda a, d: np.where(np.abs(a - d)[:, 0] < 0.5, near, far)


@pytest.mark.parametrize(("far", "near"), [(-1, 0), (0, 1), (-1e-4, 0), (-10, 1e5)])
def test_two_rewards_are_a_range(far: float, near: float) -> None:
    limits, size = tried(sparse(far, near), APART)
    assert limits == (far, near)
    assert size == near - far


def test_many_rewards_have_a_size() -> None:
    limits, size = tried(lambda a, d: -np.abs(a - d)[:, 0], APART)
    assert limits is None
    assert size == 5  # the mean distance of 0, 1, 2 from 5, 6, 7


def test_rewards_that_say_nothing_have_none() -> None:
    assert tried(lambda a, _: np.zeros(len(a)), APART) == (None, 1.0)
    assert tried(lambda a, _: np.full(len(a), np.nan), APART) == (None, 1.0)
    worse_at_the_goal = tried(sparse(0, -1), APART)
    assert worse_at_the_goal[0] is None


@pytest.mark.parametrize(
    ("task", "limits"),
    [
        ("FetchPush-v4", (-1.0, 0.0)),
        ("goalrelay/PointReach-v0", (-1.0, 0.0)),
        ("goalrelay/BitFlip-v0", (-1.0, 0.0)),
        ("FetchPushDense-v4", None),
        ("Pendulum-v1", None),
    ],
)
def test_what_is_found_stands_in_the_description_of_a_task(
    task: str, limits: tuple[float, float] | None
) -> None:
    simulator = open_task(task)
    assert simulator.spec.reward_range == limits
    simulator.close()
