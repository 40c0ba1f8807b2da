"""Old steps get goals they could have had: against a slow reference, one step at a time."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goalrelay.methods import Rules, her
from goalrelay.relabel import STRATEGIES, relabel
from goalrelay.replay import Replay
from goalrelay.types import Index
from test_replay import LENGTHS, filled

SEEDS = st.integers(0, 2**32 - 1)


def reward(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
    return -(np.abs(achieved - desired).sum(-1) > 1.0).astype(np.float32)


def stored(achieved: np.ndarray, desired: np.ndarray, fact: np.ndarray) -> np.ndarray:
    return fact


def drawn(lengths: list[int], seed: int, count: int = 60) -> tuple[Replay, Index]:
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


@pytest.mark.parametrize(
    ("strategy", "moments"),
    [("future", {3, 4, 5, 6}), ("episode", {0, 1, 2, 3, 4, 5, 6}), ("final", {6})],
)
def test_each_strategy_draws_its_moments_evenly(strategy: str, moments: set[int]) -> None:
    replay = filled([6])
    index = Index(*(np.full(20_000, v) for v in (2, 2, 6, False)))
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
)
def test_rewards_and_ends_are_those_of_a_slow_reference(
    lengths: list[int], seed: int, strategy: str, ratio: float
) -> None:
    replay, index = drawn(lengths, seed)
    meaning = relabel(replay, index, strategy, ratio, reward, stored, np.random.default_rng(seed))
    # The same random numbers, spent one step at a time.
    rng = np.random.default_rng(seed)
    if strategy == "none":
        chosen, rows = np.zeros(len(index.row), bool), index.row
    else:
        chosen = rng.random(len(index.row)) < ratio
        rows = STRATEGIES[strategy](replay, index, rng)
    for i, row in enumerate(index.row):
        goal = replay.achieved[rows[i]] if chosen[i] else replay.desired[row]
        after = replay.achieved[rows[i]] if chosen[i] else replay.desired[row + 1]
        np.testing.assert_array_equal(meaning.goal[i], goal)
        np.testing.assert_array_equal(meaning.next_goal[i], after)
        distance = sum(abs(a - g) for a, g in zip(replay.achieved[row + 1], after, strict=True))
        assert meaning.reward[i] == (0.0 if distance <= 1.0 else -1.0)
        last = index.time[i] == index.length[i] - 1
        number = int(replay.observation[row, 0])
        assert meaning.terminal[i] == (last and number % 2 == 0)


def test_the_share_relabelled_is_the_ratio() -> None:
    replay = filled([5, 6, 4])
    index = replay.sample(20_000, np.random.default_rng(0))
    for ratio in (0.0, 0.25, 0.8, 1.0):
        meaning = relabel(replay, index, "future", ratio, reward, stored, np.random.default_rng(1))
        kept = (meaning.goal == replay.desired[index.row]).all(1)  # shown goals end in .5
        assert 1 - kept.mean() == pytest.approx(ratio, abs=0.01)


def test_k_hindsight_goals_for_each_real_one() -> None:
    assert her.Config(k=4).share == pytest.approx(0.8)
    assert her.Config(k=0).share == 0.0
    assert her.Config(k=4, ratio=0.5).share == 0.5


def test_relabelling_leaves_the_facts_alone() -> None:
    replay = filled([5, 6, 4])
    before = replay.achieved.copy(), replay.desired.copy()
    index = replay.sample(500, np.random.default_rng(0))
    relabel(replay, index, "future", 1.0, reward, stored, np.random.default_rng(1))
    np.testing.assert_array_equal(replay.achieved, before[0])
    np.testing.assert_array_equal(replay.desired, before[1])


def test_a_step_that_reaches_its_new_goal_ends_where_the_task_says_so() -> None:
    def at_goal(achieved: np.ndarray, desired: np.ndarray, fact: np.ndarray) -> np.ndarray:
        return reward(achieved, desired) == 0

    replay, index = drawn([5, 6, 4], 3)
    config: Any = her.Config(strategy="future", ratio=1.0)
    batch = her.relabel(
        config, Rules(reward, at_goal), 0.9, replay, index, np.random.default_rng(0)
    )
    np.testing.assert_array_equal(batch.discount, np.where(batch.reward == 0, 0.0, 0.9).astype("f"))
    assert 0 < (batch.reward == 0).mean() < 1


def test_a_batch_lays_observation_and_goal_side_by_side() -> None:
    replay, index = drawn([5, 6, 4], 3)
    batch = her.relabel(
        her.Config(strategy="none"),
        Rules(reward, stored),
        0.9,
        replay,
        index,
        np.random.default_rng(0),
    )
    np.testing.assert_array_equal(
        batch.inputs, np.hstack([replay.observation[index.row], replay.desired[index.row]])
    )
    np.testing.assert_array_equal(
        batch.next_inputs,
        np.hstack([replay.observation[index.row + 1], replay.desired[index.row + 1]]),
    )
    np.testing.assert_array_equal(batch.action, replay.action[index.row])
