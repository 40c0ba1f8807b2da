"""Rewards of any two values are -1 and 0 for a learner; others are about 1."""

import numpy as np
import pytest

from goalrelay.data.relabel import ends_as_it_did, stage_objective, whole
from goalrelay.data.units import in_learner_units
from goalrelay.types import Spec, Task

SPEC = Spec(2, 1, 1, 1, False, 6, None)


def task(far: float, near: float, declared: bool = True) -> Task:
    def reward(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        return np.where(np.abs(achieved - desired)[:, 0] <= 1, near, far).astype(np.float32)

    limits = (far, near) if declared else None
    return Task(SPEC._replace(reward_range=limits), reward, ends_as_it_did)


ACHIEVED, DESIRED = np.array([[0.0], [0.5], [3.0]], "f"), np.array([[0.0], [0.0], [0.0]], "f")


@pytest.mark.parametrize(
    ("far", "near"), [(-1, 0), (0, 1), (-0.01, 0), (-5, 100), (1, 3), (-1e6, -1e5)]
)
def test_two_rewards_become_minus_one_and_zero(far: float, near: float) -> None:
    found = in_learner_units(task(far, near))
    assert found.spec.reward_range == (-1.0, 0.0)
    np.testing.assert_allclose(found.reward(ACHIEVED, DESIRED), [0, 0, -1], rtol=1e-5)
    reached = stage_objective(found, whole(found.spec), 0.9).success(ACHIEVED, DESIRED)
    np.testing.assert_array_equal(reached, [True, True, False])


def test_minus_one_and_zero_stay_as_they_are() -> None:
    usual = task(-1, 0)
    assert in_learner_units(usual) is usual


def test_other_rewards_are_divided_by_their_size() -> None:
    dense = Task(
        SPEC._replace(reward_scale=0.02),
        lambda a, d: -0.01 * np.abs(a - d)[:, 0],
        ends_as_it_did,
    )
    found = in_learner_units(dense)
    assert (found.spec.reward_range, found.spec.reward_scale) == (None, 1.0)
    np.testing.assert_allclose(found.reward(ACHIEVED, DESIRED), [0, -0.25, -1.5], rtol=1e-5)
