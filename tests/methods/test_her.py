"""Hindsight experience replay: the batches that a learner sees, and who acts."""

from typing import Any

import jax
import numpy as np
import pytest

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.methods import flat, her
from goalrelay.types import Batch, Observation, Snapshot, Task
from numbered_episodes import CAPACITY, SPEC, episode, filled

NOBODY = Snapshot(())


def reward(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
    return -(np.abs(achieved - desired).sum(-1) > 1.0).astype(np.float32)


def as_stored(achieved: np.ndarray, desired: np.ndarray, ended: np.ndarray) -> np.ndarray:
    return ended


TASK = Task(SPEC, reward, as_stored)


def method(**options: Any) -> her.Her:
    return her.Her(her.Config(**options), TASK, 0.9)


def sampled(of: her.Her, buffer: ReplayBuffer, count: int = 60) -> Batch:
    """One batch."""
    batch, _ = of.sample(buffer, NOBODY, (1, count), np.random.default_rng(0))
    return jax.tree.map(lambda x: x[0], batch)


def rows(buffer: ReplayBuffer, batch: Batch) -> np.ndarray:
    """Where in the buffer the steps of a batch come from: their observations are all different."""
    gaps = np.abs(batch.inputs[:, None, :2] - buffer.observation[None]).sum(-1)
    assert (gaps.min(axis=1) == 0).all()
    return gaps.argmin(axis=1)


def is_achieved(goals: np.ndarray) -> np.ndarray:
    return goals[:, 0] % 1 == 0


@pytest.mark.parametrize(("k", "fraction"), [(4, 0.8), (1, 0.5), (0, 0.0)])
def test_there_are_k_hindsight_goals_for_each_pursued_one(k: float, fraction: float) -> None:
    batch = sampled(method(k=k), filled([5, 6, 4]), 20_000)
    assert is_achieved(batch.inputs[:, 2:]).mean() == pytest.approx(fraction, abs=0.01)


@pytest.mark.parametrize("of", [method(strategy="none"), flat.Flat(flat.Config(), TASK, 0.9)])
def test_without_hindsight_a_batch_shows_every_step_with_the_goals_that_were_shown(
    of: her.Her,
) -> None:
    buffer = filled([5, 6, 4])
    batch = sampled(of, buffer)
    at = rows(buffer, batch)
    expected = np.hstack([buffer.observation[at], buffer.desired[at]])
    np.testing.assert_array_equal(batch.inputs, expected)
    after = np.hstack([buffer.observation[at + 1], buffer.desired[at + 1]])
    np.testing.assert_array_equal(batch.next_inputs, after)
    np.testing.assert_array_equal(batch.action, buffer.action[at])
    assert batch.demonstrated is None


def test_with_hindsight_both_inputs_show_the_goal_that_was_given() -> None:
    buffer = filled([5, 6, 4])
    batch = sampled(method(k=1e9), buffer)
    assert is_achieved(batch.inputs[:, 2:]).all()
    np.testing.assert_array_equal(batch.inputs[:, 2:], batch.next_inputs[:, 2:])
    reached = buffer.achieved[rows(buffer, batch) + 1]
    np.testing.assert_array_equal(batch.reward, reward(reached, batch.inputs[:, 2:]))


def test_a_batch_is_single_precision() -> None:
    buffer = filled([5, 6, 4])
    kinds = {x.dtype for x in jax.tree.leaves(sampled(method(), buffer))}
    assert kinds == {np.dtype(np.float32)}


def test_the_batches_of_a_cycle_are_drawn_apart() -> None:
    buffer = filled([5, 6, 4])
    batch, _ = method().sample(buffer, NOBODY, (3, 40), np.random.default_rng(0))
    assert batch.inputs.shape == (3, 40, 5)
    assert batch.action.shape == (3, 40, 1)
    assert batch.reward.shape == batch.discount.shape == (3, 40)
    assert not np.array_equal(batch.inputs[0], batch.inputs[1])


def test_the_normaliser_counts_every_step_under_the_goals_that_batches_have() -> None:
    buffer, of = filled([6] * 3), method(strategy="final", k=4)
    steps = buffer.steps()
    many = type(steps)(*(np.tile(field, 300) for field in steps[:4]))
    inputs = of.inputs(buffer, many, np.random.default_rng(0))
    assert inputs.shape == (len(many.row), len(of.normalized))
    np.testing.assert_array_equal(inputs[:, :2], buffer.observation[many.row])
    achieved = is_achieved(inputs[:, 2:])
    assert achieved.mean() == pytest.approx(0.8, abs=0.02)
    last = buffer.achieved[many.row + many.length - many.time]
    np.testing.assert_array_equal(inputs[achieved, 2:], last[achieved])


@pytest.mark.parametrize(
    "rewards",
    [
        lambda achieved, desired: reward(achieved, desired) + 1,
        lambda achieved, desired: reward(achieved, desired) - 1,
        lambda achieved, desired: reward(achieved, desired) == 0,
    ],
    ids=["0 and 1", "-2 and -1", "False and True"],
)
def test_a_task_that_promises_no_range_gives_the_same_steps_goals_and_figures(
    rewards: Any,
) -> None:
    buffer = ReplayBuffer(SPEC, CAPACITY, demonstrated=True)
    for number, length in enumerate([5, 6, 4]):
        buffer.add([episode(number, length)])
    config = her.Config(strategy="episode", priority="inverse-density", density_cell=0.5)
    unpromised = Task(SPEC._replace(reward_range=None), rewards, as_stored)
    (usual, figures), (batch, others) = (
        her.Her(config, task, 0.9).sample(buffer, NOBODY, (1, 400), np.random.default_rng(0))
        for task in (TASK, unpromised)
    )
    np.testing.assert_array_equal(batch.inputs, usual.inputs)
    np.testing.assert_array_equal(batch.demonstrated, usual.demonstrated)
    assert 0 < usual.demonstrated.mean() < 1
    assert others == figures
    assert 0 < figures["innr"] < 1


def test_an_episode_of_evaluation_has_no_noise_and_one_of_training_has() -> None:
    still = np.zeros(1, np.float32)

    def network(inputs: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        return still

    snapshot = Snapshot((network,))
    of = her.Her(her.Config(), TASK, 0.9)
    one = episode(0, 6)
    shown = Observation(one.observation[0], one.achieved[0], one.desired[0])
    evaluated, trained = of.act(snapshot, None), of.act(snapshot, np.random.default_rng(0))
    assert all((evaluated(shown) == 0).all() for _ in range(5))
    actions = np.stack([trained(shown) for _ in range(200)])
    assert len(np.unique(actions)) > 100
    assert np.abs(actions).max() <= 1
    at_random = of.act(snapshot._replace(random=True), np.random.default_rng(0))
    actions = np.stack([at_random(shown) for _ in range(4000)])
    np.testing.assert_allclose(np.quantile(actions, [0.25, 0.5, 0.75]), [-0.5, 0, 0.5], atol=0.05)
