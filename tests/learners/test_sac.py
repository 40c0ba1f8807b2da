"""SAC in detail: density, limits on the deviation, the temperature, and sampling while acting."""

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
from goalrelay.learners import sac
from goalrelay.learners.agent import run_cycle
from goalrelay.learners.config import UpdateContext
from goalrelay.learners.networks import MLP, to_numpy
from goalrelay.types import Batch

RANGE = (-1.2, -0.4)  # narrow, so that both limits bind
NARROW = UpdateContext(RANGE)
UPDATE: Any = jax.jit(sac.update, static_argnums=(0, 1))


def start(config: sac.Config) -> sac.State:
    """Targets that differ from the critics; log-deviations above, below and within their range."""
    state = sac.init(config, SPEC, D, jax.random.key(13))
    first, second = state.target_critics
    shift = np.array([0, 0, 0, 4, -24, 0], np.float32)
    biases = (*state.actor.biases[:-1], state.actor.biases[-1] + shift)
    return state._replace(
        actor=state.actor._replace(biases=biases),
        target_critics=(scaled(first, 2.0), scaled(second, 3.0)),
    )


def assert_all_equal(state: sac.State, expected: reference.Sac) -> None:
    assert_equal(state.actor, expected.actor)
    for got, want in zip(state.critics, expected.critics, strict=True):
        assert_equal(got, want)
    for got, want in zip(state.target_critics, expected.targets, strict=True):
        assert_equal(got, want)
    assert float(state.log_alpha) == pytest.approx(expected.log_alpha[0], rel=1e-9)


def assert_limits_bind(expected: reference.Sac, batch: Batch, noise: np.ndarray) -> None:
    """Deviations, returns and the smaller critic are on both sides of their limits."""
    _, _, r, discount, s2 = pick(batch, 0)
    log_std = expected.actor.forward(s2)[:, A:]
    assert (log_std[:, 0] > 2).all()
    assert (log_std[:, 1] < -20).all()
    a2, log_density, _ = expected.sample(s2, noise)
    first, second = (reference.q(t, s2, a2) for t in expected.targets)
    assert 0 < (first < second).mean() < 1
    y = r + discount * (np.minimum(first, second) - np.exp(expected.log_alpha[0]) * log_density)
    assert (y < -1.2).any()
    assert (y > -0.4).any()
    assert ((y > -1.2) & (y < -0.4)).any()


RATES: Any = {"actor_lr": 3e-3, "critic_lr": 5e-4, "temperature_lr": 0.02}
ENTROPY: Any = {"initial_temperature": 0.05, "target_entropy": -1.0}
CONFIG = sac.Config(action_l2=0.5, **RATES, **ENTROPY, **SMOOTH)


def test_updates_equal_their_equations_when_every_limit_binds() -> None:
    with double_precision():
        state = start(CONFIG)
        expected = reference.Sac(state, CONFIG, RANGE)
        for i in range(3):
            batch, key = doubled(batches(1, seed=i)), jax.random.key(20 + i)
            next_noise, noise = (normal(k, (B, A)) for k in jax.random.split(key))
            if i == 0:
                assert_limits_bind(expected, batch, next_noise)
            state, metrics = UPDATE(CONFIG, NARROW, state, batch, key)
            state = sac.move_targets(CONFIG, state)
            wanted = expected.update(*pick(batch, 0), n1=next_noise, n2=noise)
            expected.move_targets()
            assert set(metrics) == set(wanted) == set(sac.METRICS)
            for name, value in wanted.items():
                assert float(metrics[name]) == pytest.approx(value, rel=1e-9)
    assert_all_equal(state, expected)


def test_a_cycle_draws_fresh_noise_for_every_update_and_aims_at_minus_one_a_dimension() -> None:
    config = sac.Config(temperature_lr=0.05, **SMOOTH)
    assert (config.target_entropy, config.target_interval) == (None, 1)
    with double_precision():
        state = sac.init(config, SPEC, D, jax.random.key(3))
        expected, batch, key = reference.Sac(state, config), doubled(batches(3)), jax.random.key(9)
        state, _ = run_cycle(rule_of(sac, config, FREE), state, IDENTITY, batch, key)
        for i, update_key in enumerate(jax.random.split(key, 3)):
            next_noise, noise = (normal(k, (B, A)) for k in jax.random.split(update_key))
            expected.update(*pick(batch, i), n1=next_noise, n2=noise)
            expected.move_targets()
    assert_all_equal(state, expected)


def test_the_critics_start_apart_and_targets_equal_to_them() -> None:
    state = sac.init(sac.Config(initial_temperature=0.3, **SMOOTH), SPEC, D, jax.random.key(2))
    first, second = state.critics
    assert (first.weights[0] != second.weights[0]).all()
    for x, y in zip(
        jax.tree.leaves(state.critics), jax.tree.leaves(state.target_critics), strict=True
    ):
        np.testing.assert_array_equal(x, y)
    assert np.exp(float(state.log_alpha)) == pytest.approx(0.3)
    assert state.actor.weights[-1].shape[1] == 2 * A


def test_what_follows_the_end_of_an_episode_does_not_matter() -> None:
    with double_precision():
        state, batch, key = start(CONFIG), doubled(batches(1)), jax.random.key(0)
        after, _ = UPDATE(CONFIG, NARROW, state, batch, key)
        other, _ = UPDATE(CONFIG, NARROW, state, reference.other_past_the_end(batch), key)
    for got, want in zip(after.critics, other.critics, strict=True):
        assert_equal(got, reference.Net(want))


def gaussian(mean: float, log_std: float) -> MLP:
    """A policy that is the same everywhere."""
    return MLP((np.zeros((1, 2), np.float32),), (np.array([mean, log_std], np.float32),))


def test_an_update_by_hand() -> None:
    # The policy is tanh of a standard normal n: log pi = -n^2/2 - log(2 pi)/2 - log(1 - tanh(n)^2).
    # Q'_1 = 3 and Q'_2 = 2 everywhere; alpha = 0.5: y = -1 + 0.9 * (2 - 0.5 * log pi(a'|s')).
    # Q_1 = 1 and Q_2 = 4 everywhere: critic loss (1 - y)^2 + (4 - y)^2, q 1.
    # Adam's first step moves each number of Q_1 toward y by 0.001: with d = 0.001 sign(y - 1),
    # Q_1(s, a) = 1 + d + d * (1 + a), still the smaller; the actor's loss is 0.5 * log pi - Q_1.
    config = sac.Config(initial_temperature=0.5, temperature_lr=0.01, critic_lr=0.001)
    spec = SPEC._replace(action_size=1)
    state = sac.init(sac.Config(hidden=(1,), initial_temperature=0.5), spec, 1, jax.random.key(0))
    policy, critics = gaussian(0.0, 0.0), (line(0.0, 1.0, 2), line(0.0, 4.0, 2))
    state = state._replace(
        actor=policy,
        critics=critics,
        target_critics=(line(0.0, 3.0, 2), line(0.0, 2.0, 2)),
        actor_optimizer=optax.adam(1.0).init(policy),
        critic_optimizer=optax.adam(1.0).init(critics),
    )
    numbers = ([[[1]]], [[[0.5]]], [[-1]], [[0.9]], [[[2]]])
    batch = batch_of(*numbers)
    key = jax.random.key(4)
    after, metrics = UPDATE(config, FREE, state, batch, key)
    n2, n = (normal(k, (1, 1))[0, 0] for k in jax.random.split(key))

    def log_pi(n: float) -> float:
        return -(n**2) / 2 - np.log(2 * np.pi) / 2 - np.log(1 - np.tanh(n) ** 2)

    y = -1 + 0.9 * (2 - 0.5 * log_pi(n2))
    d = 0.001 * np.sign(y - 1)
    assert float(metrics["critic_loss"]) == pytest.approx((1 - y) ** 2 + (4 - y) ** 2, rel=1e-5)
    assert float(metrics["q"]) == 1.0
    assert float(metrics["temperature"]) == pytest.approx(0.5)
    np.testing.assert_allclose(after.critics[0].biases[0], [1 + d], rtol=1e-6)
    actor_loss = 0.5 * log_pi(n) - (1 + d + d * (1 + np.tanh(n)))
    assert float(metrics["actor_loss"]) == pytest.approx(actor_loss, rel=1e-5)
    # The target entropy is -1; log alpha moves by its rate, up where -log pi < -1.
    up = 1.0 if -log_pi(n) < -1 else -1.0
    assert float(after.log_alpha) == pytest.approx(np.log(0.5) + 0.01 * up, rel=1e-5)


def test_the_density_of_actions_integrates_to_one() -> None:
    # Sample, then weigh each action by 1 / density: the mean is the length of (-1, 1).
    policy = gaussian(0.3, -0.2)
    inputs = np.zeros((200_000, 1), np.float32)
    action, log_density = sac.sample(policy, inputs, jax.random.key(0))
    within = np.abs(np.asarray(action)[:, 0]) < 0.9
    weights = np.where(within, np.exp(-np.asarray(log_density, np.float64)), 0.0)
    assert weights.mean() == pytest.approx(1.8, rel=0.01)


def test_acting_without_random_numbers_takes_the_mode() -> None:
    state = sac.init(sac.Config(**SMOOTH), SPEC, D, jax.random.key(3))
    actor, inputs = scaled(to_numpy(state.actor), 3.0), batches(1).inputs[0]
    action = sac.act(actor, inputs, None)
    output = reference.Net(actor).forward(inputs.astype(np.float64))
    np.testing.assert_allclose(action, np.tanh(output[:, :A]), rtol=1e-4, atol=1e-6)
    assert action.shape == (B, A)


def test_acting_with_random_numbers_samples_the_policy() -> None:
    inputs, rng = np.zeros((40_000, 1), np.float32), np.random.default_rng(0)
    before = np.arctanh(sac.act(gaussian(0.3, -1.5), inputs, rng).astype(np.float64))
    assert before.mean() == pytest.approx(0.3, abs=0.01)
    assert before.std() == pytest.approx(np.exp(-1.5), rel=0.02)
    still = sac.act(gaussian(0.3, -30.0), inputs[:5], rng)
    np.testing.assert_allclose(still, np.tanh(0.3), rtol=1e-5)
    # A deviation of exp(9) counts as exp(2): tanh^-1(0.5) = 0.5493 is 0.0743 deviations away.
    wide = sac.act(gaussian(0.0, 9.0), inputs, rng)
    assert (np.abs(wide) < 0.5).mean() == pytest.approx(0.0593, abs=0.005)
