"""Double DQN in detail: who chooses, who values, and how large errors count."""

from typing import Any

import jax
import numpy as np
import optax
import pytest
from test_ddpg import SMOOTH, assert_equal, double_precision, doubled
from test_updates import (
    DISCRETE,
    FREE,
    IDENTITY,
    LIMITED,
    RANGE,
    SMALL,
    A,
    D,
    assert_same,
    batches,
    pick,
    rule_of,
    scaled,
)

import reference
from goalrelay.learners import dqn
from goalrelay.learners.agent import run_cycle
from goalrelay.learners.networks import MLP, to_numpy
from goalrelay.types import Batch

UPDATE: Any = jax.jit(dqn.update, static_argnums=(0, 1))


def start(config: dqn.Config) -> dqn.State:
    """A state whose target differs from its network and has large values."""
    state = dqn.init(config, DISCRETE, D, jax.random.key(4))
    other = dqn.init(config, DISCRETE, D, jax.random.key(5))
    return state._replace(target_critic=scaled(other.critic, 4.0))


@pytest.mark.parametrize("target_interval", [1, 0])
def test_a_cycle_equals_its_equations(target_interval: Any) -> None:
    config = dqn.Config(target_interval=target_interval, critic_lr=5e-3, **SMOOTH)
    rule = rule_of(dqn, config, FREE)
    losses, values = [], []
    with double_precision():
        state = start(config)
        expected, batch = reference.Dqn(state, config), doubled(batches(3, discrete=True))
        state, metrics = run_cycle(rule, state, IDENTITY, batch, jax.random.key(0))
        for i in range(3):
            losses.append(expected.update(*pick(batch, i)))
            values.append(expected.mean_q)
            if target_interval == 1:
                expected.move_targets()
    if target_interval == 0:
        expected.move_targets()
    assert_equal(state.critic, expected.critic)
    assert_equal(state.target_critic, expected.target)
    assert float(metrics["critic_loss"]) == pytest.approx(np.mean(losses), rel=1e-9)
    assert float(metrics["q"]) == pytest.approx(np.mean(values), rel=1e-9)


def test_limits_of_a_return_bind_on_both_sides() -> None:
    config = dqn.Config(**SMALL)
    state, batch = start(config), batches(1, discrete=True)
    s2, rows = pick(batch, 0)[4], np.arange(batch.reward.shape[1])
    chosen = reference.Net(state.critic).forward(s2).argmax(1)
    values = reference.Net(state.target_critic).forward(s2)[rows, chosen]
    y = batch.reward[0] + batch.discount[0] * values
    assert (y < -2.0).any()
    assert (y > 0.0).any()
    expected = reference.Dqn(state, config, RANGE)
    after, metrics = UPDATE(config, LIMITED, state, batch, jax.random.key(0))
    assert float(metrics["critic_loss"]) == pytest.approx(
        expected.update(*pick(batch, 0)), rel=1e-4
    )
    assert_same(after.critic, expected.critic)


def table(weights: list[float], biases: list[float]) -> MLP:
    """Q(s, .) = weights * s + biases."""
    return MLP((np.array([weights], np.float32),), (np.array(biases, np.float32),))


def test_an_update_by_hand() -> None:
    # At s' = 2 the network has Q = (2, 2 * 2 - 1) = (2, 3) and chooses 1; the target has
    # Q' = (3 * 2, 2) = (6, 2) there and would choose 0. Double: y = -1 + 0.9 * 2 = 0.8.
    # Q(1, 0) = 1: error 0.2, Huber 0.02. Q(4, 1) = 7: error 6.2, Huber 6.2 - 0.5 = 5.7.
    # Loss (0.02 + 5.7) / 2 = 2.86, q (1 + 7) / 2 = 4. Gradients of the biases: 0.2 / 2 and 1 / 2.
    config = dqn.Config(hidden=(1,), critic_lr=0.01)
    spec = DISCRETE._replace(action_size=2)
    state = dqn.init(config, spec, 1, jax.random.key(0))
    critic = table([1.0, 2.0], [0.0, -1.0])
    state = state._replace(
        critic=critic,
        target_critic=table([3.0, 1.0], [0.0, 0.0]),
        optimizer=optax.adam(1.0).init(critic),
    )
    batch = Batch(
        np.array([[[1], [4]]], np.float32),
        np.array([[0, 1]], np.int32),
        np.array([[-1, -1]], np.float32),
        np.array([[0.9, 0.9]], np.float32),
        np.array([[[2], [2]]], np.float32),
    )
    after, metrics = UPDATE(config, FREE, state, batch, jax.random.key(0))
    assert float(metrics["critic_loss"]) == pytest.approx(2.86, rel=1e-5)
    assert float(metrics["q"]) == pytest.approx(4.0)
    np.testing.assert_allclose(after.critic.biases[0], [-0.01, -1.01], rtol=1e-4)
    np.testing.assert_allclose(after.optimizer[0].mu.biases[0], [0.1 * 0.1, 0.1 * 0.5], rtol=1e-4)
    ended = batch._replace(discount=np.zeros((1, 2), np.float32))
    # y = -1: errors 2 and 8, Huber 1.5 and 7.5, mean 4.5.
    _, metrics = UPDATE(config, FREE, state, ended, jax.random.key(0))
    assert float(metrics["critic_loss"]) == pytest.approx(4.5, rel=1e-5)


def test_the_target_starts_equal_to_the_network() -> None:
    state = dqn.init(dqn.Config(**SMOOTH), DISCRETE, D, jax.random.key(1))
    for x, y in zip(state.critic.weights, state.target_critic.weights, strict=True):
        np.testing.assert_array_equal(x, y)
    assert [w.shape for w in state.critic.weights] == [(D, 8), (8, 7), (7, A)]


def test_acting_takes_the_action_of_the_largest_value() -> None:
    state = dqn.init(dqn.Config(**SMALL), DISCRETE, D, jax.random.key(1))
    critic, inputs = to_numpy(state.critic), batches(1).inputs[0]
    action = dqn.act(critic, inputs, None)
    assert action.dtype == np.int32
    np.testing.assert_array_equal(action, reference.Net(critic).forward(inputs).argmax(1))
    assert len(set(action.tolist())) > 1
    assert dqn.act(critic, inputs[0], None).shape == ()
