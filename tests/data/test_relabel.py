"""Old steps get goals that they could have had, and the rewards that these goals imply."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.data.priority import informative
from goalrelay.data.relabel import (
    STRATEGIES,
    GoalRule,
    Objective,
    achieved_later,
    came_to_goal,
    innr,
    relabel,
    stage_objective,
    whole,
)
from goalrelay.data.rollout import rollout
from goalrelay.methods.exploration import random_action
from goalrelay.tasks.goal_task import open_task
from goalrelay.types import Columns, RewardFunction, Stage, Steps, Task, Transitions
from numbered_episodes import LENGTHS, SPEC, episode, filled

SEEDS = st.integers(0, 2**32 - 1)
rng_of = np.random.default_rng


def reward(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
    return -(np.abs(achieved - desired).sum(-1) > 1.0).astype(np.float32)


def as_stored(achieved: np.ndarray, desired: np.ndarray, ended: np.ndarray) -> np.ndarray:
    return ended


def at_goal(achieved: np.ndarray, desired: np.ndarray, ended: np.ndarray) -> np.ndarray:
    return reward(achieved, desired) == 0


TASK = Task(SPEC, reward, as_stored)
WHOLE = stage_objective(TASK, whole(SPEC), 0.9)


def objective(
    rewards: RewardFunction = reward,
    limits: tuple[float, float] | None = SPEC.reward_range,
    horizon: int = 1,
) -> Objective:
    """Of the task itself, with other rewards than its own."""
    task = TASK._replace(spec=SPEC._replace(reward_range=limits), reward=rewards)
    return stage_objective(task, whole(SPEC), 0.9, horizon)


def relabelled(
    buffer: ReplayBuffer, steps: Steps, rule: GoalRule, seed: int = 0, of: Objective = WHOLE
) -> Transitions:
    return relabel(buffer, steps, of, rule, rng_of(seed))


def drawn(lengths: list[int], seed: int, count: int = 60) -> tuple[ReplayBuffer, Steps]:
    buffer = filled(lengths)
    return buffer, buffer.sample(count, rng_of(seed))


def hindsight_rows(
    strategy: str, buffer: ReplayBuffer, steps: Steps, seed: int, span: int = 1
) -> np.ndarray:
    """Rows of the goals of transitions that take so many steps, fewer at the end of an episode."""
    spans = np.minimum(span, steps.length - steps.time)
    return STRATEGIES[strategy](buffer, steps, spans, rng_of(seed))


def of_one_step(count: int, time: int, length: int) -> Steps:
    """The same step of the buffer's first episode, again and again."""
    full = [np.full(count, value) for value in (time, time, length)]
    return Steps(*full, last_terminal=np.full(count, False))


def episode_and_time(buffer: ReplayBuffer, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    number, time = buffer.observation[rows].T
    return number, time


@settings(max_examples=100, deadline=None)
@given(LENGTHS, SEEDS, st.integers(1, 8))
def test_future_goals_come_at_the_end_of_the_transition_or_later_in_the_same_episode(
    lengths: list[int], seed: int, span: int
) -> None:
    buffer, steps = drawn(lengths, seed)
    rows = hindsight_rows("future", buffer, steps, seed + 1, span)
    number, time = episode_and_time(buffer, rows)
    np.testing.assert_array_equal(number, buffer.observation[steps.row, 0])
    assert (time >= np.minimum(steps.time + span, steps.length)).all()
    assert (time <= steps.length).all()


@settings(max_examples=100, deadline=None)
@given(LENGTHS, SEEDS)
def test_a_goal_is_looked_for_in_all_that_came_later(lengths: list[int], seed: int) -> None:
    buffer, steps = drawn(lengths, seed)
    goal = buffer.achieved[hindsight_rows("episode", buffer, steps, seed + 1)]
    goal[rng_of(seed + 2).random(len(goal)) < 0.3] += 0.7
    found = achieved_later(buffer, steps, WHOLE, goal)
    for i, (row, time, length) in enumerate(zip(*steps[:3], strict=True)):
        later = [buffer.achieved[row + n] for n in range(1, length - time + 1)]
        assert found[i] == any(reward(achieved, goal[i]) == 0 for achieved in later)


@settings(max_examples=100, deadline=None)
@given(LENGTHS, SEEDS)
def test_final_goals_are_the_last_timestep_of_the_same_episode(
    lengths: list[int], seed: int
) -> None:
    buffer, steps = drawn(lengths, seed)
    number, time = episode_and_time(buffer, hindsight_rows("final", buffer, steps, 0))
    np.testing.assert_array_equal(number, buffer.observation[steps.row, 0])
    np.testing.assert_array_equal(time, steps.length)


@settings(max_examples=100, deadline=None)
@given(LENGTHS, SEEDS)
def test_episode_goals_are_any_timestep_of_the_same_episode(lengths: list[int], seed: int) -> None:
    buffer, steps = drawn(lengths, seed)
    number, time = episode_and_time(buffer, hindsight_rows("episode", buffer, steps, seed + 1))
    np.testing.assert_array_equal(number, buffer.observation[steps.row, 0])
    assert (time >= 0).all()
    assert (time <= steps.length).all()


@settings(max_examples=50, deadline=None)
@given(LENGTHS, SEEDS)
def test_random_goals_come_from_episodes_that_are_held(lengths: list[int], seed: int) -> None:
    buffer, steps = drawn(lengths, seed)
    rows = hindsight_rows("random", buffer, steps, seed + 1)
    assert set(rows) <= set(buffer.steps().row + 1)


def test_random_goals_come_from_all_episodes_evenly_but_not_from_first_timesteps() -> None:
    buffer = filled([6, 2, 4])
    rows = hindsight_rows("random", buffer, of_one_step(24_000, 0, 6), 0)
    found, counts = np.unique(buffer.observation[rows], axis=0, return_counts=True)
    expected = [(n, t) for n, length in enumerate([6, 2, 4]) for t in range(1, length + 1)]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(counts / 24_000, 1 / 12, rtol=0.1)


@pytest.mark.parametrize("time", range(6))
def test_future_offsets_pass_a_chi_square_test_from_every_timestep(time: int) -> None:
    buffer, left = filled([6]), 6 - time
    rows = hindsight_rows("future", buffer, of_one_step(12_000, time, 6), time)
    counts = np.bincount(rows - time, minlength=left + 1)
    assert counts[0] == 0
    expected = 12_000 / left
    assert len(counts) == left + 1
    # The 99.9% point of chi-square with at most 5 degrees of freedom.
    assert np.sum((counts[1:] - expected) ** 2 / expected) < 20.5


@pytest.mark.parametrize(
    ("strategy", "span", "times"),
    [
        ("future", 1, {3, 4, 5, 6}),
        ("future", 3, {5, 6}),
        ("episode", 1, {0, 1, 2, 3, 4, 5, 6}),
        ("final", 1, {6}),
    ],
)
def test_each_strategy_draws_its_timesteps_evenly(
    strategy: str, span: int, times: set[int]
) -> None:
    buffer = filled([6])
    rows = hindsight_rows(strategy, buffer, of_one_step(20_000, 2, 6), 0, span)
    found, counts = np.unique(buffer.observation[rows, 1], return_counts=True)
    assert set(found) == times
    np.testing.assert_allclose(counts / 20_000, 1 / len(times), rtol=0.1)


def is_hindsight(goal: np.ndarray) -> np.ndarray:
    """Goals that were achieved are whole numbers, those that were pursued end in a half."""
    return goal[:, 0] % 1 == 0


TIMES: dict[str, Callable[[int, int, int], bool]] = {
    "future": lambda goal, end, length: end <= goal <= length,
    "final": lambda goal, end, length: end <= goal == length,
    "episode": lambda goal, end, length: min(0, end) <= goal <= length,
}
"""For each strategy within the episode, when a hindsight goal may have been achieved; `end` is
when the transition ends."""


@settings(max_examples=150, deadline=None)
@given(
    LENGTHS,
    SEEDS,
    st.sampled_from([*STRATEGIES, "none"]),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.sampled_from([0.0, 0.4, 1.0]),
    st.integers(1, 8),
)
def test_every_transition_follows_from_what_happened_and_the_goal_that_it_was_given(
    lengths: list[int], seed: int, strategy: str, ratio: float, actual: float, horizon: int
) -> None:
    buffer, steps = drawn(lengths, seed, 40)
    rule = GoalRule(strategy, ratio, actual)
    transitions = relabelled(buffer, steps, rule, seed, objective(horizon=horizon))
    held = {tuple(goal) for goal in buffer.desired[buffer.steps().row]}
    for i, (row, time, length, terminal) in enumerate(zip(*steps[:4], strict=True)):
        goal, span = transitions.goal[i], min(horizon, length - time)
        kept = (goal == buffer.desired[row]).all()
        moves = kept and not (transitions.next_goal[i] == goal).all()  # as the task moved it
        assert transitions.hindsight[i] == is_hindsight(transitions.goal)[i]
        if transitions.hindsight[i]:
            assert strategy != "none" and ratio > 0 and actual < 1
            number, when = int(goal[0]), int(goal[1])
            if strategy == "random":
                assert 1 <= when <= lengths[number]
            else:
                assert number == buffer.observation[row, 0]
                assert TIMES[strategy](when, time + span, length)
        elif not moves:  # pursued at this or at another stored step
            assert actual > 0 and tuple(goal) in held
        else:
            assert actual < 1 and (ratio < 1 or strategy == "none")
        later = [buffer.desired[row + n] if moves else goal for n in range(1, span + 1)]
        np.testing.assert_array_equal(transitions.next_goal[i], later[-1])
        gaps = [buffer.achieved[row + n] - later[n - 1] for n in range(1, span + 1)]
        assert transitions.reward[i] == -sum(np.abs(gap).sum() > 1.0 for gap in gaps)
        ended = terminal and time + span == length
        assert transitions.discount[i] == (0 if ended else np.float32(0.9))
        assert transitions.next_row[i] == row + span


@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0])
def test_the_task_is_asked_about_what_the_step_brought_and_the_goal_after_it(ratio: float) -> None:
    def told(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        return (achieved @ [1.0, 10.0, 100.0] - 3 * desired @ [1.0, 10.0, 100.0]).astype("f")

    def odd(achieved: np.ndarray, desired: np.ndarray, ended: np.ndarray) -> np.ndarray:
        return told(achieved, desired) % 2 >= 1

    buffer, steps = drawn([5, 6, 4], 3)
    asked = stage_objective(Task(SPEC, told, odd), whole(SPEC), 0.9)
    transitions = relabelled(buffer, steps, GoalRule("future", ratio), 0, asked)
    for i, row in enumerate(steps.row):
        achieved, desired = buffer.achieved[row + 1][None], transitions.next_goal[i : i + 1]
        assert transitions.reward[i] == told(achieved, desired)[0]
        assert (transitions.discount[i] == 0) == odd(achieved, desired, np.array([False]))[0]


@pytest.mark.parametrize("strategy", [*STRATEGIES, "none"])
def test_other_steps_keep_the_goals_that_were_shown(strategy: str) -> None:
    buffer, steps = drawn([5, 6, 4], 3)
    transitions = relabelled(buffer, steps, GoalRule(strategy, 0.0))
    np.testing.assert_array_equal(transitions.goal, buffer.desired[steps.row])
    np.testing.assert_array_equal(transitions.next_goal, buffer.desired[steps.row + 1])


def test_goals_of_a_stage_that_are_no_goals_of_the_task_stay_as_they_were() -> None:
    # The stage brings the first number of what was achieved to the second of what was observed.
    desired = Columns("observation", (1,))
    stage = Stage("near", Columns("achieved_goal", (0,)), desired, threshold=2.0)
    buffer, steps = drawn([5, 6, 4], 3)
    near = stage_objective(TASK, stage, 0.9)
    transitions = relabelled(buffer, steps, GoalRule("none", 0.0), 0, near)
    now = buffer.observation[steps.row, 1:]
    np.testing.assert_array_equal(transitions.goal, now)
    np.testing.assert_array_equal(transitions.next_goal, now)
    gap = np.abs(buffer.achieved[steps.row + 1, 0] - now[:, 0])
    np.testing.assert_array_equal(transitions.reward, np.where(gap > 2, -1.0, 0.0))
    assert 0 < (gap > 2).mean() < 1


def test_the_stored_end_stands_only_at_the_last_step_of_an_episode_that_the_task_ended() -> None:
    buffer = filled([3, 2])  # the task ended episode 0, the time limit episode 1
    steps = buffer.steps()
    for ratio in (0.0, 1.0):
        transitions = relabelled(buffer, steps, GoalRule("final", ratio))
        np.testing.assert_array_equal(transitions.discount == 0, [False, False, True, False, False])


def test_where_goals_end_episodes_a_step_that_reaches_its_new_goal_ends_and_no_other() -> None:
    buffer = filled([3, 2])
    buffer.achieved[3] = buffer.desired[3]  # the end of episode 0, which the task ended
    ends = WHOLE._replace(ends_at_goal=True)
    pursued = relabelled(buffer, buffer.steps(), GoalRule("none", 0.0), of=ends)
    np.testing.assert_array_equal(pursued.discount == 0, pursued.reward == 0)
    assert pursued.discount[2] == 0
    other = relabelled(buffer, buffer.steps(), GoalRule("future", 0.0, 1.0), 3, ends)
    np.testing.assert_array_equal(other.discount == 0, other.reward == 0)
    assert other.discount[2] > 0, "another goal would not have ended it"
    buffer.achieved[3] = buffer.desired[3] + 9  # it ended for another reason
    fallen = relabelled(buffer, buffer.steps(), GoalRule("none", 0.0), of=ends)
    assert fallen.discount[2] == 0


def test_a_lasting_failure_is_paid_for_at_every_step_to_come() -> None:
    buffer = filled([3, 2])  # the task ended episode 0 without success
    lasts = WHOLE._replace(failure_lasts=True)
    plain, paid = (
        relabelled(buffer, buffer.steps(), GoalRule("none", 0.0), of=of) for of in (WHOLE, lasts)
    )
    lost = np.array([False, False, True, False, False])
    expected = np.where(lost, plain.reward / (1 - WHOLE.gamma), plain.reward)
    assert plain.reward[2] < 0
    np.testing.assert_allclose(paid.reward, expected, rtol=1e-6)
    np.testing.assert_array_equal(paid.discount, plain.discount)
    # under the goal that it did reach, the end is no failure
    reached = relabelled(buffer, buffer.steps(), GoalRule("final", 1.0), of=lasts)
    assert reached.reward[2] == 0


def test_a_failure_is_not_paid_with_rewards_above_0_for_ever() -> None:
    def alive(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        return 2 + reward(achieved, desired)

    buffer, task = (
        filled([3, 2]),
        TASK._replace(reward=alive, spec=SPEC._replace(reward_range=None)),
    )
    lasts = stage_objective(task, whole(SPEC), 0.9)._replace(failure_lasts=True)
    got = relabelled(buffer, buffer.steps(), GoalRule("none", 0.0), of=lasts)
    assert buffer.failed[got.next_row].tolist() == [False, False, True, False, False]
    np.testing.assert_array_equal(got.reward, np.full(5, 1.0, np.float32))


@pytest.mark.parametrize(
    ("reached", "terminal", "expected"),
    [
        ([0, 0, 1], True, (True, False)),
        ([0, 0, 1], False, (False, True)),
        ([0, 1, 1], True, (True, True)),
        ([0, 1, 0], False, (False, True)),
        ([0, 0, 0], True, (False, False)),
    ],
)
def test_an_episode_tells_whether_its_goal_ended_it(
    reached: list[int], terminal: bool, expected: tuple[bool, bool]
) -> None:
    one = episode(0, 3)
    achieved = one.desired + 9 * (1 - np.array([0, *reached])[:, None])
    one = one._replace(achieved=achieved.astype("f"), terminal=terminal)
    assert came_to_goal(one, WHOLE.success) == expected


def test_the_fraction_relabelled_is_the_ratio() -> None:
    buffer = filled([5, 6, 4])
    steps = buffer.sample(20_000, rng_of(0))
    for ratio in (0.0, 0.25, 0.8, 1.0):
        transitions = relabelled(buffer, steps, GoalRule("future", ratio), 1)
        kept = (transitions.goal == buffer.desired[steps.row]).all(1)
        assert 1 - kept.mean() == pytest.approx(ratio, abs=0.01)


def test_actual_goals_are_those_of_all_stored_steps_evenly() -> None:
    buffer = filled([6, 2, 4])
    transitions = relabelled(buffer, of_one_step(24_000, 0, 6), GoalRule("future", 0.8, 1.0))
    goals, counts = np.unique(transitions.goal, axis=0, return_counts=True)
    pursued = buffer.desired[buffer.steps().row]  # a goal of its own at every step
    np.testing.assert_array_equal(goals, np.unique(pursued, axis=0))
    assert len(goals) == 12
    np.testing.assert_allclose(counts / 24_000, 1 / 12, rtol=0.1)
    assert not transitions.hindsight.any()


def test_a_fraction_of_the_steps_has_actual_goals_and_the_others_are_relabelled() -> None:
    buffer = filled([5, 6, 4])
    steps = buffer.sample(20_000, rng_of(0))
    mixed = relabelled(buffer, steps, GoalRule("future", 0.8, 0.4), 1)
    assert mixed.hindsight.mean() == pytest.approx(0.6 * 0.8, abs=0.01)
    kept = (mixed.goal == buffer.desired[steps.row]).all(axis=1)
    own = 1 / 15  # a random step can be the step itself, which pursued its own goal
    assert kept.mean() == pytest.approx(0.6 * 0.2 + 0.4 * own, abs=0.01)


def test_goals_that_come_with_a_step_take_the_place_of_those_of_the_strategy() -> None:
    buffer, steps = drawn([5, 6, 4], 3)
    last = steps.row + steps.length - steps.time
    given_rows = np.where(np.arange(60) % 2, last, -1)
    rule = GoalRule("future", 0.7)
    transitions = relabelled(buffer, steps._replace(goal_row=given_rows), rule)
    plain = relabelled(buffer, steps, rule)
    np.testing.assert_array_equal(transitions.hindsight, plain.hindsight)
    takes = transitions.hindsight & (given_rows >= 0)
    assert takes.any()
    np.testing.assert_array_equal(transitions.goal[takes], buffer.achieved[last][takes])
    np.testing.assert_array_equal(transitions.next_goal[takes], buffer.achieved[last][takes])
    np.testing.assert_array_equal(transitions.goal[~takes], plain.goal[~takes])


def test_several_steps_make_one_transition_with_the_sum_of_their_rewards() -> None:
    # Desired goals are (number + 1/2, t + 1/2, -t + 1/2) at time t, and 1.5 away when achieved.
    def size(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        return (10 * achieved[:, 1] + desired[:, 1]).astype(np.float32)

    buffer = filled([5])
    steps = Steps(*(field[[0, 1, 3]] for field in buffer.steps()[:4]))
    three = objective(size, None, horizon=3)
    pursued = relabelled(buffer, steps, GoalRule("none", 0.0), 0, three)
    # From 0: achieved 1 + 2 + 3, desired 1.5 + 2.5 + 3.5, which the task moved. From 1: to 4.
    # From 3: two steps are left, 4 + 5 and 4.5 + 5.5; then the task ended.
    np.testing.assert_array_equal(pursued.reward, [60 + 7.5, 90 + 10.5, 90 + 10])
    np.testing.assert_array_equal(pursued.next_row, [3, 4, 5])
    np.testing.assert_array_equal(pursued.discount, np.array([0.9, 0.9, 0], np.float32))
    hindsight = relabelled(buffer, steps, GoalRule("final", 1.0), 0, three)
    # The goal is the last achieved one, whose second number is 5, at every step.
    np.testing.assert_array_equal(hindsight.reward, [60 + 15, 90 + 15, 90 + 10])


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

    def fixed(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        nonlocal asked
        asked += 1
        return np.array(rewards, np.float32)

    goals = np.zeros((3, 3))
    np.testing.assert_array_equal(objective(fixed, limits).success(goals, goals), expected)
    assert asked == 1  # a promise is not asked for again
    task = Task(SPEC._replace(reward_range=limits), fixed, as_stored)
    near = whole(SPEC)._replace(threshold=0.5)  # has rewards of its own
    achieved = goals + np.array([[0.0], [0.2], [0.4]])
    reached = stage_objective(task, near, 0.9).success(achieved, goals)
    np.testing.assert_array_equal(reached, [True, True, False])
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
    desired = np.array([[0, 0, 0], [5, 0, 0], [0, 9, 0], [2, 2, 2]], np.float32)
    achieved = desired + np.array([[0.5], [-0.25], [0.0], [0.0]]) * [1, 1, 0]
    achieved[3] += 3
    reached = objective(rewards, None).success(achieved, desired)
    np.testing.assert_array_equal(reached, [True, True, True, False])


def test_more_than_was_asked_for_is_as_good_as_the_goal() -> None:
    def above(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        return np.asarray((achieved >= desired).all(-1))

    desired = np.ones((3, 3), np.float32)
    reached = objective(above, None).success(desired * [[0.9], [1.0], [7.0]], desired)
    np.testing.assert_array_equal(reached, [False, True, True])


@pytest.mark.parametrize("rewards", UNPROMISED.values(), ids=UNPROMISED)
def test_what_asks_whether_goals_are_reached_does_not_depend_on_the_sign(
    rewards: RewardFunction,
) -> None:
    buffer, steps = drawn([5, 6, 4], 3, 400)
    unpromised = objective(rewards, None)
    hindsight = relabelled(buffer, steps, GoalRule("episode", 0.8)).hindsight
    share = innr(buffer, steps, WHOLE, hindsight)
    assert innr(buffer, steps, unpromised, hindsight) == share
    assert 0 < share < 1
    one = episode(1, 6)
    weight = informative(one, WHOLE.success)
    np.testing.assert_array_equal(informative(one, unpromised.success), weight)
    assert set(weight) == {0, 1}
    goal = buffer.achieved[hindsight_rows("episode", buffer, steps, 0)]
    found = achieved_later(buffer, steps, WHOLE, goal)
    np.testing.assert_array_equal(achieved_later(buffer, steps, unpromised, goal), found)
    assert 0 < found.mean() < 1


def test_relabelling_leaves_what_happened_alone() -> None:
    buffer = filled([5, 6, 4])
    before = buffer.achieved.copy(), buffer.desired.copy()
    relabelled(buffer, buffer.sample(500, rng_of(0)), GoalRule("future", 1.0, 0.5), 1)
    np.testing.assert_array_equal(buffer.achieved, before[0])
    np.testing.assert_array_equal(buffer.desired, before[1])


def test_a_step_that_reaches_its_new_goal_ends_where_the_task_says_so() -> None:
    buffer, steps = drawn([5, 6, 4], 3)
    ends = stage_objective(Task(SPEC, reward, at_goal), whole(SPEC), 0.9)
    transitions = relabelled(buffer, steps, GoalRule("future", 1.0), 0, ends)
    there = transitions.reward == 0
    np.testing.assert_array_equal(transitions.discount, np.where(there, 0.0, 0.9).astype("f"))
    assert 0 < there.mean() < 1


def of_task(task_id: str, episodes: int) -> tuple[ReplayBuffer, Transitions]:
    """Steps of a task under random actions, each with a goal that was achieved later."""
    simulator = open_task(task_id)
    spec, buffer = simulator.spec, ReplayBuffer(simulator.spec, 1000)
    for seed in range(episodes):
        buffer.add([rollout(simulator, lambda rng: lambda _: random_action(spec, rng), seed)])
    steps = buffer.sample(500, rng_of(0))
    of = stage_objective(simulator.task, whole(spec), 0.9)
    transitions = relabelled(buffer, steps, GoalRule("future", 1.0), 0, of)
    simulator.close()
    return buffer, transitions


def test_a_task_that_can_judge_a_batch_is_asked_where_it_would_have_ended() -> None:
    buffer, transitions = of_task("goalrelay/BitFlip-v0", 4)
    assert not buffer.steps().last_terminal.any()  # twelve bits are not matched by chance
    there = (buffer.achieved[transitions.next_row] == transitions.next_goal).all(1)
    np.testing.assert_array_equal(transitions.discount, np.where(there, 0.0, 0.9).astype("f"))
    np.testing.assert_array_equal(transitions.reward, np.where(there, 0.0, -1.0))
    assert 0 < there.mean() < 1


def test_a_task_that_cannot_goes_on_past_a_goal_it_reaches() -> None:
    _, transitions = of_task("goalrelay/PointReach-v0", 2)
    assert (transitions.reward == 0).any()
    np.testing.assert_array_equal(transitions.discount, np.full(500, 0.9, "f"))


def test_transitions_are_single_precision() -> None:
    buffer, steps = drawn([5, 6, 4], 3)
    transitions = relabelled(buffer, steps, GoalRule("future", 0.5, 0.5))
    numbers = (transitions.goal, transitions.next_goal, transitions.reward, transitions.discount)
    assert {values.dtype for values in numbers} == {np.dtype(np.float32)}
