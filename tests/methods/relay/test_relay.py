"""Relay: what old steps come to mean for each stage, and what acts."""

from typing import Any

import jax
import numpy as np
import pytest

from goalrelay import learners
from goalrelay.data.buffer import ReplayBuffer
from goalrelay.data.rollout import rollout
from goalrelay.learners.agent import UpdateRule, run_cycle
from goalrelay.learners.config import UpdateContext
from goalrelay.learners.normalizer import Moments
from goalrelay.methods import her
from goalrelay.methods.base import Act, Method
from goalrelay.methods.exploration import Exploration, random_action
from goalrelay.methods.relay import Relay
from goalrelay.methods.relay.config import Config
from goalrelay.methods.relay.inputs import StageInputs
from goalrelay.tasks.symmetry import turned
from goalrelay.types import Batch, Observation, Snapshot, Symmetry
from relay_batches import (
    BLOCKS_TASK,
    CARRY_TASK,
    FAR_FROM_ALL,
    FIRST_DONE,
    GAMMA,
    GOAL,
    RELATIVE,
    SEEN,
    SIMULATOR,
    STAGES,
    START,
    WORLD,
    blocks,
    by_blocks,
    changed,
    numbered,
    of_blocks,
    relay,
    row_of,
    sampled,
    sampled_blocks,
    slot_of,
    stage_of,
    steps_of,
    still,
)
from relay_task import NEAR
from two_blocks import SPEC, VIEW, observe

# --- sampling ---


@pytest.mark.parametrize("seed", range(3))
def test_every_step_means_what_a_slow_reference_says(seed: int) -> None:
    """All steps of a cycle, one at a time, from what they show of themselves."""
    buffer = numbered()
    kept, ends, hits = 0, 0, 0
    for step in steps_of(sampled(WORLD, seed=seed, buffer=buffer)):
        row, stage = row_of(step), stage_of(step)
        slot, other = slot_of(stage), slot_of(1 - stage)
        episode = int(np.searchsorted(buffer._start, row, side="right")) - 1
        end = int(buffer._start[episode] + buffer._length[episode])
        ended = bool(buffer._terminal[episode])

        # The goal is the one pursued, or one that the stage reached later.
        goal, next_goal = step.inputs[slot], step.next_inputs[slot]
        achieved = buffer.observation[:, :2] if stage == 0 else buffer.achieved
        pursued = buffer.achieved if stage == 0 else buffer.desired
        reached_later = [r for r in range(row + 1, end + 1) if (achieved[r] == goal).all()]
        if not reached_later:
            np.testing.assert_array_equal(goal, pursued[row])
        frozen = stage == 0 or bool(reached_later)
        np.testing.assert_array_equal(next_goal, goal if frozen else pursued[row + 1])
        kept += not reached_later

        missing = np.abs(achieved[row + 1] - next_goal)
        far = np.hypot(*missing) > 0.2 if stage == 0 else missing.sum() > 0.4
        last = ended and row + 1 == end
        failed = last and far  # no episode reports success, so this end counts forever
        assert step.reward == pytest.approx(-float(far) / (1 - GAMMA if failed else 1), rel=1e-6)
        assert step.discount == (0 if last else np.float32(GAMMA))
        ends += last
        hits += not far

        # And the network is shown these timesteps, under this goal.
        np.testing.assert_array_equal(step.inputs[:SEEN], buffer.observation[row])
        np.testing.assert_array_equal(step.next_inputs[:SEEN], buffer.observation[row + 1])
        np.testing.assert_array_equal(step.action, buffer.action[row])
        assert not step.inputs[other].any()
        assert not step.next_inputs[other].any()
        np.testing.assert_array_equal(step.next_inputs[-STAGES:], step.inputs[-STAGES:])
    assert kept / 240 == pytest.approx(0.2, abs=0.1)
    assert ends > 5
    assert 20 < hits < 220


@pytest.mark.parametrize("symmetries", [(), ("flip",), ("flip", "diagonal")])
def test_relative_batches_show_the_same_goals_relative_to_their_own_timesteps(
    symmetries: tuple[str, ...],
) -> None:
    buffer, config = numbered(), changed(WORLD, symmetry_augmentation=symmetries)
    world = sampled(config, buffer=buffer)
    relative = sampled(changed(config, variant__goal_frame="relative"), buffer=buffer)
    for one, other in zip(steps_of(world), steps_of(relative), strict=True):
        stage = stage_of(one)
        slot = slot_of(stage)
        for a, r in ((one.inputs, other.inputs), (one.next_inputs, other.next_inputs)):
            now = a[:2] if stage == 0 else a[2:4]  # the block is what the task achieves
            shown = ((a[slot] - now) / (0.2 if stage == 0 else 0.3)).clip(-5, 5)
            np.testing.assert_allclose(r[slot], shown, rtol=1e-4, atol=1e-5)
        assert (one.reward, one.discount) == (other.reward, other.discount)


@pytest.mark.parametrize("fraction", [0.5, 1.0])
def test_only_the_last_stage_is_drawn_by_priority_and_in_all_batches_alike(
    fraction: float,
) -> None:
    buffer = numbered()
    held = buffer.steps().row
    buffer.weight[held] = held % 2
    config = changed(WORLD, priority="innr", variant__prioritized_fraction=fraction)
    batch = sampled(config, (10, 400), buffer=buffer)
    odd = np.round(1000 * batch.action[..., 0]).astype(int) % 2
    plain = (held % 2).mean()
    assert odd[:, :200].mean() == pytest.approx(plain, abs=0.04)
    each = odd[:, 200:].mean(axis=1)  # one number an update
    assert np.abs(each - (fraction + (1 - fraction) * plain)).max() < 0.13
    uniform = sampled(changed(config, priority="uniform"), (10, 400), buffer=buffer)
    assert (np.round(1000 * uniform.action[..., 0]) % 2).mean() == pytest.approx(plain, abs=0.04)


def test_steps_drawn_for_a_rare_goal_are_given_that_goal() -> None:
    buffer = numbered()
    config = changed(WORLD, priority="inverse-density", k=1e9)
    steps = [step for step in steps_of(sampled(config, buffer=buffer)) if stage_of(step) == 1]
    assert len(steps) == 120
    for step in steps:
        goal, row = step.inputs[slot_of(1)], row_of(step)
        episode = int(np.searchsorted(buffer._start, row, side="right")) - 1
        begin = int(buffer._start[episode])
        later = buffer.achieved[row + 1 : begin + int(buffer._length[episode]) + 1]
        assert (later == goal).all(1).any(), "a goal that the episode achieved later"
        assert by_blocks(goal, buffer.achieved[begin]) < 0, "away from where the block began"


def test_what_happened_is_left_alone() -> None:
    buffer = numbered()
    before = {name: array.copy() for name, array in buffer.save().items()}
    sampled(changed(WORLD, symmetry_augmentation=("flip", "diagonal")), buffer=buffer)
    sampled(Config(), buffer=buffer)
    for name, array in buffer.save().items():
        np.testing.assert_array_equal(array, before[name])


def half_still(count: int, carried: float, weights: np.ndarray | None = None) -> ReplayBuffer:
    """Episodes in which a block lies still, and is carried this far half way through."""
    buffer = ReplayBuffer(CARRY_TASK.spec, 1000)
    for seed in range(count):
        one = rollout(SIMULATOR, lambda rng: lambda _: random_action(CARRY_TASK.spec, rng), seed)
        path = np.tile(one.achieved[:1], (13, 1))
        path[7:] += carried
        buffer.add([one._replace(achieved=path)], None if weights is None else [weights])
    return buffer


@pytest.mark.parametrize(("carried", "expected"), [(0.0, 1.0), (0.8, 0.5)])  # 6 of the 12 steps
def test_a_block_that_lies_still_teaches_nothing_and_one_that_moves_something(
    carried: float, expected: float
) -> None:
    method, rng = relay(RELATIVE), np.random.default_rng(0)
    _, figures = method.sample(half_still(4, carried), START, (2, 200), rng)
    assert set(figures) == set(Relay.FIGURES)
    assert figures["innr"] == pytest.approx(expected, abs=0.1 if carried else 0)


@pytest.mark.parametrize("fraction", [0.0, 0.5, 1.0])
def test_the_share_of_useless_steps_is_that_of_the_whole_batch(fraction: float) -> None:
    useful = (np.arange(12) < 6).astype(np.float32)
    method = relay(changed(RELATIVE, priority="innr", variant__prioritized_fraction=fraction))
    buffer, rng = half_still(20, 0.8, useful), np.random.default_rng(0)
    _, figures = method.sample(buffer, START, (10, 256), rng)
    assert figures["innr"] == pytest.approx((1 - fraction) / 2, abs=0.1)


# --- symmetries ---


def image(step: Batch, symmetry: Symmetry) -> Batch:
    """The step as the symmetry changes it, with goals in the world frame."""

    def shown(inputs: np.ndarray) -> np.ndarray:
        parts = np.split(inputs[None], [SEEN, SEEN + GOAL, SEEN + 2 * GOAL], axis=1)
        changes = (symmetry.observation, symmetry.goal, symmetry.goal)
        whole = [turned(x, change) for x, change in zip(parts, changes, strict=False)]
        return np.concatenate([*whole, parts[3]], axis=1)[0]

    action = turned(step.action[None], symmetry.action)[0]
    return step._replace(
        inputs=shown(step.inputs), action=action, next_inputs=shown(step.next_inputs)
    )


def test_each_step_is_mirrored_as_a_whole_or_not_at_all_and_half_of_them_are() -> None:
    buffer, (flip, diagonal) = numbered(), CARRY_TASK.symmetries
    stored = {
        (tuple(buffer.observation[row]), tuple(buffer.action[row])) for row in buffer.steps().row
    }
    counts = np.zeros(4)
    config = changed(WORLD, symmetry_augmentation=("flip", "diagonal"))
    for step in steps_of(sampled(config, buffer=buffer)):
        # Undo the images in the reverse order until the step is one that was stored.
        undone = [
            step,
            image(step, flip),
            image(step, diagonal),
            image(image(step, diagonal), flip),
        ]
        known = [(tuple(s.inputs[:SEEN]), tuple(s.action)) in stored for s in undone]
        assert sum(known) == 1
        counts[known.index(True)] += 1
        original, stage = undone[known.index(True)], stage_of(step)
        row, slot = row_of(original), slot_of(stage)
        np.testing.assert_array_equal(original.next_inputs[:SEEN], buffer.observation[row + 1])
        later = buffer.observation[row:, :2] if stage == 0 else buffer.achieved[row:]
        goals = [*later, buffer.achieved[row] if stage == 0 else buffer.desired[row]]
        assert any((goal == original.inputs[slot]).all() for goal in goals)
        # The reward is that of the mirrored goal in the mirrored place.
        reached = step.next_inputs[:2] if stage == 0 else step.next_inputs[2:4]
        missing = np.abs(reached - step.next_inputs[slot])
        far = np.hypot(*missing) > 0.2 if stage == 0 else missing.sum() > 0.4
        lasts = 1 / (1 - GAMMA) if step.discount == 0 else 1  # no episode reports success
        assert step.reward == pytest.approx(-float(far) * lasts, rel=1e-6)
    np.testing.assert_allclose(counts / 240, 0.25, atol=0.1)


def expect_equal(one: Batch, other: Batch) -> None:
    for got, expected in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_all_symmetries_are_those_that_the_task_declares() -> None:
    every = changed(WORLD, symmetry_augmentation=("all",))
    named = changed(WORLD, symmetry_augmentation=("flip", "diagonal"))
    expect_equal(sampled(every), sampled(named))
    method = relay(every, CARRY_TASK._replace(symmetries=()))
    plain, _ = method.sample(numbered(), START, (4, 60), np.random.default_rng(0))
    expect_equal(plain, sampled(WORLD))


# --- several objects ---


def test_a_batch_shows_each_stage_its_steps_through_its_object_centric_view() -> None:
    buffer = blocks()
    config = changed(RELATIVE, translation_invariant=False, priority="inverse-density")
    inputs = sampled_blocks(config, (3, 40), buffer).inputs.reshape(120, -1)
    flags = [tuple(int(x) for x in row[-3:]) for row in inputs]
    # reach0; move0; reach1 (hand, and block 0, second in its view); task (block 1 first, block 0)
    expected = {(1, 0, 0): 30, (0, 1, 0): 30, (1, 0, 1): 30, (0, 1, 1): 30}
    assert {kind: flags.count(kind) for kind in set(flags)} == expected
    for row, kind in zip(inputs, flags, strict=True):
        hand, first, second = row[0], row[1], row[3]
        possible = observe(hand, np.array([first, second]))  # a view is a possible world
        np.testing.assert_allclose(row[:6], possible, atol=1e-6)
        stored = [first, second] if kind[2] == 0 else [second, first]
        near = np.abs(buffer.achieved - stored).max(axis=1).min()
        assert near < 1e-6, "through no view, block 0 comes first; through the other, block 1"


def test_mirrors_hold_for_the_goals_of_all_constraints() -> None:
    buffer = blocks()
    config = changed(RELATIVE, symmetry_augmentation=("flip",), translation_invariant=False)
    stages = {"100": 0, "010": 1, "101": 2, "011": 3}
    mirrored = 0
    for inputs in sampled_blocks(config, (1, 200), buffer).inputs[0]:
        stage = stages["".join(str(int(x)) for x in inputs[-3:])]
        seen, slots = inputs[:6], inputs[6:9]
        if stage > 1:  # undo the view
            seen, slots = turned(seen[None], VIEW.observation)[0], slots[[0, 2, 1]]
        gaps = [np.abs(sign * seen - buffer.observation).max(axis=1) for sign in (1, -1)]
        sign = 1 if gaps[0].min() < gaps[1].min() else -1
        row = int(np.argmin(gaps[0 if sign == 1 else 1]))
        assert gaps[0 if sign == 1 else 1][row] < 1e-6
        mirrored += sign == -1
        end = row - row % 9 + 8
        now, pursued = of_blocks(buffer, stage, row)
        later = [of_blocks(buffer, stage, r)[0] for r in range(row + 1, end + 1)]
        slots_of_stage = [(0,), (1,), (0, 1), (2, 1)][stage]
        shown = sign * slots[list(slots_of_stage)] * 0.5
        candidates = [np.array(goal) - np.array(now) for goal in (pursued, *later)]
        assert min(np.abs(shown - gap).max() for gap in candidates) < 1e-6
    assert mirrored / 200 == pytest.approx(0.5, abs=0.12)


# --- who acts ---


def asked(config: Config, snapshot: Snapshot = START) -> tuple[Act, list[np.ndarray]]:
    """What acts in an episode of training, and the inputs that the network was asked about."""
    inputs: list[np.ndarray] = []

    def network(
        x: np.ndarray, rng: np.random.Generator | None, image: np.ndarray | None = None
    ) -> np.ndarray:
        inputs.append(x)
        return answer(x)

    act = relay(config).act(snapshot._replace(policies=(network,)), np.random.default_rng(0))
    return act, inputs


def answer(inputs: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
    """Another action for the last stage."""
    return np.array([0.25, -0.5], np.float32) * (1 + inputs[-1])


def seen_at(distance: float) -> Observation:
    """A hand at this distance from its block."""
    observation = np.array([0, 0, distance, 0, distance, 0], np.float32)
    return Observation(observation, observation[2:4], np.array([0.5, 0.5], np.float32))


FAR, CLOSE = seen_at(0.9), seen_at(NEAR / 2)
RANDOM = Exploration(noise=0.0, random=1.0)
GUIDED: dict[str, Any] = {"guidance__probability": 1.0}
"""The guide acts at every step on the way."""


def test_a_guides_actions_are_never_replaced_by_random_ones() -> None:
    act, inputs = asked(changed(WORLD, exploration=RANDOM, **GUIDED))
    for _ in range(20):
        np.testing.assert_array_equal(act(FAR), np.array([0.25, -0.5], "f"))
    np.testing.assert_array_equal(inputs[0][-STAGES:], [1, 0])
    drawn = np.stack([act(CLOSE) for _ in range(200)])
    assert len(np.unique(drawn, axis=0)) == 200
    np.testing.assert_array_equal(inputs[-1][-STAGES:], [0, 1])


def test_guide_and_learner_both_have_gaussian_noise() -> None:
    quiet = Exploration(noise=0.2, random=0.0)
    act, _ = asked(changed(WORLD, exploration=quiet, **GUIDED))
    for now, mean in ((FAR, [0.25, -0.5]), (CLOSE, [0.5, -1.0])):
        noise = np.stack([act(now) for _ in range(2000)]) - mean
        assert noise[:, 0].std() == pytest.approx(0.2, rel=0.1)
        assert noise[:, 0].mean() == pytest.approx(0, abs=0.02)


def test_the_network_is_asked_for_the_goal_of_the_stage_that_acts() -> None:
    act, inputs = asked(changed(WORLD, guidance__probability=0.5))
    for _ in range(200):
        act(FAR)
    stages = np.array([int(np.argmax(x[-STAGES:])) for x in inputs])
    assert stages.mean() == pytest.approx(0.5, abs=0.12)
    for x, stage in zip(inputs, stages, strict=True):
        slots = [FAR.achieved, [0, 0], [1, 0]] if stage == 0 else [[0, 0], FAR.desired, [0, 1]]
        np.testing.assert_array_equal(x, np.concatenate([FAR.observation, *slots]))


def test_a_controller_guides_in_place_of_the_network() -> None:
    quiet = Exploration(noise=0.0, random=0.0)
    config = changed(WORLD, exploration=quiet, guidance__guide="controller", **GUIDED)
    act, inputs = asked(config)
    np.testing.assert_allclose(act(seen_at(0.18)), [0.9, 0.0], rtol=1e-6)  # gain 5
    assert not inputs
    np.testing.assert_array_equal(act(CLOSE), [0.5, -1.0])
    assert len(inputs) == 1


def test_a_jump_start_counts_the_steps_of_its_own_episode() -> None:
    options = {"variant__jump_start": 3, "variant__jump_start_episodes": 10}
    config = changed(WORLD, guidance__guide="jump-start", **options)
    for _ in range(2):  # every episode anew
        act, inputs = asked(config)
        for _ in range(5):
            act(FAR)
        assert [int(np.argmax(x[-STAGES:])) for x in inputs] == [0, 0, 0, 1, 1]


def test_random_steps_ask_no_network() -> None:
    act, inputs = asked(WORLD, START._replace(random=True))
    drawn = np.stack([act(FAR) for _ in range(500)])
    assert not inputs
    assert drawn.std(axis=0) == pytest.approx(np.full(2, 1 / np.sqrt(3)), rel=0.1)


@pytest.mark.parametrize(("evaluated", "stage"), [("last", 1), ("relay", 0), ("unfinished", 1)])
def test_evaluation_has_no_noise_and_follows_its_own_option(evaluated: str, stage: int) -> None:
    config = changed(WORLD, exploration=RANDOM, variant__evaluated=evaluated)
    inputs: list[np.ndarray] = []

    def network(
        x: np.ndarray, rng: np.random.Generator | None, image: np.ndarray | None = None
    ) -> np.ndarray:
        assert rng is None, "a stochastic policy gives its mean"
        inputs.append(x)
        return answer(x)

    act = relay(config).act(Snapshot((network,)), None)
    action = act(FAR)
    np.testing.assert_array_equal(action, answer(inputs[0]))
    np.testing.assert_array_equal(inputs[0][-STAGES:], np.eye(STAGES)[stage])
    act(CLOSE)
    np.testing.assert_array_equal(inputs[-1][-STAGES:], [0, 1])


@pytest.mark.parametrize(
    ("evaluated", "now", "stage"),
    [
        ("last", FAR_FROM_ALL, 3),
        ("unfinished", FAR_FROM_ALL, 1),
        ("unfinished", FIRST_DONE, 3),
        ("relay", FAR_FROM_ALL, 0),
        ("relay", FIRST_DONE, 2),
    ],
)
def test_of_several_objects_the_named_stage_acts_in_evaluation(
    evaluated: str, now: Observation, stage: int
) -> None:
    config = changed(RELATIVE, variant__evaluated=evaluated)
    seen = []

    def network(
        inputs: np.ndarray, rng: np.random.Generator | None, image: np.ndarray | None = None
    ) -> np.ndarray:
        seen.append(inputs)
        return np.zeros(1, np.float32)

    relay(config, BLOCKS_TASK).act(Snapshot((network,)), None)(now)
    goals = [
        now.achieved[:1],
        now.desired[:1],
        np.array([now.achieved[1], now.desired[0]]),
        now.desired[::-1],
    ]
    expected = StageInputs(config, SPEC).encode(now, goals[stage], stage)
    np.testing.assert_allclose(seen[0], expected, rtol=1e-6)


# --- exploration ---

ANNEALED = Exploration(noise=0.2, random=0.0, anneal=0.75)


@pytest.mark.parametrize(
    "method",
    [
        her.Her(her.Config(exploration=ANNEALED), CARRY_TASK, GAMMA),
        relay(changed(RELATIVE, exploration=ANNEALED)),
    ],
    ids=["her", "relay"],
)
def test_noise_while_collecting_shrinks_with_the_success_of_evaluations(method: Method) -> None:
    for success, noise in ((None, 0.2), (0.0, 0.2), (0.8, 0.08)):
        act = method.act(Snapshot((still,), 5, success=success), np.random.default_rng(0))
        drawn = np.stack([act(CLOSE) for _ in range(3000)])
        assert drawn.std() == pytest.approx(noise, rel=0.05)


def test_noise_shrinks_stage_by_stage() -> None:
    """What evaluations reach is known, though what comes after it is not."""
    method = relay(changed(RELATIVE, exploration=ANNEALED))
    for reached, success, learner in (((0.8, 0.0), 0.0, 0.2), ((0.8, 1.0), 0.8, 0.08)):
        snapshot = Snapshot((still,), 5, success=success, reached=reached)
        act = method.act(snapshot, np.random.default_rng(0))
        drawn = np.stack([act(FAR) for _ in range(6000)])
        assert drawn.std() == pytest.approx(np.hypot(0.08, learner) / np.sqrt(2), rel=0.05)


# --- a whole update ---


def test_an_update_depends_on_its_seed_alone() -> None:
    config = changed(RELATIVE, symmetry_augmentation=("flip",), priority="innr")
    ddpg, size = learners.find("ddpg"), len(relay(config).normalized)
    learner = ddpg.Config(hidden=(8, 8))
    rule = UpdateRule(ddpg, learner, UpdateContext())
    plain = Moments(np.zeros(size, "f"), np.ones(size, "f"), np.float32(5))
    actors = []
    for seed in (1, 1, 2):
        key = jax.random.key(0)
        state = ddpg.init(learner, CARRY_TASK.spec, size, key)
        for i in range(2):
            drawn = sampled(config, (6, 32), seed=10 * seed + i)
            state, _ = run_cycle(rule, state, plain, drawn, key)
        actors.append([np.asarray(x) for x in jax.tree.leaves(state)])
    for one, again in zip(actors[0], actors[1], strict=True):
        np.testing.assert_array_equal(one, again)
    assert any(not np.array_equal(a, b) for a, b in zip(actors[0], actors[2], strict=True))
