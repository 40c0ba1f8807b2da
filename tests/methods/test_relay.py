"""Relay: what the network sees, what old steps come to mean for each stage, and who acts."""

from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goalrelay.data.rollout import rollout
from goalrelay.methods.relay.inputs import Timestep, encode
from goalrelay.errors import UsageError
from goalrelay.methods.exploration import Exploration, random_action
from goalrelay.methods.relay.guidance import Guidance, Progress
from goalrelay.learners import ddpg
from goalrelay.learners.scan import run_cycle
from goalrelay.methods import her, relay
from goalrelay.learners.normalizer import Moments, empty, moments, normalize, observe
from goalrelay.data.relabel import Transitions, Rules, innr
from goalrelay.data.buffer import ReplayBuffer
from goalrelay.tasks.symmetry import turned
from goalrelay.tasks import fetch_stages
from goalrelay.tasks.goal_task import open_task
from goalrelay.types import Batch, Steps, Observation, ActionTarget, Spec, Symmetry
from relay_task import CARRY, NEAR

SEEDS = st.integers(0, 2**32 - 1)
START = Progress(0, -np.inf)
TASK = open_task(CARRY)
GAMMA = np.float32(0.9)
SEEN, G, S = 6, 2, 2
"""Sizes of observation and goal, number of stages."""
PAPER = relay.Config(encoding="absolute", tell_stage=False, translation=False)
TOLD = replace(PAPER, tell_stage=True)
FETCH = Spec(
    *(25, 3, 3, 4, False, 50, (-1.0, 0.0)),
    fetch_stages.MOVE_AN_OBJECT.stages,
    fetch_stages.MOVE_AN_OBJECT.position_columns,
)
SYMMETRIES = [
    (size, symmetry)
    for size, decomposition in ((25, fetch_stages.MOVE_AN_OBJECT), (10, fetch_stages.REACH_A_POINT))
    for symmetry in decomposition.symmetries
]


def task_reward(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
    """Not a straight distance, so that it cannot be taken for a stage's."""
    return -(np.abs(achieved - desired).sum(-1) > 0.4).astype(np.float32)


def stored(achieved: np.ndarray, desired: np.ndarray, fact: np.ndarray) -> np.ndarray:
    return fact


RULES = Rules(TASK.spec, task_reward, stored, float(GAMMA), TASK.symmetries)


def carry(rng: np.random.Generator) -> Any:
    """Brings the hand to the block, and then the block anywhere."""

    def act(moment: Observation) -> np.ndarray:
        missing = moment.observation[4:6]
        near = np.linalg.norm(missing) < NEAR
        return random_action(TASK.spec, rng) if near else (5 * missing).clip(-1, 1)

    return act


def numbered(count: int = 6) -> ReplayBuffer:
    """Episodes of unequal length, goals that move; the first action of a step is its row / 1000."""
    replay, row = ReplayBuffer(TASK.spec, 1000), 0
    for seed in range(count):
        facts = rollout(TASK, carry, seed)
        rng = np.random.default_rng(seed)
        length, drift = int(rng.integers(4, 13)), 0.02 * np.arange(13)[:, None]
        action = facts.action[:length].copy()
        action[:, 0] = (row + np.arange(length)) / 1000
        moments_ = slice(length + 1)
        replay.add(
            [
                facts._replace(
                    observation=facts.observation[moments_],
                    achieved=facts.achieved[moments_],
                    desired=(facts.desired + drift)[moments_],
                    action=action,
                    terminal=seed % 2 == 0,
                )
            ]
        )
        row += length + 1
    return replay


def sampled(
    config: relay.Config,
    shape: tuple[int, int] = (4, 60),
    seed: int = 0,
    replay: ReplayBuffer | None = None,
) -> Batch:
    replay = replay or numbered()
    batch, _ = relay.sample(config, RULES, replay, shape, np.random.default_rng(seed))
    return batch


def places(batch: Batch) -> list[Batch]:
    """The single steps of a cycle."""
    flat = [x.reshape(-1, *x.shape[2:]) for x in jax.tree.leaves(batch)]
    return [Batch(*step) for step in zip(*flat, strict=True)]


def row_of(step: Batch) -> int:
    return round(1000 * float(step.action[0]))


def stage_of(step: Batch) -> int:
    """Of inputs that end with the stage told."""
    return int(np.flatnonzero(step.inputs[-S:])[0])


# --- encoding ---


def moment(seed: int, count: int = 5) -> tuple[Timestep, np.ndarray]:
    """Fetch moments and goals on a grid of 1/64 m, on which float32 sums are exact."""
    rng = np.random.default_rng(seed)
    observation, achieved, goal = (
        (rng.integers(-20, 20, (count, n)) / 64).astype(np.float32) for n in (25, 3, 3)
    )
    observation[:, 3:6] = achieved
    return Timestep(observation, achieved), goal


@pytest.mark.parametrize("stage", [0, 1])
def test_the_papers_encoding_is_observation_and_a_zero_slot_for_the_other_stage(
    stage: int,
) -> None:
    now, goal = moment(0)
    slots = [np.zeros_like(goal), np.zeros_like(goal)]
    slots[stage] = goal
    expected = np.hstack([now.observation, *slots])
    np.testing.assert_array_equal(encode(relay.layout(PAPER, FETCH), now, goal, stage), expected)
    assert relay.input_size(PAPER, FETCH) == 25 + 3 + 3


@pytest.mark.parametrize("stage", [0, 1])
def test_relative_goals_are_what_is_missing_in_units_of_the_stage_and_limited(stage: int) -> None:
    config = relay.Config(encoding="relative", tell_stage=True, translation=True)
    observation = np.arange(100.0, 125.0, dtype=np.float32)
    observation[:3] = [1.0, 0.5, 0.25]
    achieved = np.array([1.5, 0.5, 0.5], np.float32)
    goal = np.array([1.125, 9.0, 0.4], np.float32)
    seen = [*observation[[2]], *observation[5:]]  # without gripper x, y and object x, y
    missing = goal - (observation[:3] if stage == 0 else achieved)
    shown = [min(max(float(m) / 0.05, -5.0), 5.0) for m in missing]
    slots = [*shown, 0, 0, 0] if stage == 0 else [0, 0, 0, *shown]
    told = [1, 0] if stage == 0 else [0, 1]
    encoded = encode(relay.layout(config, FETCH), Timestep(observation, achieved), goal, stage)
    np.testing.assert_allclose(encoded, [*seen, *slots, *told], rtol=1e-5)
    assert encoded.dtype == np.float32
    assert relay.input_size(config, FETCH) == len(encoded) == 21 + 6 + 2


@settings(max_examples=50, deadline=None)
@given(SEEDS, st.sampled_from([0, 1]))
def test_what_is_shown_is_the_same_everywhere_on_the_table(seed: int, stage: int) -> None:
    now, goal = moment(seed)
    move = np.append(np.random.default_rng(seed + 1).integers(-20, 20, 2) / 64, 0).astype("f")
    there = Timestep(now.observation.copy(), now.achieved + move)
    there.observation[:, :3] += move
    there.observation[:, 3:6] += move
    config = relay.Config(translation=True)
    here = encode(relay.layout(config, FETCH), now, goal, stage)
    np.testing.assert_array_equal(
        encode(relay.layout(config, FETCH), there, goal + move, stage), here
    )
    seen = encode(
        relay.layout(replace(config, translation=False), FETCH), there, goal + move, stage
    )
    assert (seen[:, [0, 1, 3, 4]] == there.observation[:, [0, 1, 3, 4]]).all()


def test_a_task_of_one_stage_is_shown_as_hindsight_shows_it() -> None:
    alone = FETCH._replace(stages=FETCH.stages[1:])
    now, goal = moment(0)
    shown = encode(relay.layout(PAPER, alone), now, goal, 0)
    np.testing.assert_array_equal(shown, np.hstack([now.observation, goal]))
    assert relay.input_size(PAPER, alone) == her.input_size(her.Config(), alone)


@pytest.mark.parametrize("tell", [False, True])
@pytest.mark.parametrize("translation", [False, True])
@pytest.mark.parametrize("encoding", ["absolute", "relative"])
def test_sizes_and_masks_fit_what_is_encoded(encoding: Any, translation: bool, tell: bool) -> None:
    config = relay.Config(encoding=encoding, translation=translation, tell_stage=tell)
    now, goal = moment(1)
    width = encode(relay.layout(config, FETCH), now, goal, 1).shape[1]
    mask = relay.normalized(config, FETCH)
    assert relay.input_size(config, FETCH) == len(mask) == width
    expected = (21 if translation else 25) + (6 if encoding == "absolute" else 0)
    np.testing.assert_array_equal(mask, np.arange(width) < expected)


def test_a_blank_slot_is_a_constant_that_no_goal_of_the_stage_looks_like() -> None:
    replay = numbered()
    index = replay.sample(500, np.random.default_rng(0))
    inputs = relay.observed(TOLD, RULES, replay, index, np.random.default_rng(1)) + 10
    mask = relay.normalized(TOLD, TASK.spec)
    seen = moments(observe(empty(SEEN + 2 * G + S), inputs, 200.0), 200.0, 5.0, mask)
    now = Timestep(replay.observation[index.row], replay.achieved[index.row])
    goal = replay.desired[index.row]
    shown = normalize(seen, encode(relay.layout(TOLD, TASK.spec), now, goal, 1))
    blank = np.clip(
        (0 - inputs[:, SEEN : SEEN + G].mean(0)) / inputs[:, SEEN : SEEN + G].std(0), -5, 5
    )
    np.testing.assert_allclose(shown[:, SEEN : SEEN + G], np.tile(blank, (500, 1)), rtol=1e-4)
    assert (blank == -5).all()
    np.testing.assert_array_equal(shown[:, -S:], np.tile([0, 1], (500, 1)))


def test_statistics_count_every_stages_goal_and_zero_none() -> None:
    replay = numbered()
    index = replay.sample(2000, np.random.default_rng(0))
    inputs = relay.observed(TOLD, RULES, replay, index, np.random.default_rng(1))
    np.testing.assert_array_equal(inputs[:, :SEEN], replay.observation[index.row])
    np.testing.assert_array_equal(inputs[:, SEEN : SEEN + G], replay.achieved[index.row])
    kept = (inputs[:, SEEN + G : SEEN + 2 * G] == replay.desired[index.row]).all(1)
    assert kept.mean() == pytest.approx(0.2, abs=0.03), "the last stage's are relabelled"


# --- sampling ---


def test_every_step_means_what_a_slow_reference_says() -> None:
    for steps in (1, 4):
        for seed in range(3):
            expect_meaning(replace(TOLD, n_step=steps), seed)


def expect_meaning(config: relay.Config, seed: int) -> None:
    """Check all steps of a cycle, one at a time, from what they show of themselves."""
    replay = numbered()
    kept, ends, hit = 0, 0, 0
    for step in places(sampled(config, seed=seed, replay=replay)):
        row, stage = row_of(step), stage_of(step)
        slot = slice(SEEN + stage * G, SEEN + (stage + 1) * G)
        other = slice(SEEN + (1 - stage) * G, SEEN + (2 - stage) * G)
        episode = int(np.searchsorted(replay._start, row, side="right")) - 1
        end = int(replay._start[episode] + replay._length[episode])
        ended = bool(replay._terminal[episode])

        # The goal is the one pursued, or one that the stage reached later.
        goal, next_goal = step.inputs[slot], step.next_inputs[slot]
        achieved = replay.observation[:, :2] if stage == 0 else replay.achieved
        pursued = replay.achieved if stage == 0 else replay.desired
        reached_later = [r for r in range(row + 1, end + 1) if (achieved[r] == goal).all()]
        if not reached_later:
            np.testing.assert_array_equal(goal, pursued[row])
        frozen = stage == 0 or bool(reached_later)
        np.testing.assert_array_equal(next_goal, goal if frozen else pursued[row + 1])
        kept += not reached_later

        # Rewards add up until the goal is reached or the episode is over.
        total, discount, after = 0.0, np.float32(1), row
        while True:
            after += 1
            missing = np.abs(achieved[after] - next_goal)
            far = np.hypot(*missing) > 0.2 if stage == 0 else missing.sum() > 0.4
            total -= float(discount) * far
            discount = discount * GAMMA
            if not far or after == end or after == row + config.n_step:
                break
        assert step.reward == pytest.approx(total, rel=1e-6)
        assert step.discount == (0 if ended and after == end else discount)
        ends += ended and after == end
        hit += not far

        # And the network is shown these moments, under this goal.
        np.testing.assert_array_equal(step.inputs[:SEEN], replay.observation[row])
        np.testing.assert_array_equal(step.next_inputs[:SEEN], replay.observation[after])
        np.testing.assert_array_equal(step.action, replay.action[row])
        assert not step.inputs[other].any()
        assert not step.next_inputs[other].any()
        np.testing.assert_array_equal(step.next_inputs[-S:], step.inputs[-S:])
    assert kept / 240 == pytest.approx(0.2, abs=0.1)
    assert ends > 5
    assert 20 < hit < 220


@pytest.mark.parametrize("symmetries", [(), ("flip",), ("flip", "diagonal")])
def test_relative_batches_show_the_same_goals_relative_to_their_own_moments(
    symmetries: tuple[str, ...],
) -> None:
    replay, config = numbered(), replace(TOLD, n_step=3, symmetries=symmetries)
    absolute = sampled(config, replay=replay)
    relative = sampled(replace(config, encoding="relative"), replay=replay)
    for one, other in zip(places(absolute), places(relative), strict=True):
        stage = stage_of(one)
        slot = slice(SEEN + stage * G, SEEN + (stage + 1) * G)
        for a, r in ((one.inputs, other.inputs), (one.next_inputs, other.next_inputs)):
            now = a[:2] if stage == 0 else a[2:4]  # the block is what the task achieves
            shown = ((a[slot] - now) / (0.2 if stage == 0 else 0.3)).clip(-5, 5)
            np.testing.assert_allclose(r[slot], shown, rtol=1e-4, atol=1e-5)
        assert (one.reward, one.discount) == (other.reward, other.discount)


@pytest.mark.parametrize(
    ("shares", "size", "first"),
    [((), 20, 10), ((1.0, 3.0), 20, 5), ((0.3, 0.7), 20, 6), ((0.0, 1.0), 20, 0), ((), 5, 2)],
)
def test_every_batch_holds_each_stages_share(
    shares: tuple[float, ...], size: int, first: int
) -> None:
    batch = sampled(replace(TOLD, shares=shares), (3, size))
    stages = np.argmax(batch.inputs[..., -S:], axis=-1)
    np.testing.assert_array_equal(stages, np.tile([0] * first + [1] * (size - first), (3, 1)))


def test_batches_take_turns_as_in_the_paper() -> None:
    batch = sampled(replace(TOLD, mixing="turns"), (5, 8))
    stages = np.argmax(batch.inputs[..., -S:], axis=-1)
    np.testing.assert_array_equal(stages, np.tile([[0], [1], [0], [1], [0]], (1, 8)))


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_only_the_last_stage_is_drawn_by_priority_and_in_all_batches_alike(share: float) -> None:
    replay = numbered()
    held = replay._steps_of(np.arange(replay.episodes)).row
    replay.weight[held] = held % 2
    config = replace(TOLD, priority="moving", prioritized=share)
    batch = sampled(config, (10, 400), replay=replay)
    odd = np.round(1000 * batch.action[..., 0]).astype(int) % 2
    plain = (held % 2).mean()
    assert odd[:, :200].mean() == pytest.approx(plain, abs=0.04)
    each = odd[:, 200:].mean(axis=1)  # one number an update
    assert np.abs(each - (share + (1 - share) * plain)).max() < 0.13
    uniform = sampled(replace(config, priority="uniform"), (10, 400), replay=replay)
    assert (np.round(1000 * uniform.action[..., 0]) % 2).mean() == pytest.approx(plain, abs=0.04)


def test_steps_drawn_for_a_rare_goal_are_given_that_goal() -> None:
    replay = numbered()
    config = replace(TOLD, priority="rare", prioritized=1.0, k=1e9, shares=(0.0, 1.0))
    for step in places(sampled(config, replay=replay)):
        goal = step.inputs[SEEN + G : SEEN + 2 * G]
        episode = int(np.searchsorted(replay._start, row_of(step), side="right")) - 1
        begin = int(replay._start[episode])
        later = replay.achieved[row_of(step) + 1 : begin + int(replay._length[episode]) + 1]
        assert (later == goal).all(1).any(), "a goal that the episode achieved later"
        assert task_reward(goal, replay.achieved[begin]) < 0, "away from where the block began"


def test_the_facts_are_left_alone() -> None:
    replay = numbered()
    before = {name: facts.copy() for name, facts in replay.save().items()}
    sampled(replace(TOLD, symmetries=("flip", "diagonal"), n_step=3), replay=replay)
    for name, facts in replay.save().items():
        np.testing.assert_array_equal(facts, before[name])


def innr_of(*, moves: bool) -> float:
    """INNR of episodes in which a block lies still, or is carried half way through."""
    replay = ReplayBuffer(TASK.spec, 1000)
    for seed in range(4):
        facts = rollout(TASK, lambda rng: lambda _: random_action(TASK.spec, rng), seed)
        path = np.tile(facts.achieved[:1], (13, 1))
        path[7:] += 0.8 * moves
        replay.add([facts._replace(achieved=path)])
    _, figures = relay.sample(relay.Config(), RULES, replay, (2, 200), np.random.default_rng(0))
    assert set(figures) == set(relay.FIGURES)
    return figures["innr"]


def test_a_block_that_lies_still_teaches_nothing_and_one_that_moves_something() -> None:
    assert innr_of(moves=False) == 1.0
    assert innr_of(moves=True) == pytest.approx(0.5, abs=0.1)  # of the 12 steps the first 6


def test_the_share_of_useless_steps_is_that_of_the_whole_batch() -> None:
    replay, useful = ReplayBuffer(TASK.spec, 1000), (np.arange(12) < 6).astype(np.float32)
    for seed in range(20):
        facts = rollout(TASK, lambda rng: lambda _: random_action(TASK.spec, rng), seed)
        path = np.tile(facts.achieved[:1], (13, 1))
        path[7:] += 0.8
        replay.add([facts._replace(achieved=path)], [useful])
    for share in (0.0, 0.5, 1.0):
        config = relay.Config(priority="moving", prioritized=share)
        _, figures = relay.sample(config, RULES, replay, (10, 256), np.random.default_rng(0))
        assert figures["innr"] == pytest.approx((1 - share) / 2, abs=0.1)


def test_the_share_of_useless_steps_does_not_depend_on_which_steps_come_first() -> None:
    replay = ReplayBuffer(TASK.spec, 1000)
    path = np.zeros((13, 2), np.float32)
    path[7:] += 0.8
    facts = rollout(TASK, lambda rng: lambda _: random_action(TASK.spec, rng), 0)
    replay.add([facts._replace(achieved=path)])
    every = replay.steps()
    for count in (100, 256, 700, 5000):
        some = np.sort(np.random.default_rng(count).integers(0, 12, count))  # useful ones first
        index = Steps(*(values[some] for values in every))
        hindsight, nothing = np.ones(count, bool), np.zeros(count, np.float32)
        meaning = Transitions(nothing, nothing, hindsight, nothing, nothing, index.row + 1)
        share = innr(replay, index, TASK.spec.stages[-1], RULES, meaning)
        assert share == pytest.approx((some >= 6).mean(), abs=0.01)


# --- symmetries ---


@pytest.mark.parametrize(("size", "symmetry"), SYMMETRIES)
def test_a_symmetry_applied_twice_gives_back_the_original(size: int, symmetry: Symmetry) -> None:
    rng = np.random.default_rng(0)
    for change, columns in (
        (symmetry.observation, size),
        (symmetry.goal, 3),
        (symmetry.action, 4),
    ):
        x = rng.uniform(-2, 2, (50, columns)).astype(np.float32)
        once = turned(x, change)
        assert not np.allclose(once, x)
        np.testing.assert_allclose(turned(once, change), x, atol=1e-6)


@pytest.mark.parametrize(("size", "symmetry"), SYMMETRIES)
def test_a_symmetry_keeps_distances_rewards_and_what_the_observation_repeats(
    size: int, symmetry: Symmetry
) -> None:
    rng = np.random.default_rng(1)
    achieved, goal = rng.uniform(0.4, 0.5, (2, 200, 3)).astype(np.float32)
    observation = rng.uniform(-1, 1, (200, size)).astype(np.float32)
    reward = open_task("FetchReach-v4").reward
    mirrored = turned(achieved, symmetry.goal), turned(goal, symmetry.goal)
    assert 0 < (reward(achieved, goal) == 0).mean() < 1
    np.testing.assert_array_equal(reward(*mirrored), reward(achieved, goal))
    # Positions in the observation are mirrored as goals are, and so is object minus gripper.
    seen = turned(observation, symmetry.observation)
    np.testing.assert_allclose(seen[:, :3], turned(observation[:, :3], symmetry.goal), atol=1e-6)
    if size == 25:
        observation[:, 6:9] = observation[:, 3:6] - observation[:, :3]
        seen = turned(observation, symmetry.observation)
        np.testing.assert_allclose(
            seen[:, 3:6], turned(observation[:, 3:6], symmetry.goal), atol=1e-6
        )
        np.testing.assert_allclose(seen[:, 6:9], seen[:, 3:6] - seen[:, :3], atol=1e-5)


def copies(step: Batch, symmetry: Symmetry) -> Batch:
    """The step as the symmetry changes it, in the paper's encoding with the stage told."""

    def shown(inputs: np.ndarray) -> np.ndarray:
        parts = np.split(inputs[None], [SEEN, SEEN + G, SEEN + 2 * G], axis=1)
        changes = (symmetry.observation, symmetry.goal, symmetry.goal)
        whole = [turned(x, change) for x, change in zip(parts, changes, strict=False)]
        return np.concatenate([*whole, parts[3]], axis=1)[0]

    action = turned(step.action[None], symmetry.action)[0]
    return step._replace(
        inputs=shown(step.inputs), action=action, next_inputs=shown(step.next_inputs)
    )


def test_each_step_is_mirrored_as_a_whole_or_not_at_all_and_half_of_them_are() -> None:
    replay, (flip, diagonal) = numbered(), TASK.symmetries
    facts = {
        (tuple(replay.observation[row]), tuple(replay.action[row]))
        for row in replay._steps_of(np.arange(replay.episodes)).row
    }
    counts = np.zeros(4)
    for step in places(sampled(replace(TOLD, symmetries=("flip", "diagonal")), replay=replay)):
        # Undo the copies in the reverse order until the step is one that was stored.
        undone = [
            step,
            copies(step, flip),
            copies(step, diagonal),
            copies(copies(step, diagonal), flip),
        ]
        known = [(tuple(s.inputs[:SEEN]), tuple(s.action)) in facts for s in undone]
        assert sum(known) == 1
        counts[known.index(True)] += 1
        original, stage = undone[known.index(True)], stage_of(step)
        row, slot = row_of(original), slice(SEEN + stage * G, SEEN + (stage + 1) * G)
        np.testing.assert_array_equal(original.next_inputs[:SEEN], replay.observation[row + 1])
        later = replay.observation[row:, :2] if stage == 0 else replay.achieved[row:]
        goals = [*later, replay.achieved[row] if stage == 0 else replay.desired[row]]
        assert any((goal == original.inputs[slot]).all() for goal in goals)
        # The reward is that of the mirrored goal in the mirrored place.
        reached = step.next_inputs[:2] if stage == 0 else step.next_inputs[2:4]
        missing = np.abs(reached - step.next_inputs[slot])
        far = np.hypot(*missing) > 0.2 if stage == 0 else missing.sum() > 0.4
        assert step.reward == -float(far)
    np.testing.assert_allclose(counts / 240, 0.25, atol=0.1)


def led(
    config: relay.Config, replay: ReplayBuffer, shape: tuple[int, int] = (4, 60)
) -> list[Batch]:
    """The steps of a cycle; the network's actions tell what it was shown."""
    rules = RULES._replace(own=lambda inputs, _: np.tanh(inputs[:, [0, SEEN]]))
    batch, _ = relay.sample(config, rules, replay, shape, np.random.default_rng(0))
    flat = [x.reshape(-1, *x.shape[2:]) for x in jax.tree.leaves(batch)]
    return [Batch(*step[:-2], pull=ActionTarget(*step[-2:])) for step in zip(*flat, strict=True)]


def test_on_the_way_to_the_block_the_block_s_policy_is_drawn_to_what_the_hand_s_would_do() -> None:
    replay = numbered()
    config = replace(TOLD, guidance=Guidance(lead=0.3))
    steps = led(config, replay)
    for step in steps:
        row = row_of(step)
        hand, block = replay.observation[row, :2], replay.achieved[row]
        away = np.linalg.norm(hand - block) > NEAR
        if stage_of(step) == 0 or not away:
            assert step.pull.weight == 0
        else:
            assert step.pull.weight == pytest.approx(0.3)
            shown = np.tanh([hand[0], block[0]])  # the goal in the first stage's slot
            np.testing.assert_allclose(step.pull.action, shown, rtol=1e-6)
    drawn = np.mean([step.pull.weight > 0 for step in steps])
    assert 0.1 < drawn < 0.5
    other = led(replace(config, guidance=Guidance(lead=0.3, switch=1000.0)), replay)
    assert not any(step.pull.weight for step in other)


def test_what_the_guide_would_do_is_mirrored_with_the_step() -> None:
    config = replace(TOLD, guidance=Guidance(lead=1.0), symmetries=("flip",))
    replay, flip = numbered(), TASK.symmetries[0]
    turned_ = 0
    for step in led(config, replay):
        image = turned(step.action[None], flip.action)[0]
        known = [(replay.action[:, :2] == a).all(axis=1).any() for a in (step.action, image)]
        if step.pull.weight and known == [False, True]:
            turned_ += 1
            original = turned(step.pull.action[None], flip.action)[0]
            row = round(1000 * float(image[0]))
            shown = np.tanh([replay.observation[row, 0], replay.achieved[row, 0]])
            np.testing.assert_allclose(original, shown, rtol=1e-6)
    assert turned_ > 10


def test_without_a_lead_nobody_is_drawn_anywhere() -> None:
    assert sampled(TOLD).pull is None


def test_discrete_actions_are_not_led() -> None:
    config = replace(TOLD, guidance=Guidance(lead=1.0))
    rules = RULES._replace(spec=TASK.spec._replace(discrete=True))
    batch, _ = relay.sample(config, rules, numbered(), (2, 10), np.random.default_rng(0))
    assert batch.pull is None


def test_all_symmetries_are_those_that_the_task_declares() -> None:
    named, every = (sampled(replace(TOLD, symmetries=s)) for s in (("flip", "diagonal"), ("all",)))
    for one, other in zip(named, every, strict=True):
        np.testing.assert_array_equal(one, other)
    none = RULES._replace(symmetries=())
    replay, rng = numbered(), np.random.default_rng(0)
    plain, _ = relay.sample(replace(TOLD, symmetries=("all",)), none, replay, (4, 60), rng)
    for one, other in zip(plain, sampled(TOLD), strict=True):
        np.testing.assert_array_equal(one, other)


def one_push(angle: float, steps: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """A block pushed for some steps, beside the same in the mirror: observations, [25] each.

    Before every step the block in the mirror is put where it should be: boxes that push boxes are
    chaotic, and an error of rounding grows tenfold in a few steps.
    """
    tasks = open_task("FetchPush-v4"), open_task("FetchPush-v4")
    one, other = raw = [any_of(task.env.unwrapped) for task in tasks]
    change, rng, pairs = fetch_stages.LEFT_RIGHT, np.random.default_rng(0), []
    away = np.array([np.cos(angle), np.sin(angle)])
    hand = np.array([1.33, 0.77, 0.425])
    block = np.array([*(hand[:2] + 0.07 * away + 0.01 * away[::-1]), 0.425, 1, 0, 0, 0])
    for task in tasks:
        task.reset(0)
    for step in range(-10, steps):
        if step <= 0:  # the hands go to their places, the blocks wait
            put(one, block, np.zeros(6))
        put(other, *in_mirror(*taken(one)))
        if step < 0:
            targets = hand, turned(hand[None], change.goal)[0]
            for task, env, target in zip(tasks, raw, targets, strict=True):
                missing = target - env._get_obs()["observation"][:3]
                task.step(np.append(20 * missing, 0).clip(-1, 1))
            continue
        push = 0.6 * away + 0.4 * rng.uniform(-1, 1, 2)
        action = np.array([[*push, 0, 0]], np.float32)
        seen = tasks[0].step(action[0])[0].observation
        mirrored = tasks[1].step(turned(action, change.action)[0])[0].observation
        pairs.append((turned(seen[None], change.observation)[0], mirrored))
    for task in tasks:
        task.close()
    return pairs


def any_of(env: Any) -> Any:
    """The simulator behind Gymnasium's type."""
    return env


def taken(env: Any) -> tuple[np.ndarray, np.ndarray]:
    """Position and quaternion of the block, and its velocities."""
    at = env.model, env.data, "object0:joint"
    return env._utils.get_joint_qpos(*at).copy(), env._utils.get_joint_qvel(*at).copy()


def put(env: Any, position: np.ndarray, velocity: np.ndarray) -> None:
    at = env.model, env.data, "object0:joint"
    env._utils.set_joint_qpos(*at, position)
    env._utils.set_joint_qvel(*at, velocity)


def in_mirror(position: np.ndarray, velocity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Across the middle of the table, y = 0.75 m; rotations about x and z turn round."""
    beyond = np.array([0, 1.5, 0, 0, 0, 0, 0])
    return position * [1, -1, 1, 1, -1, 1, -1] + beyond, velocity * [1, -1, 1, -1, 1, -1]


def test_left_and_right_are_alike_to_the_physics() -> None:
    pairs = [p for i in range(6) for p in one_push(0.5 + i, 12)]
    expected, seen = (np.stack(x) for x in zip(*pairs, strict=True))
    size = np.abs(expected - np.median(expected, axis=0)).mean(axis=0)
    error = np.abs(expected - seen).mean(axis=0)
    assert (error < 0.3 * size + 1e-5).all(), (error / (size + 1e-9)).round(3)
    assert size[17:20].min() > 0.005, "the block turns about every axis"


# --- who acts ---


def asked(config: relay.Config, progress: Progress = START, seed: int = 0) -> Any:
    """What acts in an episode, and the list of inputs that the network was asked about."""
    inputs: list[np.ndarray] = []

    def network(x: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        inputs.append(x)
        return np.array([0.25, -0.5], np.float32) * (1 + x[-1])  # another action for the last stage

    rng = np.random.default_rng(seed)
    return relay.begin(config, TASK.spec, network, progress, rng), inputs, network


def seen_at(distance: float) -> Observation:
    """A hand at this distance from its block."""
    observation = np.array([0, 0, distance, 0, distance, 0], np.float32)
    return Observation(observation, observation[2:4], np.array([0.5, 0.5], np.float32))


FAR, CLOSE = seen_at(0.9), seen_at(NEAR / 2)
LOUD = Exploration(noise=0.0, random=1.0)


def test_a_guides_actions_are_never_replaced_by_random_ones() -> None:
    act, inputs, _ = asked(replace(TOLD, exploration=LOUD, guidance=Guidance("stage")))
    for _ in range(20):
        np.testing.assert_array_equal(act(FAR), np.array([0.25, -0.5], "f"))
    np.testing.assert_array_equal(inputs[0][-S:], [1, 0])
    drawn = np.stack([act(CLOSE) for _ in range(200)])
    assert len(np.unique(drawn, axis=0)) == 200
    np.testing.assert_array_equal(inputs[-1][-S:], [0, 1])


def test_guide_and_learner_both_have_gaussian_noise() -> None:
    quiet = Exploration(noise=0.2, random=0.0)
    act, _, _ = asked(replace(TOLD, exploration=quiet, guidance=Guidance("stage")))
    for moment_, mean in ((FAR, [0.25, -0.5]), (CLOSE, [0.5, -1.0])):
        noise = np.stack([act(moment_) for _ in range(2000)]) - mean
        assert noise[:, 0].std() == pytest.approx(0.2, rel=0.1)
        assert noise[:, 0].mean() == pytest.approx(0, abs=0.02)


def test_the_network_is_asked_for_the_goal_of_the_stage_that_acts() -> None:
    act, inputs, _ = asked(replace(TOLD, guidance=Guidance(probability=0.5)))
    for _ in range(200):
        act(FAR)
    stages = np.array([int(np.argmax(x[-S:])) for x in inputs])
    assert stages.mean() == pytest.approx(0.5, abs=0.12)
    for x, stage in zip(inputs, stages, strict=True):
        slots = [FAR.achieved, [0, 0], [1, 0]] if stage == 0 else [[0, 0], FAR.desired, [0, 1]]
        np.testing.assert_array_equal(x, np.concatenate([FAR.observation, *slots]))


def test_a_controller_guides_in_place_of_the_network() -> None:
    still = Exploration(noise=0.0, random=0.0)
    guidance = Guidance("stage", guide="controller")
    act, inputs, _ = asked(replace(TOLD, exploration=still, guidance=guidance))
    near = seen_at(0.18)  # gain 5, so 0.9
    np.testing.assert_allclose(act(near), [0.9, 0.0], rtol=1e-6)
    assert not inputs
    np.testing.assert_array_equal(act(CLOSE), [0.5, -1.0])
    assert len(inputs) == 1


def test_a_jump_start_counts_the_steps_of_its_own_episode() -> None:
    guidance = Guidance(jump_start=3, jump_start_episodes=10)
    for _ in range(2):  # every episode anew
        act, inputs, _ = asked(replace(TOLD, guidance=guidance))
        for _ in range(5):
            act(FAR)
        assert [int(np.argmax(x[-S:])) for x in inputs] == [0, 0, 0, 1, 1]


@pytest.mark.parametrize(("test", "stage"), [("last", 1), ("relay", 0)])
def test_tests_have_no_noise_and_follow_their_own_option(test: Any, stage: int) -> None:
    config = replace(TOLD, exploration=LOUD, guidance=Guidance(test=test))
    _, inputs, network = asked(config)
    action = relay.play(config, TASK.spec, network)(FAR)
    np.testing.assert_array_equal(action, network(inputs[0], None))
    np.testing.assert_array_equal(inputs[0][-S:], np.eye(S)[stage])
    relay.play(config, TASK.spec, network)(CLOSE)
    np.testing.assert_array_equal(inputs[-1][-S:], [0, 1])


# --- what does not fit ---


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"shares": (1.0,)}, "--method.shares takes one number for each of the 2 stages, got 1"),
        ({"shares": (1.0, 1.0, 1.0)}, "--method.shares takes one number"),
        ({"shares": (1.0, -0.5)}, "--method.shares must not be negative"),
        ({"shares": (0.0, 0.0)}, "--method.shares must not be negative, nor all 0"),
        ({"priority": "energy"}, "--method.priority energy needs"),
        ({"encoding": "absolute"}, "add --method.no-translation"),
        ({"symmetries": ("flop",)}, "--method.symmetries: this task declares flip, diagonal, not"),
    ],
)
def test_options_that_do_not_fit_the_stages_are_refused(
    changes: dict[str, Any], complaint: str
) -> None:
    expect_refusal(replace(relay.Config(), **changes), TASK.spec, complaint)


def expect_refusal(config: relay.Config, spec: Spec, complaint: str) -> None:
    with pytest.raises(UsageError) as refused:
        relay.check(config, RULES._replace(spec=spec))
    assert complaint in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_task_without_stages_is_refused() -> None:
    expect_refusal(relay.Config(), TASK.spec._replace(stages=()), "declares no stages")


def test_a_controller_needs_the_gain_of_every_stage_that_guides() -> None:
    config = relay.Config(guidance=Guidance(guide="controller"))
    relay.check(config, RULES)  # the last stage never guides and has none
    reach, task = TASK.spec.stages
    bare = TASK.spec._replace(stages=(reach._replace(gain=None), task))
    expect_refusal(config, bare, "--method.guidance.guide controller: stage 'reach' declares no")
    discrete = TASK.spec._replace(discrete=True)
    expect_refusal(config, discrete, "guide controller needs continuous actions")
    relay.check(relay.Config(), RULES._replace(spec=bare))


# --- a whole update ---


@pytest.mark.parametrize("method", [her, relay])
def test_noise_while_collecting_shrinks_with_the_success_of_tests(method: Any) -> None:
    config = method.Config(exploration=Exploration(noise=0.2, random=0.0, anneal=0.75))
    still = np.zeros(2, np.float32)
    for success, noise in ((-np.inf, 0.2), (0.0, 0.2), (0.8, 0.08)):
        rng = np.random.default_rng(0)
        act = method.begin(config, TASK.spec, lambda _, __: still, Progress(5, success), rng)
        drawn = np.stack([act(CLOSE) for _ in range(3000)])
        assert drawn.std() == pytest.approx(noise, rel=0.05)


def test_noise_shrinks_stage_by_stage() -> None:
    """What tests reach is known, though what comes after it is not."""
    config = relay.Config(exploration=Exploration(noise=0.2, random=0.0, anneal=0.75))
    still = np.zeros(2, np.float32)
    for reached, success, learner in (((0.8, 0.0), 0.0, 0.2), ((0.8, 1.0), 0.8, 0.08)):
        rng = np.random.default_rng(0)
        progress = Progress(5, success, reached)
        act = relay.begin(config, TASK.spec, lambda _, __: still, progress, rng)
        drawn = np.stack([act(FAR) for _ in range(6000)])
        assert drawn.std() == pytest.approx(np.hypot(0.08, learner) / np.sqrt(2), rel=0.05)


def test_an_update_depends_on_its_seed_alone() -> None:
    config = relay.Config(symmetries=("flip",), priority="moving", n_step=2)
    learner = ddpg.Config(hidden=(8, 8))
    size = relay.input_size(config, TASK.spec)
    plain = Moments(np.zeros(size, "f"), np.ones(size, "f"), np.float32(200), np.float32(5))
    actors = []
    for seed in (1, 1, 2):
        key = jax.random.key(0)
        state = ddpg.init(learner, TASK.spec, size, key)
        for i in range(2):
            drawn = sampled(config, (6, 32), seed=10 * seed + i)
            state, _ = run_cycle(ddpg, learner, state, plain, drawn, key)
        actors.append([np.asarray(x) for x in jax.tree.leaves(state)])
    for one, again in zip(actors[0], actors[1], strict=True):
        np.testing.assert_array_equal(one, again)
    assert any(not np.array_equal(a, b) for a, b in zip(actors[0], actors[2], strict=True))
