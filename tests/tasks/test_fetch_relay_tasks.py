"""The relay tasks can be done, start sanely, and withstand whatever the hand does."""

from types import ModuleType
from typing import Any

import gymnasium
import numpy as np
import pytest

from goalrelay.tasks.fetch import (
    drawer,
    drawer_box,
    insert,
    moving_drawer,
    obstacle_push,
    pick_and_place,
    push,
    reach,
    slide,
)
from goalrelay.tasks.fetch.environment import Environment
from goalrelay.tasks.stock import register_stock

SOLVED = [
    reach,
    push,
    pick_and_place,
    slide,
    obstacle_push,
    insert,
    drawer,
    moving_drawer,
    drawer_box,
]
OURS = [obstacle_push, insert, drawer, moving_drawer, drawer_box]
ARM = 1.6
"""The hand cannot get farther from its start than this, m."""


def name(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def make(module: ModuleType, **arguments: Any) -> Environment:
    env = gymnasium.make(next(iter(module.REGISTRATIONS)), **arguments).unwrapped
    assert isinstance(env, Environment)
    return env


def play(module: ModuleType, seed: int, **arguments: Any) -> bool:
    """Whether the expert succeeds at the last step."""
    env = gymnasium.make(next(iter(module.REGISTRATIONS)), **arguments)
    seen, _ = env.reset(seed=seed)
    act, over, info = module.expert(), False, {}
    while not over:
        seen, _, _, over, info = env.step(act(seen))
    env.close()
    return info["is_success"]


def walk(module: ModuleType, steps: int, seed: int = 0, **arguments: Any) -> None:
    """Press, squeeze and throw: constant full-speed actions for a while, then others; no resets."""
    env, rng = make(module, **arguments), np.random.default_rng(seed)
    env.reset(seed=seed)
    action = np.zeros(4)
    for step in range(steps):
        if step % 10 == 0:
            kinds = (rng.choice((-1.0, 0.0, 1.0), 4), rng.uniform(-1, 1, 4))
            action = kinds[int(rng.integers(2))]
            if rng.uniform() < 0.5:  # towards an object, which is where the trouble is
                target = env.positions[-1] + rng.uniform(-0.03, 0.03, 3)
                action[:3] = np.clip((target - env.grip) / 0.05, -1, 1)
        seen, reward, _, _, _ = env.step(action)
        for key, value in seen.items():
            assert np.isfinite(value).all(), f"{key} at step {step}"
        assert reward in (0.0, -1.0)
        far = float(np.linalg.norm(env.grip - env.begin.grip))
        assert far < ARM, f"hand at step {step}"
        assert np.abs(env.data.qvel).max() < 200, f"speed at step {step}"
        if step % 200 == 199:  # what fell off the table may fall for ever
            env.reset(seed=step)
    env.close()


@pytest.mark.parametrize("module", SOLVED, ids=name)
def test_the_expert_succeeds(module: ModuleType) -> None:
    assert [play(module, seed) for seed in range(5)] == [True] * 5


def test_a_slide_ends_where_its_rehearsal_did() -> None:
    """Also in the stock environment: the fingers meet the puck at the same moment of a step."""
    register_stock()
    for task in ("goalrelay/FetchSlide-v0", "FetchSlide-v4"):
        env = gymnasium.make(task)
        for seed in (1, 2):
            seen, _ = env.reset(seed=seed)
            act = slide.expert()
            for _ in range(slide.STEPS):
                seen, *_ = env.step(act(seen))
            miss = np.linalg.norm(seen["achieved_goal"] - seen["desired_goal"])
            assert miss < slide.CLOSE_ENOUGH
        env.close()


def test_the_expert_succeeds_at_a_hole_that_stays() -> None:
    assert play(insert, 0, fixed=True)


@pytest.mark.parametrize("module", [*OURS, push], ids=name)
def test_nothing_explodes(module: ModuleType) -> None:
    walk(module, 2_000)


@pytest.mark.slow
@pytest.mark.parametrize("module", [*OURS, push, pick_and_place, slide], ids=name)
def test_nothing_explodes_in_the_long_run(module: ModuleType) -> None:
    walk(module, 100_000, seed=1)


@pytest.mark.parametrize("module", OURS, ids=name)
def test_episodes_start_without_contact_of_the_hand_and_at_rest(module: ModuleType) -> None:
    env = make(module)
    fingers = {env.model.geom(f"robot0:{side}_gripper_finger_link").id for side in "rl"}
    for seed in range(30):
        env.reset(seed=seed)
        for contact in env.data.contact:
            if contact.dist < -1e-3:
                pair = {contact.geom1, contact.geom2}
                names = [env.model.geom(geom).name for geom in pair]
                on_table = "" in names and module is obstacle_push
                assert on_table or not pair & fingers, (seed, names)


def test_the_obstacle_stands_between_hand_and_block_and_touches_neither() -> None:
    env = make(obstacle_push)
    obstacle = env.model.body("obstacle")
    geom = int(obstacle.geomadr[0])
    for seed in range(200):
        seen, _ = env.reset(seed=seed)
        observed = seen["observation"]
        middle = (env.begin.grip[:2] + observed[3:5]) / 2
        np.testing.assert_allclose(observed[:2] + observed[25:27], middle, atol=1e-9)
        np.testing.assert_allclose(env.data.body("obstacle").xmat.reshape(3, 3), np.eye(3))
        touching = [c for c in env.data.contact if geom in (c.geom1, c.geom2)]
        others = [c.geom1 + c.geom2 - geom for c in touching if c.dist < 0]
        table = env.model.body("table0").geomadr[0]
        assert all(other == table for other in others)


def test_only_the_original_obstacle_may_overlap_the_block() -> None:
    for paper, share in ((False, 0.0), (True, 0.185)):
        env, overlaps = make(obstacle_push, paper=paper), []
        for seed in range(400):
            seen, _ = env.reset(seed=seed)
            gap = np.abs(seen["observation"][3:5] - env.begin.grip[:2]) / 2
            overlaps.append((gap < np.array((0.01, 0.04)) + 0.025).all())
        assert np.mean(overlaps) == pytest.approx(share, abs=0.05)


def pressed(seed: int, paper: bool) -> float:
    """How far beyond the obstacle's middle a block stays that the hand presses against it, m."""
    env = make(obstacle_push, paper=paper)
    start = {"object0": (1.34, 0.83)}  # in the line of the original's obstacle, at the fingers
    seen, _ = env.reset(seed=seed, options=start)
    across = np.random.default_rng(seed).uniform(-0.02, 0.02)
    block, middle = seen["achieved_goal"][:2], env.model.body_pos[env.model.body("obstacle").id, :2]
    ahead = (block - middle) / np.linalg.norm(block - middle)
    aside = across * np.array((-ahead[1], ahead[0]))
    far, beyond = block + 0.08 * ahead + aside, middle - 0.3 * ahead + aside
    way = [(seen["observation"][:2], 0.52, 4), (far, 0.52, 6), (far, 0.425, 5), (beyond, 0.425, 40)]
    for place, height, steps in way:
        for _ in range(steps):
            error = np.append(place, height) - seen["observation"][:3]
            seen, *_ = env.step(np.append((20 * error).clip(-1, 1), 0.0).astype(np.float32))
    return float((seen["achieved_goal"][:2] - middle) @ ahead)


def test_a_block_is_not_squeezed_through_the_obstacle() -> None:
    assert min(pressed(seed, paper=False) for seed in range(20)) > 0
    assert min(pressed(seed, paper=True) for seed in range(20)) < 0  # as it is in the original


def test_paper_obstacle_keeps_the_axes_of_the_room() -> None:
    env = make(obstacle_push, paper=True)
    seen, _ = env.reset(seed=3)
    assert seen["observation"].shape == (28,)
    np.testing.assert_allclose(env.data.body("obstacle").xmat.reshape(3, 3), np.eye(3))


def test_what_the_peg_achieves_is_the_entrance_until_it_is_in() -> None:
    env = make(insert)
    seen, _ = env.reset(seed=0)
    hole = seen["desired_goal"]
    np.testing.assert_allclose(seen["achieved_goal"], (*hole[:2], insert.TOP))
    act = insert.expert()
    for _ in range(30):
        seen, *_ = env.step(act(seen))
    np.testing.assert_allclose(seen["achieved_goal"], seen["observation"][:3])


def test_holes_are_away_from_the_hand_and_come_from_the_seed() -> None:
    a, b = make(insert), make(insert)
    np.random.seed(0)
    for seed in range(50):
        goal = a.reset(seed=seed)[0]["desired_goal"]
        np.random.seed(seed)
        np.testing.assert_array_equal(goal, b.reset(seed=seed)[0]["desired_goal"])
        assert np.linalg.norm(goal[:2] - a.begin.grip[:2]) >= insert.CLEAR


@pytest.mark.parametrize("module", [drawer, moving_drawer], ids=name)
def test_goals_open_the_drawer_by_4_to_20_cm(module: ModuleType) -> None:
    env = make(module)
    for seed in range(50):
        seen, _ = env.reset(seed=seed)
        opening = seen["achieved_goal"] - seen["desired_goal"]
        assert drawer.LEAST - 1e-6 <= opening[0] <= drawer.MOST + 1e-6
        np.testing.assert_allclose(opening[1:], 0, atol=1e-3)


def test_the_hand_does_not_sink_beside_the_knob() -> None:
    env = make(drawer)
    env.reset(seed=0)
    beside = np.array((1.3, 0.63, 0.4))
    for _ in range(40):
        env.step(np.append(np.clip((beside - env.grip) / 0.04, -1, 1), 0.0))
        assert env.grip[2] > env.positions[0][2] + drawer_box.DrawerTask.floor - 0.005


def test_the_goal_moves_with_the_cabinet() -> None:
    env = make(moving_drawer)
    seen, _ = env.reset(seed=1)
    first, opening = seen, seen["achieved_goal"] - seen["desired_goal"]
    speed = seen["observation"][26:28]
    for _ in range(20):
        seen, *_ = env.step(np.zeros(4))
    np.testing.assert_allclose(seen["achieved_goal"] - seen["desired_goal"], opening, atol=1e-3)
    moved = (seen["desired_goal"] - first["desired_goal"])[:2]
    np.testing.assert_allclose(moved, 20 * speed, atol=2e-3)


def test_a_drawer_and_a_block_are_done_only_together() -> None:
    env = make(drawer_box)
    done = np.arange(6.0)
    wishes = np.tile(done, (3, 1))
    wishes[1, 0] += 0.1
    wishes[2, 5] += 0.1
    rewards = env.compute_reward(np.tile(done, (3, 1)), wishes, {})
    np.testing.assert_array_equal(rewards, (0, -1, -1))


def test_the_block_starts_inside_the_closed_drawer() -> None:
    env = make(drawer_box)
    for seed in range(20):
        seen, _ = env.reset(seed=seed)
        for _ in range(5):
            env.step(np.zeros(4))
        np.testing.assert_allclose(env.positions.reshape(-1), seen["achieved_goal"], atol=2e-3)


def test_a_stiff_drawer_of_the_paper_opens_too() -> None:
    env = make(drawer, paper=True)
    seen, _ = env.reset(seed=0)
    act = drawer.expert()
    for _ in range(50):
        seen, *_ = env.step(act(seen))
    assert (seen["achieved_goal"] - seen["desired_goal"])[0] < 0.1
