"""The world in the robot's frame: the same whichever way the robot looks."""

from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from goalrelay.methods.hierarchy import Hierarchy, body_frame
from goalrelay.methods.hierarchy.config import Config, Variant
from goalrelay.methods.hierarchy.subgoals import SubgoalSpace
from goalrelay.tasks.ant import maze
from goalrelay.tasks.ant.turning import TURNED, body
from goalrelay.tasks.symmetry import half, turned
from goalrelay.types import BodyFrame, Observation, Snapshot, Spec, Symmetry, Task

PLAIN = BodyFrame((1, 2, 3, 4), ((5, 7, 6),))
SPEC = Spec(
    9, 2, 2, 2, False, 13, None, position_columns=(0, 8), subgoal_range=(5.0, 2.0), body=PLAIN
)  # fmt: skip
SPACE = SubgoalSpace(Config(), SPEC)
WORLD = SubgoalSpace(Config(egocentric=False), SPEC)


def about(turn: Rotation, observation: np.ndarray, subgoal: np.ndarray) -> Any:
    """The same robot, and where it is to go, with all around it turned."""
    seen = observation.copy()
    lies = turn * Rotation.from_quat(seen[PLAIN.rotation,][[1, 2, 3, 0]])
    seen[PLAIN.rotation,] = lies.as_quat()[[3, 0, 1, 2]]
    seen[PLAIN.vectors[0],] = turn.apply(seen[PLAIN.vectors[0],])
    return seen, turn.apply(np.append(subgoal, 0))[:2]


def test_vectors_and_changes_are_shown_in_the_robots_frame() -> None:
    rng = np.random.default_rng(0)
    seen, goals = rng.standard_normal((2, 3, 9)), rng.standard_normal((2, 3, 2))
    shown = body_frame.in_body(PLAIN, seen, goals)
    assert shown.shape == (2, 3, 9) and body_frame.size(PLAIN) == 9
    for at in np.ndindex(2, 3):
        lies = Rotation.from_quat(seen[at][[2, 3, 4, 1]])
        vectors = seen[at][[5, 7, 6]], np.append(goals[at], 0), np.array([0, 0, 1])
        expected = np.concatenate([lies.inv().apply(vector) for vector in vectors])
        np.testing.assert_allclose(shown[at], expected, atol=1e-6)


def test_a_turn_of_the_world_about_the_vertical_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    for angle in rng.uniform(-np.pi, np.pi, 20):
        seen, goal = rng.standard_normal(9), rng.standard_normal(2)
        other = about(Rotation.from_rotvec([0, 0, angle]), seen, goal)
        same = SPACE.low_input(*other)
        np.testing.assert_allclose(same, SPACE.low_input(seen, goal), atol=1e-5)
        if abs(angle) > 0.1:
            gap = WORLD.low_input(*other) - WORLD.low_input(seen, goal)
            assert np.abs(gap).max() > 0.01


@pytest.mark.parametrize("heights", [False, True])
def test_an_ant_that_looks_elsewhere_sees_and_does_the_same(heights: bool) -> None:
    env = maze.Environment()
    torques = np.random.default_rng(2).uniform(-30, 30, (8, 8))
    away = np.array([3.0, -1.0, 0.5])

    def watched(turn: Rotation) -> np.ndarray:
        env.reset(seed=3)
        pose, motion = env.ant.pose, env.ant.motion
        pose[3:7] = (turn * Rotation.from_quat(pose[[4, 5, 6, 3]])).as_quat()[[3, 0, 1, 2]]
        pose[:3], motion[:3] = turn.apply(pose[:3]), turn.apply(motion[:3])
        goal = turn.apply(away)[: 3 if heights else 2]
        path = np.stack([env.step(torque)[0]["observation"] for torque in torques])
        rest = path[:, [2, *range(7, 15), *range(18, 30)]]
        goals = np.tile(goal, (len(path), 1))
        shown = body_frame.in_body(TURNED, path.astype("f"), goals)
        return np.concatenate([shown, rest], axis=1)

    straight, aside = watched(Rotation.identity()), watched(Rotation.from_rotvec([0, 0, 1.3]))
    assert np.abs(np.diff(straight, axis=0)).max() > 0.1  # it moves
    np.testing.assert_allclose(aside, straight, atol=1e-4)


@pytest.mark.parametrize("mirror", body(2).symmetries, ids=lambda mirror: mirror.name)
def test_an_ants_mirror_image_does_the_same(mirror: Symmetry) -> None:
    env, rng = maze.Environment(), np.random.default_rng(4)
    torques = rng.uniform(-30, 30, (20, 8)).astype("f")

    def watched(start: np.ndarray, torques: np.ndarray) -> np.ndarray:
        env.reset(seed=0)
        env.ant.pose[:], env.ant.motion[:] = start[:15], start[15:29]
        return np.stack([env.step(torque)[0]["observation"] for torque in torques])

    start = env.reset(seed=4)[0]["observation"].astype("f")
    start[:2] = [1.0, 2.0]
    (image,) = turned(start[None], mirror.observation)
    straight, other = watched(start, torques), watched(image, turned(torques, mirror.action))
    assert np.abs(straight - other).max() > 0.1
    np.testing.assert_allclose(turned(straight, mirror.observation), other, atol=1e-4)
    np.testing.assert_allclose(turned(straight[:, :2], mirror.goal), other[:, :2], atol=1e-4)


def test_images_are_eight_and_each_as_often() -> None:
    place, rng = np.tile(np.array([[1.0, 2.0]], "f"), (8000, 1)), np.random.default_rng(0)
    for mirror in body(2).symmetries:
        half([place], [mirror.goal], rng)
    images, counts = np.unique(place, axis=0, return_counts=True)
    assert sorted(map(tuple, np.abs(images))) == [(1, 2)] * 4 + [(2, 1)] * 4
    assert counts.min() > 850


def test_what_turns_is_not_shown_besides() -> None:
    seen, goal = np.arange(9.0), np.array([1.0, 2.0])
    assert SPACE.low_size() == 9 and SPACE.low_input(seen, goal).shape == (9,)
    shown = SubgoalSpace(Config(variant=Variant(hide_position=False)), SPEC)
    np.testing.assert_array_equal(shown.low_input(seen, goal)[:2], [0, 8])
    assert shown.low_size() == 11


@pytest.mark.parametrize(
    ("config", "spec"),
    [
        (Config(egocentric=False), SPEC),
        (Config(), SPEC._replace(body=None)),
        (Config(subgoal_columns=(0, 2), subgoal_range=(1.0,)), SPEC),
    ],
)
def test_otherwise_the_world_frame_is_shown(config: Config, spec: Spec) -> None:
    seen, goal = np.arange(9.0), np.array([1.0, 2.0])
    space = SubgoalSpace(config, spec)
    np.testing.assert_array_equal(space.low_input(seen, goal), [1, 2, 3, 4, 5, 6, 7, 1.0, 2.0])


# --- the high level of a task without goals ---

AIMLESS = SPEC._replace(goal_size=0, subgoal_range=(5.0, 5.0))
FREE = SubgoalSpace(Config(), AIMLESS)
NOWHERE = np.zeros(0, "f")


def test_without_goals_a_turn_of_the_world_changes_nothing_above() -> None:
    rng = np.random.default_rng(5)
    for angle in rng.uniform(-np.pi, np.pi, 20):
        seen, action = rng.standard_normal(9), rng.uniform(-1, 1, 2)
        world = Rotation.from_rotvec([0, 0, angle])
        other, place = about(world, seen, seen[[0, 8]])
        other[[0, 8]] = place
        inputs = FREE.high_input(seen, NOWHERE)
        assert inputs.shape == (FREE.high_size(),)
        np.testing.assert_allclose(FREE.high_input(other, NOWHERE), inputs, atol=1e-5)
        subgoal = FREE.decode(seen, action)
        turned_subgoal = world.apply(np.append(subgoal, 0))[:2]
        np.testing.assert_allclose(FREE.decode(other, action), turned_subgoal, atol=1e-5)
        np.testing.assert_allclose(FREE.encode(seen, subgoal), action, atol=1e-5)
        assert np.linalg.norm(subgoal) == pytest.approx(5 * np.linalg.norm(action), rel=1e-5)


def test_ahead_is_where_the_body_points() -> None:
    seen = np.zeros(9)
    seen[PLAIN.rotation,] = [np.cos(0.3), 0, 0, np.sin(0.3)]  # 0.6 rad to the left
    np.testing.assert_allclose(
        FREE.decode(seen, np.array([1.0, 0])),
        5 * np.array([np.cos(0.6), np.sin(0.6)]),
        rtol=1e-6,
    )
    policies = (lambda *_: np.zeros(2), lambda *_: np.array([0, 0.5]))
    task = Task(AIMLESS, lambda achieved, _: achieved[:, 0], lambda *given: given[2])
    act = Hierarchy(Config(), task, 0.9).act(Snapshot(policies), None)
    decided = act(Observation(seen.astype("f"), np.zeros(2, "f"), NOWHERE))
    np.testing.assert_allclose(decided[2:], 2.5 * np.array([-np.sin(0.6), np.cos(0.6)]), rtol=1e-5)


def test_with_goals_the_high_level_has_the_world_frame() -> None:
    seen, goal = np.arange(9.0), np.array([1.0, 2.0])
    np.testing.assert_array_equal(SPACE.high_input(seen, goal), [*seen, *goal])
    np.testing.assert_array_equal(SPACE.decode(seen, goal), [5.0, 4.0])
    np.testing.assert_array_equal(SPACE.encode(seen, np.array([5.0, 9.0])), [1, 1])
