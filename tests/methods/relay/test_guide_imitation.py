"""On the way to an object its stage's policy is drawn to what the approach stage would do there."""

from typing import Any

import numpy as np
import pytest

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.methods.relay.config import Config
from goalrelay.methods.relay.guide_imitation import GuideImitation
from goalrelay.methods.relay.inputs import StageInputs
from goalrelay.methods.relay.stages import StageOrder
from goalrelay.tasks.symmetry import turned
from goalrelay.types import ActionTarget, Batch, Observation, Snapshot
from relay_batches import (
    CARRY_TASK,
    SEEN,
    WORLD,
    blocks,
    changed,
    numbered,
    relay,
    row_of,
    sampled,
    stage_of,
    steps_of,
)
from relay_task import NEAR
from two_blocks import SPEC, STAGES


def telling(
    inputs: np.ndarray, rng: np.random.Generator | None, image: np.ndarray | None = None
) -> np.ndarray:
    """A policy whose actions tell what it is shown: hand x, and the x of the first stage's goal."""
    return np.tanh(inputs[:, [0, SEEN]])


SNAPSHOT = Snapshot((telling,))


def drawn(config: Config, buffer: ReplayBuffer) -> list[tuple[Batch, ActionTarget]]:
    """The steps of a cycle, with what each of them is drawn to."""
    steps = steps_of(sampled(config, buffer=buffer, snapshot=SNAPSHOT))
    assert all(step.action_target is not None for step in steps)
    return [(step, step.action_target) for step in steps if step.action_target is not None]


def test_on_the_way_to_the_block_its_policy_is_drawn_to_what_the_hands_would_do() -> None:
    buffer, config = numbered(), changed(WORLD, guidance__imitation=0.3)
    steps = drawn(config, buffer)
    for step, target in steps:
        row = row_of(step)
        hand, block = buffer.observation[row, :2], buffer.achieved[row]
        away = np.linalg.norm(hand - block) > NEAR
        if stage_of(step) == 0 or not away:
            assert target.weight == 0
        else:
            assert target.weight == pytest.approx(0.3)
            shown = np.tanh([hand[0], block[0]])  # the goal in the first stage's slot
            np.testing.assert_allclose(target.action, shown, rtol=1e-6)
    assert 0.1 < np.mean([target.weight > 0 for _, target in steps]) < 0.5
    everywhere_reached = changed(config, variant__switch=(1000.0,))
    assert not any(target.weight for _, target in drawn(everywhere_reached, buffer))


def test_what_the_guide_would_do_is_mirrored_with_the_step() -> None:
    config = changed(WORLD, guidance__imitation=1.0, symmetry_augmentation=("flip",))
    buffer, flip = numbered(), CARRY_TASK.symmetries[0]
    mirrored = 0
    for step, target in drawn(config, buffer):
        image = turned(step.action[None], flip.action)[0]
        known = [(buffer.action[:, :2] == a).all(axis=1).any() for a in (step.action, image)]
        if target.weight and known == [False, True]:
            mirrored += 1
            original = turned(target.action[None], flip.action)[0]
            row = round(1000 * float(image[0]))
            shown = np.tanh([buffer.observation[row, 0], buffer.achieved[row, 0]])
            np.testing.assert_allclose(original, shown, rtol=1e-6)
    assert mirrored > 10


def test_without_imitation_nobody_is_drawn_anywhere() -> None:
    assert sampled(WORLD).action_target is None


def test_discrete_actions_are_not_drawn_anywhere() -> None:
    discrete = CARRY_TASK._replace(spec=CARRY_TASK.spec._replace(discrete=True))
    method = relay(changed(WORLD, guidance__imitation=1.0), discrete)
    batch, _ = method.sample(numbered(), SNAPSHOT, (2, 10), np.random.default_rng(0))
    assert batch.action_target is None


def test_a_guide_keeps_the_other_objects_where_the_relabelled_goal_has_them() -> None:
    buffer = blocks()
    steps = buffer.sample(300, np.random.default_rng(1))
    goal = np.random.default_rng(2).uniform(-1, 1, (300, 2)).astype(np.float32)
    options: dict[str, Any] = {"variant__object_centric": False, "variant__stage_indicator": True}
    config = changed(WORLD, guidance__imitation=2.0, guidance__anneal=0.8, **options)
    inputs, order = StageInputs(config, SPEC), StageOrder(STAGES)
    imitation = GuideImitation(config.guidance, order, inputs, SPEC.action_size)
    asked = []

    def network(
        shown: np.ndarray, rng: np.random.Generator | None, image: np.ndarray | None = None
    ) -> np.ndarray:
        asked.append(shown)
        return np.full((len(shown), SPEC.action_size), 0.5, np.float32)

    snapshot = Snapshot((network,), reached=(1.0, 1.0, 0.5, 0.25))
    target = imitation.targets(buffer, snapshot, 3, steps.row, goal)
    away = np.abs(buffer.observation[steps.row, 0] - buffer.achieved[steps.row, 1]) > 0.1
    assert 50 < away.sum() < 250
    np.testing.assert_allclose(target.weight, away * 2.0 * (1 - 0.8 * 0.25), rtol=1e-6)
    rows = steps.row[away]
    now = Observation(buffer.observation[rows], buffer.achieved[rows], goal[away])
    kept = np.stack([buffer.achieved[rows, 1], goal[away, 1]], axis=1)  # block 1 now; 0's goal
    np.testing.assert_array_equal(np.concatenate(asked), inputs.encode(now, kept, 2))
    expected = 0.5 * np.repeat(away[:, None], SPEC.action_size, 1)
    np.testing.assert_array_equal(target.action, expected)
    for stage in (0, 2):  # the hand's own stages
        own = goal[:, : len(STAGES[stage].constraints)]
        assert not imitation.targets(buffer, snapshot, stage, steps.row, own).weight.any()


def test_of_two_approach_stages_the_first_that_is_not_reached_is_the_guide() -> None:
    """The hand is to touch block 1 before it goes to block 0."""
    stages = (STAGES[0]._replace(name="touch1", desired=STAGES[2].desired), *STAGES[:2], STAGES[3])
    spec, buffer = SPEC._replace(stages=stages), blocks()
    config = changed(WORLD, guidance__imitation=1.0, variant__object_centric=False)
    order, inputs = StageOrder(stages), StageInputs(config, spec)
    imitation = GuideImitation(config.guidance, order, inputs, SPEC.action_size)

    def network(
        shown: np.ndarray, rng: np.random.Generator | None, image: np.ndarray | None = None
    ) -> np.ndarray:
        return shown[:, 6:7]  # the hand's goal

    rows = buffer.steps().row
    hand, places = buffer.observation[rows, 0], buffer.achieved[rows]
    goal = buffer.desired[rows, :1]
    target = imitation.targets(buffer, Snapshot((network,)), 2, rows, goal)
    from_0, from_1 = np.abs(places - hand[:, None]).T > 0.1
    np.testing.assert_array_equal(target.weight, from_0 | from_1)
    guides = np.select([from_1, from_0], [places[:, 1], places[:, 0]], 0)
    np.testing.assert_array_equal(target.action[:, 0], guides.astype(np.float32))
    assert (from_0 & from_1).any()
    assert (from_0 & ~from_1).any()
