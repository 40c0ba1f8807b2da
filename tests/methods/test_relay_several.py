"""Relay of several objects: every step of a batch against a slow reference, one at a time."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from goalrelay.methods.relay.inputs import Timestep, encode
from goalrelay.methods.relay.guidance import Guidance, Progress, choose, current, first_end, is_end
from goalrelay.methods import relay
from goalrelay.methods.relay.intent import intended
from goalrelay.methods.relay.lead import pull
from goalrelay.methods.relay.mixing import frontier, stage_of_each
from goalrelay.data.relabel import GoalRule, Rules, in_place, relabel
from goalrelay.data.buffer import ReplayBuffer
from goalrelay.tasks.symmetry import turned
from goalrelay.types import Observation
from two_blocks import FLIP, SPEC, STAGES, VIEW, episode, observe, reward

GAMMA = 0.9


def stored(achieved: np.ndarray, desired: np.ndarray, fact: np.ndarray) -> np.ndarray:
    return fact


RULES = Rules(SPEC, reward, stored, GAMMA, (FLIP,))
CONFIG = relay.Config()


def filled(count: int = 30) -> ReplayBuffer:
    replay = ReplayBuffer(SPEC, 1000)
    episodes = [episode(seed) for seed in range(count)]
    replay.add(episodes, [np.ones(e.length, np.float32) for e in episodes])
    return replay


def pairs_at(replay: ReplayBuffer, stage: int, row: int) -> tuple[list[float], list[float]]:
    """What the pairs of a stage achieve and pursue at a row, written out."""
    hand, blocks, wanted = replay.observation[row, 0], replay.achieved[row], replay.desired[row]
    return [
        ([hand], [blocks[0]]),
        ([blocks[0]], [wanted[0]]),
        ([hand, blocks[0]], [blocks[1], wanted[0]]),
        ([blocks[1], blocks[0]], [wanted[1], wanted[0]]),
    ][stage]


def good(stage: int, achieved: list[float], goal: list[float]) -> bool:
    limits = [(0.1,), (0.1,), (0.1, 0.1), (0.05, 0.1)][stage]  # the task is stricter about block 1
    gaps = np.abs(np.array(achieved) - np.array(goal))
    return all(gap <= limit for gap, limit in zip(gaps, limits, strict=True))


@pytest.mark.parametrize("stage", range(4))
@pytest.mark.parametrize("steps", [1, 3])
def test_every_step_means_what_a_slow_reference_says(stage: int, steps: int) -> None:
    replay = filled()
    index = replay.sample(300, np.random.default_rng(1))
    rng = np.random.default_rng(2)
    meaning = relabel(replay, index, STAGES[stage], GoalRule("future", 0.8), RULES, rng, steps)
    hits = 0
    for i, row in enumerate(index.row):
        end = row - index.time[i] + index.length[i]
        goal = meaning.goal[i].tolist()
        if meaning.hindsight[i]:
            later = [pairs_at(replay, stage, r)[0] for r in range(row + 1, end + 1)]
            assert any(np.allclose(goal, achieved) for achieved in later), "all at one moment"
        else:
            np.testing.assert_allclose(goal, pairs_at(replay, stage, row)[1])
        total, discount, after = 0.0, 1.0, row
        while True:
            after += 1
            there = good(stage, pairs_at(replay, stage, after)[0], goal)
            total -= discount * (not there)
            discount *= GAMMA
            if there or after == end or after == row + steps:
                break
        hits += there
        assert meaning.after[i] == after
        assert meaning.reward[i] == pytest.approx(total, rel=1e-5)
        assert meaning.discount[i] == pytest.approx(discount, rel=1e-5)
    assert 20 < hits < 300


@pytest.mark.parametrize("stage", range(4))
def test_actual_goals_of_a_stage_are_those_that_all_its_pairs_pursued_at_one_step(
    stage: int,
) -> None:
    replay = filled()
    index = replay.sample(300, np.random.default_rng(1))
    rng = np.random.default_rng(2)
    rule = GoalRule("future", 0.8, 1.0)
    meaning = relabel(replay, index, STAGES[stage], rule, RULES, rng)
    pursued = {tuple(pairs_at(replay, stage, row)[1]) for row in replay.steps().row}
    for i, row in enumerate(index.row):
        goal = meaning.goal[i].tolist()
        assert tuple(goal) in pursued
        there = good(stage, pairs_at(replay, stage, row + 1)[0], goal)
        assert meaning.reward[i] == (0.0 if there else -1.0)
    assert len({tuple(goal) for goal in meaning.goal.tolist()}) > 20
    np.testing.assert_array_equal(meaning.next_goal, meaning.goal)


def test_a_batch_shows_each_stage_its_steps_through_its_view() -> None:
    replay = filled()
    config = replace(CONFIG, tell_stage=True, focus=True, translation=False, priority="rare")
    batch, _ = relay.sample(config, RULES, replay, (3, 40), np.random.default_rng(0))
    inputs = batch.inputs.reshape(120, -1)
    told = {(1, 0, 0): 0, (0, 1, 0): 0, (1, 1, 1): 0}
    kinds = [tuple(int(x) for x in row[-3:]) for row in inputs]
    # reach0; move0; reach1 (hand, and block 0, second in its view); task (block 1 first, block 0)
    expected = {(1, 0, 0): 30, (0, 1, 0): 30, (1, 0, 1): 30, (0, 1, 1): 30}
    assert {kind: kinds.count(kind) for kind in set(kinds)} == expected, told
    for row, kind in zip(inputs, kinds, strict=True):
        hand, first, second = row[0], row[1], row[3]
        np.testing.assert_allclose(
            row[:6], observe(hand, np.array([first, second])), atol=1e-6
        )  # a view is a possible world
        stored = [first, second] if kind[2] == 0 else [second, first]
        near = np.abs(replay.achieved - stored).max(axis=1).min()
        assert near < 1e-6, "through no view, block 0 comes first; through the other, block 1"


def test_who_leads_keeps_the_others_where_the_relabelled_goal_has_them() -> None:
    replay = filled()
    index = replay.sample(300, np.random.default_rng(1))
    goal = np.random.default_rng(2).uniform(-1, 1, (300, 2)).astype(np.float32)
    plan = relay.layout(replace(CONFIG, focus=False, translation=False, encoding="absolute"), SPEC)
    asked = []

    def network(inputs: np.ndarray, _: Any) -> np.ndarray:
        asked.append(inputs)
        return np.full((len(inputs), SPEC.action_size), 0.5, np.float32)

    rules = RULES._replace(own=network, reached=(1.0, 1.0, 0.5, 0.25))
    led = pull(Guidance(lead=2.0, fade=0.8), plan, rules, replay, 3, index.row, goal)
    assert led is not None
    away = np.abs(replay.observation[index.row, 0] - replay.achieved[index.row, 1]) > 0.1
    assert 50 < away.sum() < 250
    np.testing.assert_allclose(led.weight, away * 2.0 * (1 - 0.8 * 0.25), rtol=1e-6)
    rows = index.row[away]
    moment = Timestep(replay.observation[rows], replay.achieved[rows])
    kept = np.stack([replay.achieved[rows, 1], goal[away, 1]], axis=1)  # block 1 now; 0's goal
    np.testing.assert_array_equal(np.concatenate(asked), encode(plan, moment, kept, 2))
    np.testing.assert_array_equal(led.action, 0.5 * np.repeat(away[:, None], SPEC.action_size, 1))
    for unled in (0, 2):  # the hand's own stages
        own = goal[:, : len(STAGES[unled].constraints)]
        none = pull(Guidance(lead=2.0), plan, rules, replay, unled, index.row, own)
        assert none is not None and not none.weight.any()


def test_steps_in_place_are_all_those_and_only_those_before_which_the_others_are() -> None:
    replay, rng = filled(), np.random.default_rng(0)
    steps = replay.steps()
    held = {
        int(row)
        for row in steps.row
        if abs(replay.achieved[row, 0] - replay.desired[row, 0]) <= 0.1
    }
    found = in_place(replay, STAGES[3], 2000, rng)
    assert len(found.row) == 2000 and set(found.row.tolist()) == held
    whole = dict(zip(steps.row, zip(steps.time, steps.length, strict=True), strict=True))
    for row, time, length, _ in zip(*found, strict=True):
        assert whole[row] == (time, length)
    assert not len(in_place(replay, STAGES[1], 100, rng).row)  # a stage that keeps nothing
    nowhere = STAGES[3]._replace(switch=0.0)
    assert not len(in_place(replay, nowhere, 100, rng).row)


def test_a_share_of_the_stages_that_keep_others_is_drawn_from_where_those_are_in_place() -> None:
    replay = filled()
    for share in (0.0, 0.5, 1.0):
        config = replace(
            CONFIG, in_place=share, k=0, encoding="absolute", focus=False, translation=False
        )
        batch, _ = relay.sample(config, RULES, replay, (1, 4000), np.random.default_rng(0))
        told, block, goal = batch.inputs[0, :, -3:], batch.inputs[0, :, 1], batch.inputs[0, :, 7]
        task = (told == (0, 1, 1)).all(axis=1)
        reach = (told == (1, 1, 0)).all(axis=1)
        move = (told == (0, 1, 0)).all(axis=1)
        near = np.abs(block - goal) <= 0.1
        usual = near[move].mean()
        for stage in (task, reach):
            assert stage.sum() == 1000
            assert near[stage].mean() == pytest.approx(share + (1 - share) * usual, abs=0.05)


def test_mirrors_hold_for_goals_of_all_pairs() -> None:
    replay = filled()
    config = replace(CONFIG, symmetries=("flip",), encoding="relative", translation=False)
    batch, _ = relay.sample(config, RULES, replay, (1, 200), np.random.default_rng(0))
    stage_of = {"100": 0, "010": 1, "101": 2, "011": 3}
    mirrored = 0
    for inputs in batch.inputs[0]:
        stage = stage_of["".join(str(int(x)) for x in inputs[-3:])]
        seen, slots = inputs[:6], inputs[6:9]
        if stage > 1:  # undo the view
            seen, slots = turned(seen[None], VIEW.observation)[0], slots[[0, 2, 1]]
        gaps = [np.abs(sign * seen - replay.observation).max(axis=1) for sign in (1, -1)]
        sign = 1 if gaps[0].min() < gaps[1].min() else -1
        row = int(np.argmin(gaps[0 if sign == 1 else 1]))
        assert gaps[0 if sign == 1 else 1][row] < 1e-6
        mirrored += sign == -1
        end = row - row % 9 + 8
        now, pursued = pairs_at(replay, stage, row)
        later = [pairs_at(replay, stage, r)[0] for r in range(row + 1, end + 1)]
        places = [(0,), (1,), (0, 1), (2, 1)][stage]
        shown = sign * slots[list(places)] * 0.5
        candidates = [np.array(goal) - np.array(now) for goal in (pursued, *later)]
        assert min(np.abs(shown - gap).max() for gap in candidates) < 1e-6
    assert mirrored / 200 == pytest.approx(0.5, abs=0.12)


# --- who acts ---


def at(hand: float, blocks: tuple[float, float], goals: tuple[float, float]) -> Observation:
    places = np.array(blocks, np.float32)
    return Observation(observe(np.array(hand), places), places, np.array(goals, np.float32))


FAR_FROM_ALL = at(0.0, (0.5, -0.5), (0.9, -0.9))
AT_FIRST = at(0.5, (0.5, -0.5), (0.9, -0.9))
FIRST_DONE = at(0.9, (0.9, -0.5), (0.9, -0.9))
AT_SECOND = at(-0.5, (0.9, -0.5), (0.9, -0.9))
ALL_DONE = at(-0.5, (0.9, -0.9), (0.9, -0.9))
FIRST_LOST = at(-0.5, (0.7, -0.9), (0.9, -0.9))


def test_blocks_at_their_goals_are_ends_and_the_hand_at_a_block_is_a_means() -> None:
    assert [is_end(STAGES, n) for n in range(4)] == [False, True, False, True]


BY_ITSELF = STAGES[3]._replace(name="bring1", threshold=0.1, maintained=())
WITH_MEANS = (*STAGES[:2], STAGES[2]._replace(maintained=()), BY_ITSELF, STAGES[3])


@pytest.mark.parametrize(
    ("moment", "guide", "learner"),
    [(FIRST_DONE, 2, 4), (AT_SECOND, 3, 4), (FAR_FROM_ALL, 0, 1)],
)
def test_a_block_brought_by_itself_guides_to_the_end_that_keeps_the_others(
    moment: Observation, guide: int, learner: int
) -> None:
    assert [is_end(WITH_MEANS, n) for n in range(5)] == [False, True, False, False, True]
    rngs = (np.random.default_rng(seed) for seed in range(30))
    progress = Progress(10, 0.0)
    chosen = {choose(Guidance(), WITH_MEANS, moment, 0, progress, rng) for rng in rngs}
    assert chosen == {(guide, True), (learner, False)}
    assert first_end(Guidance(), WITH_MEANS, moment) == learner


@pytest.mark.parametrize(
    ("moment", "stage", "end"),
    [
        (FAR_FROM_ALL, 0, 1),
        (AT_FIRST, 1, 1),
        (FIRST_DONE, 2, 3),
        (AT_SECOND, 3, 3),
        (ALL_DONE, 2, 3),
        (FIRST_LOST, 0, 1),
    ],
)
def test_the_first_unfinished_block_is_the_one_to_go_to(
    moment: Observation, stage: int, end: int
) -> None:
    assert current(Guidance(), STAGES, moment) == stage
    assert first_end(Guidance(), STAGES, moment) == end


def actors(config: Guidance, moment: Observation, reached: tuple[float, ...] = ()) -> set[Any]:
    progress = Progress(10, 0.0, reached)
    rngs = (np.random.default_rng(seed) for seed in range(30))
    chosen = [choose(config, STAGES, moment, 0, progress, rng) for rng in rngs]
    return {(choice.stage, choice.guiding) for choice in chosen}


def test_a_means_guides_to_its_end_and_an_end_acts_for_itself() -> None:
    assert actors(Guidance(), FAR_FROM_ALL) == {(0, True), (1, False)}
    assert actors(Guidance(), AT_FIRST) == {(1, False)}
    assert actors(Guidance(), FIRST_DONE) == {(2, True), (3, False)}
    assert actors(Guidance(), AT_SECOND) == {(3, False)}


def test_the_published_rule_skips_what_is_learned_and_mixes_with_the_next() -> None:
    config = Guidance(learned=0.8)
    assert actors(config, AT_FIRST, (1.0, 0.5, 0.0, 0.0)) == {(1, True), (2, False)}
    assert actors(config, FAR_FROM_ALL, (0.1, 0.1, 0.0, 0.0)) == {(0, True), (1, False)}
    assert actors(config, FAR_FROM_ALL, (1.0, 0.8, 0.3, 0.1)) == {(1, True), (2, False)}
    assert actors(config, FAR_FROM_ALL, (0.9, 0.9, 0.9, 0.9)) == {(3, False)}


@pytest.mark.parametrize(
    ("test", "moment", "stage"),
    [
        ("last", FAR_FROM_ALL, 3),
        ("unfinished", FAR_FROM_ALL, 1),
        ("unfinished", FIRST_DONE, 3),
        ("relay", FAR_FROM_ALL, 0),
        ("relay", FIRST_DONE, 2),
    ],
)
def test_in_tests_the_named_stage_acts(test: Any, moment: Observation, stage: int) -> None:
    config = replace(CONFIG, guidance=Guidance(test=test))
    seen = []

    def network(inputs: np.ndarray, rng: Any) -> np.ndarray:
        seen.append(inputs)
        return np.zeros(1, np.float32)

    relay.play(config, SPEC, network)(moment)
    goals = [
        moment.achieved[:1],
        moment.desired[:1],
        np.array([moment.achieved[1], moment.desired[0]]),
        moment.desired[::-1],
    ]
    now = Timestep(moment.observation, moment.achieved)
    expected = encode(relay.layout(config, SPEC), now, goals[stage], stage)
    np.testing.assert_allclose(seen[0], expected, rtol=1e-6)


def test_a_view_is_undone_by_itself() -> None:
    for stage in STAGES[2:]:
        assert stage.object_permutation is not None
        seen = observe(np.random.default_rng(0).normal(size=4), np.ones((4, 2)))
        np.testing.assert_array_equal(
            turned(
                turned(seen, stage.object_permutation.observation),
                stage.object_permutation.observation,
            ),
            seen,
        )


@pytest.mark.parametrize(
    ("reached", "weights"),
    [
        ((), [0.6, 0.6, 0.1, 0.1]),  # all of the first block: 1 + 0.2; 0.2 for the second
        ((0.9, 0.0, 0.0, 0.0), [0.6, 0.6, 0.1, 0.1]),  # the gripper is a means
        ((1.0, 0.7, 0.3, 0.2), [0.25, 0.25, 0.35, 0.35]),  # 0.3 + 0.2; 0.5 + 0.2
        ((1.0, 1.0, 1.0, 1.0), [0.1, 0.1, 0.1, 0.1]),
        ((1.0, 0.2, 0.0, 0.3), [0.5, 0.5, 0.1, 0.1]),  # the second counts where the first is done
    ],
)
def test_the_frontier_is_where_tests_stop_getting_on(reached: Any, weights: list[float]) -> None:
    np.testing.assert_allclose(frontier(STAGES, reached), weights)
    size = 240
    whose = stage_of_each(replace(CONFIG, mixing="frontier"), STAGES, reached, (2, size))
    counts = [np.bincount(row, minlength=4) for row in whose]
    np.testing.assert_allclose(
        counts, np.tile(size * np.array(weights) / sum(weights), (2, 1)), atol=1
    )


def test_two_means_to_an_end_share_a_half() -> None:
    stages = (*STAGES[:3], STAGES[2], STAGES[3])
    np.testing.assert_allclose(
        frontier(stages, (1.0, 1.0, 0.0, 0.0, 0.0)), [0.1, 0.1, 0.3, 0.3, 0.6]
    )


def test_sampling_follows_the_last_test() -> None:
    config = replace(CONFIG, mixing="frontier", encoding="absolute", focus=False)
    rules = RULES._replace(reached=(1.0, 1.0, 0.0, 0.0))
    batch, _ = relay.sample(config, rules, filled(), (2, 140), np.random.default_rng(0))
    first = (batch.inputs[..., -3:] == (0, 1, 0)).all(axis=-1)
    assert (first.sum(axis=1) == 10).all()  # 0.1 of 1.4
    given = replace(config, shares=(1.0, 1.0, 1.0, 1.0))
    batch, _ = relay.sample(given, rules, filled(), (2, 140), np.random.default_rng(0))
    first = (batch.inputs[..., -3:] == (0, 1, 0)).all(axis=-1)
    assert (first.sum(axis=1) == 35).all()


# --- whose stage a demonstrator was at ---


@pytest.mark.parametrize("stage", range(4))
def test_a_demonstrated_step_was_for_the_stage_that_would_have_acted(stage: int) -> None:
    replay, config = filled(), Guidance()
    index = replay.sample(300, np.random.default_rng(1))
    meant = intended(config, STAGES, stage, replay, index.row)
    for row, said in zip(index.row, meant, strict=True):
        facts = replay.observation[row], replay.achieved[row], replay.desired[row]
        now = Observation(*facts)
        stands_for = first_end if is_end(STAGES, stage) else current
        assert said == (stands_for(config, STAGES, now) == stage)
    assert 0 < meant.mean() < 1


def test_only_demonstrated_steps_for_a_stage_are_imitated_and_all_stages_are_shown() -> None:
    replay, config = filled(), replace(CONFIG, mixing="frontier", symmetries=())
    own, _ = relay.sample(config, RULES, replay, (3, 40), np.random.default_rng(0))
    assert not own.demonstrated.any()
    rules = RULES._replace(demonstrations=replay, reached=(0.9, 0.0, 0.0, 0.0))
    batch, _ = relay.sample(config, rules, replay, (3, 40), np.random.default_rng(0))
    assert 0 < batch.demonstrated.mean() < 1
    everywhere = stage_of_each(config, STAGES, (1.0,) * 4, (3, 40)).reshape(-1)
    assert np.bincount(everywhere).min() >= 30  # a demonstrator has been at the last one too
    for number in range(4):
        shown = batch.demonstrated.reshape(-1)[everywhere == number]
        rows = replay.steps().row
        often = intended(config.guidance, STAGES, number, replay, rows).mean()
        assert shown.mean() == pytest.approx(often, abs=0.25)


@pytest.mark.parametrize("number", range(4))
def test_a_mirrored_step_is_imitated_as_what_it_mirrors(number: int) -> None:
    replay = filled()
    rules = RULES._replace(demonstrations=replay)
    shown = []
    for symmetries in ((), ("all",)):
        config, rng = replace(CONFIG, symmetries=symmetries), np.random.default_rng(0)
        drawn = relay._draw(config, rules, replay, number, 300, rng)
        shown.append(relay._batch(config, rules, replay, number, drawn, rng, {}).demonstrated)
    np.testing.assert_array_equal(*shown)
    assert 0 < shown[0].mean() < 1
