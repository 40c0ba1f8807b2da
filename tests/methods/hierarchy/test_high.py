"""The high level's transitions: c steps are one; and whole updates of both levels."""

from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_walks import (
    GAMMA,
    RANGE,
    SNAPSHOT,
    SPEC,
    TASK,
    C,
    K,
    drawn,
    episode,
    filled,
    plain,
    reward,
    stored,
    transitions,
)

import reference
from goalrelay.data.buffer import ReplayBuffer
from goalrelay.data.relabel import GoalRule, relabel, stage_objective, whole
from goalrelay.learners import td3
from goalrelay.learners.agent import Agent
from goalrelay.learners.imitation import Imitation
from goalrelay.methods.hierarchy import Hierarchy
from goalrelay.types import Episode, Task

LEARNER: Any = td3
PLACES = SPEC._replace(goal_position_columns=(0, 1))
"""A task whose goals are positions."""


def test_the_steps_of_a_sub_goal_are_one_step_of_the_high_level() -> None:
    buffer = filled()
    batch, figures = drawn(1, plain(reward_scale=0.1), buffer)
    expected = {}
    for row, time, length, ended in stored(buffer):
        if time % C:
            continue
        end = min(time + C, length)
        steps = range(row, row + end - time)
        goal = buffer.desired[row]
        seen, after = buffer.observation[row], buffer.observation[row + end - time]
        gained = sum(float(reward(buffer.observation[s + 1, :2], goal)) for s in steps)
        expected[tuple(seen)] = (
            [*seen, *goal],
            (buffer.action[row, 2:] / RANGE).clip(-1, 1),
            0.1 * gained,
            0.0 if ended and end == length else GAMMA,
            [*after, *goal],
        )
    found = set()
    for transition in transitions(batch):
        found.add(key := tuple(transition[0][:4]))
        for got, want in zip(transition, expected[key], strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    assert found == set(expected)
    assert figures["relabelled_subgoal_fraction"] == figures["imitated_fraction"] == 0
    assert batch.action_target is None


def moving_goals(seed: int, lengths: list[tuple[int, bool]]) -> ReplayBuffer:
    """Random walks after goals that the task moves at every step."""
    buffer, rng = ReplayBuffer(SPEC, 100, K), np.random.default_rng(seed)
    for length, terminal in lengths:
        goals = rng.standard_normal((length + 1, 2)).astype("f")
        buffer.add([episode(rng, length, terminal)._replace(desired=goals)])
    return buffer


def near(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
    return np.linalg.norm(achieved - desired, axis=-1) < 2


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    lengths=st.lists(st.tuples(st.integers(1, 13), st.booleans()), min_size=1, max_size=6),
    horizon=st.integers(1, 15),
    ratio=st.sampled_from([0.0, 0.5, 1.0]),
    asked=st.booleans(),
)
def test_relabelling_of_many_steps_agrees_with_a_loop_over_them(
    seed: int, lengths: list[tuple[int, bool]], horizon: int, ratio: float, asked: bool
) -> None:
    """Whether the task ends where it is near its goal (asked), or where it did."""
    buffer = moving_goals(seed, lengths)

    def terminal(achieved: np.ndarray, desired: np.ndarray, ended: np.ndarray) -> np.ndarray:
        return near(achieved, desired) if asked else ended

    objective = stage_objective(Task(SPEC, reward, terminal), whole(SPEC), GAMMA, horizon)
    rng, steps = np.random.default_rng(seed), buffer.steps()
    found = relabel(buffer, steps, objective, GoalRule("future", ratio), rng)
    for i, (row, time, length, ended) in enumerate(stored(buffer)):
        end = row + min(horizon, length - time)
        if found.hindsight[i]:  # a goal that is given stays where it is
            later = buffer.achieved[end : row - time + length + 1]
            assert (later == found.goal[i]).all(axis=1).any()
            goals = np.tile(found.goal[i], (end - row + 1, 1))
        else:
            goals = buffer.desired[row : end + 1]
        gained = 0.0
        for ahead in range(1, end - row + 1):
            gained += float(reward(buffer.achieved[row + ahead], goals[ahead]))
        over = ended and end == row - time + length
        if asked:
            over = bool(near(buffer.achieved[end], goals[-1]))
        np.testing.assert_array_equal(found.goal[i], goals[0])
        np.testing.assert_array_equal(found.next_goal[i], goals[-1])
        assert found.next_row[i] == end
        assert found.reward[i] == pytest.approx(gained, rel=1e-4)
        assert found.discount[i] == np.float32(0.0 if over else GAMMA)
    assert ratio in (0.5, found.hindsight.mean())


def test_five_steps_of_a_goal_that_moves_by_hand() -> None:
    """A point goes 0, 1, 2, .. 5; its goal goes 10, 9, 8, .. 5, where the task ends."""
    spec = SPEC._replace(observation_size=1, achieved_size=1, goal_size=1, action_size=1)
    buffer = ReplayBuffer(spec, 13, 1)
    seen, goal = (
        np.arange(6.0, dtype="f")[:, None] * sign + start for sign, start in ((1, 0), (-1, 10))
    )
    buffer.add([Episode(seen, seen, goal, np.zeros((5, 2), "f"), True, 0.0, 0.0)])
    objective = stage_objective(TASK._replace(spec=spec), whole(spec), 0.5, horizon=3)
    steps = buffer.steps()
    found = relabel(buffer, steps, objective, GoalRule("none", 0.0), np.random.default_rng(0))
    # Distances after the steps: 8, 6, 4, 2, 0.
    np.testing.assert_array_equal(found.reward, [-18, -12, -6, -2, 0])
    np.testing.assert_array_equal(found.discount, [0.5, 0.5, 0, 0, 0])
    np.testing.assert_array_equal(found.goal[:, 0], [10, 9, 8, 7, 6])
    np.testing.assert_array_equal(found.next_goal[:, 0], [7, 6, 5, 5, 5])
    np.testing.assert_array_equal(found.next_row, [3, 4, 5, 5, 5])


@pytest.mark.parametrize(
    ("task", "sums"), [(None, None), ((-1.0, 0.0), (-2.5, 0.0)), ((0.5, 2.0), (0.0, 5.0))]
)
def test_the_high_levels_returns_are_bounded_where_the_tasks_rewards_are(
    task: Any, sums: Any
) -> None:
    spec = SPEC._replace(reward_range=task)
    low, high = Hierarchy(plain(reward_scale=0.5), TASK._replace(spec=spec), GAMMA).levels
    assert high.spec.reward_range == sums
    assert low.spec.reward_range is None


def test_the_high_levels_hindsight_goals_were_achieved_after_its_step() -> None:
    buffer = filled()
    batch, _ = drawn(1, plain(high_hindsight=1.0), buffer)
    known = {tuple(buffer.observation[r].tolist()): (r, t, n) for r, t, n, _ in stored(buffer)}
    ahead = set()
    for inputs, _, gained, _, after in transitions(batch):
        row, time, length = known[tuple(inputs[:4].tolist())]
        goal, end = inputs[4:], row + min(C, length - time)
        later = buffer.achieved[end : row - time + length + 1]
        (found,) = np.flatnonzero((later == goal).all(axis=1))
        ahead.add(int(found))
        np.testing.assert_array_equal(after[4:], goal)
        total = sum(float(reward(buffer.achieved[s + 1], goal)) for s in range(row, end))
        assert gained == pytest.approx(total, rel=1e-4)
    assert ahead == set(range(13 - C + 1))
    batch, _ = drawn(1, plain(high_hindsight=0.3), buffer)
    asked = {tuple(goal.tolist()) for goal in buffer.desired}
    old = np.mean([tuple(x[4:].tolist()) in asked for x in batch.inputs.reshape(-1, 6)])
    assert old == pytest.approx(0.7, abs=0.04)


def test_the_high_levels_actual_goals_were_desired_at_other_steps() -> None:
    buffer = filled()
    batch, _ = drawn(1, plain(actual=1.0), buffer)
    known = {tuple(buffer.observation[r].tolist()): (r, t, n) for r, t, n, _ in stored(buffer)}
    asked = {tuple(buffer.desired[row].tolist()) for row, *_ in stored(buffer)}
    goals, own = set(), 0
    for inputs, _, gained, _, after in transitions(batch):
        row, time, length = known[tuple(inputs[:4].tolist())]
        goal, end = inputs[4:], row + min(C, length - time)
        goals.add(tuple(goal.tolist()))
        own += tuple(goal.tolist()) == tuple(buffer.desired[row].tolist())
        np.testing.assert_array_equal(after[4:], goal)
        total = sum(float(reward(buffer.achieved[s + 1], goal)) for s in range(row, end))
        assert gained == pytest.approx(total, rel=1e-4)
    assert goals == asked
    assert own < 2000 / len(asked) * 2


# --- action targets ---


def test_the_high_level_is_drawn_toward_goals_in_hindsight_too() -> None:
    buffer, task = ReplayBuffer(SPEC, 100, K), TASK._replace(spec=PLACES)
    walk = episode(np.random.default_rng(0), 13)
    slow = 0.1 * walk.observation
    buffer.add([walk._replace(observation=slow, achieved=slow[:, :2])])
    config = plain(subgoal_steps=2, planner_weight=3.0, high_hindsight=1.0)
    batch, _ = drawn(1, config, buffer, task, shape=(4, 50))
    assert batch.action_target is not None
    assert batch.action_target.action.shape == (4, 50, K)
    assert (batch.action_target.weight == np.full((4, 50), 3.0)).all()
    toward = (batch.inputs[..., 4:] - batch.inputs[..., :2]) / RANGE
    same = (np.abs(toward) < 0.1).all(axis=-1)
    assert len(np.unique(toward[same], axis=0)) > 10
    np.testing.assert_allclose(batch.action_target.action[same], toward[same], atol=1e-4)


@pytest.mark.parametrize(
    ("options", "spec"),
    [
        ({}, SPEC),  # a position, but the goal is something else
        ({}, PLACES._replace(goal_size=0, goal_position_columns=())),
        ({"subgoal_columns": (2, 3), "subgoal_range": (1.0,)}, PLACES),
        ({"subgoal_columns": (1, 0), "subgoal_range": (1.0,)}, PLACES),
        ({"planner_weight": 0.0}, PLACES),
    ],
)
def test_sub_goals_are_free_without_a_goal_that_is_a_position(options: Any, spec: Any) -> None:
    buffer = filled()
    if not spec.goal_size:
        buffer = ReplayBuffer(spec, 100, K)
        rng = np.random.default_rng(0)
        buffer.add([episode(rng, 13)._replace(desired=np.zeros((14, 0), "f"))])
    config = plain(**{"planner_weight": 3.0} | options)

    def own(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        return reward(achieved, np.zeros(2))

    batch, _ = drawn(1, config, buffer, TASK._replace(spec=spec, reward=own))
    assert batch.action_target is None


def test_sub_goals_are_planned_where_the_goal_is_a_position() -> None:
    batch, _ = drawn(1, plain(planner_weight=3.0), filled(), TASK._replace(spec=PLACES))
    assert batch.action_target is not None


# --- whole updates ---


def test_an_update_of_both_levels_equals_numpy() -> None:
    """Sampling as above, then TD3 in float64 (tests/reference.py)."""
    buffer = filled()
    learner = td3.Config(
        hidden=(8, 8), batch_size=16, policy_delay=2, gamma=GAMMA, normalize=False, polyak=0.9,
        target_interval=1, action_l2=0.0, init="fan_in", clip_return=False,
    )  # fmt: skip
    config = plain(correction="off-policy", subgoal_transition="resampled")
    for number, level in enumerate(Hierarchy(config, TASK, GAMMA).levels):
        agent = Agent(level, LEARNER, learner, Imitation(), jax.random.key(number))
        # Returns have no limits here.
        free: Any = SimpleNamespace(**vars(learner), return_low=None, return_high=None)
        expected: Any = reference.Td3(agent.state, free)
        batches, _ = level.sample(buffer, SNAPSHOT, (4, 16), np.random.default_rng(1))
        key = jax.random.key(9)
        state, metrics = agent.start_updates(agent.state, batches, key)
        for pair, pair_key in enumerate(jax.random.split(key, 2)):
            for j, step_key in enumerate(jax.random.split(pair_key, 2)):
                i = 2 * pair + j
                draw = np.asarray(jax.random.normal(step_key, batches.action[i].shape), float)
                fields = (np.asarray(x[i], float) for x in batches[:5])
                expected.critic_step(*fields, noise=draw)
            expected.actor_step(np.asarray(batches.inputs[2 * pair + 1], float))
            expected.move_targets()
        for got, want in (
            (state.actor, expected.actor),
            *zip(state.critics, expected.critics, strict=True),
        ):
            for x, y in zip((*got.weights, *got.biases), want.parameters(), strict=True):
                np.testing.assert_allclose(x, y, rtol=2e-3, atol=2e-5)
        assert set(metrics) == {f"{level.name}{m}" for m in td3.METRICS}


def test_the_high_levels_actor_moves_to_its_targets() -> None:
    config, task = plain(planner_weight=1000.0), TASK._replace(spec=PLACES)
    level = Hierarchy(config, task, GAMMA).levels[1]
    learner = td3.Config(hidden=(32, 32), actor_lr=1e-2, normalize=False, target_interval=1)
    agent = Agent(level, LEARNER, learner, Imitation(), jax.random.key(0))
    batch, _ = level.sample(filled(), SNAPSHOT, (200, 32), np.random.default_rng(0))
    assert batch.action_target is not None
    wanted = batch.action_target.action

    def away(state: Any) -> float:
        gap = np.tanh(td3.actor(state)(batch.inputs)) - wanted
        return float(np.square(gap).sum(-1).mean())

    state, _ = agent.start_updates(agent.state, batch, jax.random.key(1))
    assert away(state) < 0.2 * away(agent.state)


def test_the_high_level_learns_less_often() -> None:
    low, high = Hierarchy(plain(high_update_interval=7), TASK, GAMMA).levels
    assert (low.interval, high.interval) == (1, 7)
