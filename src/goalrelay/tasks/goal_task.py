"""Any Gymnasium environment as a goal task.

`open_task` makes the environment of an id and checks, once and in the user's words, that it keeps
the goal contract of Gymnasium-Robotics: a dictionary with `observation`, `achieved_goal` and
`desired_goal`, and a `compute_reward(achieved, desired, info)` that works on batches and agrees
with `step`. Environments without goals become flat tasks: their reward is stored as the achieved
'goal', so that "a reward is a function of what was achieved and what was desired" holds for every
task and the rest of the library needs no second path.
"""

import contextlib
import importlib
import io
import os
import sys
import threading
import warnings
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from goalrelay import tasks
from goalrelay.errors import UsageError
from goalrelay.settings import suggest
from goalrelay.tasks import differences, fetch_stages, stock, structure
from goalrelay.tasks.interface import GOAL_KEYS, interface_of
from goalrelay.types import Observation, Spec, Symmetry, Task

SUCCESS_KEYS = ("is_success", "success")
LOOKS = 4
"""Episodes that are begun to see which columns hold the same numbers."""


class Simulator:
    """One environment: a resource with a simulator in it. Not shared between threads."""

    def __init__(self, env: gymnasium.Env[Any, Any], task_id: str):
        self.env = env
        self.id = task_id
        self.interface = interface_of(env.observation_space, env.action_space)
        self.flat = self.interface.flat
        self.spec = _spec(env, task_id, self.flat)
        self.symmetries: tuple[Symmetry, ...] = ()
        self._raw: Any = env.unwrapped
        self._has_evaluation_goals = hasattr(self._raw, "evaluation")
        self._terminates = False
        self._reward_lock = threading.Lock()
        if not self.flat:
            self._check_contract()
        self._decompose()

    @property
    def task(self) -> Task:
        """What is simulated."""
        return Task(self.spec, self.reward, self.terminal, self.symmetries)

    def reset(self, seed: int, evaluation: bool = False) -> Observation:
        """Start an episode that depends on nothing but the seed.

        Args:
            seed: of everything random.
            evaluation: a task that is evaluated on other goals than those it is trained on (it says
                so by an attribute `evaluation`) shows one of them.
        """
        options = {"evaluation": True} if evaluation and self._has_evaluation_goals else None
        observation, _ = self.env.reset(seed=seed, options=options)
        return self.interface.observation(observation)

    def step(self, action: np.ndarray) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """One step of a normalised action ([A] in [-1, 1]) or a discrete one ([] int)."""
        raw, reward, terminated, truncated, info = self.env.step(self.interface.native(action))
        reward = float(reward)
        observation = self.interface.observation(raw, reward)
        return observation, reward, bool(terminated), truncated, info

    def show(self, place: np.ndarray) -> None:
        """Where a hierarchy wants to be next, [2] m: tasks with an attribute `subgoal` draw it."""
        if hasattr(self._raw, "subgoal"):
            self._raw.subgoal = tuple(place.tolist())

    def reward(self, achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        """Rewards [B] float32 of bringing about achieved [B, .] while desired [B, G] was asked."""
        if self.flat:
            return achieved[:, 0]
        achieved, desired = np.array(achieved), np.array(desired)  # it may compute in place
        with self._reward_lock:
            return np.array(self._raw.compute_reward(achieved, desired, {}), np.float32)

    def terminal(self, achieved: np.ndarray, desired: np.ndarray, ended: np.ndarray) -> np.ndarray:
        """Whether the task would have ended, [B] bool.

        A task with a batched `compute_terminated` is asked; for others an episode ends where it did.
        """
        if not self._terminates:
            return ended
        achieved, desired = np.array(achieved), np.array(desired)  # it may compute in place
        with self._reward_lock:
            return np.array(self._raw.compute_terminated(achieved, desired, {}), bool)

    def success(self, info: dict[str, Any], terminated: bool, reward: float) -> float:
        """1 or 0 for the step just made, NaN where the task has no notion of success."""
        for key in SUCCESS_KEYS:
            if key in info:
                return float(info[key])
        if self.spec.reward_range is not None:
            return float(reward >= self.spec.reward_range[1])
        return float("nan")

    def close(self) -> None:
        """Free the simulator."""
        self.env.close()

    def _decompose(self) -> None:
        """Learn what was declared of the task: stages, symmetries, places."""
        spec = self.spec
        sizes = (spec.observation_size, spec.achieved_size, spec.goal_size, spec.action_size)
        found = structure.of_task(
            self.id,
            self._raw,
            dict(zip((*GOAL_KEYS, "action"), sizes, strict=True)),
            fetch_stages.find(self.id),
        )
        self.symmetries = found.symmetries
        self.spec = spec._replace(
            stages=found.stages,
            position_columns=found.position_columns,
            subgoal_range=found.subgoal_range,
            goal_position_columns=found.goal_position_columns,
            body=found.body,
        )
        if found.stages:
            timesteps, where = self._timesteps(), f"task '{self.id}'"
            differences.check_hidden(found.stages, found.position_columns, timesteps, where)
            shown = differences.lacking(found.stages, found.position_columns, timesteps)
            self.spec = self.spec._replace(differences=shown)

    def _timesteps(self) -> Observation:
        """Timesteps of a few episodes of random actions, [N, .] float64: what do columns hold?"""
        timesteps = []
        self.env.action_space.seed(0)
        for seed in range(LOOKS):
            timesteps.append(self.reset(seed))
            for _ in range(2):
                raw, _, terminated, truncated, _ = self.env.step(self.env.action_space.sample())
                timesteps.append(self.interface.observation(raw))
                if terminated or truncated:
                    break
        return Observation(*(np.stack(a).astype(float) for a in zip(*timesteps, strict=True)))

    def _check_contract(self) -> None:
        """Raise unless rewards can be recomputed in batches and agree with `step`."""
        if not hasattr(self._raw, "compute_reward"):
            raise UsageError(
                f"task '{self.id}' has no compute_reward(achieved_goal, desired_goal, info); "
                "hindsight needs it to recompute rewards"
            )
        self.reset(seed=0)
        self.env.action_space.seed(0)
        rewards, achieved, desired = [], [], []
        for _ in range(2):
            raw, reward, terminated, truncated, _ = self.env.step(self.env.action_space.sample())
            rewards.append(float(reward))
            achieved.append(np.array(raw["achieved_goal"]))  # copied: it may be overwritten
            desired.append(np.array(raw["desired_goal"]))
            if terminated or truncated:
                break
        achieved, desired = np.stack(achieved), np.stack(desired)
        try:
            again = self.reward(achieved, desired)
        except Exception as error:  # whatever a stranger's reward function raises
            raise UsageError(
                f"task '{self.id}': compute_reward fails on a batch with empty info ({error}); "
                "it must accept arrays [B, goal] and not need info"
            ) from error
        if again.shape != (len(rewards),):
            raise UsageError(
                f"task '{self.id}': compute_reward gave shape {again.shape} for a batch of "
                f"{len(rewards)}; it must be vectorised: [B, goal], [B, goal] -> [B]"
            )
        if not np.allclose(again, rewards, rtol=1e-4, atol=1e-4):
            raise UsageError(
                f"task '{self.id}': step returned rewards {rewards} but compute_reward says "
                f"{again.tolist()}; hindsight needs the two to agree"
            )
        if hasattr(self._raw, "compute_terminated"):
            try:
                answer = np.asarray(self._raw.compute_terminated(achieved, desired, {}))
                self._terminates = answer.shape == (len(rewards),)
            except Exception:  # written for single goals: an episode ends where it did
                self._terminates = False


def open_task(
    task_id: str, options: Sequence[str] = (), render_mode: str | None = None
) -> Simulator:
    """The task of an id: `FetchPush-v4`, `goalrelay/BitFlip-v0`, `package.module:TaskId`.

    Args:
        task_id: a Gymnasium id, or a module to import and the id that it registers.
        options: `name=value` strings handed to the environment's constructor.
        render_mode: Gymnasium's, for recording.

    Raises:
        UsageError: no such task (with the nearest match), or it does not fit the goal contract.
    """
    module, _, name = task_id.rpartition(":")
    if module:
        _import_user_module(module, task_id)
    elif name not in gymnasium.registry:
        register_stock()
    if name not in gymnasium.registry:
        raise UsageError(f"unknown task '{task_id}'{suggest(name, gymnasium.registry)}")
    arguments = _parse_options(options)
    if render_mode is not None:  # a user's environment need not know the word
        arguments["render_mode"] = render_mode
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            env = gymnasium.make(name, disable_env_checker=True, **arguments)
    except UsageError:
        raise
    except Exception as error:  # constructors of third parties raise anything
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise UsageError(f"task '{task_id}' could not be made: {reason[0]}") from error
    return Simulator(env, task_id)


def register_stock() -> None:
    """Make the gymnasium-robotics tasks known to Gymnasium.

    Raises:
        UsageError: MuJoCo cannot be imported, as when MUJOCO_GL asks for what is not there.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gymnasium.logger.min_level = gymnasium.logger.ERROR
        with contextlib.redirect_stderr(io.StringIO()):  # a notice about tasks of another kind
            gymnasium_robotics = _import_robotics()
        gymnasium.register_envs(gymnasium_robotics)


def _import_robotics() -> Any:
    try:
        return importlib.import_module("gymnasium_robotics")
    except (AttributeError, ImportError, RuntimeError) as error:
        chosen = os.environ.get("MUJOCO_GL")
        hint = f"; unset MUJOCO_GL={chosen} or install what it needs" if chosen else ""
        raise UsageError(f"MuJoCo cannot be imported: {error}{hint}") from error


def known_tasks() -> dict[str, str]:
    """Goal tasks that come with this installation, ours first: id -> what it asks for."""
    register_stock()
    known = {i: (m.__doc__ or "").partition("\n")[0] for i, m in tasks.own_tasks().items()}
    newest = {spec.name: spec for spec in gymnasium.registry.values() if stock.about(spec.id)}
    for spec in gymnasium.registry.values():
        if spec.name in newest and (spec.version or 0) > (newest[spec.name].version or 0):
            newest[spec.name] = spec
    for spec in newest.values():
        known[spec.id] = f"{stock.about(spec.id)} ({spec.max_episode_steps} steps)"
    return known


def _import_user_module(module: str, task_id: str) -> None:
    if "" not in sys.path:
        sys.path.insert(0, "")  # a module in the folder where the command was typed
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UsageError(f"task '{task_id}': no module named '{error.name}'") from error


def _parse_options(options: Sequence[str]) -> dict[str, Any]:
    parsed: dict[str, Any] = {}
    for option in options:
        name, equals, text = option.partition("=")
        if not equals or not name:
            raise UsageError(f"--task-options takes name=value, got '{option}'")
        parsed[name] = _literal(text)
    return parsed


def _literal(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False, "none": None}.get(text.lower(), text)


def _spec(env: gymnasium.Env[Any, Any], task_id: str, flat: bool) -> Spec:
    horizon = env.spec.max_episode_steps if env.spec else None
    horizon = horizon or getattr(env.unwrapped, "horizon", None)
    if not horizon:
        raise UsageError(
            f"task '{task_id}' has no time limit; register it with max_episode_steps "
            "(episodes enter the replay buffer when they end)"
        )
    action = env.action_space
    discrete = isinstance(action, spaces.Discrete)
    if isinstance(action, spaces.Discrete):
        action_size = int(action.n)
    elif isinstance(action, spaces.Box) and len(action.shape) == 1:
        if not np.isfinite(action.low).all() or not np.isfinite(action.high).all():
            raise UsageError(f"task '{task_id}' has unbounded actions; bounded ones fit")
        action_size = action.shape[0]
    else:
        raise UsageError(
            f"task '{task_id}' has actions {action}; a one-dimensional Box or Discrete fits"
        )
    sizes = _observation_sizes(env.observation_space, task_id, flat)
    return Spec(*sizes, action_size, discrete, int(horizon), _reward_range(env, sizes))


def _observation_sizes(space: Any, task_id: str, flat: bool) -> tuple[int, int, int]:
    """Sizes of observation, achieved and desired goal."""
    if flat:
        if isinstance(space, spaces.Box) and len(space.shape) == 1:
            return space.shape[0], 1, 0
        raise UsageError(
            f"task '{task_id}' observes {space}; a goal dictionary or a one-dimensional Box fits"
        )
    for key in GOAL_KEYS:
        part = space.spaces.get(key)
        if not (isinstance(part, spaces.Box) and len(part.shape) == 1):
            raise UsageError(
                f"task '{task_id}': observation['{key}'] is {part}; a goal task needs "
                "observation, achieved_goal and desired_goal as one-dimensional Box spaces"
            )
    sizes = [space[key].shape[0] for key in GOAL_KEYS]
    if sizes[1] != sizes[2]:
        raise UsageError(
            f"task '{task_id}': achieved_goal has {sizes[1]} numbers and desired_goal {sizes[2]}; "
            "hindsight needs goals of one size"
        )
    return sizes[0], sizes[1], sizes[2]


def _reward_range(
    env: gymnasium.Env[Any, Any], sizes: tuple[int, int, int]
) -> tuple[float, float] | None:
    """(reward far from the goal, reward at the goal) of a task that calls itself sparse."""
    raw: Any = env.unwrapped
    owner = raw if hasattr(raw, "reward_type") else getattr(raw, "task", None)
    if getattr(owner, "reward_type", None) != "sparse" or not hasattr(raw, "compute_reward"):
        return None
    here = np.zeros((1, sizes[1]))
    try:
        near = float(np.asarray(raw.compute_reward(here, here, {})).reshape(-1)[0])
        far = float(np.asarray(raw.compute_reward(here, here + 1e3, {})).reshape(-1)[0])
    except Exception:  # no promise can be read off: returns are then not clipped
        return None
    return (far, near + 0.0) if far < near else None  # + 0.0 turns Fetch's -0.0 into 0.0
