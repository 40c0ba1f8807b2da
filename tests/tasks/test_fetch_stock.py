"""Our Fetch tasks are the stock ones, faster: same numbers for the same seed and actions."""

import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest

from goalrelay.errors import UsageError
from goalrelay.tasks.fetch import contacts
from goalrelay.tasks.goal_task import open_task
from goalrelay.tasks.late import mujoco
from goalrelay.tasks.stock import register_stock

NAMES = ("FetchReach", "FetchPush", "FetchPickAndPlace", "FetchSlide")
KINDS = ("random", "chase", "press", "grasp and drop", "one way", "corners")
SAME = 1e-6
BEYOND = 0.3
"""Joints give way beyond their limits by less than this, rad; the most seen is 0.18."""


def actions(kind: str, seed: int, env: Any) -> Iterator[np.ndarray]:
    """50 actions that depend on what the environment shows now: [4] float32."""
    rng = np.random.default_rng(seed)
    way = rng.choice((-1.0, 0.0, 1.0), 4)
    for t in range(50):
        seen = env.unwrapped._get_obs()
        gap = 10 * (seen["achieved_goal"] - seen["observation"][:3])
        fingers = rng.uniform(-1, 1)
        if kind == "random":
            action = rng.uniform(-1, 1, 4)
        elif kind == "chase":
            action = np.append(gap + rng.normal(0, 0.3, 3), fingers)
        elif kind == "press":
            action = np.append(rng.uniform(-1, 1, 2), (-1, 1))
        elif kind == "grasp and drop":
            drift = rng.uniform(-1, 1, 2)
            phases = ((*gap, 1), (0, 0, 0, -1), (*drift, 0.7, -1), (0, 0, 0, 1))
            action = np.array(phases[np.searchsorted((20, 25, 40), t, side="right")])
        elif kind == "one way":
            action = np.array((np.sin(seed), np.cos(seed), -0.3, fingers))
        else:
            way = rng.choice((-1.0, 0.0, 1.0), 4) if t % 10 == 0 else way
            action = way
        yield np.clip(action, -1, 1).astype(np.float32)


def difference(ours: dict[str, np.ndarray], stock: dict[str, np.ndarray]) -> float:
    """Largest difference between two observations."""
    return max(float(np.abs(ours[key] - stock[key]).max()) for key in stock)


def worst(name: str, episodes: int) -> float:
    """Largest difference of observation, reward or success, over episodes of every kind."""
    register_stock()
    stock, ours = gymnasium.make(f"{name}-v4"), gymnasium.make(f"goalrelay/{name}-v0")
    apart = 0.0
    for seed in range(episodes):
        apart = max(apart, difference(ours.reset(seed=seed)[0], stock.reset(seed=seed)[0]))
        for action in actions(KINDS[seed % len(KINDS)], seed, stock):
            seen, reward, *_, info = ours.step(action)
            asked, paid, *_, facts = stock.step(action)
            apart = max(apart, difference(seen, asked), abs(float(reward) - float(paid)))
            assert info["is_success"] == facts["is_success"]
    return apart


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_and_actions_give_the_numbers_of_the_stock_task(name: str) -> None:
    assert worst(name, episodes=2 * len(KINDS)) < SAME


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_numbers_are_those_of_the_stock_task_in_a_hundred_episodes(name: str) -> None:
    assert worst(name, episodes=100) < SAME


@pytest.mark.parametrize("name", NAMES)
def test_dense_rewards_are_those_of_the_stock_task(name: str) -> None:
    register_stock()
    stock, ours = gymnasium.make(f"{name}Dense-v4"), gymnasium.make(f"goalrelay/{name}Dense-v0")
    for env in (stock, ours):
        env.reset(seed=3)
    for action in actions("chase", 3, stock):
        assert ours.step(action)[1] == pytest.approx(stock.step(action)[1], abs=SAME)


def test_contact_is_looked_for_where_the_shoulder_can_touch_the_body() -> None:
    env: Any = gymnasium.make("goalrelay/FetchReach-v0").unwrapped
    env.reset(seed=0)
    met = set()
    for _ in range(50):
        env.step(np.array((-1, 1, 0, 0), np.float32))
        for pair in env.data.contact.geom:
            met.add(frozenset(short(env.model.geom(g).name) for g in pair))
    assert met & contacts.WATCHED[0].pairs


def short(name: str) -> str:
    """A name without what the robot's joints and geometry have in common."""
    return name.removeprefix("robot0:").removesuffix("_joint")


def colliding(
    poses: int, ranges: dict[str, tuple[float, float]] | None = None
) -> Iterator[frozenset[str]]:
    """Names of the parts that meet in random poses, every pair tested.

    A third of the angles are the ends of their ranges, which are the joints' unless given.
    """
    env: Any = gymnasium.make("goalrelay/FetchReach-v0").unwrapped
    model, data = env.model, env.data
    model.exclude_signature[:] = model.exclude_signature[0]  # all but one pair, of parent and child
    hinges = np.flatnonzero(model.jnt_type == mujoco.mjtJoint.mjJNT_HINGE)
    ends = np.where(model.jnt_limited[hinges, None], model.jnt_range[hinges], (-np.pi, np.pi))
    ends += (-BEYOND, BEYOND)
    for i, hinge in enumerate(hinges):
        low, high = (ranges or {}).get(short(model.joint(hinge).name), (-np.inf, np.inf))
        ends[i] = max(ends[i, 0], low), min(ends[i, 1], high)
    rng = np.random.default_rng(0)
    for _ in range(poses):
        drawn = rng.uniform(*ends.T)
        extreme = np.where(rng.random(len(hinges)) < 0.5, *ends.T)
        angles = np.where(rng.random(len(hinges)) < 1 / 3, extreme, drawn)
        data.qpos[model.jnt_qposadr[hinges]] = angles
        mujoco.mj_fwdPosition(model, data)
        for pair in data.contact.geom:
            yield frozenset(short(model.geom(g).name) for g in pair)


def test_what_is_never_tested_stays_apart() -> None:
    for names in colliding(2000):
        assert names not in contacts.NEVER


def test_watched_parts_stay_apart_while_their_joints_are_within_range() -> None:
    ranges: dict[str, tuple[float, float]] = {}
    for watch in contacts.WATCHED:
        low, high = ranges.get(watch.joint, (-np.inf, np.inf))
        ranges[watch.joint] = max(low, watch.low), min(high, watch.high)
    watched = frozenset().union(*(watch.pairs for watch in contacts.WATCHED))
    for names in colliding(2000, ranges):
        assert names not in watched


def test_a_reset_takes_the_goal_and_the_place_of_the_object() -> None:
    env = gymnasium.make("goalrelay/FetchPush-v0")
    options = {"goal": (1.3, 0.8, 0.425), "object0": (1.25, 0.7)}
    seen, _ = env.reset(seed=0, options=options)
    np.testing.assert_array_equal(seen["desired_goal"], options["goal"])
    np.testing.assert_allclose(seen["achieved_goal"][:2], options["object0"], atol=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gaol": (1, 2, 3)}, "reset option 'gaol' is unknown; there are goal, object0"),
        ({"goal": (1, 2)}, "reset option 'goal' takes 3 finite numbers, m"),
        ({"object0": (1,)}, "reset option 'object0' takes 2 or 3 finite numbers, m"),
        ({"object0": (1, np.nan)}, "reset option 'object0' takes 2 or 3 finite numbers, m"),
    ],
)
def test_a_reset_says_what_is_wrong_with_its_options(options: dict, message: str) -> None:
    env = gymnasium.make("goalrelay/FetchPush-v0")
    with pytest.raises(UsageError, match=message):
        env.reset(options=options)


def test_rewards_are_sparse_or_dense() -> None:
    with pytest.raises(UsageError, match="reward_type is sparse or dense, not 'rich'"):
        gymnasium.make("goalrelay/FetchPush-v0", reward_type="rich")


def test_environments_of_one_scene_do_not_share_their_state() -> None:
    one, other = (gymnasium.make("goalrelay/FetchPush-v0") for _ in range(2))
    start = other.reset(seed=1)[0]["observation"].copy()
    one.reset(seed=2)
    for _ in range(20):
        one.step(np.ones(4, np.float32))
    np.testing.assert_array_equal(other.reset(seed=1)[0]["observation"], start)


def test_an_object_off_the_table_stays_finite() -> None:
    env = gymnasium.make("goalrelay/FetchPickAndPlace-v0")
    env.reset(seed=0, options={"object0": (1.8, 0.75, 0.6)})
    seen = {}
    for _ in range(50):
        seen = env.step(np.zeros(4, np.float32))[0]
    assert np.isfinite(seen["observation"]).all()
    assert seen["achieved_goal"][2] < 0.4


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_shows_the_goal(name: str, opengl: None) -> None:
    env = gymnasium.make(f"goalrelay/{name}-v0", render_mode="rgb_array", width=120)
    pictures = []
    for x in (1.3, 1.45):
        env.reset(seed=0, options={"goal": (x, 0.9, 0.6)})
        pictures.append(np.asarray(env.render()))
    env.close()
    assert pictures[0].shape == (480, 120, 3)
    assert (pictures[0] != pictures[1]).any()


def test_being_watched_changes_nothing(opengl: None) -> None:
    seen = []
    for watched in (False, True):
        env = gymnasium.make("goalrelay/FetchPickAndPlace-v0", render_mode="rgb_array", width=64)
        env.reset(seed=0)
        env.action_space.seed(0)
        for _ in range(10):
            seen.append(env.step(env.action_space.sample())[0]["observation"])
            if watched:
                env.render()
        env.close()
    np.testing.assert_array_equal(seen[:10], seen[10:])


def test_importing_the_library_does_not_import_mujoco() -> None:
    code = "import sys, goalrelay; assert 'mujoco' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_wrong_renderer_is_reported_when_a_task_is_opened() -> None:
    code = "from goalrelay.tasks.goal_task import open_task; open_task('goalrelay/FetchPush-v0')"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "MUJOCO_GL": "nonsense"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "UsageError: task 'goalrelay/FetchPush-v0' could not be made" in found.stderr
    assert "MUJOCO_GL" in found.stderr


def test_our_tasks_are_opened_by_their_ids() -> None:
    for name in NAMES:
        task = open_task(f"goalrelay/{name}-v0")
        assert task.spec.horizon == 50
        task.close()


def test_a_mujoco_that_stock_tasks_cannot_use_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*words: object, **options: object) -> None:
        raise AssertionError

    monkeypatch.setattr(importlib.metadata, "version", lambda _: "4.0.0")
    monkeypatch.setattr(gymnasium, "make", refuse)
    with pytest.raises(UsageError, match=r"does not work with mujoco 4.0.0: pip install"):
        open_task("FetchReach-v4")
    with pytest.raises(UsageError, match=r"could not be made: AssertionError$"):
        open_task("goalrelay/FetchReach-v0")
