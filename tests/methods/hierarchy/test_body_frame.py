"""The room in the body's axes: the same whichever way the robot looks."""

from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from goalrelay.methods import hiro
from goalrelay.methods.hierarchy import egocentric, high, low
from goalrelay.tasks.symmetry import half, turned
from goalrelay.tasks.ant import maze
from goalrelay.tasks.ant.turning import TURNED, body
from goalrelay.types import BodyFrame, Observation, Spec, Symmetry

PLAIN = BodyFrame((1, 2, 3, 4), ((5, 7, 6),))
SPEC = Spec(9, 2, 2, 2, False, 13, None, position_columns=(0, 8), subgoal_range=(5.0, 2.0), body=PLAIN)
CONFIG = hiro.Config(egocentric=True)


def about(turn: Rotation, observation: np.ndarray, subgoal: np.ndarray) -> Any:
    """The same robot, and where it is to go, with all around it turned."""
    seen = observation.copy()
    lies = turn * Rotation.from_quat(seen[PLAIN.rotation,][[1, 2, 3, 0]])
    seen[PLAIN.rotation,] = lies.as_quat()[[3, 0, 1, 2]]
    seen[PLAIN.vectors[0],] = turn.apply(seen[PLAIN.vectors[0],])
    return seen, turn.apply(np.append(subgoal, 0))[:2]


def test_what_is_told_is_in_the_bodys_axes() -> None:
    rng = np.random.default_rng(0)
    seen, goals = rng.standard_normal((2, 3, 9)), rng.standard_normal((2, 3, 2))
    told = egocentric.view(PLAIN, seen, goals)
    assert told.shape == (2, 3, 9) and egocentric.size(PLAIN) == 9
    for at in np.ndindex(2, 3):
        lies = Rotation.from_quat(seen[at][[2, 3, 4, 1]])
        vectors = seen[at][[5, 7, 6]], np.append(goals[at], 0), np.array([0, 0, 1])
        expected = np.concatenate([lies.inv().apply(vector) for vector in vectors])
        np.testing.assert_allclose(told[at], expected, atol=1e-6)


def test_a_turn_of_the_room_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    for angle in rng.uniform(-np.pi, np.pi, 20):
        seen, goal = rng.standard_normal(9), rng.standard_normal(2)
        other = about(Rotation.from_rotvec([0, 0, angle]), seen, goal)
        same = low.seen(CONFIG, SPEC, *other)
        np.testing.assert_allclose(same, low.seen(CONFIG, SPEC, seen, goal), atol=1e-5)
        if abs(angle) > 0.1:
            plain = hiro.Config()
            gap = low.seen(plain, SPEC, *other) - low.seen(plain, SPEC, seen, goal)
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
        moments = [env.step(torque)[0]["observation"] for torque in torques]
        rest = np.stack(moments)[:, [2, *range(7, 15), *range(18, 30)]]
        told = [egocentric.view(TURNED, moment.astype("f"), goal) for moment in moments]
        return np.concatenate([np.stack(told), rest], axis=1)

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


def test_what_turns_is_not_seen_besides() -> None:
    seen, goal = np.arange(9.0), np.array([1.0, 2.0])
    assert low.input_size(CONFIG, SPEC) == 9 and low.seen(CONFIG, SPEC, seen, goal).shape == (9,)
    shown = hiro.Config(egocentric=True, hide=False)
    np.testing.assert_array_equal(low.seen(shown, SPEC, seen, goal)[:2], [0, 8])
    assert low.input_size(shown, SPEC) == 11


@pytest.mark.parametrize(
    ("config", "spec"),
    [
        (hiro.Config(), SPEC),
        (CONFIG, SPEC._replace(body=None)),
        (hiro.Config(egocentric=True, columns=(0, 2), subgoal_range=(1.0,)), SPEC),
    ],
)
def test_otherwise_the_rooms_axes_are_seen(config: hiro.Config, spec: Spec) -> None:
    seen, goal = np.arange(9.0), np.array([1.0, 2.0])
    np.testing.assert_array_equal(
        low.seen(config, spec, seen, goal), [1, 2, 3, 4, 5, 6, 7, 1.0, 2.0]
    )


# --- the high level of a task without goals ---

AIMLESS = SPEC._replace(goal_size=0, subgoal_range=(5.0, 5.0))
NOWHERE = np.zeros(0, "f")


def test_without_goals_a_turn_of_the_room_changes_nothing_above() -> None:
    rng = np.random.default_rng(5)
    for angle in rng.uniform(-np.pi, np.pi, 20):
        seen, action = rng.standard_normal(9), rng.uniform(-1, 1, 2)
        room = Rotation.from_rotvec([0, 0, angle])
        other, place = about(room, seen, seen[[0, 8]])
        other[[0, 8]] = place
        inputs = high.seen(CONFIG, AIMLESS, seen, NOWHERE)
        assert inputs.shape == (high.input_size(CONFIG, AIMLESS),)
        np.testing.assert_allclose(high.seen(CONFIG, AIMLESS, other, NOWHERE), inputs, atol=1e-5)
        meant = high.meant(CONFIG, AIMLESS, seen, action)
        np.testing.assert_allclose(
            high.meant(CONFIG, AIMLESS, other, action),
            room.apply(np.append(meant, 0))[:2],
            atol=1e-5,
        )
        np.testing.assert_allclose(high.said(CONFIG, AIMLESS, seen, meant), action, atol=1e-5)
        assert np.linalg.norm(meant) == pytest.approx(5 * np.linalg.norm(action), rel=1e-5)


def test_ahead_is_where_the_body_points() -> None:
    seen = np.zeros(9)
    seen[PLAIN.rotation,] = [np.cos(0.3), 0, 0, np.sin(0.3)]  # 0.6 rad to the left
    np.testing.assert_allclose(
        high.meant(CONFIG, AIMLESS, seen, np.array([1.0, 0])),
        5 * np.array([np.cos(0.6), np.sin(0.6)]),
    )
    act = hiro.play(CONFIG, AIMLESS, (lambda *_: np.zeros(2), lambda *_: np.array([0, 0.5])))
    decided = act(Observation(seen.astype("f"), np.zeros(2, "f"), NOWHERE))
    np.testing.assert_allclose(decided[2:], 2.5 * np.array([-np.sin(0.6), np.cos(0.6)]), rtol=1e-5)


def test_with_goals_the_high_level_has_the_rooms_axes() -> None:
    seen, goal = np.arange(9.0), np.array([1.0, 2.0])
    np.testing.assert_array_equal(high.seen(CONFIG, SPEC, seen, goal), [*seen, *goal])
    np.testing.assert_array_equal(high.meant(CONFIG, SPEC, seen, goal), [5.0, 4.0])
    np.testing.assert_array_equal(high.said(CONFIG, SPEC, seen, np.array([5.0, 9.0])), [1, 1])
