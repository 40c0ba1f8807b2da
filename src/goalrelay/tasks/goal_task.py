"""Any Gymnasium environment as a goal task.

`open_task` makes the environment of an id, and checks once that it keeps the goal contract of
Gymnasium-Robotics: a dictionary with `observation`, `achieved_goal` and `desired_goal`, and a
`compute_reward(achieved, desired, info)` that works on batches and agrees with `step`. What does
not fit is refused in the user's words.

An environment without goals becomes a flat task: its reward is stored as the achieved "goal". So a
reward is a function of achieved and desired goals for every task, and the rest of the library needs
no second code path.
"""

import importlib
import sys
import threading
import warnings
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np

from goalrelay import tasks
from goalrelay.errors import UsageError
from goalrelay.settings import suggest
from goalrelay.tasks import differences, fetch_stages, stock
from goalrelay.tasks.interface import GOAL_KEYS, interface_of
from goalrelay.tasks.specification import check_rewards, read_spec
from goalrelay.tasks.stock import register_stock
from goalrelay.tasks.structure import find_structure
from goalrelay.tasks.structure_checks import check_structure
from goalrelay.types import Observation, Symmetry, Task

SUCCESS_KEYS = ("is_success", "success")
"""Keys of `info` that may hold the success of a step."""
LOOKS = 4
"""Episodes that are started to find out which columns hold equal numbers."""


class Simulator:
    """One environment with its simulator: a resource, not shared between threads.

    Args:
        env: made by Gymnasium, with its wrappers.
        task_id: for messages, and to look up a declared structure.

    Raises:
        UsageError: the environment does not fit the goal contract, or its declaration is wrong.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], task_id: str):
        self.env = env
        self.id = task_id
        self.interface = interface_of(env.observation_space, env.action_space)
        self.flat = self.interface.flat
        self.spec = read_spec(env, task_id, self.flat)
        self.symmetries: tuple[Symmetry, ...] = ()
        self._raw: Any = env.unwrapped
        self._has_evaluation_goals = hasattr(self._raw, "evaluation")
        self._terminates = False
        self._reward_lock = threading.Lock()
        if not self.flat:
            self._check_contract()
        self._read_structure()

    @property
    def task(self) -> Task:
        """The task that is simulated."""
        return Task(self.spec, self.reward, self.terminal, self.symmetries)

    def reset(self, seed: int, evaluation: bool = False) -> Observation:
        """Start an episode that depends on nothing but the seed.

        Args:
            seed: of everything random.
            evaluation: whether to ask for an evaluation goal. Tasks with an attribute `evaluation`
                have them; others ignore this.
        """
        options = {"evaluation": True} if evaluation and self._has_evaluation_goals else None
        observation, _ = self.env.reset(seed=seed, options=options)
        return self.interface.observation(observation)

    def step(self, action: np.ndarray) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """One step: observation, reward, terminated, truncated, info.

        Args:
            action: normalised, [A] in [-1, 1], or discrete, [] int.
        """
        raw, reward, terminated, truncated, info = self.env.step(self.interface.native(action))
        reward = float(reward)
        observation = self.interface.observation(raw, reward)
        return observation, reward, bool(terminated), truncated, info

    def show(self, position: np.ndarray) -> None:
        """Set the sub-goal position, [2] m, that tasks with an attribute `subgoal` draw."""
        if hasattr(self._raw, "subgoal"):
            self._raw.subgoal = tuple(position.tolist())

    def reward(self, achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        """Rewards of achieved goals under desired ones: [B, .], [B, G] -> [B] float32."""
        if self.flat:
            return achieved[:, 0]
        achieved, desired = np.array(achieved), np.array(desired)  # the task may compute in place
        with self._reward_lock:
            return np.array(self._raw.compute_reward(achieved, desired, {}), np.float32)

    def terminal(self, achieved: np.ndarray, desired: np.ndarray, ended: np.ndarray) -> np.ndarray:
        """Whether the task ends at achieved goals under desired ones: [B] bool.

        Args:
            achieved: [B, .]
            desired: [B, G]
            ended: [B] bool, whether the episode ended there. This is the result for tasks without
                a batched `compute_terminated`.
        """
        if not self._terminates:
            return ended
        achieved, desired = np.array(achieved), np.array(desired)  # the task may compute in place
        with self._reward_lock:
            return np.array(self._raw.compute_terminated(achieved, desired, {}), bool)

    def success(self, info: dict[str, Any], terminated: bool, reward: float) -> float:
        """1 or 0 for the last step; NaN if the task does not define success."""
        for key in SUCCESS_KEYS:
            if key in info:
                return float(info[key])
        if self.spec.reward_range is not None:
            return float(reward >= self.spec.reward_range[1])
        return float("nan")

    def close(self) -> None:
        """Free the simulator."""
        self.env.close()

    def _read_structure(self) -> None:
        """Read what is declared about the task, check it, and add it to the spec."""
        spec, where = self.spec, f"task '{self.id}'"
        sizes = (spec.observation_size, spec.achieved_size, spec.goal_size, spec.action_size)
        structure = check_structure(
            find_structure(self.id, self._raw, fetch_stages.find(self.id)),
            where,
            dict(zip((*GOAL_KEYS, "action"), sizes, strict=True)),
        )
        self.symmetries = structure.symmetries
        self.spec = spec._replace(
            stages=structure.stages,
            position_columns=structure.position_columns,
            subgoal_range=structure.subgoal_range,
            goal_position_columns=structure.goal_position_columns,
            body=structure.body,
        )
        if structure.stages:
            stages, positions = structure.stages, structure.position_columns
            timesteps = self._sample_timesteps()
            differences.check_hidden(stages, positions, timesteps, where)
            missing = differences.lacking(stages, positions, timesteps)
            self.spec = self.spec._replace(differences=missing)

    def _sample_timesteps(self) -> Observation:
        """Timesteps of a few episodes of random actions: [N, .] float64 arrays."""
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
        rewards, achieved, desired = self._sample_rewards()
        try:
            recomputed = self.reward(achieved, desired)
        except Exception as error:  # reward functions of users can raise anything
            raise UsageError(
                f"task '{self.id}': compute_reward fails on a batch with empty info ({error}); "
                "it must accept arrays [B, goal] and not need info"
            ) from error
        check_rewards(self.id, rewards, recomputed)
        if hasattr(self._raw, "compute_terminated"):
            try:
                ended = np.asarray(self._raw.compute_terminated(achieved, desired, {}))
                self._terminates = ended.shape == (len(rewards),)
            except Exception:  # not batched: relabelled episodes end where they ended
                self._terminates = False

    def _sample_rewards(self) -> tuple[list[float], np.ndarray, np.ndarray]:
        """Two random steps: rewards [B], achieved [B, G] and desired goals [B, G]."""
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
        return rewards, np.stack(achieved), np.stack(desired)


def open_task(
    task_id: str, options: Sequence[str] = (), render_mode: str | None = None
) -> Simulator:
    """Open the task with an id: `FetchPush-v4`, `goalrelay/BitFlip-v0`, `package.module:TaskId`.

    Args:
        task_id: a Gymnasium id; before a colon, the module that registers it.
        options: `name=value` strings handed to the environment's constructor.
        render_mode: Gymnasium's, for recording.

    Raises:
        UsageError: the id is unknown (the nearest match is named), the environment cannot be made,
            or it does not fit the goal contract.
    """
    module, _, name = task_id.rpartition(":")
    if module:
        _import_user_module(module, task_id)
    elif name not in gymnasium.registry:
        register_stock()
    if name not in gymnasium.registry:
        raise UsageError(f"unknown task '{task_id}'{suggest(name, gymnasium.registry)}")
    arguments = _parse_options(options)
    if render_mode is not None:  # a user's environment may not have this argument
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


def known_tasks() -> dict[str, str]:
    """Goal tasks of this installation, ours first: id -> description."""
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
    """Import the module that registers a user's task."""
    if "" not in sys.path:
        sys.path.insert(0, "")  # finds modules in the current folder
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UsageError(f"task '{task_id}': no module named '{error.name}'") from error


def _parse_options(options: Sequence[str]) -> dict[str, Any]:
    """`name=value` strings as arguments by name."""
    parsed: dict[str, Any] = {}
    for option in options:
        name, equals, text = option.partition("=")
        if not equals or not name:
            raise UsageError(f"--task-options takes name=value, got '{option}'")
        parsed[name] = _literal(text)
    return parsed


def _literal(text: str) -> Any:
    """A value as int, float, bool or None if it reads as one, else as the string."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False, "none": None}.get(text.lower(), text)
