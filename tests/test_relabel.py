"""Old steps get goals they could have had: against a slow reference, one step at a time."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goalrelay.data.rollout import rollout
from goalrelay.methods.exploration import random_action
from goalrelay.methods import flat, her
from goalrelay.data.priority import moving
from goalrelay.data.relabel import (
    STRATEGIES,
    GoalRule,
    Transitions,
    Rules,
    achieved_later,
    reached,
    relabel,
    whole,
)
from goalrelay.data.buffer import ReplayBuffer
from goalrelay.tasks.goal_task import open_task
from goalrelay.types import Batch, Steps, RewardFunction
from test_replay import LENGTHS, SPEC, episode, filled

SEEDS = st.integers(0, 2**32 - 1)


def reward(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
    return -(np.abs(achieved - desired).sum(-1) > 1.0).astype(np.float32)


def stored(achieved: np.ndarray, desired: np.ndarray, fact: np.ndarray) -> np.ndarray:
    return fact


RULES = Rules(SPEC, reward, stored, 0.9)


def relabelled(
    replay: ReplayBuffer, index: Steps, goals: GoalRule, seed: int = 0, rules: Rules = RULES
) -> Transitions:
    """Of the task itself."""
    return relabel(replay, index, whole(SPEC), goals, rules, np.random.default_rng(seed))


def drawn(lengths: list[int], seed: int, count: int = 60) -> tuple[ReplayBuffer, Steps]:
    replay = filled(lengths)
    return replay, replay.sample(count, np.random.default_rng(seed))


@settings(max_examples=100, deadline=None)
@given(LENGTHS, SEEDS)
def test_future_goals_come_later_in_the_same_episode(lengths: list[int], seed: int) -> None:
    replay, index = drawn(lengths, seed)
    rows = STRATEGIES["future"](replay, index, np.random.default_rng(seed + 1))
    number, moment = replay.observation[rows].T
    np.testing.assert_array_equal(number, replay.observation[index.row, 0])
    assert (moment > index.time).all()
    assert (moment <= index.length).all()


@settings(max_examples=100, deadline=None)
@given(LENGTHS, SEEDS)
def test_a_goal_is_looked_for_in_all_that_came_later(lengths: list[int], seed: int) -> None:
    replay, index = drawn(lengths, seed)
    rng = np.random.default_rng(seed + 1)
    goal = replay.achieved[STRATEGIES["episode"](replay, index, rng)]
    goal[rng.random(len(goal)) < 0.3] += 0.7
    found = achieved_later(replay, index, whole(SPEC), RULES, goal)
    for i, (row, time, length, _) in enumerate(zip(*index, strict=True)):
        later = [replay.achieved[row + n] for n in range(1, length - time + 1)]
        assert found[i] == any(reward(achieved, goal[i]) == 0 for achieved in later)


@settings(max_examples=100, deadline=None)
@given(LENGTHS, SEEDS)
def test_final_goals_are_the_last_moment_of_the_same_episode(lengths: list[int], seed: int) -> None:
    replay, index = drawn(lengths, seed)
    rows = STRATEGIES["final"](replay, index, np.random.default_rng(0))
    number, moment = replay.observation[rows].T
    np.testing.assert_array_equal(number, replay.observation[index.row, 0])
    np.testing.assert_array_equal(moment, index.length)


@settings(max_examples=100, deadline=None)
@given(LENGTHS, SEEDS)
def test_episode_goals_are_any_moment_of_the_same_episode(lengths: list[int], seed: int) -> None:
    replay, index = drawn(lengths, seed)
    rows = STRATEGIES["episode"](replay, index, np.random.default_rng(seed + 1))
    number, moment = replay.observation[rows].T
    np.testing.assert_array_equal(number, replay.observation[index.row, 0])
    assert (moment >= 0).all()
    assert (moment <= index.length).all()


@settings(max_examples=50, deadline=None)
@given(LENGTHS, SEEDS)
def test_random_goals_come_from_episodes_that_are_held(lengths: list[int], seed: int) -> None:
    replay, index = drawn(lengths, seed)
    rows = STRATEGIES["random"](replay, index, np.random.default_rng(seed + 1))
    every = replay._steps_of(np.arange(replay.episodes))
    assert set(rows) <= set(every.row + 1)


def test_random_goals_come_from_all_episodes_evenly_but_not_from_first_moments() -> None:
    replay = filled([6, 2, 4])
    index = Steps(*(np.full(24_000, v) for v in (0, 0, 6, True)))  # all in the first episode
    rows = STRATEGIES["random"](replay, index, np.random.default_rng(0))
    seen, counts = np.unique(replay.observation[rows], axis=0, return_counts=True)
    expected = [(n, t) for n, length in enumerate([6, 2, 4]) for t in range(1, length + 1)]
    np.testing.assert_array_equal(seen, expected)
    np.testing.assert_allclose(counts / 24_000, 1 / 12, rtol=0.1)


@pytest.mark.parametrize("time", range(6))
def test_future_offsets_pass_a_chi_square_test_from_every_moment(time: int) -> None:
    replay, left = filled([6]), 6 - time
    index = Steps(*(np.full(12_000, v) for v in (time, time, 6, False)))
    rows = STRATEGIES["future"](replay, index, np.random.default_rng(time))
    counts = np.bincount(rows - time, minlength=left + 1)
    assert counts[0] == 0
    expected = 12_000 / left
    assert len(counts) == left + 1
    # The 99.9% point of chi-square with at most 5 degrees of freedom.
    assert np.sum((counts[1:] - expected) ** 2 / expected) < 20.5


@pytest.mark.parametrize(
    ("strategy", "moments"),
    [("future", {3, 4, 5, 6}), ("episode", {0, 1, 2, 3, 4, 5, 6}), ("final", {6})],
)
def test_each_strategy_draws_its_moments_evenly(strategy: str, moments: set[int]) -> None:
    replay = filled([6])
    index = Steps(*(np.full(20_000, v) for v in (2, 2, 6, False)))
    rows = STRATEGIES[strategy](replay, index, np.random.default_rng(0))
    seen, counts = np.unique(replay.observation[rows, 1], return_counts=True)
    assert set(seen) == moments
    np.testing.assert_allclose(counts / 20_000, 1 / len(moments), rtol=0.1)


@settings(max_examples=100, deadline=None)
@given(
    LENGTHS,
    SEEDS,
    st.sampled_from([*STRATEGIES, "none"]),
    st.sampled_from([0.0, 0.3, 0.8, 1.0]),
    st.sampled_from([0.0, 0.4, 1.0]),
)
def test_rewards_and_ends_are_those_of_a_slow_reference(
    lengths: list[int], seed: int, strategy: str, ratio: float, actual: float
) -> None:
    replay, index = drawn(lengths, seed)
    meaning = relabelled(replay, index, GoalRule(strategy, ratio, actual), seed)
    # The same random numbers, spent one step at a time.
    rng = np.random.default_rng(seed)
    if strategy == "none":
        chosen, rows = np.zeros(len(index.row), bool), index.row
    else:
        chosen = rng.random(len(index.row)) < ratio
        rows = STRATEGIES[strategy](replay, index, rng)
    pursued: dict[int, int] = {}  # step of the batch -> row of the step whose goal it takes
    if actual:
        takers = [i for i, point in enumerate(rng.random(len(index.row))) if point < actual]
        pursued = dict(zip(takers, replay.sample(len(takers), rng).row, strict=True))
    for i, row in enumerate(index.row):
        goal = replay.achieved[rows[i]] if chosen[i] else replay.desired[row]
        after = replay.achieved[rows[i]] if chosen[i] else replay.desired[row + 1]
        if i in pursued:
            goal = after = replay.desired[pursued[i]]
        np.testing.assert_array_equal(meaning.goal[i], goal)
        np.testing.assert_array_equal(meaning.next_goal[i], after)
        distance = sum(abs(a - g) for a, g in zip(replay.achieved[row + 1], after, strict=True))
        assert meaning.reward[i] == (0.0 if distance <= 1.0 else -1.0)
        last = index.time[i] == index.length[i] - 1
        number = int(replay.observation[row, 0])
        assert meaning.discount[i] == (0 if last and number % 2 == 0 else np.float32(0.9))
        assert meaning.after[i] == row + 1
        assert meaning.hindsight[i] == (chosen[i] and i not in pursued)


@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0])
def test_the_task_is_asked_about_what_the_step_brought_and_the_goal_after_it(ratio: float) -> None:
    def told(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        return (achieved @ [1.0, 10.0, 100.0] - 3 * desired @ [1.0, 10.0, 100.0]).astype("f")

    def odd(achieved: np.ndarray, desired: np.ndarray, fact: np.ndarray) -> np.ndarray:
        return told(achieved, desired) % 2 >= 1

    replay, index = drawn([5, 6, 4], 3)
    meaning = relabelled(replay, index, GoalRule("future", ratio), 0, Rules(SPEC, told, odd, 0.9))
    for i, row in enumerate(index.row):
        one = slice(i, i + 1)
        achieved, desired = replay.achieved[row + 1][None], meaning.next_goal[one]
        assert meaning.reward[i] == told(achieved, desired)[0]
        assert (meaning.discount[i] == 0) == odd(achieved, desired, np.array([False]))[0]


@pytest.mark.parametrize("strategy", [*STRATEGIES, "none"])
def test_real_steps_keep_the_goals_that_were_shown(strategy: str) -> None:
    replay, index = drawn([5, 6, 4], 3)
    meaning = relabelled(replay, index, GoalRule(strategy, 0.0))
    np.testing.assert_array_equal(meaning.goal, replay.desired[index.row])
    np.testing.assert_array_equal(meaning.next_goal, replay.desired[index.row + 1])


def test_the_stored_end_stands_only_at_the_last_step_of_an_episode_that_the_task_ended() -> None:
    replay = filled([3, 2])  # the task ended episode 0, the time limit episode 1
    index = replay._steps_of(np.arange(2))
    for ratio in (0.0, 1.0):
        meaning = relabelled(replay, index, GoalRule("final", ratio))
        np.testing.assert_array_equal(meaning.discount == 0, [False, False, True, False, False])


def test_the_share_relabelled_is_the_ratio() -> None:
    replay = filled([5, 6, 4])
    index = replay.sample(20_000, np.random.default_rng(0))
    for ratio in (0.0, 0.25, 0.8, 1.0):
        meaning = relabelled(replay, index, GoalRule("future", ratio), 1)
        kept = (meaning.goal == replay.desired[index.row]).all(1)  # shown goals end in .5
        assert 1 - kept.mean() == pytest.approx(ratio, abs=0.01)


def test_k_hindsight_goals_for_each_real_one() -> None:
    assert her.Config(k=4).goals.ratio == pytest.approx(0.8)
    assert her.Config(k=0).goals.ratio == 0.0
    assert her.Config(k=4, ratio=0.5).goals.ratio == 0.5


def test_actual_goals_are_those_of_all_stored_steps_evenly() -> None:
    replay = filled([6, 2, 4])
    index = Steps(*(np.full(24_000, v) for v in (0, 0, 6, True)))  # all the same step
    meaning = relabelled(replay, index, GoalRule("future", 0.8, 1.0))
    goals, counts = np.unique(meaning.goal, axis=0, return_counts=True)
    pursued = replay.desired[replay.steps().row]  # a goal of its own at every step
    np.testing.assert_array_equal(goals, np.unique(pursued, axis=0))
    assert len(goals) == 12
    np.testing.assert_allclose(counts / 24_000, 1 / 12, rtol=0.1)
    assert not meaning.hindsight.any()


def test_a_share_of_the_steps_has_actual_goals_and_the_others_are_relabelled_as_before() -> None:
    replay = filled([5, 6, 4])
    index = replay.sample(20_000, np.random.default_rng(0))
    plain = relabelled(replay, index, GoalRule("future", 0.8), 1)
    mixed = relabelled(replay, index, GoalRule("future", 0.8, 0.4), 1)
    same = (mixed.goal == plain.goal).all(axis=1)
    own = 1 / 15  # a random step can be the step itself, which pursued its own goal
    assert 1 - same.mean() == pytest.approx(0.4 * (1 - 0.2 * own), abs=0.01)
    assert mixed.hindsight.mean() == pytest.approx(0.6 * 0.8, abs=0.01)


def test_goals_that_come_with_a_step_take_the_place_of_those_of_the_strategy() -> None:
    replay, index = drawn([5, 6, 4], 3)
    last = index.row + index.length - index.time
    given, rule = np.where(np.arange(60) % 2, last, -1), GoalRule("future", 0.7)
    meaning, plain = (
        relabel(replay, index, whole(SPEC), rule, RULES, np.random.default_rng(0), 1, goals)
        for goals in (given, None)
    )
    np.testing.assert_array_equal(meaning.hindsight, plain.hindsight)
    takes = meaning.hindsight & (given >= 0)
    np.testing.assert_array_equal(meaning.goal[takes], replay.achieved[last][takes])
    np.testing.assert_array_equal(meaning.next_goal[takes], replay.achieved[last][takes])
    np.testing.assert_array_equal(meaning.goal[~takes], plain.goal[~takes])


@pytest.mark.parametrize("limits", [(0.0, 1.0), None])
def test_rewards_of_one_and_nothing_add_up_until_the_goal_is_reached(
    limits: tuple[float, float] | None,
) -> None:
    def one(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        return reward(achieved, desired) + 1

    replay, index = drawn([5, 6, 4], 3, 200)
    zero_one = Rules(SPEC._replace(reward_range=limits), one, stored, 0.5)
    rng = np.random.default_rng
    whole_ = whole(SPEC)
    rule, half = GoalRule("future", 1.0), RULES._replace(gamma=0.5)
    meaning = relabel(replay, index, whole_, rule, zero_one, rng(0), 6)
    usual = relabel(replay, index, whole_, rule, half, rng(0), 6)
    np.testing.assert_array_equal(meaning.after, usual.after)
    np.testing.assert_array_equal(meaning.discount, usual.discount)
    taken = meaning.after - index.row
    there = one(replay.achieved[meaning.after], meaning.goal) == 1
    assert there.any()
    np.testing.assert_array_equal(meaning.reward, np.where(there, 0.5 ** (taken - 1.0), 0.0))
    assert len(set(taken)) > 2


@pytest.mark.parametrize(
    ("limits", "rewards", "expected"),
    [
        ((-1.0, 0.0), [-1, -0.5, 0], [False, False, True]),
        ((0.0, 1.0), [0, 0.5, 1], [False, False, True]),
    ],
)
def test_a_goal_is_reached_where_the_task_gives_its_best_reward(
    limits: tuple[float, float], rewards: list[float], expected: list[bool]
) -> None:
    asked = 0

    def given(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        nonlocal asked
        asked += 1
        return np.array(rewards, np.float32)

    rules, goals = Rules(SPEC._replace(reward_range=limits), given, stored, 0.9), np.zeros((3, 3))
    np.testing.assert_array_equal(reached(whole(SPEC), rules)(goals, goals), expected)
    assert asked == 1  # a promise is not asked for again
    near = whole(SPEC)._replace(threshold=0.5)  # has rewards of its own
    achieved = goals + np.array([[0.0], [0.2], [0.4]])
    np.testing.assert_array_equal(reached(near, rules)(achieved, goals), [True, True, False])
    assert asked == 1


def within(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
    return np.abs(achieved - desired).sum(-1) <= 1.0


UNPROMISED: dict[str, RewardFunction] = {
    "-1 and 0": reward,
    "0 and 1": lambda achieved, desired: within(achieved, desired).astype(np.float32),
    "False and True": within,
    "-2 and -1": lambda achieved, desired: reward(achieved, desired) - 1,
    "less, the higher the goal": lambda achieved, desired: (
        within(achieved, desired) / (1 + np.abs(desired).sum(-1, dtype=np.float32))
    ),
}
"""Rewards of a task that promises no range; all are best within a distance of 1."""


@pytest.mark.parametrize("rewards", UNPROMISED.values(), ids=UNPROMISED)
def test_without_a_promise_the_task_is_asked_for_its_reward_at_the_goal(
    rewards: RewardFunction,
) -> None:
    rules = Rules(SPEC._replace(reward_range=None), rewards, stored, 0.9)
    desired = np.array([[0, 0, 0], [5, 0, 0], [0, 9, 0], [2, 2, 2]], np.float32)
    achieved = desired + np.array([[0.5], [-0.25], [0.0], [0.0]]) * [1, 1, 0]
    achieved[3] += 3
    expected = [True, True, True, False]
    np.testing.assert_array_equal(reached(whole(SPEC), rules)(achieved, desired), expected)


def test_more_than_was_asked_for_is_as_good_as_the_goal() -> None:
    def above(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        return np.asarray((achieved >= desired).all(-1))

    rules = Rules(SPEC._replace(reward_range=None), above, stored, 0.9)
    desired = np.ones((3, 3), np.float32)
    there = reached(whole(SPEC), rules)(desired * [[0.9], [1.0], [7.0]], desired)
    np.testing.assert_array_equal(there, [False, True, True])


@pytest.mark.parametrize("rewards", UNPROMISED.values(), ids=UNPROMISED)
def test_what_asks_whether_goals_are_reached_does_not_depend_on_the_sign(
    rewards: RewardFunction,
) -> None:
    replay = filled([5, 6, 4])
    promised = RULES._replace(demonstrations=replay)
    unpromised = promised._replace(spec=SPEC._replace(reward_range=None), reward=rewards)
    config = her.Config(strategy="episode", priority="rare", cell=0.5)
    (usual, figures), (batch, others) = (
        her.sample(config, rules, replay, (1, 400), np.random.default_rng(0))
        for rules in (promised, unpromised)
    )
    np.testing.assert_array_equal(batch.inputs, usual.inputs)
    np.testing.assert_array_equal(batch.demonstrated, usual.demonstrated)
    assert 0 < usual.demonstrated.mean() < 1
    assert others == figures
    assert 0 < figures["innr"] < 1
    one = episode(1, 6)
    usual_weight, weight = (
        moving(one, reached(whole(SPEC), rules)) for rules in (promised, unpromised)
    )
    np.testing.assert_array_equal(weight, usual_weight)
    assert set(usual_weight) == {0, 1}


def test_relabelling_leaves_the_facts_alone() -> None:
    replay = filled([5, 6, 4])
    before = replay.achieved.copy(), replay.desired.copy()
    index = replay.sample(500, np.random.default_rng(0))
    relabelled(replay, index, GoalRule("future", 1.0), 1)
    np.testing.assert_array_equal(replay.achieved, before[0])
    np.testing.assert_array_equal(replay.desired, before[1])


def sampled(config: her.Config, rules: Rules, replay: ReplayBuffer, count: int = 60) -> Batch:
    """One batch."""
    batch, _ = her.sample(config, rules, replay, (1, count), np.random.default_rng(0))
    return jax.tree.map(lambda x: x[0], batch)


def test_a_step_that_reaches_its_new_goal_ends_where_the_task_says_so() -> None:
    def at_goal(achieved: np.ndarray, desired: np.ndarray, fact: np.ndarray) -> np.ndarray:
        return reward(achieved, desired) == 0

    replay, _ = drawn([5, 6, 4], 3)
    config = her.Config(strategy="future", ratio=1.0)
    batch = sampled(config, Rules(SPEC, reward, at_goal, 0.9), replay)
    np.testing.assert_array_equal(batch.discount, np.where(batch.reward == 0, 0.0, 0.9).astype("f"))
    assert 0 < (batch.reward == 0).mean() < 1


def of_task(task_id: str, episodes: int) -> tuple[Rules, ReplayBuffer]:
    task = open_task(task_id)
    replay = ReplayBuffer(task.spec, 1000)
    for seed in range(episodes):
        replay.add([rollout(task, lambda rng: lambda _: random_action(task.spec, rng), seed)])
    return Rules(task.spec, task.reward, task.terminal, 0.9), replay


def test_a_task_that_can_judge_a_batch_is_asked_where_it_would_have_ended() -> None:
    rules, replay = of_task("goalrelay/BitFlip-v0", 4)
    assert not replay._terminal.any()  # twelve bits are not matched by chance
    batch = sampled(her.Config(ratio=1.0), rules, replay, 500)
    there = (batch.next_inputs[:, :12] == batch.next_inputs[:, 12:]).all(1)
    np.testing.assert_array_equal(batch.discount, np.where(there, 0.0, 0.9).astype("f"))
    np.testing.assert_array_equal(batch.reward, np.where(there, 0.0, -1.0))
    assert 0 < there.mean() < 1


def test_a_task_that_cannot_goes_on_past_a_goal_it_reaches() -> None:
    rules, replay = of_task("goalrelay/PointReach-v0", 2)
    batch = sampled(her.Config(ratio=1.0), rules, replay, 500)
    assert (batch.reward == 0).any()
    np.testing.assert_array_equal(batch.discount, np.full(500, 0.9, "f"))


def test_without_hindsight_every_goal_is_the_one_that_was_shown() -> None:
    replay, _ = drawn([5, 6, 4], 3)
    index = replay.sample(60, np.random.default_rng(0))
    batch, _ = flat.sample(flat.Config(), RULES, replay, (1, 60), np.random.default_rng(0))
    np.testing.assert_array_equal(batch.inputs[0, :, 2:], replay.desired[index.row])
    np.testing.assert_array_equal(batch.next_inputs[0, :, 2:], replay.desired[index.row + 1])


def test_a_batch_is_single_precision() -> None:
    replay, _ = drawn([5, 6, 4], 3)
    assert {x.dtype for x in jax.tree.leaves(sampled(her.Config(), RULES, replay))} == {
        np.dtype(np.float32)
    }


def test_a_batch_lays_observation_and_goal_side_by_side() -> None:
    replay, _ = drawn([5, 6, 4], 3)
    index = replay.sample(60, np.random.default_rng(0))
    batch = sampled(her.Config(strategy="none"), RULES, replay)
    np.testing.assert_array_equal(
        batch.inputs, np.hstack([replay.observation[index.row], replay.desired[index.row]])
    )
    np.testing.assert_array_equal(
        batch.next_inputs,
        np.hstack([replay.observation[index.row + 1], replay.desired[index.row + 1]]),
    )
    np.testing.assert_array_equal(batch.action, replay.action[index.row])


def test_the_batches_of_a_cycle_are_drawn_apart() -> None:
    replay, _ = drawn([5, 6, 4], 3)
    batch, _ = her.sample(her.Config(), RULES, replay, (3, 40), np.random.default_rng(0))
    assert batch.inputs.shape == (3, 40, 5)
    assert batch.action.shape == (3, 40, 1)
    assert batch.reward.shape == batch.discount.shape == (3, 40)
    assert not np.array_equal(batch.inputs[0], batch.inputs[1])
