"""TD3 in detail: the delay, the smoothing of target actions, the smaller of two critics."""

from dataclasses import replace
from typing import Any

import jax
import numpy as np
import optax
import pytest
from test_ddpg import SMOOTH, assert_equal, double_precision, doubled
from test_updates import (
    FREE,
    IDENTITY,
    SPEC,
    A,
    B,
    D,
    batch_of,
    batches,
    line,
    normal,
    pick,
    rule_of,
    scaled,
)

import reference
from goalrelay.learners import td3
from goalrelay.learners.agent import run_cycle
from goalrelay.learners.config import UpdateContext
from goalrelay.learners.networks import MLP, to_numpy
from goalrelay.types import Batch

RANGE = (-1.2, -0.4)  # narrow, so that both limits bind
NARROW = UpdateContext(RANGE)
UPDATE: Any = jax.jit(td3.update, static_argnums=(0, 1))


def start(config: td3.Config) -> td3.State:
    """A state whose targets differ from its networks, so that mixing them up shows."""
    state = td3.init(config, SPEC, D, jax.random.key(5))
    first, second = state.target_critics
    return state._replace(
        target_actor=scaled(state.target_actor, 3.0),
        target_critics=(scaled(first, 6.0), scaled(second, 8.0)),
    )


def assert_all_equal(state: td3.State, expected: reference.Td3) -> None:
    assert_equal(state.actor, expected.actor)
    assert_equal(state.target_actor, expected.target_actor)
    for got, want in zip(state.critics, expected.critics, strict=True):
        assert_equal(got, want)
    for got, want in zip(state.target_critics, expected.targets, strict=True):
        assert_equal(got, want)


def assert_limits_bind(expected: reference.Td3, batch: Batch, i: int, noise: np.ndarray) -> None:
    """Noise, target actions and returns are at their limits in some rows and not in others."""
    _, _, r, discount, s2 = pick(batch, i)
    noise = expected.c.target_noise * noise
    assert 0 < (np.abs(noise) > expected.c.target_noise_clip).mean() < 1
    raw = np.tanh(expected.target_actor.forward(s2)) + noise.clip(-0.5, 0.5)
    assert 0 < (np.abs(raw) > 1).mean() < 1
    first, second = (reference.q(t, s2, raw.clip(-1, 1)) for t in expected.targets)
    assert 0 < (first < second).mean() < 1
    y = r + discount * np.minimum(first, second)
    assert (y < RANGE[0]).any()
    assert (y > RANGE[1]).any()
    assert ((y > RANGE[0]) & (y < RANGE[1])).any()


RATES: Any = {"actor_lr": 3e-3, "critic_lr": 5e-4}
CONFIG = td3.Config(action_l2=0.5, target_noise=0.6, **RATES, **SMOOTH)


@pytest.mark.parametrize(("delay", "loss"), [(1, "mse"), (3, "mse"), (2, "huber")])
def test_an_update_is_so_many_critic_steps_and_then_one_of_the_actor(delay: int, loss: Any) -> None:
    config = replace(CONFIG, policy_delay=delay, loss=loss)
    assert td3.stride(config) == delay
    with double_precision():
        state = start(config)
        expected = reference.Td3(state, config, RANGE)
        for i in range(3):
            group, key = doubled(batches(delay, seed=i)), jax.random.key(40 + i)
            noises = [normal(k, (B, A)) for k in jax.random.split(key, delay)]
            if i == 0:
                assert_limits_bind(expected, group, 0, noises[0])
            state, metrics = UPDATE(config, NARROW, state, group, key)
            state = td3.move_targets(config, state)
            steps = [expected.critic_step(*pick(group, j), noise=noises[j]) for j in range(delay)]
            actor_loss = expected.actor_step(pick(group, delay - 1)[0])  # with the new critic
            expected.move_targets()
            critic_loss, mean_q = np.mean(steps, axis=0)
            assert float(metrics["critic_loss"]) == pytest.approx(critic_loss, rel=1e-9)
            assert float(metrics["actor_loss"]) == pytest.approx(actor_loss, rel=1e-9)
            assert float(metrics["q"]) == pytest.approx(mean_q, rel=1e-9)
    assert_all_equal(state, expected)


def test_targets_may_move_once_a_cycle() -> None:
    config = replace(CONFIG, target_interval=0)
    assert config.policy_delay == 2
    with double_precision():
        state = start(config)
        expected, batch, key = (
            reference.Td3(state, config, RANGE),
            doubled(batches(4)),
            jax.random.key(7),
        )
        state, metrics = run_cycle(rule_of(td3, config, NARROW), state, IDENTITY, batch, key)
        losses = []
        for group, group_key in enumerate(jax.random.split(key, 2)):
            for j, step_key in enumerate(jax.random.split(group_key, 2)):
                noise = normal(step_key, (B, A))
                losses.append(expected.critic_step(*pick(batch, 2 * group + j), noise=noise)[0])
            expected.actor_step(pick(batch, 2 * group + 1)[0])
    expected.move_targets()
    assert_all_equal(state, expected)
    assert float(metrics["critic_loss"]) == pytest.approx(np.mean(losses), rel=1e-9)


def test_the_critics_start_apart_and_targets_equal_to_their_networks() -> None:
    state = td3.init(td3.Config(**SMOOTH), SPEC, D, jax.random.key(2))
    first, second = state.critics
    assert (first.weights[0] != second.weights[0]).all()
    networks = jax.tree.leaves((state.actor, state.critics))
    targets = jax.tree.leaves((state.target_actor, state.target_critics))
    for x, y in zip(networks, targets, strict=True):
        np.testing.assert_array_equal(x, y)


def test_what_follows_the_end_of_an_episode_does_not_matter() -> None:
    config = replace(CONFIG, policy_delay=1)
    with double_precision():
        state, batch, key = start(config), doubled(batches(1)), jax.random.key(0)
        after, _ = UPDATE(config, NARROW, state, batch, key)
        other, _ = UPDATE(config, NARROW, state, reference.other_past_the_end(batch), key)
    for got, want in zip(after.critics, other.critics, strict=True):
        assert_equal(got, reference.Net(want))


def by_hand(mu: float, critic: MLP, noise: float, noise_clip: float, rows: int) -> np.ndarray:
    """Target values, which equal target actions for a critic that is the action."""
    config = td3.Config(target_noise=noise, target_noise_clip=noise_clip, hidden=(1,))
    state = td3.init(config, SPEC, 1, jax.random.key(0))
    state = state._replace(target_actor=line(0.0, mu, 1), target_critics=(critic, critic))
    zeros, ones = np.zeros((rows, 1), np.float32), np.ones(rows, np.float32)
    batch = Batch(zeros, zeros, 0 * ones, ones, zeros)
    return np.asarray(td3._target(config, FREE, state, batch, jax.random.key(5)))


IS_ACTION = MLP((np.array([[0.0], [1.0]], np.float32),), (np.zeros(1, np.float32),))


def test_target_noise_has_its_deviation_and_stays_within_its_clip() -> None:
    small = by_hand(0.0, IS_ACTION, 0.1, 0.5, 20_000)
    assert small.mean() == pytest.approx(0.0, abs=0.005)
    assert small.std() == pytest.approx(0.1, rel=0.02)
    # Noise far beyond the clip is +-0.5 around mu' = 0; around mu' = tanh(9) = 1 it is 1 or 0.5.
    assert set(by_hand(0.0, IS_ACTION, 1e6, 0.5, 200).tolist()) == {-0.5, 0.5}
    around_one = by_hand(9.0, IS_ACTION, 1e6, 0.5, 200)
    np.testing.assert_allclose(np.unique(around_one.round(5)), [0.5, 1.0])
    np.testing.assert_array_equal(by_hand(0.0, IS_ACTION, 0.0, 0.5, 3), np.zeros(3))


def test_an_update_by_hand() -> None:
    # s' = 2, mu'(s') = 0, Q'_1 = 0.5 * 2 - 4 = -3, Q'_2 = 2 - 7 = -5: y = -1 + 0.9 * -5 = -5.5.
    # Q_1(1, 0.5) = 1.5 and Q_2(1, 0.5) = 2 * 1.5 = 3: loss 7^2 + 8.5^2 = 121.25.
    # Adam's first step lowers each number of Q_1 by 0.001; mu(1) = tanh(1) = 0.761594 and
    # Q_1(1, mu) = 0.999 * 1.761594 - 0.001 = 1.758833, the actor's loss but for the sign.
    # The actor's gradient is then -0.999 * (1 - mu^2) < 0: its bias rises by its rate.
    config = td3.Config(
        policy_delay=1, target_noise=0.0, action_l2=0.0, actor_lr=0.01, critic_lr=0.001
    )
    state = td3.init(td3.Config(hidden=(1,)), SPEC, 1, jax.random.key(0))
    actor, critics = line(1.0, 0.0, 1), (line(1.0, 0.0, 2), line(2.0, 0.0, 2))
    state = state._replace(
        actor=actor,
        critics=critics,
        target_actor=line(0.0, 0.0, 1),
        target_critics=(line(0.5, -4.0, 2), line(1.0, -7.0, 2)),
        actor_optimizer=optax.adam(1.0).init(actor),
        critic_optimizer=optax.adam(1.0).init(critics),
    )
    numbers = ([[[1]]], [[[0.5]]], [[-1]], [[0.9]], [[[2]]])
    batch = batch_of(*numbers)
    after, metrics = UPDATE(config, FREE, state, batch, jax.random.key(0))
    assert float(metrics["critic_loss"]) == pytest.approx(121.25, rel=1e-5)
    assert float(metrics["q"]) == pytest.approx(1.5)
    assert float(metrics["actor_loss"]) == pytest.approx(-1.758833, rel=1e-5)
    for critic in after.critics:
        np.testing.assert_allclose(critic.biases[0], [-0.001], rtol=1e-4)
    np.testing.assert_allclose(after.actor.biases[0], [0.01], rtol=1e-4)


def test_acting_is_the_squashed_output_whatever_the_random_numbers() -> None:
    state = td3.init(td3.Config(**SMOOTH), SPEC, D, jax.random.key(1))
    actor, inputs = scaled(to_numpy(state.actor), 3.0), batches(1).inputs[0]
    action = td3.act(actor, inputs, np.random.default_rng(0))
    expected = np.tanh(reference.Net(actor).forward(inputs.astype(np.float64)))
    np.testing.assert_allclose(action, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(td3.act(actor, inputs, None), action)
