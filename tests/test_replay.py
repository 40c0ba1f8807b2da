"""The ring holds whole episodes, oldest out first, and never mixes two."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goalrelay.errors import UsageError
from goalrelay.data.buffer import ReplayBuffer
from goalrelay.types import Episode, Spec

HORIZON = 6
CAPACITY = 20
ROWS = 24  # one more row for each of the four episodes that 20 steps can be
SPEC = Spec(2, 3, 3, 1, False, HORIZON, (-1.0, 0.0))
LENGTHS = st.lists(st.integers(1, HORIZON), min_size=1, max_size=40)


def episode(number: int, length: int) -> Episode:
    """Facts that say where they belong: [episode, moment]."""
    moments = np.arange(length + 1)
    facts = np.stack([np.full(length + 1, number), moments, -moments], 1).astype(np.float32)
    action = (100 * number + np.arange(length, dtype=np.float32))[:, None]
    return Episode(facts[:, :2], facts, facts + 0.5, action, number % 2 == 0, 0.0, 0.0)


def filled(lengths: Sequence[int], capacity: int = CAPACITY) -> ReplayBuffer:
    replay = ReplayBuffer(SPEC, capacity)
    for number, length in enumerate(lengths):
        replay.add([episode(number, length)])
    return replay


def held(replay: ReplayBuffer) -> list[int]:
    """Numbers of the episodes held, oldest first, each checked to be whole."""
    index = replay._steps_of(np.arange(replay.episodes))
    numbers = []
    for first in np.flatnonzero(index.time == 0):
        row, length = index.row[first], int(index.length[first])
        number = int(replay.observation[row, 0])
        expected = episode(number, length)
        np.testing.assert_array_equal(
            replay.observation[row : row + length + 1], expected.observation
        )
        np.testing.assert_array_equal(replay.achieved[row : row + length + 1], expected.achieved)
        np.testing.assert_array_equal(replay.desired[row : row + length + 1], expected.desired)
        np.testing.assert_array_equal(replay.action[row : row + length], expected.action)
        assert index.last_terminal[first] == expected.terminal
        numbers.append(number)
    return numbers


def slow_ring(lengths: Sequence[int]) -> list[int]:
    """Numbers of the episodes that a ring of ROWS rows holds, kept as lists of the rows taken."""
    rows_of: dict[int, set[int]] = {}
    following = 0
    for number, length in enumerate(lengths):
        taken, passed_over = set(range(following, following + length + 1)), set[int]()
        if max(taken) >= ROWS:  # begin again at the front
            taken, passed_over = set(range(length + 1)), set(range(following, ROWS))
        rows_of = {n: r for n, r in rows_of.items() if not r & (taken | passed_over)}
        rows_of[number] = taken
        following = max(taken) + 1
    return list(rows_of)


@settings(max_examples=200, deadline=None)
@given(LENGTHS)
def test_only_episodes_whose_rows_are_needed_give_way(lengths: list[int]) -> None:
    assert held(filled(lengths)) == slow_ring(lengths)


@settings(max_examples=200, deadline=None)
@given(LENGTHS)
def test_the_newest_episodes_are_held_whole_and_in_order(lengths: list[int]) -> None:
    replay = filled(lengths)
    numbers = held(replay)
    assert numbers == list(range(len(lengths)))[-len(numbers) :]
    assert replay.transitions == sum(lengths[n] for n in numbers) <= CAPACITY


@settings(max_examples=100, deadline=None)
@given(LENGTHS)
def test_nothing_is_dropped_while_there_is_room(lengths: list[int]) -> None:
    replay = filled(lengths, capacity=HORIZON * len(lengths) + len(lengths))
    assert held(replay) == list(range(len(lengths)))


def test_episodes_of_one_length_fill_the_ring_to_its_capacity() -> None:
    replay = filled([HORIZON] * 53, capacity=10 * HORIZON)
    assert held(replay) == list(range(43, 53))
    assert replay.transitions == 10 * HORIZON


def test_a_capacity_that_is_no_multiple_of_the_horizon_is_used_to_the_last_step() -> None:
    replay = filled([6, 6, 6, 2])
    assert held(replay) == [0, 1, 2, 3]
    assert replay.transitions == CAPACITY


@settings(max_examples=100, deadline=None)
@given(LENGTHS, st.integers(0, 2**32 - 1))
def test_every_drawn_step_lies_in_its_own_episode(lengths: list[int], seed: int) -> None:
    replay = filled(lengths)
    numbers = set(held(replay))
    index = replay.sample(50, np.random.default_rng(seed))
    assert (index.time >= 0).all()
    assert (index.time < index.length).all()
    for row, time, length, ended in zip(*index, strict=True):
        number, moment = replay.observation[row]
        assert int(number) in numbers
        assert moment == time
        assert lengths[int(number)] == length
        np.testing.assert_array_equal(replay.observation[row + 1], [number, time + 1])
        assert replay.action[row, 0] == 100 * number + time
        assert ended == (int(number) % 2 == 0)


def test_steps_are_drawn_uniformly_whatever_the_lengths() -> None:
    replay = filled([1, 6, 3, 5])
    index = replay.sample(30_000, np.random.default_rng(0))
    _, counts = np.unique(index.row, return_counts=True)
    assert len(counts) == 15
    np.testing.assert_allclose(counts / 30_000, 1 / 15, rtol=0.1)


def test_add_returns_the_steps_just_stored_in_order() -> None:
    replay = filled([3, 4])
    index = replay.add([episode(7, 2), episode(8, 3)])
    seen = replay.observation[index.row]
    np.testing.assert_array_equal(seen, [[7, 0], [7, 1], [8, 0], [8, 1], [8, 2]])


@settings(max_examples=50, deadline=None)
@given(LENGTHS, LENGTHS)
def test_a_restored_replay_goes_on_like_the_saved_one(before: list[int], after: list[int]) -> None:
    one = filled(before)
    saved = {name: value.copy() for name, value in one.save().items()}
    other = ReplayBuffer(SPEC, CAPACITY)
    other.restore(saved)
    for replay in (one, other):
        for number, length in enumerate(after):
            replay.add([episode(100 + number, length)])
    assert held(one) == held(other)
    for a, b in zip(
        one.sample(20, np.random.default_rng(1)),
        other.sample(20, np.random.default_rng(1)),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_a_restored_replay_draws_the_same_steps_and_facts() -> None:
    one, other = filled([5, 6, 4, 3, 6, 2]), ReplayBuffer(SPEC, CAPACITY)
    other.restore(one.save())
    a, b = (r.sample(200, np.random.default_rng(3)) for r in (one, other))
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)
    for name in ("observation", "achieved", "desired", "action"):
        np.testing.assert_array_equal(getattr(one, name)[a.row], getattr(other, name)[b.row])
    assert 0 < a.last_terminal.mean() < 1
    assert (one.episodes, one.transitions) == (other.episodes, other.transitions)


def test_only_rows_in_use_are_saved() -> None:
    saved = filled([3, 2]).save()
    for name in ("observation", "achieved", "desired", "action"):
        assert len(saved[name]) == 3 + 1 + 2 + 1
    assert len(ReplayBuffer(SPEC, CAPACITY).save()["observation"]) == 0


def test_discrete_actions_are_stored_as_whole_numbers() -> None:
    replay = ReplayBuffer(SPEC._replace(discrete=True, action_size=9), CAPACITY)
    plain = episode(0, 4)
    replay.add([plain._replace(action=np.array([8, 0, 3, 1], np.int32))])
    assert replay.action.shape == (ROWS,)
    assert replay.action.dtype == np.int32
    np.testing.assert_array_equal(replay.action[:4], [8, 0, 3, 1])


def test_memory_is_what_the_rows_take() -> None:
    replay = ReplayBuffer(SPEC, 600)
    rows = 600 + 100  # one more row an episode
    assert replay.bytes == rows * 4 * (2 + 3 + 3 + 1 + 1)  # the last is the weight


def test_a_replay_too_small_for_an_episode_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--replay\.capacity .* at least 6, got 5"):
        ReplayBuffer(SPEC, 5)


def test_a_replay_for_just_one_episode_holds_the_newest() -> None:
    replay = filled([6, 6, 6], capacity=6)
    assert held(replay) == [2]
