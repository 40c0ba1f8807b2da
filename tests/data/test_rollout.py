"""An episode is what happened: observed, done and achieved, in order, from a seed alone."""

import threading
import time

import numpy as np
import pytest

from goalrelay.data.collector import Collector
from goalrelay.data.rollout import Begin, Simulator, rollout
from goalrelay.errors import TaskFailed, UsageError
from goalrelay.methods.exploration import random_action
from goalrelay.tasks.goal_task import open_task
from goalrelay.types import Observation, Spec

POINT = "goalrelay/PointReach-v0"
BITS = "goalrelay/BitFlip-v0"


def at_random(spec: Spec) -> Begin:
    return lambda rng: lambda _: random_action(spec, rng)


def test_an_episode_replays_to_itself() -> None:
    task = open_task(POINT)
    episode = rollout(task, at_random(task.spec), seed=4)
    assert episode.length == 25
    assert not episode.terminal
    again = task.reset(4)
    np.testing.assert_array_equal(again.observation, episode.observation[0])
    total = 0.0
    for t, action in enumerate(episode.action):
        timestep, reward, *_ = task.step(action)
        total += reward
        np.testing.assert_array_equal(timestep.observation, episode.observation[t + 1])
        np.testing.assert_array_equal(timestep.achieved, episode.achieved[t + 1])
        np.testing.assert_array_equal(timestep.desired, episode.desired[t + 1])
    assert total == episode.total_reward


def test_an_episode_ends_where_the_task_ends_it() -> None:
    task = open_task(BITS, ["n=5"])

    def flip_what_differs(timestep: Observation) -> np.ndarray:
        return np.asarray(np.argmax(timestep.achieved != timestep.desired), np.int32)

    episode = rollout(task, lambda _: flip_what_differs, seed=1)
    differing = int((episode.achieved[0] != episode.desired[0]).sum())
    assert episode.length == differing
    assert episode.terminal
    assert episode.success == 1.0
    assert episode.total_reward == 1.0 - differing


def test_episodes_come_in_the_order_of_their_seeds_on_any_number_of_threads() -> None:
    seeds = [5, 6, 7, 8, 9]
    collected = []
    for threads in (1, 4):
        collector = Collector(lambda: open_task(POINT), threads)
        collected.append(collector.collect(at_random(open_task(POINT).spec), seeds))
        collector.close()
    for a, b in zip(*collected, strict=True):
        np.testing.assert_array_equal(a.observation, b.observation)
        np.testing.assert_array_equal(a.action, b.action)


def test_arrays_that_an_environment_overwrites_are_copied() -> None:
    plain, reusing = (open_task(f"stranger_tasks:{name}-v0") for name in ("Line", "Reusing"))
    episode = rollout(reusing, at_random(reusing.spec), seed=4)
    assert len(np.unique(episode.achieved)) == 7
    for ours, expected in zip(episode, rollout(plain, at_random(plain.spec), seed=4), strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_exploration_is_not_the_noise_the_environment_started_from() -> None:
    task = open_task(POINT)
    episode = rollout(task, at_random(task.spec), seed=3)
    assert not np.allclose(episode.action[0], episode.observation[0])


def test_a_crash_names_the_task_and_the_episode() -> None:
    task = open_task(POINT)

    def crash(timestep: Observation) -> np.ndarray:
        raise ValueError("the arm fell off")

    with pytest.raises(RuntimeError, match=r"PointReach-v0' failed .* seed 9, step 0: the arm"):
        rollout(task, lambda _: crash, seed=9)


def test_where_one_environment_cannot_be_opened_the_others_are_freed() -> None:
    opened: list[Simulator] = []
    closed = threading.Event()

    def make() -> Simulator:
        if opened:
            raise UsageError("no second licence")
        opened.append(open_task(POINT))
        opened[0].close = lambda: closed.set() or True
        return opened[0]

    before = set(threading.enumerate())
    with pytest.raises(UsageError, match="no second licence"):
        Collector(make, 2)
    assert closed.wait(5)
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive()


def test_a_failure_does_not_wait_for_an_environment_that_hangs() -> None:
    release, hangs = threading.Event(), threading.Event()

    def make() -> Simulator:
        task = open_task(POINT)

        def reset(seed: int, evaluation: bool = False) -> Observation:
            if seed == 2:
                hangs.set()
                release.wait(60)
            assert hangs.wait(60)
            raise ValueError("the arm fell off")

        task.reset = reset
        return task

    collector = Collector(make, 2, step_timeout=0.2)
    began = time.monotonic()
    try:
        with pytest.raises(TaskFailed, match="seed 1, step 0: the arm fell off"):
            collector.collect(at_random(open_task(POINT).spec), [1, 2])
        collector.close()
        assert time.monotonic() - began < 20
    finally:
        release.set()
