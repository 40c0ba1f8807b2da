"""DDPG in detail: what each network is moved by, and what a target may not depend on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np
import pytest
from test_updates import (
    FREE,
    LIMITED,
    RANGE,
    SMALL,
    SPEC,
    A,
    B,
    D,
    assert_same,
    batch_of,
    batches,
    pick,
    rule_of,
    scaled,
)

import reference
from goalrelay.learners import ddpg
from goalrelay.learners.agent import run_cycle
from goalrelay.learners.config import UpdateContext, clip_target, value_range
from goalrelay.learners.networks import MLP, to_numpy
from goalrelay.learners.normalizer import Moments, normalize
from goalrelay.types import Batch

UPDATE: Any = jax.jit(ddpg.update, static_argnums=(0, 1))
SMOOTH: Any = {**SMALL, "init": "fan_in"}  # biases that are not zero: no unit is at its very kink


@contextmanager
def double_precision() -> Iterator[None]:
    """JAX computes in float64: what then differs from the equations is no rounding.

    In float32 Adam makes a whole step of the rounding error of a gradient that is nearly zero.
    """
    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", False)


def doubled(batch: Batch) -> Batch:
    fields = (x if x.dtype == np.int32 else x.astype(np.float64) for x in batch[:5])
    return Batch(*fields)


def assert_equal(network: MLP, expected: reference.Net) -> None:
    """Equal but for rounding in float64."""
    for got, want in zip([*network.weights, *network.biases], expected.parameters(), strict=True):
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


def test_actor_and_critic_step_at_rates_of_their_own_over_three_cycles() -> None:
    config = ddpg.Config(actor_lr=3e-3, critic_lr=5e-4, action_l2=0.5, **SMOOTH)
    rng = np.random.default_rng(8)
    mean, spread = np.full(D, 0.3), rng.uniform(0.5, 2.0, D)
    rule = rule_of(ddpg, config, LIMITED)
    moments = Moments(mean, spread, np.float64(1.0))
    with double_precision():
        state = ddpg.init(config, SPEC, D, jax.random.key(1))
        state = state._replace(target_critic=scaled(state.target_critic, 8.0))
        expected = reference.Ddpg(state, config, RANGE)
        for cycle in range(3):
            batch = doubled(batches(2, seed=cycle))
            state, metrics = run_cycle(rule, state, moments, batch, jax.random.key(0))
            seen = batch._replace(
                inputs=normalize(moments, batch.inputs),
                next_inputs=normalize(moments, batch.next_inputs),
            )
            steps = [expected.update(*pick(seen, i)) for i in range(2)]
            expected.move_targets()  # once a cycle
            for name in ddpg.METRICS:
                mean_of_steps = np.mean([step[name] for step in steps])
                assert float(metrics[name]) == pytest.approx(mean_of_steps, rel=1e-9)
    assert_equal(state.actor, expected.actor)
    assert_equal(state.critic, expected.critic)
    assert_equal(state.target_actor, expected.target_actor)
    assert_equal(state.target_critic, expected.target_critic)


def test_targets_start_equal_to_their_networks_and_move_only_when_told() -> None:
    config = ddpg.Config(**SMALL)
    state = ddpg.init(config, SPEC, D, jax.random.key(1))
    before = jax.tree.leaves((state.actor, state.critic))
    for x, y in zip(
        before, jax.tree.leaves((state.target_actor, state.target_critic)), strict=True
    ):
        np.testing.assert_array_equal(x, y)
    after, _ = UPDATE(config, FREE, state, batches(1), jax.random.key(0))
    for x, y in zip(
        before, jax.tree.leaves((after.target_actor, after.target_critic)), strict=True
    ):
        np.testing.assert_array_equal(x, y)
    assert all(
        (x != y).any()
        for x, y in zip(before, jax.tree.leaves((after.actor, after.critic)), strict=True)
    )


def test_networks_have_the_sizes_of_the_task() -> None:
    state = ddpg.init(ddpg.Config(hidden=(8, 7)), SPEC, D, jax.random.key(1))
    assert [w.shape for w in state.actor.weights] == [(D, 8), (8, 7), (7, A)]
    assert [w.shape for w in state.critic.weights] == [(D + A, 8), (8, 7), (7, 1)]


def test_what_follows_the_end_of_an_episode_does_not_matter() -> None:
    config = ddpg.Config(**SMALL)
    state = ddpg.init(config, SPEC, D, jax.random.key(1))
    batch = batches(1)
    assert 0 < (batch.discount == 0).mean() < 1
    after, _ = UPDATE(config, FREE, state, batch, jax.random.key(0))
    other, _ = UPDATE(config, FREE, state, reference.other_past_the_end(batch), jax.random.key(0))
    assert_same(after.critic, reference.Net(other.critic))
    assert_same(after.actor, reference.Net(other.actor))


@pytest.mark.parametrize(
    ("limits", "limited"), [(None, [-9.0, -1.0, 4.0]), ((-2.0, 0.0), [-2.0, -1.0, 0.0])]
)
def test_targets_are_limited_on_both_sides_where_returns_are_known(
    limits: Any, limited: list[float]
) -> None:
    targets = clip_target(UpdateContext(limits), np.array([-9.0, -1.0, 4.0]))
    np.testing.assert_array_equal(targets, limited)


def test_the_limits_of_a_return_hold_for_episodes_of_a_single_step_too() -> None:
    # Rewards in [1, 2]: the least return is 1 (one step), the largest 2 / (1 - gamma).
    config = ddpg.Config(gamma=0.5)
    assert value_range(config, SPEC._replace(reward_range=(1.0, 2.0))) == (1.0, 4.0)
    assert value_range(config, SPEC._replace(reward_range=(-2.0, -1.0))) == (-4.0, -1.0)


def test_a_network_with_one_hidden_unit_by_hand() -> None:
    # mu(s) = tanh(3 * relu(2 s + 1)); at s = 1 that is tanh(9), within 1e-7 of 1, which passes no
    # gradient: the actor stays where it is but for rounding, and its loss is -Q(s, 1) + 0.5.
    # Q(s, a) = 4 * relu(s + a - 5) + 6 = 6, since 1 + 1 - 5 < 0: only the last bias has a
    # gradient, 2 * (Q - y) = 2 * (6 - y). Q'(s', mu'(s')) = 6 too, so y = 0 + 0.5 * 6 = 3:
    # loss 9, and Adam's first step lowers the last bias by its rate alone.
    config = ddpg.Config(hidden=(1,), action_l2=0.5, critic_lr=0.01)
    spec = SPEC._replace(action_size=1)
    state = ddpg.init(config, spec, 1, jax.random.key(0))
    actor, critic = reference.unit([2.0], 1.0, 3.0, 0.0), reference.unit([1.0, 1.0], -5.0, 4.0, 6.0)
    state = state._replace(
        actor=state.actor._replace(**actor),
        critic=state.critic._replace(**critic),
        target_actor=state.actor._replace(**actor),
        target_critic=state.critic._replace(**critic),
    )
    numbers = ([[[1]]], [[[0.5]]], [[0]], [[0.5]], [[[1]]])
    batch = batch_of(*numbers)
    after, metrics = UPDATE(config, FREE, state, batch, jax.random.key(0))
    assert float(metrics["critic_loss"]) == pytest.approx(9.0, rel=1e-6)
    assert float(metrics["actor_loss"]) == pytest.approx(-6.0 + 0.5, rel=1e-6)
    np.testing.assert_allclose(after.critic.biases[1], [6.0 - 0.01], rtol=1e-6)
    np.testing.assert_array_equal(after.critic.weights[0], critic["weights"][0])
    np.testing.assert_array_equal(after.critic.biases[0], critic["biases"][0])


def test_acting_is_the_squashed_output_whatever_the_random_numbers() -> None:
    state = ddpg.init(ddpg.Config(**SMALL), SPEC, D, jax.random.key(1))
    actor = scaled(to_numpy(state.actor), 3.0)
    inputs = batches(1).inputs[0]
    action = ddpg.act(actor, inputs, np.random.default_rng(0))
    expected = np.tanh(reference.Net(actor).forward(inputs.astype(np.float64)))
    np.testing.assert_allclose(action, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(ddpg.act(actor, inputs, None), action)
    assert action.shape == (B, A)
    assert action.dtype == np.float32
    assert np.abs(action).max() > 0.9


def test_the_mean_gradient_of_19_workers_is_that_of_one_learner_on_the_joint_batch() -> None:
    """Baselines averages the gradients of 19 workers; here one learner has 19 times the batch."""
    config, context = ddpg.Config(action_l2=0.5, **SMOOTH), UpdateContext(RANGE)
    with double_precision():
        state = ddpg.init(config, SPEC, D, jax.random.key(1))
        ranks = [doubled(batches(1, seed=rank)) for rank in range(19)]
        joint = jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), *ranks)
        after = [ddpg.update(config, context, state, one, None)[0] for one in (*ranks, joint)]
        for name in ("actor", "critic"):
            # Adam's first moment after one step is a tenth of the gradient
            gradients = [getattr(s, f"{name}_optimizer")[0].mu for s in after]
            mean = jax.tree.map(lambda *each: sum(each) / 19, *gradients[:-1])
            for got, want in zip(
                jax.tree.leaves(gradients[-1]), jax.tree.leaves(mean), strict=True
            ):
                np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-14)
            assert any(
                (x != y).any() for x, y in zip(*map(jax.tree.leaves, gradients[:2]), strict=True)
            )
