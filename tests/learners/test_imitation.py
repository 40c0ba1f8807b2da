"""Imitation inside an actor's loss: numbers by hand, and an update from its equations."""

from typing import Any

import jax
import numpy as np
import pytest
from test_updates import RANGE, SMALL, SPEC, A, B, D, assert_same, batches, pick

import reference
from goalrelay.learners import ddpg, sac, td3
from goalrelay.learners.config import UpdateContext
from goalrelay.learners.imitation import Imitation, with_imitation
from goalrelay.types import ActionTarget, Batch

# Four steps of two actions. The actor does (0, 0) everywhere; the critic likes the first action.
ACTION = np.zeros((4, 2), np.float32)
DONE = np.array([[1, 0.5], [-1, 0], [0.5, 0], [1, 1]], np.float32)
SHOWN = np.array([1, 1, 0, 1], np.float32)
BATCH = Batch(np.zeros((4, 1), "f"), DONE, None, None, None, SHOWN)


def value(action: Any) -> Any:
    return action[:, 0]


def test_the_loss_by_hand() -> None:
    # Demonstrated steps 0, 1, 3; squared distances 1.25, 1, 2.
    config = Imitation(weight=0.5, policy_weight=0.1, q_filter=False)
    loss = with_imitation(config, np.float32(3), ACTION, BATCH, value)
    assert float(loss) == pytest.approx(0.1 * 3 + 0.5 * (1.25 + 1 + 2))


def test_the_q_filter_leaves_out_what_the_actor_does_better() -> None:
    # Q(s, a) > Q(s, mu(s)) = 0 on steps 0, 2 and 3, and step 2 was not demonstrated.
    config = Imitation(weight=0.5, policy_weight=0.1)
    loss = with_imitation(config, np.float32(3), ACTION, BATCH, value)
    assert float(loss) == pytest.approx(0.1 * 3 + 0.5 * (1.25 + 2))


def test_an_equally_good_demonstrator_is_not_imitated() -> None:
    loss = with_imitation(
        Imitation(weight=1.0), np.float32(3), ACTION, BATCH, lambda a: 0 * a[:, 0]
    )
    assert float(loss) == 3


def test_without_weight_nobody_need_have_demonstrated() -> None:
    batch = BATCH._replace(demonstrated=None)
    assert float(with_imitation(Imitation(), np.float32(3), ACTION, batch, value)) == 3


def test_the_actor_is_drawn_to_action_targets_by_their_weights() -> None:
    # Squared distances 1.25, 1, 0.25, 2; three of four steps have a weight.
    target = ActionTarget(DONE, np.array([2, 0, 4, 0.5], np.float32))
    batch = BATCH._replace(demonstrated=None, action_target=target)
    expected = 3 + (2 * 1.25 + 4 * 0.25 + 0.5 * 2) / 4
    for config in (Imitation(), Imitation(weight=1.0)):  # nobody demonstrated
        loss = with_imitation(config, np.float32(3), ACTION, batch, value)
        assert float(loss) == pytest.approx(expected)


@pytest.mark.parametrize("q_filter", [True, False])
def test_ddpg_with_imitation_equals_its_equations(q_filter: bool) -> None:
    context = UpdateContext(RANGE, Imitation(weight=0.3, policy_weight=0.2, q_filter=q_filter))
    config = ddpg.Config(action_l2=0.5, **SMALL)
    state = ddpg.init(config, SPEC, D, jax.random.key(1))
    shown = (np.arange(B) < 6).astype(np.float32)
    batch = batches(1)._replace(demonstrated=shown[None])
    s, a, *_ = pick(batch, 0)
    actor, critic = reference.Net(state.actor), reference.Net(state.critic)
    mu = np.tanh(actor.forward(s))
    better = reference.q(critic, s, a) > reference.q(critic, s, mu)
    assert 0 < better[:6].sum() < 6, "the filter passes some and stops some"
    copied = shown * better if q_filter else shown
    own, own_loss = reference.deterministic_gradient(actor, critic, s, 0.5)
    actor.forward(s)
    error = 2 * copied[:, None] * (mu - a)
    imitation = actor.backward(error * (1 - mu**2))[0]
    gradient = [0.2 * x + 0.3 * y for x, y in zip(own, imitation, strict=True)]
    reference.Adam(config.actor_lr).step(actor.parameters(), gradient)
    after, metrics = ddpg.update(config, context, state, batch, jax.random.key(0))
    loss = 0.2 * own_loss + 0.3 * (copied * ((mu - a) ** 2).sum(1)).sum()
    assert float(metrics["actor_loss"]) == pytest.approx(loss, rel=1e-4)
    assert_same(after.actor, actor)


@pytest.mark.parametrize("learner", [ddpg, td3, sac])
def test_pure_imitation_brings_the_actor_to_the_demonstrator(learner: Any) -> None:
    """Every actor learner; only the demonstrated half of the batch counts."""
    context = UpdateContext(RANGE, Imitation(weight=1.0, policy_weight=0.0, q_filter=False))
    config = learner.Config(actor_lr=0.01, **SMALL)
    state = learner.init(config, SPEC, D, jax.random.key(1))
    count = learner.stride(config)
    batch = batches(count)
    shown = np.tile((np.arange(B) < B // 2).astype(np.float32), (count, 1))
    target = np.where(shown[..., None] > 0, np.float32(0.4), np.float32(-0.9))
    action = np.broadcast_to(target, (count, B, A)).astype(np.float32)
    batch = batch._replace(action=action, demonstrated=shown)
    update = jax.jit(learner.update, static_argnums=(0, 1))
    for i in range(400):
        state, _ = update(config, context, state, batch, jax.random.key(i))
    done = learner.act(jax.tree.map(np.asarray, learner.actor(state)), batch.inputs[-1], None)
    np.testing.assert_allclose(done[: B // 2], 0.4, atol=0.1)
