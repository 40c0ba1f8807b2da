"""Rare goals: what is kept between draws changes nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.data.rare_goals import BUCKETS, FACTORS, SPREAD, RareGoals
from goalrelay.types import Episode
from numbered_episodes import CAPACITY, SPEC, episode

COLUMNS = (0, 2)


def near(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
    assert achieved.shape[-1] == len(COLUMNS)
    return np.linalg.norm(achieved - desired, axis=-1) <= 0.3


def wandering(number: int, length: int, rng: np.random.Generator, size: float) -> Episode:
    """An episode whose object wanders, and whose goal lies within a box of this size."""
    achieved = np.cumsum(rng.normal(0, 0.2, (length + 1, SPEC.achieved_size)), axis=0)
    desired = np.tile(rng.uniform(-size, size, SPEC.goal_size), (length + 1, 1))
    return episode(number, length)._replace(
        achieved=achieved.astype(np.float32), desired=desired.astype(np.float32)
    )


def literal(
    buffer: ReplayBuffer, count: int, cell: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of steps and goals, computed from all that is stored, goal by goal."""
    steps = buffer.steps()
    asked = buffer.desired[steps.row[steps.time == 0]][:, COLUMNS]
    cell = cell or float(f"{SPREAD * asked.std(axis=0).mean():.1e}") or 1.0
    low, high = asked.min(axis=0) - cell, asked.max(axis=0) + cell
    goals, buckets = [], []
    for number, (row, time) in enumerate(zip(steps.row, steps.time, strict=True)):
        goal, start = buffer.achieved[row + 1, COLUMNS], buffer.achieved[row - time, COLUMNS]
        if (goal >= low).all() and (goal <= high).all() and not near(goal, start):
            goals.append(number)
            place = np.floor(goal / cell).astype(int)
            buckets.append(int(place @ np.array(FACTORS[: len(COLUMNS)])) % BUCKETS)
    if not goals:
        return np.zeros(0), np.zeros(0)
    mass = np.cumsum([1 / buckets.count(bucket) for bucket in buckets])
    drawn = np.searchsorted(mass, rng.random(count) * mass[-1], side="right")
    chosen = np.array(goals)[drawn.clip(max=len(mass) - 1)]
    time = rng.integers(0, steps.time[chosen] + 1)
    return steps.row[chosen] - steps.time[chosen] + time, steps.row[chosen] + 1


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 7), st.floats(0.05, 2)), min_size=1, max_size=25),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 0.25, 0.1234]),
)
def test_draws_are_those_of_all_stored_goals_looked_at_anew(
    parts: list[tuple[int, float]], seed: int, cell: float
) -> None:
    """Across a ring that is overwritten, boxes that grow and shrink, and cells that change."""
    rng, buffer = np.random.default_rng(seed), ReplayBuffer(SPEC, CAPACITY)
    rare = RareGoals(COLUMNS, cell, near)
    for number, (length, size) in enumerate(parts):
        buffer.add([wandering(number, length, rng, size)])
        if number % 3 == 1:  # several episodes between some draws
            continue
        rows, goals = literal(buffer, 30, cell, np.random.default_rng(number))
        drawn = rare.draw(buffer, 30, np.random.default_rng(number))
        assert (drawn is None) == (len(rows) == 0)
        if drawn is not None:
            np.testing.assert_array_equal(drawn.row, rows)
            np.testing.assert_array_equal(drawn.goal_row, goals)


@pytest.mark.parametrize("looked", [False, True])
def test_a_restored_buffer_is_looked_at_anew(looked: bool) -> None:
    rng = np.random.default_rng(1)
    buffer, other = ReplayBuffer(SPEC, CAPACITY), ReplayBuffer(SPEC, CAPACITY)
    buffer.add([wandering(number, 6, rng, 1.0) for number in range(4)])
    other.add([wandering(9, 5, rng, 1.0)])
    rare = RareGoals(COLUMNS, 0.25, near)
    if looked:
        rare.draw(other, 20, np.random.default_rng(0))
    other.restore(buffer.save())
    drawn = rare.draw(other, 20, np.random.default_rng(0))
    assert drawn is not None
    rows, goals = literal(buffer, 20, 0.25, np.random.default_rng(0))
    np.testing.assert_array_equal(drawn.row, rows)
    np.testing.assert_array_equal(drawn.goal_row, goals)


def test_goals_of_new_episodes_alone_are_compared_with_the_start() -> None:
    rng, buffer, asked = np.random.default_rng(2), ReplayBuffer(SPEC, 1000), []

    def counted(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        asked.append(len(achieved))
        return near(achieved, desired)

    rare = RareGoals(COLUMNS, 0.25, counted)
    for number in range(5):
        buffer.add([wandering(number, 7, rng, 1.0), wandering(number, 3, rng, 1.0)])
        rare.draw(buffer, 10, rng)
    assert asked == [10] * 5
