"""The planner, by what its targets do: whoever goes to them arrives where one can.

Nothing here knows how it plans: points in a plane with walls collect experience, and are led.
"""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from point_worlds import (
    GOAL,
    RANGE,
    SPEC,
    STRIDE,
    C,
    World,
    add,
    anywhere,
    arrived,
    barrier,
    corridor,
    ends,
    experience,
    passage,
    step,
    trips,
)
from random_walks import episode

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.methods.hierarchy.config import Config
from goalrelay.methods.hierarchy.planner import Planner
from goalrelay.methods.hierarchy.subgoals import SubgoalSpace
from goalrelay.types import Spec, Steps

WEIGHT = 3.0
FAILURES = 1000


def targets(
    buffer: ReplayBuffer, steps: Steps, goals: np.ndarray, spec: Spec = SPEC, seed: int = 0
) -> np.ndarray:
    """Positions [B, K] to which sub-goals at these steps are drawn."""
    space = SubgoalSpace(Config(), spec)
    planner = Planner(C, WEIGHT, space, list(spec.goal_position_columns))
    rng = np.random.default_rng(seed)
    found = planner.subgoal_targets(buffer, steps, goals.astype("f"), rng)
    assert (found.weight == np.full(len(steps.row), WEIGHT)).all()
    assert (np.abs(found.action) <= 1).all()  # within the sub-goal range
    return buffer.observation[steps.row][:, space.columns] + space.range * found.action


def where_to(
    known: list[np.ndarray], paths: list[np.ndarray], goal: tuple[float, float] = GOAL
) -> np.ndarray:
    """Where those who have come these paths are led to."""
    buffer = experience([*known, *paths])
    now = [np.concatenate([path, path[-1:]]) for path in paths]  # the step that they will make
    asking = ends(add(buffer, now, goal))
    return targets(buffer, asking, np.tile(goal, (len(paths), 1)))


def led(
    rng: np.random.Generator, world: World, known: list[np.ndarray], start: tuple[float, float],
    decisions: int, count: int = 20, goal: tuple[float, float] = GOAL,
) -> np.ndarray:  # fmt: skip
    """Paths [N, T, 2] of points that go where they are led; all know all that happened so far."""
    path = [np.array(start) + rng.uniform(-0.1, 0.1, (count, 2))]
    for _ in range(decisions):
        wanted = where_to(known, list(np.stack(path, axis=1)), goal)
        for _ in range(C):
            step(rng, world, path, wanted, 0.05)
        if arrived(np.stack(path, axis=1), goal).all():
            break
    return np.stack(path, axis=1)


def standing(x: float, y: float, count: int = 10) -> list[np.ndarray]:
    return [np.array([[x + 0.01 * number, y]]) for number in range(count)]


@pytest.fixture(scope="module")
def corridor_experience() -> list[np.ndarray]:
    """Some who went round to the goal, and many who ran against the wall."""
    rng = np.random.default_rng(0)
    known = trips(rng, corridor, 100, [(0, 0), (2, 0), (2, 2), GOAL], 80)
    assert arrived(np.stack(known)).all()
    for x in (0.0, 0.5):
        failed = trips(rng, corridor, FAILURES, [(x, 0), (x, 2)], 40)
        assert arrived(np.stack(failed), (x, 2)).mean() < 0.01
        known += failed
    return known


def test_the_target_leads_round_the_corner_and_not_through_the_wall(
    corridor_experience: list[np.ndarray],
) -> None:
    x, y = where_to(corridor_experience, standing(0, 0)).T
    assert (x > 0.25).all() and (y < 0.5).all()  # along the corridor, though the goal is above
    assert (where_to(corridor_experience, standing(2, 0))[:, 1] > 0.25).all()  # up
    x, y = where_to(corridor_experience, standing(2, 2)).T
    assert (x < 1.75).all() and (y > 1.5).all()  # back


def test_who_follows_comes_through_the_corridor(corridor_experience: list[np.ndarray]) -> None:
    paths = led(np.random.default_rng(1), corridor, corridor_experience, (0, 0), 15, 10)
    assert arrived(paths).mean() >= 0.9
    assert (paths[..., 0].max(axis=1) > 1.5).all()


def test_after_many_failed_attempts_the_path_takes_the_detour() -> None:
    rng = np.random.default_rng(2)
    failed = trips(rng, barrier, FAILURES, [(0, 0), GOAL], 40)
    assert arrived(np.stack(failed)).mean() < 0.01
    before = where_to([], standing(0, 0))
    assert (before[:, 1] > 0.5).all()  # straight ahead
    after = where_to(failed, standing(0, 0))
    assert (after[:, 1] < 0.5).all()  # not into the wall
    paths = led(rng, barrier, failed, (0, 0), 40, 10)  # nobody has been there yet
    assert arrived(paths).mean() >= 0.8
    assert (np.abs(paths[..., 0]).max(axis=1)[arrived(paths)] > 1.2).all()


@pytest.mark.parametrize("goal", [(3, 0), (0, -3), (2, 2), (-1, 2), (0.5, 0)])
def test_unknown_places_count_as_open(goal: tuple[float, float]) -> None:
    """Nobody has been anywhere: there is no way but a straight one."""
    distance = float(np.linalg.norm(goal))
    decisions = int(1.5 * distance / (C * STRIDE)) + 4
    paths = led(np.random.default_rng(6), anywhere, [], (0, 0), decisions, 10, goal)
    assert arrived(paths, goal).mean() >= 0.8


def test_a_way_that_nobody_has_tried_is_preferred_to_a_long_one() -> None:
    rng = np.random.default_rng(3)
    known = trips(rng, anywhere, 3, [(0, 0), (4, 0), (4, 2), GOAL], 100)
    paths = led(rng, anywhere, known, (0, 0), 8)
    assert arrived(paths).mean() >= 0.8
    assert paths[..., 0].max() < 2


def test_the_target_depends_on_the_waypoints_passed() -> None:
    rng, known, asking = np.random.default_rng(4), [], []
    for west in (True, False):
        way = [(-1.5 if west else 1.5, 0.0), (0.0, 0.0), GOAL]
        known += trips(rng, passage, FAILURES, way, 60)
        assert (arrived(np.stack(known[-FAILURES:])) == west).mean() > 0.98
        for path in trips(rng, passage, 40, way, 30):
            before = (np.abs(path[:, 0]) < 0.12) & (path[:, 1] > 0.25) & (path[:, 1] < 0.5)
            if before.any():  # cut where it is before the passage
                asking.append(path[: before.argmax() + 1])
    found = where_to(known, asking)
    west = np.array([path[0, 0] < 0 for path in asking])
    assert west.sum() > 10 and (~west).sum() > 10
    assert (found[west, 1] > 0.5).mean() > 0.8  # on through the passage
    assert (found[~west, 1] < 0.5).mean() > 0.8


def test_a_goal_in_the_own_cell_is_its_own_target() -> None:
    rng = np.random.default_rng(5)
    buffer = experience(trips(rng, anywhere, 100, [(0, 0), (2, 1), (-1, 3)], 60))
    steps = buffer.sample(200, rng)
    here = buffer.observation[steps.row]
    np.testing.assert_allclose(targets(buffer, steps, here), here, atol=1e-5)
    near = np.abs(targets(buffer, steps, here + 0.01) - here - 0.01).max(axis=1) < 1e-5
    assert near.mean() > 0.95  # some of these goals are in another cell, and none is far


def test_where_a_goal_is_may_be_told_among_other_things() -> None:
    """Goals of four numbers: y in column 3, x in column 1."""
    rng = np.random.default_rng(5)
    buffer = experience(trips(rng, corridor, 50, [(0, 0), (2, 0), (2, 2), GOAL], 60))
    steps = buffer.sample(100, rng)
    goals = rng.uniform(-0.5, 2.5, (100, 2))
    longer = rng.uniform(-9, 9, (100, 4))
    longer[:, [1, 3]] = goals
    spec = SPEC._replace(goal_size=4, goal_position_columns=(1, 3))
    np.testing.assert_array_equal(
        targets(buffer, steps, goals), targets(buffer, steps, longer, spec)
    )


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    size=st.integers(1, 3),
    lengths=st.lists(st.integers(1, 13), min_size=1, max_size=5),
    far=st.sampled_from([0.0, 1.0, 30.0, 1000.0]),
)
def test_targets_lie_within_the_sub_goal_range(
    seed: int, size: int, lengths: list[int], far: float
) -> None:
    """Wherever the goal is; `targets` sees to the range itself."""
    columns = tuple(range(size))
    spec = Spec(
        4, size, size, 2, False, 13, None, position_columns=columns,
        subgoal_range=(5.0, 2.0, 1.0)[:size], goal_position_columns=columns,
    )  # fmt: skip
    buffer, rng = ReplayBuffer(spec, 100, size), np.random.default_rng(seed)
    for length in lengths:
        walk, goal = episode(rng, length), np.zeros((length + 1, size), "f")
        decided = np.zeros((length, 2 + size), "f")
        achieved = walk.observation[:, :size]
        buffer.add([walk._replace(achieved=achieved, desired=goal, action=decided)])
    steps = buffer.steps()
    goals = buffer.observation[steps.row, :size] + far * rng.standard_normal((len(steps.row), size))
    found = targets(buffer, steps, goals, spec, seed)
    assert np.isfinite(found).all()
    if far == 0:
        np.testing.assert_allclose(found, goals, atol=1e-4)


def test_a_goal_far_outside_costs_no_more() -> None:
    buffer = ReplayBuffer(SPEC, 400, 2)
    steps = ends(add(buffer, [np.zeros((2, 2))], GOAL))
    began = time.perf_counter()
    (found,) = targets(buffer, steps, np.array([[-400.0, 200.0]]))
    assert time.perf_counter() - began < 20
    np.testing.assert_array_equal(np.sign(found), [-1, 1])
    assert np.abs(found).max() == pytest.approx(RANGE)
