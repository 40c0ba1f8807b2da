"""Symmetries of the stock Fetch tasks: a mirror image is as true as what happened."""

from typing import Any

import numpy as np
import pytest

from goalrelay.tasks import fetch_stages
from goalrelay.tasks.goal_task import open_task
from goalrelay.tasks.symmetry import turned
from goalrelay.types import Symmetry
from two_blocks import STAGES, observe

SYMMETRIES = [
    (size, symmetry)
    for size, structure in ((25, fetch_stages.MOVE_AN_OBJECT), (10, fetch_stages.REACH_A_POINT))
    for symmetry in structure.symmetries
]


@pytest.mark.parametrize(("size", "symmetry"), SYMMETRIES)
def test_a_symmetry_applied_twice_gives_back_the_original(size: int, symmetry: Symmetry) -> None:
    rng = np.random.default_rng(0)
    for change, columns in (
        (symmetry.observation, size),
        (symmetry.goal, 3),
        (symmetry.action, 4),
    ):
        x = rng.uniform(-2, 2, (50, columns)).astype(np.float32)
        once = turned(x, change)
        assert not np.allclose(once, x)
        np.testing.assert_allclose(turned(once, change), x, atol=1e-6)


@pytest.mark.parametrize(("size", "symmetry"), SYMMETRIES)
def test_a_symmetry_keeps_distances_rewards_and_what_the_observation_repeats(
    size: int, symmetry: Symmetry
) -> None:
    rng = np.random.default_rng(1)
    achieved, goal = rng.uniform(0.4, 0.5, (2, 200, 3)).astype(np.float32)
    observation = rng.uniform(-1, 1, (200, size)).astype(np.float32)
    reward = open_task("FetchReach-v4").reward
    mirrored = turned(achieved, symmetry.goal), turned(goal, symmetry.goal)
    assert 0 < (reward(achieved, goal) == 0).mean() < 1
    np.testing.assert_array_equal(reward(*mirrored), reward(achieved, goal))
    # Positions in the observation are mirrored as goals are, and so is object minus gripper.
    seen = turned(observation, symmetry.observation)
    np.testing.assert_allclose(seen[:, :3], turned(observation[:, :3], symmetry.goal), atol=1e-6)
    if size == 25:
        observation[:, 6:9] = observation[:, 3:6] - observation[:, :3]
        seen = turned(observation, symmetry.observation)
        np.testing.assert_allclose(
            seen[:, 3:6], turned(observation[:, 3:6], symmetry.goal), atol=1e-6
        )
        np.testing.assert_allclose(seen[:, 6:9], seen[:, 3:6] - seen[:, :3], atol=1e-5)


def one_push(angle: float, steps: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """A block pushed for some steps, beside the same in the mirror: observations, [25] each.

    Before every step the block in the mirror is put where it should be: boxes that push boxes are
    chaotic, and an error of rounding grows tenfold in a few steps.
    """
    tasks = open_task("FetchPush-v4"), open_task("FetchPush-v4")
    one, other = raw = [any_of(task.env.unwrapped) for task in tasks]
    change, rng, pairs = fetch_stages.LEFT_RIGHT, np.random.default_rng(0), []
    away = np.array([np.cos(angle), np.sin(angle)])
    hand = np.array([1.33, 0.77, 0.425])
    block = np.array([*(hand[:2] + 0.07 * away + 0.01 * away[::-1]), 0.425, 1, 0, 0, 0])
    for task in tasks:
        task.reset(0)
    for step in range(-10, steps):
        if step <= 0:  # the hands go to their places, the blocks wait
            put(one, block, np.zeros(6))
        put(other, *in_mirror(*taken(one)))
        if step < 0:
            targets = hand, turned(hand[None], change.goal)[0]
            for task, env, target in zip(tasks, raw, targets, strict=True):
                missing = target - env._get_obs()["observation"][:3]
                task.step(np.append(20 * missing, 0).clip(-1, 1))
            continue
        push = 0.6 * away + 0.4 * rng.uniform(-1, 1, 2)
        action = np.array([[*push, 0, 0]], np.float32)
        seen = tasks[0].step(action[0])[0].observation
        mirrored = tasks[1].step(turned(action, change.action)[0])[0].observation
        pairs.append((turned(seen[None], change.observation)[0], mirrored))
    for task in tasks:
        task.close()
    return pairs


def any_of(env: Any) -> Any:
    """The simulator behind Gymnasium's type."""
    return env


def taken(env: Any) -> tuple[np.ndarray, np.ndarray]:
    """Position and quaternion of the block, and its velocities."""
    at = env.model, env.data, "object0:joint"
    return env._utils.get_joint_qpos(*at).copy(), env._utils.get_joint_qvel(*at).copy()


def put(env: Any, position: np.ndarray, velocity: np.ndarray) -> None:
    at = env.model, env.data, "object0:joint"
    env._utils.set_joint_qpos(*at, position)
    env._utils.set_joint_qvel(*at, velocity)


def in_mirror(position: np.ndarray, velocity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Across the middle of the table, y = 0.75 m; rotations about x and z turn round."""
    beyond = np.array([0, 1.5, 0, 0, 0, 0, 0])
    return position * [1, -1, 1, 1, -1, 1, -1] + beyond, velocity * [1, -1, 1, -1, 1, -1]


def test_left_and_right_are_alike_to_the_physics() -> None:
    pairs = [p for i in range(6) for p in one_push(0.5 + i, 12)]
    expected, seen = (np.stack(x) for x in zip(*pairs, strict=True))
    size = np.abs(expected - np.median(expected, axis=0)).mean(axis=0)
    error = np.abs(expected - seen).mean(axis=0)
    assert (error < 0.3 * size + 1e-5).all(), (error / (size + 1e-9)).round(3)
    assert size[17:20].min() > 0.005, "the block turns about every axis"


def test_an_object_permutation_is_undone_by_itself() -> None:
    for stage in STAGES[2:]:
        assert stage.object_permutation is not None
        change = stage.object_permutation.observation
        rng = np.random.default_rng(0)
        seen = observe(rng.normal(size=4), rng.normal(size=(4, 2)))
        assert not np.array_equal(turned(seen, change), seen)
        np.testing.assert_array_equal(turned(turned(seen, change), change), seen)
