"""Every task keeps the contract that hindsight stands on."""

import numpy as np
import pytest

from goalrelay.data.rollout import Simulator
from goalrelay.methods.exploration import random_action
from goalrelay.tasks import own_tasks
from goalrelay.tasks.goal_task import known_tasks, open_task
from goalrelay.types import Observation

STOCK = [
    "FetchReach-v4",
    "FetchPush-v4",
    "FetchPickAndPlace-v4",
    "FetchSlide-v4",
    "FetchReachDense-v4",
    "HandReach-v3",
    "HandManipulateBlock-v1",
    "PointMaze_UMaze-v3",
    "AntMaze_UMaze-v5",
]
TASKS = [*own_tasks(), *STOCK]


def flat(timestep: Observation) -> np.ndarray:
    """All its numbers."""
    return np.concatenate([part.reshape(-1) for part in timestep])


def walk(task: Simulator, seed: int, steps: int) -> list[np.ndarray]:
    """Everything that one episode shows, flat, under random actions."""
    rng = np.random.default_rng(seed)
    seen = [flat(task.reset(seed))]
    for _ in range(min(steps, task.spec.horizon)):
        timestep, reward, terminated, truncated, _ = task.step(random_action(task.spec, rng))
        seen.append(np.append(flat(timestep), reward))
        if terminated or truncated:
            break
    return seen


@pytest.mark.parametrize("task_id", TASKS)
def test_the_reward_of_a_step_is_the_recomputed_one(task_id: str) -> None:
    task = open_task(task_id)
    rng = np.random.default_rng(0)
    rewards, achieved, desired = [], [], []
    for seed in range(3):
        task.reset(seed)
        for _ in range(min(task.spec.horizon, 20)):
            timestep, reward, terminated, truncated, _ = task.step(random_action(task.spec, rng))
            rewards.append(reward)
            achieved.append(timestep.achieved)
            desired.append(timestep.desired)
            if terminated or truncated:
                break
    again = task.reward(np.stack(achieved), np.stack(desired))
    np.testing.assert_allclose(again, rewards, rtol=1e-4, atol=1e-4)
    task.close()


@pytest.mark.parametrize("task_id", TASKS)
def test_an_episode_depends_on_its_seed_alone(task_id: str) -> None:
    fresh, used = open_task(task_id), open_task(task_id)
    walk(used, seed=7, steps=30)
    for a, b in zip(walk(fresh, 5, 30), walk(used, 5, 30), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(walk(fresh, 5, 0)[0], walk(fresh, 6, 0)[0])
    fresh.close()
    used.close()


def calls_itself_sparse(task_id: str) -> bool:
    """By its registration; a task that says nothing there is, or has one reward only."""
    module = own_tasks()[task_id]
    only = getattr(module.Environment, "reward_type", "sparse")
    return module.REGISTRATIONS[task_id].get("kwargs", {}).get("reward_type", only) == "sparse"


SPARSE = ["FetchReach-v4", "HandReach-v3", *filter(calls_itself_sparse, own_tasks())]


@pytest.mark.parametrize("task_id", SPARSE)
def test_sparse_tasks_tell_the_range_of_their_reward(task_id: str) -> None:
    assert open_task(task_id).spec.reward_range == (-1.0, 0.0)


def test_mazes_and_dense_tasks_have_their_own_ranges() -> None:
    assert open_task("PointMaze_UMaze-v3").spec.reward_range == (0.0, 1.0)
    for dense in ("FetchReachDense-v4", "goalrelay/AntMaze-v0", "goalrelay/AntGather-v0"):
        assert open_task(dense).spec.reward_range is None


def test_the_list_of_tasks_holds_the_newest_versions() -> None:
    known = known_tasks()
    assert {"goalrelay/BitFlip-v0", "FetchPush-v4", "FetchPushDense-v4"} <= set(known)
    assert "FetchPush-v1" not in known
