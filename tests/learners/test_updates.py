"""Every update rule equals its equations, computed apart in float64."""

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import numpy as np
import pytest

import reference
from goalrelay.learners import ddpg, dqn, sac, td3
from goalrelay.learners.agent import UpdateRule, run_cycle
from goalrelay.learners.config import UpdateContext, value_range
from goalrelay.learners.networks import MLP
from goalrelay.learners.normalizer import Moments, normalize
from goalrelay.types import Batch, Spec

B, D, A = 16, 5, 3
SPEC = Spec(3, 2, 2, A, False, 50, (-1.0, 0.0))
DISCRETE = SPEC._replace(discrete=True)
RANGE = (-2.0, 0.0)  # tight, so that it binds
LIMITED, FREE = UpdateContext(RANGE), UpdateContext()
SMALL: dict[str, Any] = {"hidden": (8, 7), "gamma": 0.9, "polyak": 0.7}
IDENTITY = Moments(np.zeros(D, "f"), np.ones(D, "f"), np.float32(np.inf))


def batches(count: int, discrete: bool = False, seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)
    action: Any = rng.integers(A, size=(count, B)).astype(np.int32)
    if not discrete:
        action = rng.uniform(-1, 1, (count, B, A)).astype(np.float32)
    return Batch(
        rng.standard_normal((count, B, D)).astype(np.float32),
        action,
        -rng.integers(2, size=(count, B)).astype(np.float32),
        (0.9 * rng.integers(2, size=(count, B))).astype(np.float32),
        rng.standard_normal((count, B, D)).astype(np.float32),
    )


def batch_of(*fields: list[Any]) -> Batch:
    """Inputs, actions, rewards, discounts and next inputs, in single precision."""
    arrays: Any = (np.array(field, np.float32) for field in fields)
    return Batch(*arrays)


def rule_of(learner: Any, config: Any, context: UpdateContext) -> UpdateRule:
    """A learner's module with its options."""
    return UpdateRule(learner, config, context)


def pick(batch: Batch, i: int) -> Any:
    """Batch i in float64 (actions of DQN stay integers)."""
    return tuple(x[i] if x.dtype == np.int32 else x[i].astype(np.float64) for x in batch[:5])


def scaled(network: MLP, by: float) -> MLP:
    """The same network with a larger output, so that clips and limits bind."""
    weights = (*network.weights[:-1], network.weights[-1] * by)
    return MLP(weights, tuple(b + 0.1 for b in network.biases))


def assert_same(network: MLP, expected: reference.Net) -> None:
    for got, want in zip([*network.weights, *network.biases], expected.parameters(), strict=True):
        np.testing.assert_allclose(np.asarray(got), want, rtol=2e-4, atol=2e-5)


def normal(key: Any, shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(jax.random.normal(key, shape), np.float64)


def test_ddpg_equals_its_equations() -> None:
    config = ddpg.Config(action_l2=0.5, **SMALL)
    state = ddpg.init(config, SPEC, D, jax.random.key(1))
    state = state._replace(target_critic=scaled(state.target_critic, 5.0))
    expected, batch = reference.Ddpg(state, config, RANGE), batches(3)
    for i in range(3):
        one = jax.tree.map(lambda x, i=i: x[i : i + 1], batch)
        state, metrics = ddpg.update(config, LIMITED, state, one, jax.random.key(0))
        state = ddpg.move_targets(config, state)
        for name, value in expected.update(*pick(batch, i)).items():
            assert float(metrics[name]) == pytest.approx(value, rel=1e-4, abs=1e-5)
        expected.move_targets()
    assert_same(state.actor, expected.actor)
    assert_same(state.critic, expected.critic)
    assert_same(state.target_actor, expected.target_actor)
    assert_same(state.target_critic, expected.target_critic)


@pytest.mark.parametrize("target_interval", [1, 0])
def test_a_cycle_normalises_scans_and_moves_the_targets(target_interval: Any) -> None:
    config = ddpg.Config(action_l2=0.5, target_interval=target_interval, **SMALL)
    state = ddpg.init(config, SPEC, D, jax.random.key(1))
    expected, batch = reference.Ddpg(state, config, RANGE), batches(4)
    rng = np.random.default_rng(5)
    moments = Moments(
        rng.standard_normal(D).astype("f"),
        rng.uniform(0.2, 0.5, D).astype("f"),
        np.float32(2.0),
    )
    rule = rule_of(ddpg, config, LIMITED)
    state, metrics = run_cycle(rule, state, moments, batch, jax.random.key(0))
    seen = batch._replace(
        inputs=normalize(moments, batch.inputs), next_inputs=normalize(moments, batch.next_inputs)
    )
    assert np.abs(seen.inputs).max() == 2.0
    losses = []
    for i in range(4):
        losses.append(expected.update(*pick(seen, i))["critic_loss"])
        if target_interval == 1:
            expected.move_targets()
    if target_interval == 0:
        expected.move_targets()
    assert_same(state.actor, expected.actor)
    assert_same(state.critic, expected.critic)
    assert_same(state.target_critic, expected.target_critic)
    assert float(metrics["critic_loss"]) == pytest.approx(np.mean(losses), rel=1e-4)


def test_td3_equals_its_equations_with_two_critic_steps_for_an_actor_step() -> None:
    config = td3.Config(action_l2=0.1, target_noise=0.6, target_noise_clip=0.5, **SMALL)
    state = td3.init(config, SPEC, D, jax.random.key(2))
    state = state._replace(target_actor=scaled(state.target_actor, 3.0))
    expected, batch = reference.Td3(state, config, RANGE), batches(4)
    rule = rule_of(td3, replace(config, target_interval=1), LIMITED)
    key = jax.random.key(7)
    state, _ = run_cycle(rule, state, IDENTITY, batch, key)
    noises = []
    for group, group_key in enumerate(jax.random.split(key, 2)):
        for j, step_key in enumerate(jax.random.split(group_key, 2)):
            noises.append(normal(step_key, (B, A)))
            expected.critic_step(*pick(batch, 2 * group + j), noise=noises[-1])
        expected.actor_step(pick(batch, 2 * group + 1)[0])
        expected.move_targets()
    assert np.abs(0.6 * np.stack(noises)).max() > 0.5  # the clip bound
    assert_same(state.actor, expected.actor)
    assert_same(state.target_actor, expected.target_actor)
    for got, want in zip(state.critics, expected.critics, strict=True):
        assert_same(got, want)
    for got, want in zip(state.target_critics, expected.targets, strict=True):
        assert_same(got, want)


def test_sac_equals_its_equations() -> None:
    config = sac.Config(action_l2=0.1, initial_temperature=0.3, temperature_lr=0.01, **SMALL)
    state = sac.init(config, SPEC, D, jax.random.key(3))
    expected, batch = reference.Sac(state, config), batches(3)
    for i in range(3):
        key = jax.random.key(20 + i)
        next_key, now_key = jax.random.split(key)
        one = jax.tree.map(lambda x, i=i: x[i : i + 1], batch)
        state, _ = sac.update(config, FREE, state, one, key)
        state = sac.move_targets(config, state)
        noise = {"n1": normal(next_key, (B, A)), "n2": normal(now_key, (B, A))}
        expected.update(*pick(batch, i), **noise)
        expected.move_targets()
    assert_same(state.actor, expected.actor)
    for got, want in zip(state.critics, expected.critics, strict=True):
        assert_same(got, want)
    for got, want in zip(state.target_critics, expected.targets, strict=True):
        assert_same(got, want)
    assert float(state.log_alpha) == pytest.approx(expected.log_alpha[0], rel=1e-4)


@pytest.mark.parametrize(("target_entropy", "rises"), [(50.0, True), (-50.0, False)])
def test_the_temperature_rises_while_entropy_is_below_its_target(
    target_entropy: float, rises: bool
) -> None:
    config = sac.Config(target_entropy=target_entropy, **SMALL)
    state = sac.init(config, SPEC, D, jax.random.key(3))
    after, _ = sac.update(config, FREE, state, batches(1), jax.random.key(0))
    assert bool(after.log_alpha > state.log_alpha) is rises


def test_a_squashed_sample_has_the_density_of_the_change_of_variables() -> None:
    state = sac.init(sac.Config(**SMALL), SPEC, D, jax.random.key(3))
    action, density = sac.sample(state.actor, batches(1).inputs[0], jax.random.key(9))
    expected = reference.Sac(state, sac.Config(**SMALL))
    inputs = batches(1).inputs[0].astype(np.float64)
    a, log_density, _ = expected.sample(inputs, normal(jax.random.key(9), (B, A)))
    np.testing.assert_allclose(action, a, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(density, log_density, rtol=1e-4, atol=1e-4)


def test_double_dqn_equals_its_equations() -> None:
    config = dqn.Config(**SMALL)
    state = dqn.init(config, DISCRETE, D, jax.random.key(4))
    other = dqn.init(config, DISCRETE, D, jax.random.key(5))
    state = state._replace(target_critic=scaled(other.critic, 4.0))
    expected, batch = reference.Dqn(state, config, RANGE), batches(3, discrete=True)
    s2 = pick(batch, 0)[4]
    chosen = expected.critic.forward(s2).argmax(1)
    assert (chosen != expected.target.forward(s2).argmax(1)).any()  # 'double' makes a difference
    for i in range(3):
        one = jax.tree.map(lambda x, i=i: x[i : i + 1], batch)
        state, metrics = dqn.update(config, LIMITED, state, one, jax.random.key(0))
        state = dqn.move_targets(config, state)
        loss = expected.update(*pick(batch, i))
        assert float(metrics["critic_loss"]) == pytest.approx(loss, rel=1e-4)
        expected.move_targets()
    assert_same(state.critic, expected.critic)
    assert_same(state.target_critic, expected.target)


def line(weight: float, bias: float, inputs: int) -> MLP:
    """Output = weight * sum(inputs) + bias, as a network without hidden layers."""
    return MLP((np.full((inputs, 1), weight, np.float32),), (np.array([bias], np.float32),))


def test_a_ddpg_target_by_hand() -> None:
    # s' = 2, mu'(s') = tanh(0) = 0, Q'(s', 0) = 0.5 * (2 + 0) - 4 = -3, y = -1 + 0.9 * -3 = -3.7.
    # Q(s, a) = 1 * (1 + 0.5) + 0 = 1.5, so the loss is (1.5 + 3.7)^2 = 27.04.
    # mu(s) = tanh(1) and Q(s, mu) = 1 + tanh(1) = 1.761594; actor loss -1.761594 + 0.58002566 / 2.
    config = ddpg.Config(action_l2=0.5)
    state = ddpg.init(replace(config, hidden=(1,)), SPEC, 1, jax.random.key(0))
    state = state._replace(
        actor=line(1.0, 0.0, 1),
        target_actor=line(0.0, 0.0, 1),
        critic=line(1.0, 0.0, 2),
        target_critic=line(0.5, -4.0, 2),
    )
    state = state._replace(
        actor_optimizer=_fresh(state.actor, config.actor_lr),
        critic_optimizer=_fresh(state.critic, config.critic_lr),
    )
    batch = batch_of([[[1]]], [[[0.5]]], [[-1]], [[0.9]], [[[2]]])
    after, metrics = ddpg.update(config, FREE, state, batch, jax.random.key(0))
    assert float(metrics["critic_loss"]) == pytest.approx(27.04, rel=1e-5)
    assert float(metrics["q"]) == pytest.approx(1.5)
    assert float(metrics["actor_loss"]) == pytest.approx(-1.761594 + 0.290013, rel=1e-5)
    # Adam's first step is the learning rate, against the gradient's sign.
    assert float(after.critic.biases[0][0]) == pytest.approx(-1e-3, rel=1e-4)
    assert float(after.actor.biases[0][0]) == pytest.approx(1e-3, rel=1e-4)
    # With y limited to -2: (1.5 + 2)^2 = 12.25.
    _, metrics = ddpg.update(config, LIMITED, state, batch, jax.random.key(0))
    assert float(metrics["critic_loss"]) == pytest.approx(12.25, rel=1e-5)
    ended = batch._replace(discount=np.zeros((1, 1), np.float32))  # y = r = -1: 2.5^2 = 6.25
    _, metrics = ddpg.update(config, FREE, state, ended, jax.random.key(0))
    assert float(metrics["critic_loss"]) == pytest.approx(6.25, rel=1e-5)


def _fresh(network: MLP, lr: float) -> Any:
    import optax

    return optax.adam(lr).init(network)


def test_returns_are_limited_to_what_the_rewards_allow() -> None:
    low, high = value_range(ddpg.Config(gamma=0.98), SPEC) or (0, 0)
    assert (low, high) == (pytest.approx(-50), 0.0)
    rewarding = SPEC._replace(reward_range=(0.0, 1.0))
    assert value_range(ddpg.Config(gamma=0.9), rewarding) == (0.0, pytest.approx(10))
    assert value_range(ddpg.Config(), SPEC._replace(reward_range=None)) is None
    assert value_range(ddpg.Config(clip_return=False), SPEC) is None


@pytest.mark.parametrize(("target_interval", "moves"), [(2, (2, 4, 6)), (4, (4,)), (9, ())])
def test_targets_step_after_every_so_many_updates_of_a_cycle(
    target_interval: int, moves: tuple[int, ...]
) -> None:
    config = ddpg.Config(action_l2=0.5, target_interval=target_interval, **SMALL)
    state = ddpg.init(config, SPEC, D, jax.random.key(1))
    expected, batch = reference.Ddpg(state, config, RANGE), batches(6)
    state, _ = run_cycle(rule_of(ddpg, config, LIMITED), state, IDENTITY, batch, jax.random.key(0))
    for i in range(6):
        expected.update(*pick(batch, i))
        if i + 1 in moves:
            expected.move_targets()
    assert_same(state.critic, expected.critic)
    assert_same(state.target_critic, expected.target_critic)


@pytest.mark.parametrize("learner", [ddpg, td3, sac, dqn])
def test_updates_keep_the_types_of_a_new_state_so_that_they_are_compiled_once(learner: Any) -> None:
    config = learner.Config(**SMALL)
    spec = SPEC if learner.CONTINUOUS else DISCRETE
    key = jax.random.key(0)
    new = jax.eval_shape(partial(learner.init, config, spec, D), key)
    given = batches(learner.stride(config), not learner.CONTINUOUS)
    update = partial(learner.update, config, FREE)
    later, _ = jax.eval_shape(update, new, given, key)
    types = [[(x.dtype, x.weak_type) for x in jax.tree.leaves(state)] for state in (new, later)]
    assert types[0] == types[1]
