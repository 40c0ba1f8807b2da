"""The point's mazes can be passed, keep their traps, and are quick."""

import time
from types import ModuleType
from typing import Any

import gymnasium
import numpy as np
import pytest

from goalrelay.tasks.ant import point_fall, point_maze, point_push
from goalrelay.tasks.ant.rolling import RADIUS, STEPS, STRIDE, Point, follow

TASKS = [point_maze, point_push, point_fall]
BACK = np.array((-1.0, 0.0))


def name(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def make(module: ModuleType, **arguments: Any) -> Point:
    env = gymnasium.make(next(iter(module.REGISTRATIONS)), **arguments).unwrapped
    assert isinstance(env, Point)
    return env


def play(env: Point, act: Any, seed: int = 0, steps: int = STEPS) -> tuple[list[float], bool]:
    """Rewards of an episode, and whether its last step is a success."""
    seen, _ = env.reset(seed=seed)
    rewards, info = [], {}
    for _ in range(steps):
        seen, reward, _, _, info = env.step(act(seen))
        rewards.append(reward)
    return rewards, info["is_success"]


@pytest.mark.parametrize("evaluation", [False, True])
@pytest.mark.parametrize("module", TASKS, ids=name)
def test_the_expert_succeeds(module: ModuleType, evaluation: bool) -> None:
    env = make(module, evaluation=evaluation)
    assert all(play(env, module.expert(), seed)[1] for seed in range(20))


def test_straight_ahead_is_a_trap_that_no_later_push_opens() -> None:
    env = make(point_push)
    rewards, success = play(env, follow([(0, 9.5)]))
    assert not success
    assert 3.5 < -max(rewards) < 4.5
    assert env.block is not None
    assert env.block[0] == 0
    assert env.block[1] > 7.7
    later, success = play(env, follow([(0, 5.4), (-4, 4), (0, 4), (1.5, 5), (0, 9.5)]), steps=400)
    assert not success
    assert max(later) < -3


def test_the_block_goes_right_as_far_as_the_wall() -> None:
    env = make(point_push)
    play(env, follow([(-4, 0), (-4, 4), (4, 4)]))
    assert env.block is not None
    x, y = env.block
    assert 4 - STRIDE <= x <= 4
    assert y == 4
    assert env.position[0] == pytest.approx(x - 2 - RADIUS)


def test_a_point_in_the_chasm_stays_there_and_fails() -> None:
    env = make(point_fall)
    seen, _ = env.reset(seed=0)
    assert seen["achieved_goal"][2] == 2.25
    _, success = play(env, follow([(0, 8), (0, 13.5)]))
    assert not success
    assert env.fallen
    assert 6 - STRIDE < env.position[1] < 10
    for _ in range(30):
        seen, *_ = env.step(BACK)
    assert seen["achieved_goal"][2] == 0.25
    assert seen["achieved_goal"][1] > 6 - STRIDE


def test_the_block_drops_when_it_has_gone_a_whole_cell_and_bears_the_point() -> None:
    env = make(point_fall)
    seen, _ = env.reset(seed=0)
    act, before = follow([(4, 0), (4, 8)]), (4.0, 4.0)
    for _ in range(STEPS):
        seen, *_ = env.step(act(seen))
        assert env.block is not None
        assert env.block[0] == 4
        assert env.block[1] >= before[1]
        assert env.sunk == (env.block[1] == 8)
        before = env.block
    assert env.sunk
    np.testing.assert_allclose(seen["achieved_goal"], (4, 8, 2.25), atol=0.01)


def test_a_move_into_a_wall_is_not_made() -> None:
    env = make(point_maze)
    env.reset(seed=0)
    seen = [env.step(BACK)[0] for _ in range(20)][-1]
    x, y = env.position
    assert -2 + RADIUS <= x < -2 + RADIUS + STRIDE
    np.testing.assert_array_equal(seen["achieved_goal"], (x, y))
    seen, *_ = env.step(np.array((-1.0, 0.25)))
    assert env.position == (x, y)
    assert seen["observation"][3] > 0.1  # it turned all the same


@pytest.mark.parametrize("module", TASKS, ids=name)
def test_no_walk_ends_inside_a_wall_or_the_block(module: ModuleType) -> None:
    env, rng = make(module), np.random.default_rng(0)
    layout, scale = env.layout, env.scale
    walls = scale * np.array(layout.cells("#"), float)
    gap = scale / 2 + RADIUS - 1e-5
    for seed in range(10):
        env.reset(seed=seed)
        action = np.zeros(2)
        for step in range(300):
            if step % 10 == 0:
                action = rng.uniform(-1, 1, 2) * (1.5, 0.25)  # beyond the limit too
            env.step(action)
            apart = np.abs(walls - env.position).max(axis=1)
            assert apart.min() >= gap
            if env.block is not None:
                half = layout.shrink * scale / 2
                across = np.abs(np.subtract(env.block, env.position)).max()
                assert across >= half + RADIUS - 1e-5 or env.sunk != env.fallen
                nearest = np.abs(walls - env.block).max(axis=1).min()
                assert nearest >= half + scale / 2 - 1e-5


def test_an_action_moves_and_turns_by_what_it_says() -> None:
    env = make(point_maze)
    env.reset(seed=0)
    env.position, env.heading = (0.0, 0.0), 0.0
    seen, *_ = env.step(np.array((0.5, 0.2)))
    expected = (0.1 * np.cos(0.2), 0.1 * np.sin(0.2), np.cos(0.2), np.sin(0.2), 0.001)
    np.testing.assert_allclose(seen["observation"], expected)


def test_a_step_takes_less_than_50_microseconds() -> None:
    env = make(point_fall)
    env.reset(seed=0)
    action, times = np.array((1.0, 0.1)), []
    for _ in range(5):
        start = time.thread_time()
        for _ in range(200):
            env.step(action)
        times.append((time.thread_time() - start) / 200)
    assert min(times) < 50e-6


@pytest.mark.parametrize("module", TASKS, ids=name)
def test_pictures_show_target_and_point_where_they_are(module: ModuleType) -> None:
    env = make(module, render_mode="rgb_array", width=100, height=80, evaluation=True)
    env.reset(seed=0)
    first = env.render()
    assert first.shape == (80, 100, 3)
    assert first.dtype == np.uint8
    for _ in range(5):
        env.step(np.array((1.0, 0.0)))
    changed = np.argwhere((env.render() != first).any(axis=-1))
    assert 0 < len(changed) < 0.05 * 80 * 100
    env.reset(seed=0, options={"goal": env.goal - 1})
    assert (env.render() != first).any()
