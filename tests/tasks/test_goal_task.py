"""Tasks that do not fit are refused in one line that says what fits."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import stranger_tasks
from goalrelay.errors import UsageError
from goalrelay.tasks.goal_task import open_task

MODULE = """
import gymnasium, numpy as np
from gymnasium import spaces

def box(n): return spaces.Box(-1, 1, (n,), np.float32)

class Base(gymnasium.Env):
    goals = (2, 2)
    action_space = box(2)
    def __init__(self, render_mode=None):
        achieved, desired = self.goals
        self.observation_space = spaces.Dict(
            observation=box(3), achieved_goal=box(achieved), desired_goal=box(desired))
    def look(self): return {k: np.zeros(s.shape) for k, s in self.observation_space.items()}
    def reset(self, *, seed=None, options=None): return self.look(), {}
    def step(self, action): return self.look(), 0.0, False, False, {}
    def compute_reward(self, achieved, desired, info):
        return -(np.linalg.norm(achieved - desired, axis=-1) > 0.1).astype(float)

class NoReward(Base):
    compute_reward = property()
class ScalarReward(Base):
    def compute_reward(self, achieved, desired, info): return 0.0
class OtherReward(Base):
    def compute_reward(self, achieved, desired, info): return np.full(len(achieved), -7.0)
class NeedsInfo(Base):
    def compute_reward(self, achieved, desired, info): return info["reward"]
class TwoSizes(Base):
    goals = (2, 3)
class Tuples(Base):
    action_space = spaces.Tuple([box(2), box(2)])
class Unbounded(Base):
    action_space = spaces.Box(-np.inf, np.inf, (2,))
class Picture(Base):
    def __init__(self, render_mode=None):
        self.observation_space = spaces.Box(0, 255, (8, 8, 3), np.uint8)
class NoGoal(Base):
    def __init__(self, render_mode=None): self.observation_space = spaces.Dict(observation=box(3))
class Broken(Base):
    def __init__(self, render_mode=None): raise OSError("no such mesh")

for c in (Base, NoReward, ScalarReward, OtherReward, NeedsInfo, TwoSizes, Tuples, Unbounded,
          Picture, NoGoal, Broken):
    gymnasium.register(f"Users{c.__name__}-v0", c, max_episode_steps=5)
gymnasium.register("UsersEndless-v0", Base)
"""


@pytest.fixture(autouse=True)
def users_tasks(user_module: Path) -> None:
    (user_module / "users_tasks.py").write_text(MODULE)


def test_a_users_goal_task_works_by_module_and_id() -> None:
    task = open_task("users_tasks:UsersBase-v0")
    assert task.spec[:5] == (3, 2, 2, 2, False)
    assert task.spec.horizon == 5
    assert task.spec.reward_range is None
    task.reset(0)
    timestep, reward, *_ = task.step(np.zeros(2, np.float32))
    assert timestep.desired.shape == (2,)
    assert reward == 0.0


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("NoReward", "has no compute_reward"),
        ("OtherReward", "the two to agree"),
        ("NeedsInfo", "it may need numbers of info"),
        ("TwoSizes", "goals of one size"),
        ("Tuples", "Box, Discrete, MultiDiscrete and MultiBinary fit"),
        ("Unbounded", "unbounded actions"),
        ("Picture", "images from 16 x 16 to 256 x 256 fit"),
        ("NoGoal", "needs observation, achieved_goal and desired_goal"),
        ("Broken", "could not be made: no such mesh"),
        ("Endless", "has no time limit"),
    ],
)
def test_a_task_that_does_not_fit_is_refused_in_one_line(name: str, complaint: str) -> None:
    with pytest.raises(UsageError) as refused:
        open_task(f"users_tasks:Users{name}-v0")
    assert complaint in str(refused.value)
    assert f"Users{name}-v0" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_unknown_names_come_with_the_nearest_match() -> None:
    with pytest.raises(UsageError, match="did you mean 'FetchPush-v4'"):
        open_task("FetchPsh-v4")
    with pytest.raises(UsageError, match="no module named 'nowhere'"):
        open_task("nowhere:Task-v0")


def test_task_options_reach_the_constructor() -> None:
    assert open_task("goalrelay/BitFlip-v0", ["n=20"]).spec.action_size == 20
    with pytest.raises(UsageError, match="from 1 to 40, got 41"):
        open_task("goalrelay/BitFlip-v0", ["n=41"])
    with pytest.raises(UsageError, match="takes name=value"):
        open_task("goalrelay/BitFlip-v0", ["20"])
    with pytest.raises(UsageError, match="could not be made"):
        open_task("goalrelay/BitFlip-v0", ["bits=20"])


def test_a_reward_that_works_in_place_leaves_goals_and_earlier_rewards_alone() -> None:
    task = open_task("stranger_tasks:Reusing-v0")
    achieved, desired = np.array([[0.75], [1.0]], np.float32), np.full((2, 1), 0.5, np.float32)
    rewards = task.reward(achieved, desired)
    np.testing.assert_array_equal(task.reward(desired, desired), [0, 0])
    np.testing.assert_array_equal(rewards, [-0.25, -0.5])
    np.testing.assert_array_equal(task.terminal(achieved, desired, np.ones(2, bool)), [0, 0])
    np.testing.assert_array_equal(achieved, [[0.75], [1]])
    np.testing.assert_array_equal(desired, [[0.5], [0.5]])


def test_a_flat_task_copies_what_it_is_shown() -> None:
    class Flat(stranger_tasks.Reusing):
        def __init__(self, render_mode: str | None = None):
            super().__init__()
            self.observation_space = stranger_tasks.BOX

        def look(self) -> Any:
            return super().look()["observation"]

    maker: Any = Flat
    gymnasium.register("Flat-v0", maker, max_episode_steps=5)
    task = open_task("Flat-v0")
    gymnasium.registry.pop("Flat-v0")
    first = task.reset(0)
    start = first.observation.copy()
    assert task.step(np.ones(1, np.float32))[0].observation != start
    np.testing.assert_array_equal(first.observation, start)


def test_a_flat_task_stores_its_reward_as_what_was_achieved() -> None:
    task = open_task("InvertedDoublePendulum-v5")
    assert (task.spec.achieved_size, task.spec.goal_size) == (1, 0)
    task.reset(0)
    timestep, reward, *_ = task.step(np.zeros(1, np.float32))
    assert task.reward(timestep.achieved[None], timestep.desired[None]) == pytest.approx([reward])


@pytest.mark.parametrize("start", [-7, 0, 1, 200])
def test_discrete_actions_are_counted_from_0_and_executed_as_the_task_has_them(start: int) -> None:
    class Numbered(stranger_tasks.FromOne):
        first = start
        action_space = spaces.Discrete(3, start=start)

    maker: Any = Numbered
    gymnasium.register("Numbered-v0", maker, max_episode_steps=5)
    task = open_task("Numbered-v0")
    gymnasium.registry.pop("Numbered-v0")
    native = [task.interface.actions.native(np.asarray(action, np.int32)) for action in range(3)]
    assert native == [start, start + 1, start + 2]
    kind = np.uint8 if start > 0 else np.int64
    np.testing.assert_array_equal(
        task.interface.actions.normalized(np.array(native, kind)), [0, 1, 2]
    )
    task.reset(0)
    before, after = (task.step(np.asarray(action, np.int32))[0] for action in (0, 2))
    assert after.achieved > before.achieved


def test_normalised_actions_span_the_tasks_own_range() -> None:
    task = open_task("Pendulum-v1")  # torques of +-2
    task.reset(0)
    seen = []
    step = task.env.step
    task.env.step = lambda action: seen.append(action) or step(action)
    for action in ([-1.0], [0.5], [3.0]):
        task.step(np.array(action, np.float32))
    np.testing.assert_allclose(np.concatenate(seen), [-2.0, 1.0, 2.0])
