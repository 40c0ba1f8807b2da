"""Tasks as strangers write them, which take no time: a point on a line, and what it is to reach.

`stranger_tasks:Line-v0` is the plain one; every other changes one thing.
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

STRIDE, NEAR = 0.25, 0.15
KEYS = ("observation", "achieved_goal", "desired_goal")
BOX = spaces.Box(-9, 9, (1,), np.float32)


class Line(gymnasium.Env[Any, Any]):
    """Rewards are minus the distance."""

    action_space: spaces.Space[Any] = spaces.Box(-2, 2, (1,), np.float32)

    def __init__(self, render_mode: str | None = None):
        self.observation_space: spaces.Space[Any] = spaces.Dict(dict.fromkeys(KEYS, BOX))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        self.place, self.goal = self.np_random.uniform(-1, 1, (2, 1)).astype("f")
        return self.look(), {}

    def step(self, action: Any) -> Any:
        self.place = (self.place + self.move(action)).clip(-1, 1).astype("f")
        reward = self.compute_reward(self.place.copy(), self.goal.copy(), {})
        success = abs(self.place - self.goal)[0] <= NEAR
        return self.look(), reward, False, False, {"is_success": bool(success)}

    def move(self, action: Any) -> Any:
        return STRIDE * action / 2

    def compute_reward(self, achieved: np.ndarray, desired: np.ndarray, info: Any) -> Any:
        return -np.linalg.norm(achieved - desired, axis=-1)

    def look(self) -> dict[str, np.ndarray]:
        parts = self.place, self.place, self.goal
        return {key: part.copy() for key, part in zip(KEYS, parts, strict=True)}

    def expert(self) -> Any:
        def act(seen: dict[str, np.ndarray]) -> np.ndarray:
            gap = seen["desired_goal"] - seen["achieved_goal"]
            return (2 * gap / STRIDE).clip(-2, 2)

        return act


class Reusing(Line):
    """It overwrites its arrays at every step, the action and what it is to judge among them."""

    def __init__(self, render_mode: str | None = None):
        super().__init__()
        self.shown = {key: np.zeros(1, np.float32) for key in KEYS}
        self.rewards = np.zeros(1000, np.float32)

    def look(self) -> dict[str, np.ndarray]:
        for key, value in super().look().items():
            self.shown[key][:] = value
        return self.shown

    def move(self, action: Any) -> Any:
        action *= STRIDE / 2
        return action

    def compute_reward(self, achieved: np.ndarray, desired: np.ndarray, info: Any) -> Any:
        achieved -= desired
        rewards = self.rewards[: achieved.size].reshape(achieved.shape[:-1])
        rewards[...] = -np.linalg.norm(achieved, axis=-1)
        return rewards

    def compute_terminated(self, achieved: np.ndarray, desired: np.ndarray, info: Any) -> Any:
        achieved -= desired
        return np.zeros(achieved.shape[:-1], bool)


class FromOne(Line):
    """Its actions are 1, 2 and 3: back, stay, on."""

    first = 1
    action_space = spaces.Discrete(3, start=1)

    def move(self, action: Any) -> Any:
        assert self.action_space.contains(action), f"{action} is not in {self.action_space}"
        return STRIDE * (action - self.first - 1)

    def expert(self) -> Any:
        def act(seen: dict[str, np.ndarray]) -> int:
            gap = seen["desired_goal"][0] - seen["achieved_goal"][0]
            return self.first + 1 + round(float((gap / STRIDE).clip(-1, 1)))

        return act


class Single(Line):
    """Its reward is of single goals: of a batch it gives the norm of all."""

    def compute_reward(self, achieved: np.ndarray, desired: np.ndarray, info: Any) -> Any:
        return float(-np.linalg.norm(achieved - desired))

    def compute_terminated(self, achieved: np.ndarray, desired: np.ndarray, info: Any) -> Any:
        return bool(achieved[0] > 0)


class WrongAxis(Line):
    """The same, by an axis: a batch gives one number for each column of a goal."""

    def compute_reward(self, achieved: np.ndarray, desired: np.ndarray, info: Any) -> Any:
        return -np.abs(achieved - desired).sum(axis=0, keepdims=True)


class Column(Line):
    """Rewards and success come in arrays of one."""

    def compute_reward(self, achieved: np.ndarray, desired: np.ndarray, info: Any) -> Any:
        return -np.linalg.norm(achieved - desired, axis=-1, keepdims=True)

    def step(self, action: Any) -> Any:
        *rest, info = super().step(action)
        return (*rest, {"is_success": np.array([info["is_success"]])})


class Stationary(Line):
    """Its reward looks at the simulator of now."""

    def compute_reward(self, achieved: np.ndarray, desired: np.ndarray, info: Any) -> Any:
        return super().compute_reward(achieved, desired, info) - abs(self.place[0])


class Nested(Line):
    """Its observation is a dictionary in the dictionary; it shows more than is asked for."""

    def __init__(self, render_mode: str | None = None):
        inner = spaces.Dict(speed=spaces.Box(-9, 9, (2,)), arm=spaces.Dict(joint=BOX))
        one: dict[str, Any] = dict.fromkeys(KEYS, BOX)
        self.observation_space = spaces.Dict(one | {"observation": inner, "camera": BOX})

    def look(self) -> Any:
        seen = super().look()
        inner = {"arm": {"joint": seen["observation"]}, "speed": [5.0, 6.0]}
        return seen | {"observation": inner, "camera": BOX.sample()}


class Places(Line):
    """Nine places: observations and goals are their numbers, from 1 on; two switches move it."""

    action_space = spaces.MultiDiscrete([3, 2])

    def __init__(self, render_mode: str | None = None):
        self.observation_space = spaces.Dict(dict.fromkeys(KEYS, spaces.Discrete(9, start=1)))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        gymnasium.Env.reset(self, seed=seed)
        self.place, self.goal = (int(n) for n in self.np_random.integers(1, 10, 2))
        return self.look(), {}

    def look(self) -> Any:
        return {"observation": self.place, "achieved_goal": self.place, "desired_goal": self.goal}

    def compute_reward(self, achieved: Any, desired: Any, info: Any) -> Any:
        return np.asarray(np.asarray(achieved) == desired) - 1.0

    def step(self, action: Any) -> Any:
        assert self.action_space.contains(action), f"{action!r} is not in {self.action_space}"
        self.place = int(np.clip(self.place + (action[0] - 1) * (1 + action[1]), 1, 9))
        reward = self.compute_reward(self.place, self.goal, {})
        return self.look(), reward, False, False, {"is_success": reward == 0}


class Slippery(Line):
    """Its rewards need what is in info: how far it slipped, and whether at all."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        self.time = 0
        return super().reset(seed=seed)

    def step(self, action: Any):
        self.time += 1
        slip = {"slip": float(self.time % 3), "slipped": bool(self.time % 3), "word": "none"}
        self.place = (self.place + self.move(action)).clip(-1, 1).astype("f")
        seen = self.look()
        reward = self.compute_reward(seen["achieved_goal"], seen["desired_goal"], slip)
        return seen, reward, False, False, {"is_success": False, **slip}

    def compute_reward(self, achieved: np.ndarray, desired: np.ndarray, info: Any) -> Any:
        return -np.linalg.norm(achieved - desired, axis=-1) - self.slips(info)

    def slips(self, info: Any) -> Any:
        return np.asarray(info["slip"]) * info["slipped"]


class SlipperyList(Slippery):
    """Of a batch it takes a list of dictionaries."""

    def slips(self, info: Any) -> Any:
        if isinstance(info, list):
            return np.array([one["slip"] * one["slipped"] for one in info])
        if np.ndim(info["slip"]):
            raise TypeError("a list is needed")
        return info["slip"] * info["slipped"]


class SlipperySingle(Slippery):
    """It takes single goals."""

    def compute_reward(self, achieved: np.ndarray, desired: np.ndarray, info: Any) -> Any:
        return float(-np.linalg.norm(achieved - desired) - info["slip"] * info["slipped"])


class Moving(Line):
    """Its goal moves at every step."""

    def step(self, action: Any) -> Any:
        self.goal = -self.goal
        return super().step(action)


class Secret(Line):
    """Its rewards have a part that goals do not show, late in an episode."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        self.time = 0
        return super().reset(seed=seed)

    def step(self, action: Any) -> Any:
        seen, reward, *rest = super().step(action)
        self.time += 1
        return (seen, reward - 10 * (self.time == 5), *rest)


class Unsaid(Line):
    """It does not say whether it succeeded."""

    def step(self, action: Any) -> Any:
        *rest, _ = super().step(action)
        return (*rest, {"task_completed": True})


class Unseeded(Line):
    """It draws from NumPy's global generator."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        self.place = np.random.uniform(-1, 1, 1).astype("f")
        return self.look(), {}


class Failing(Line):
    """A sensor fails at the step `fails`, counted over all episodes of all of its kind."""

    total, fails = 0, 10**9

    def look(self) -> Any:
        seen = super().look()
        type(self).total += 1
        if self.total > self.fails:
            seen["achieved_goal"][0] = np.nan
        return seen


class Sized(Line):
    """Its observation has `columns` numbers."""

    columns = 1

    def __init__(self, render_mode: str | None = None):
        super().__init__()
        wide = spaces.Box(-9, 9, (self.columns,), np.float32)
        self.observation_space = spaces.Dict({**dict.fromkeys(KEYS, BOX), "observation": wide})

    def look(self) -> Any:
        seen = super().look()
        return seen | {"observation": np.resize(seen["observation"], self.columns)}


class Doubled(gymnasium.Wrapper[Any, Any, Any, Any]):
    """A wrapper that has the reward."""

    def compute_reward(self, achieved: np.ndarray, desired: np.ndarray, info: Any) -> Any:
        return 2 * self.env.get_wrapper_attr("compute_reward")(achieved, desired, info)

    def step(self, action: Any) -> Any:
        seen, reward, *rest = self.env.step(action)
        return (seen, 2 * float(reward), *rest)


KINDS = (Line, Reusing, FromOne, Single, WrongAxis, Column, Stationary, Nested, Places, Moving)
for kind in (
    *KINDS,
    Slippery,
    SlipperyList,
    SlipperySingle,
    Secret,
    Unsaid,
    Unseeded,
    Failing,
    Sized,
):
    if f"{kind.__name__}-v0" not in gymnasium.registry:
        entry = f"stranger_tasks:{kind.__name__}"
        gymnasium.register(f"{kind.__name__}-v0", entry, max_episode_steps=6)
if "lab/Spaced-v0" not in gymnasium.registry:
    gymnasium.register("lab/Spaced-v0", "stranger_tasks:Line", max_episode_steps=6)
