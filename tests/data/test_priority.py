"""Which steps matter: against literal recomputations, and drawing keeps to the weights."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.data.priority import Drawing, Priority, check, energy, informative, uniform
from goalrelay.data.relabel import innr, stage_objective, whole
from goalrelay.errors import UsageError
from goalrelay.types import Episode, Steps, Task
from numbered_episodes import CAPACITY, LENGTHS, SPEC, episode, filled

SEEDS = st.integers(0, 2**32 - 1)
ALL = tuple(range(SPEC.achieved_size))
"""Columns of the goals."""


def near(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
    return np.linalg.norm(achieved - desired, axis=-1) <= 0.05


def reward(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
    return near(achieved, desired).astype(np.float32) - 1


def as_stored(achieved: np.ndarray, desired: np.ndarray, ended: np.ndarray) -> np.ndarray:
    return ended


def with_path(path: np.ndarray, goal: tuple[float, ...] = (0.0, 0.0, 0.0)) -> Episode:
    """An episode that achieved these positions while it was asked for the goal."""
    achieved = path.astype(np.float32)
    action, desired = np.zeros((len(path) - 1, 1)), np.tile(goal, (len(path), 1))
    return Episode(
        achieved[:, :2], achieved, desired.astype("f"), action.astype("f"), False, 0.0, 0.0
    )


def walk(seed: int, length: int, stride: float) -> np.ndarray:
    """A random path that now and then stands still."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, stride, (length, 3)) * (rng.random((length, 1)) < 0.5)
    return np.concatenate([[[1.0, 0.7, 0.4]], steps]).cumsum(0)


@settings(max_examples=50, deadline=None)
@given(SEEDS, st.integers(1, 20), st.sampled_from([0.002, 0.01, 0.05]))
def test_energy_is_the_sum_of_clipped_increases(seed: int, length: int, stride: float) -> None:
    path = walk(seed, length, stride).astype(np.float32)
    total, before = 0.0, 0.0
    for t in range(1, length + 1):
        potential = 1.0 * 9.81 * (float(path[t, 2]) - float(path[0, 2]))
        speed = [(float(path[t, i]) - float(path[t - 1, i])) / 0.04 for i in range(3)]
        now = potential + 0.5 * 1.0 * sum(v * v for v in speed)
        total += min(max(now - before, 0.0), 0.5)
        before = now
    weights = energy(with_path(path), near)
    np.testing.assert_allclose(weights, np.full(length, total), rtol=1e-3, atol=1e-4)
    assert weights.dtype == np.float32


def test_energy_of_paths_worked_out_by_hand() -> None:
    # Two steps of 8 mm along x: 0.2 m/s, 0.02 J, gained at the first step and kept.
    level = np.array([[0.0, 0, 0], [0.008, 0, 0], [0.016, 0, 0]])
    np.testing.assert_allclose(energy(with_path(level), near), [0.02, 0.02], rtol=1e-4)
    # One step up of 40 mm: 1 m/s and 0.3924 J of height, 0.8924 J in all, counted as 0.5; then it
    # stops, which takes energy away and counts as nothing.
    up = np.array([[0.0, 0, 0.3], [0, 0, 0.34], [0, 0, 0.34]])
    np.testing.assert_allclose(energy(with_path(up), near), [0.5, 0.5], rtol=1e-4)
    assert energy(with_path(np.ones((4, 3))), near).sum() == 0


def test_energy_looks_at_the_position_only() -> None:
    path = walk(0, 9, 0.01)
    turned = np.concatenate([path, np.random.default_rng(1).normal(size=(10, 4))], axis=1)
    np.testing.assert_array_equal(energy(with_path(turned), near), energy(with_path(path), near))


@settings(max_examples=50, deadline=None)
@given(SEEDS, st.integers(1, 15))
def test_a_step_matters_if_some_later_goal_is_not_reached_yet(seed: int, length: int) -> None:
    path = walk(seed, length, 0.03).astype(np.float32)
    expected = []
    for t in range(length):
        there = [near(path[t + 1], path[later]) for later in range(t + 1, length + 1)]
        expected.append(float(not all(there)))
    np.testing.assert_array_equal(informative(with_path(path), near), expected)


def test_steps_before_a_movement_matter_and_steps_after_it_do_not() -> None:
    path = np.zeros((8, 3))
    path[5:, 0] = 0.2  # step 4 brings it there
    np.testing.assert_array_equal(informative(with_path(path), near), [1, 1, 1, 1, 0, 0, 0])


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 6))
def test_steps_that_do_not_matter_are_those_of_identical_rewards(seed: int, length: int) -> None:
    one = with_path(walk(seed, length, 0.03))
    buffer = ReplayBuffer(SPEC, CAPACITY)
    steps = buffer.add([one])
    objective = stage_objective(Task(SPEC, reward, as_stored), whole(SPEC), 0.9)
    share = innr(buffer, steps, objective, np.ones(length, bool))
    assert share == pytest.approx(1 - informative(one, near).mean())


def test_uniform_steps_all_matter_the_same() -> None:
    np.testing.assert_array_equal(uniform(with_path(walk(0, 5, 0.1)), near), np.ones(5))


def test_energy_is_refused_where_there_is_no_position_in_space() -> None:
    check("energy", SPEC)
    check("innr", SPEC._replace(achieved_size=2))
    with pytest.raises(UsageError, match=r"--method\.priority energy .* have 2 numbers"):
        check("energy", SPEC._replace(achieved_size=2))


def by_density(
    fraction: float, buffer: ReplayBuffer, count: int, cell: float, rng: np.random.Generator
) -> tuple[Steps, np.ndarray]:
    """Steps drawn by inverse density, and the rows of their hindsight goals; -1 for none."""
    priority = Priority("inverse-density", fraction, cell, ALL)
    steps = Drawing(priority, near).draw(buffer, count, rng)
    goals = np.full(count, -1) if steps.goal_row is None else steps.goal_row
    return steps, goals


def visits(*stays: tuple[float, int]) -> np.ndarray:
    """A path that begins at 0 and stays at each position x for a number of timesteps."""
    x = np.concatenate([[0.0], *(np.full(count, position) for position, count in stays)])
    return np.stack([x, np.zeros_like(x), np.zeros_like(x)], axis=1)


def test_goals_by_inverse_density_come_from_all_positions_alike_but_the_first() -> None:
    buffer = ReplayBuffer(SPEC._replace(horizon=100), 1000)
    one, other = visits((0.0, 60), (0.5, 30)), visits((0.7, 4), (0.9, 1))
    buffer.add([with_path(one), with_path(other, (1.0, 0.0, 0.0))])
    steps, goals = by_density(1.0, buffer, 30_000, 0.05, np.random.default_rng(0))
    where, counts = np.unique(buffer.achieved[goals, 0].round(3), return_counts=True)
    np.testing.assert_allclose(where, [0.5, 0.7, 0.9], rtol=1e-6)
    np.testing.assert_allclose(counts / 30_000, 1 / 3, atol=0.02)
    # The step comes before its goal, each such step alike: for 0.9 these are steps 0 to 4.
    before = steps.time[buffer.achieved[goals, 0] > 0.8]
    np.testing.assert_allclose(np.bincount(before) / len(before), [0.2] * 5, atol=0.02)


def test_goals_by_inverse_density_are_within_a_cell_of_those_that_the_task_asks_for() -> None:
    buffer = ReplayBuffer(SPEC._replace(horizon=100), 1000)
    path = visits((0.5, 3), (0.98, 3), (1.04, 3), (1.06, 3))
    away = path + np.array([0.0, 0.0, 0.4]) * (path[:, :1] == 0.5)  # as far as any goal, but high
    for one in (path, away):
        buffer.add([with_path(one, (0.2, 0.0, 0.0)), with_path(one, (1.0, 0.0, 0.0))])
    _, goals = by_density(1.0, buffer, 2000, 0.05, np.random.default_rng(0))
    seen = np.unique(buffer.achieved[goals][:, [0, 2]].round(3), axis=0)
    np.testing.assert_allclose(seen, [[0.5, 0], [0.98, 0], [1.04, 0]], rtol=1e-6)


def test_the_other_draws_keep_to_the_weights() -> None:
    buffer, path = ReplayBuffer(SPEC, CAPACITY), np.zeros((7, 3))
    path[3:, 0] = 0.5  # step 2 brings it there
    one = with_path(path, (0.5, 0.0, 0.0))
    buffer.add([one], [informative(one, near)])
    steps, goals = by_density(0.25, buffer, 4000, 0.05, np.random.default_rng(0))
    assert ((goals >= 0) == (np.arange(4000) < 1000)).all()
    times, counts = np.unique(steps.time[1000:], return_counts=True)
    np.testing.assert_array_equal(times, [0, 1])  # at step 2 it is there
    np.testing.assert_allclose(counts / 3000, 0.5, atol=0.05)


@settings(max_examples=50, deadline=None)
@given(LENGTHS, SEEDS, st.sampled_from([0.0, 0.3, 1.0]))
def test_draws_by_inverse_density_are_steps_that_are_held_and_goals_later_in_their_episodes(
    lengths: list[int], seed: int, share: float
) -> None:
    buffer, rng = filled(lengths), np.random.default_rng(seed)
    steps, goals = by_density(share, buffer, 40, 7.0, rng)
    held = {int(row) for row in buffer.steps().row}
    first = round(40 * share)
    assert (goals[:first] >= 0).all()
    assert (goals[first:] == -1).all()
    for row, time, length, ended, goal in zip(*steps[:4], goals, strict=True):
        number, shown = buffer.observation[row]
        assert int(row) in held
        assert (shown, lengths[int(number)]) == (time, length)
        assert ended == (int(number) % 2 == 0)
        if goal >= 0:
            assert buffer.observation[goal, 0] == number
            assert time < buffer.observation[goal, 1] <= length


def test_while_nothing_has_moved_there_are_no_goals_and_steps_are_uniform() -> None:
    buffer = ReplayBuffer(SPEC, CAPACITY)
    buffer.add([with_path(np.ones((7, 3))), with_path(np.ones((5, 3)))])
    steps, goals = by_density(1.0, buffer, 20_000, 0.05, np.random.default_rng(0))
    assert (goals == -1).all()
    _, counts = np.unique(steps.row, return_counts=True)
    np.testing.assert_allclose(counts / 20_000, np.full(10, 0.1), rtol=0.1)


@pytest.mark.parametrize("name", ["uniform", "energy", "innr"])
def test_other_priorities_draw_by_weight_and_bring_no_goals(name: Any) -> None:
    buffer = ReplayBuffer(SPEC, CAPACITY)
    buffer.add([episode(0, 6)], [np.eye(6, dtype="f")[2]])
    priority = Priority(name, 0.5, 0.05, ALL)
    steps = Drawing(priority, near).draw(buffer, 4000, np.random.default_rng(0))
    assert steps.goal_row is None
    expected = 1 / 6 if name == "uniform" else 0.5 + 0.5 / 6
    assert (steps.row == 2).mean() == pytest.approx(expected, abs=0.03)


def weighted(lengths: list[int], seed: int) -> tuple[ReplayBuffer, dict[tuple[int, int], float]]:
    """A small ring that may have been overwritten many times, and each step's weight."""
    rng, buffer, table = np.random.default_rng(seed), ReplayBuffer(SPEC, CAPACITY), {}
    for number, length in enumerate(lengths):
        weights = rng.integers(0, 4, length).astype(np.float32)
        buffer.add([episode(number, length)], [weights])
        table |= {(number, t): float(w) for t, w in enumerate(weights)}
    held = buffer.observation[buffer.steps().row]
    return buffer, {step: table[step] for step in ((int(n), int(t)) for n, t in held)}


@settings(max_examples=100, deadline=None)
@given(LENGTHS, SEEDS)
def test_only_steps_that_are_held_and_have_a_weight_are_drawn(
    lengths: list[int], seed: int
) -> None:
    buffer, table = weighted(lengths, seed)
    steps = buffer.sample(60, np.random.default_rng(seed), weighted=1.0)
    drawn = {(int(n), int(t)) for n, t in buffer.observation[steps.row]}
    assert drawn <= set(table)
    if any(table.values()):
        assert all(table[step] > 0 for step in drawn)


@settings(max_examples=100, deadline=None)
@given(LENGTHS, SEEDS)
def test_weighted_draws_tell_time_length_and_end_of_their_episode(
    lengths: list[int], seed: int
) -> None:
    buffer, _ = weighted(lengths, seed)
    steps = buffer.sample(40, np.random.default_rng(seed), weighted=0.7)
    for row, time, length, ended in zip(*steps[:4], strict=True):
        number, shown = buffer.observation[row]
        assert shown == time
        assert lengths[int(number)] == length
        assert buffer.action[row, 0] == 100 * number + time
        assert ended == (int(number) % 2 == 0)


def test_draws_are_in_proportion_to_the_weights() -> None:
    buffer, table = weighted([6, 5, 6, 4, 6, 3, 5], 1)  # more than fit
    assert len({n for n, _ in table}) < 7
    steps = buffer.sample(40_000, np.random.default_rng(0), weighted=1.0)
    steps, counts = np.unique(buffer.observation[steps.row], axis=0, return_counts=True)
    share = {(int(n), int(t)): c / 40_000 for (n, t), c in zip(steps, counts, strict=True)}
    total = sum(table.values())
    for step, weight in table.items():
        assert share.get(step, 0.0) == pytest.approx(weight / total, rel=0.1)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.8])
def test_the_other_steps_are_drawn_uniformly(share: float) -> None:
    buffer = ReplayBuffer(SPEC, CAPACITY)
    buffer.add([episode(0, 6), episode(1, 4)], [np.eye(6, dtype="f")[2], np.zeros(4, "f")])
    steps = buffer.sample(20_000, np.random.default_rng(0), weighted=share)
    assert (steps.row == 2).mean() == pytest.approx(share + (1 - share) / 10, abs=0.015)
    assert (steps.row[: round(20_000 * share)] == 2).all(), "weighted draws come first"


def test_without_any_weight_all_steps_are_drawn_uniformly() -> None:
    buffer = ReplayBuffer(SPEC, CAPACITY)
    buffer.add([episode(0, 6), episode(1, 4)], [np.zeros(6, "f"), np.zeros(4, "f")])
    steps = buffer.sample(20_000, np.random.default_rng(0), weighted=1.0)
    rows, counts = np.unique(steps.row, return_counts=True)
    np.testing.assert_array_equal(rows, [0, 1, 2, 3, 4, 5, 7, 8, 9, 10])
    np.testing.assert_allclose(counts / 20_000, 0.1, rtol=0.1)


def test_episodes_stored_without_weights_are_drawn_alike() -> None:
    buffer = filled([6, 3, 5, 6, 2, 6])
    steps = buffer.sample(20_000, np.random.default_rng(0), weighted=1.0)
    _, counts = np.unique(steps.row, return_counts=True)
    assert len(counts) == buffer.transitions
    np.testing.assert_allclose(counts / 20_000, 1 / buffer.transitions, rtol=0.15)


@settings(max_examples=50, deadline=None)
@given(LENGTHS, LENGTHS, SEEDS)
def test_a_restored_buffer_keeps_the_weights(
    before: list[int], after: list[int], seed: int
) -> None:
    one, _ = weighted(before, seed)
    saved = {name: value.copy() for name, value in one.save().items()}
    other = ReplayBuffer(SPEC, CAPACITY)
    other.restore(saved)
    for buffer in (one, other):
        rng = np.random.default_rng(seed)
        for number, length in enumerate(after):
            buffer.add([episode(100 + number, length)], [rng.random(length, np.float32)])
    np.testing.assert_array_equal(one.weight, other.weight)
    a, b = (r.sample(50, np.random.default_rng(1), weighted=0.8) for r in (one, other))
    np.testing.assert_array_equal(a.row, b.row)
