"""The ring holds whole episodes, oldest out first, and never mixes two."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.errors import UsageError
from goalrelay.types import Columns, Observation, Steps
from numbered_episodes import CAPACITY, HORIZON, LENGTHS, ROWS, SPEC, episode, filled


def held(buffer: ReplayBuffer) -> list[int]:
    """Numbers of the episodes held, oldest first, each checked to be whole."""
    steps = buffer.steps()
    numbers = []
    for first in np.flatnonzero(steps.time == 0):
        row, length = steps.row[first], int(steps.length[first])
        number = int(buffer.observation[row, 0])
        expected = episode(number, length)
        np.testing.assert_array_equal(
            buffer.observation[row : row + length + 1], expected.observation
        )
        np.testing.assert_array_equal(buffer.achieved[row : row + length + 1], expected.achieved)
        np.testing.assert_array_equal(buffer.desired[row : row + length + 1], expected.desired)
        np.testing.assert_array_equal(buffer.action[row : row + length], expected.action)
        assert steps.last_terminal[first] == expected.terminal
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
    buffer = filled(lengths)
    numbers = held(buffer)
    assert numbers == list(range(len(lengths)))[-len(numbers) :]
    assert buffer.transitions == sum(lengths[n] for n in numbers) <= CAPACITY


@settings(max_examples=100, deadline=None)
@given(LENGTHS)
def test_nothing_is_dropped_while_there_is_room(lengths: list[int]) -> None:
    buffer = filled(lengths, capacity=HORIZON * len(lengths) + len(lengths))
    assert held(buffer) == list(range(len(lengths)))


def test_episodes_of_one_length_fill_the_ring_to_its_capacity() -> None:
    buffer = filled([HORIZON] * 53, capacity=10 * HORIZON)
    assert held(buffer) == list(range(43, 53))
    assert buffer.transitions == 10 * HORIZON


def test_a_capacity_that_is_no_multiple_of_the_horizon_is_used_to_the_last_step() -> None:
    buffer = filled([6, 6, 6, 2])
    assert held(buffer) == [0, 1, 2, 3]
    assert buffer.transitions == CAPACITY


@settings(max_examples=100, deadline=None)
@given(LENGTHS, st.integers(0, 2**32 - 1))
def test_every_drawn_step_lies_in_its_own_episode(lengths: list[int], seed: int) -> None:
    buffer = filled(lengths)
    numbers = set(held(buffer))
    steps = buffer.sample(50, np.random.default_rng(seed))
    assert (steps.time >= 0).all()
    assert (steps.time < steps.length).all()
    for row, time, length, ended in zip(*steps[:4], strict=True):
        number, shown = buffer.observation[row]
        assert int(number) in numbers
        assert shown == time
        assert lengths[int(number)] == length
        np.testing.assert_array_equal(buffer.observation[row + 1], [number, time + 1])
        assert buffer.action[row, 0] == 100 * number + time
        assert ended == (int(number) % 2 == 0)


def test_steps_are_drawn_uniformly_whatever_the_lengths() -> None:
    buffer = filled([1, 6, 3, 5])
    steps = buffer.sample(30_000, np.random.default_rng(0))
    _, counts = np.unique(steps.row, return_counts=True)
    assert len(counts) == 15
    np.testing.assert_allclose(counts / 30_000, 1 / 15, rtol=0.1)


def test_add_returns_the_steps_just_stored_in_order() -> None:
    buffer = filled([3, 4])
    steps = buffer.add([episode(7, 2), episode(8, 3)])
    seen = buffer.observation[steps.row]
    np.testing.assert_array_equal(seen, [[7, 0], [7, 1], [8, 0], [8, 1], [8, 2]])


def assert_same_steps(one: Steps, other: Steps) -> None:
    for a, b in zip(one[:4], other[:4], strict=True):
        np.testing.assert_array_equal(a, b)


@settings(max_examples=50, deadline=None)
@given(LENGTHS, LENGTHS)
def test_a_restored_buffer_goes_on_like_the_saved_one(before: list[int], after: list[int]) -> None:
    one = filled(before)
    saved = {name: value.copy() for name, value in one.save().items()}
    other = ReplayBuffer(SPEC, CAPACITY)
    other.restore(saved)
    for buffer in (one, other):
        for number, length in enumerate(after):
            buffer.add([episode(100 + number, length)])
    assert held(one) == held(other)
    a, b = (each.sample(20, np.random.default_rng(1)) for each in (one, other))
    assert_same_steps(a, b)


def test_a_restored_buffer_draws_the_same_steps_and_timesteps() -> None:
    one, other = filled([5, 6, 4, 3, 6, 2]), ReplayBuffer(SPEC, CAPACITY)
    other.restore(one.save())
    a, b = (r.sample(200, np.random.default_rng(3)) for r in (one, other))
    assert_same_steps(a, b)
    for name in ("observation", "achieved", "desired", "action"):
        np.testing.assert_array_equal(getattr(one, name)[a.row], getattr(other, name)[b.row])
    assert 0 < a.last_terminal.mean() < 1
    assert (one.episodes, one.transitions) == (other.episodes, other.transitions)


def test_an_end_without_success_is_kept_with_its_row_until_it_is_overwritten() -> None:
    buffer = ReplayBuffer(SPEC, CAPACITY)
    lost, won = episode(0, 3), episode(2, 3)
    assert lost.terminal
    buffer.add([lost, won._replace(success=1.0), lost._replace(terminal=False)])
    buffer.add([lost._replace(success=float("nan"))])
    assert np.flatnonzero(buffer.failed).tolist() == [3]
    for number in range(4, 9):
        buffer.add([episode(2 * number + 1, 6)])  # the time limit ended these
    assert not buffer.failed.any()


def test_a_state_of_a_version_without_failures_is_restored() -> None:
    saved, other = filled([5, 4]).save(), ReplayBuffer(SPEC, CAPACITY)
    saved["failed"] = saved["failed"][:0]  # as in a new run, see `checkpoint.LATER`
    other.restore(saved)
    assert other.episodes == 2
    assert not other.failed.any()


def test_only_rows_in_use_are_saved() -> None:
    saved = filled([3, 2]).save()
    for name in ("observation", "achieved", "desired", "action"):
        assert len(saved[name]) == 3 + 1 + 2 + 1
    assert len(ReplayBuffer(SPEC, CAPACITY).save()["observation"]) == 0


def test_discrete_actions_are_stored_as_whole_numbers() -> None:
    buffer = ReplayBuffer(SPEC._replace(discrete=True, action_size=9), CAPACITY)
    plain = episode(0, 4)
    buffer.add([plain._replace(action=np.array([8, 0, 3, 1], np.int32))])
    assert buffer.action.shape == (ROWS,)
    assert buffer.action.dtype == np.int32
    np.testing.assert_array_equal(buffer.action[:4], [8, 0, 3, 1])


def test_memory_is_what_the_rows_take() -> None:
    buffer = ReplayBuffer(SPEC, 600)
    rows = 600 + 100  # one more row an episode
    assert buffer.bytes == rows * (4 * (2 + 3 + 3 + 1 + 1) + 1)  # the last are weight and failure


def test_a_buffer_too_small_for_an_episode_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--replay\.capacity .* at least 6, got 5"):
        ReplayBuffer(SPEC, 5)


def test_a_buffer_for_just_one_episode_holds_the_newest() -> None:
    buffer = filled([6, 6, 6], capacity=6)
    assert held(buffer) == [2]


PIECES = [
    Columns("observation", (1, 0)),
    Columns("achieved_goal", (0, 1, 2)),
    Columns("desired_goal", (2,)),
]


@pytest.mark.parametrize("columns", PIECES, ids=lambda columns: columns.source)
def test_columns_are_the_same_in_the_buffer_and_in_an_episode(columns: Columns) -> None:
    buffer, one = filled([3, 4]), episode(1, 4)
    rows = buffer.steps().row[3:]
    np.testing.assert_array_equal(buffer.read(columns, rows), columns.of(one)[:4])
    timestep = Observation(one.observation[2], one.achieved[2], one.desired[2])
    np.testing.assert_array_equal(buffer.read(columns, rows[2:3])[0], columns.of(timestep))


def test_a_subgoal_is_read_as_the_position_that_it_asks_for() -> None:
    buffer = ReplayBuffer(SPEC, CAPACITY, extra_action_size=2)
    change = np.array([[0.25, -1.0], [0.5, -2.0], [0.75, -3.0]], np.float32)
    one = episode(7, 3)
    steps = buffer.add([one._replace(action=np.hstack([one.action, change]))])
    np.testing.assert_array_equal(buffer.action[steps.row, 0], one.action[:, 0])
    # At time t the observation is (7, t).
    asked = buffer.read(Columns("subgoal", (0, 1)), steps.row)
    np.testing.assert_array_equal(asked, [[7.25, -1.0], [7.5, -1.0], [7.75, -1.0]])


def test_a_buffer_that_memory_cannot_hold_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--replay\.capacity .* does not fit in memory"):
        ReplayBuffer(SPEC, 10**18)
