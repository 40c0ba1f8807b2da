"""Rollouts: simulators in threads -> finished episodes.

An episode depends on its seed and the policy alone, not on the environment or the thread that ran
it. So results do not depend on how many threads there are, and a resumed run continues exactly.
MuJoCo's `mj_step` releases the interpreter lock, so threads suffice.
"""

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium import spaces

from goalrelay.types import Episode, Observation, Spec, Symmetry, Task

GOAL_KEYS = ("observation", "achieved_goal", "desired_goal")
SUCCESS_KEYS = ("is_success", "success")
"""Keys of `info` that may hold the success of a step."""
Begin = Callable[[np.random.Generator], Callable[[Observation], np.ndarray]]
"""Called at the start of an episode with its own random numbers: gives what acts in it."""


class Interface(NamedTuple):
    """How the observations and actions of a task are converted."""

    low: np.ndarray
    """[A] lowest actions of the environment, float32; empty for discrete actions"""
    high: np.ndarray
    """[A] highest actions"""
    first_action: int
    """number of the environment's first discrete action; learners count from 0"""
    flat: bool
    """whether the task has no goals"""

    def observation(self, raw: Any, reward: float = 0.0) -> Observation:
        """The library's observation, float32, copied: environments may overwrite their arrays.

        Args:
            raw: the dictionary of a goal task, or the array of a flat task.
            reward: of the last step, which a flat task stores as its achieved goal.
        """
        if self.flat:
            flat = np.array(raw, np.float32).reshape(-1)
            return Observation(flat, np.array([reward], np.float32), np.zeros(0, np.float32))
        return Observation(*(np.array(raw[key], np.float32) for key in GOAL_KEYS))

    def native(self, decision: np.ndarray) -> Any:
        """The action in the environment's own units.

        Args:
            decision: a normalised action, [A] in [-1, 1] or [] int. Further numbers, such as the
                sub-goal of a hierarchy, are ignored.
        """
        if not len(self.low):
            return self.first_action + int(decision)
        centre, half = (self.high + self.low) / 2, (self.high - self.low) / 2
        action = np.clip(decision[: len(self.low)], -1, 1)
        return (centre + half * action).astype(np.float32)

    def normalized(self, native: np.ndarray) -> np.ndarray:
        """Actions in the learners' units, [..., A] in [-1, 1] or [...] int32 counted from 0.

        Args:
            native: actions in the environment's own units, [..., A] or [...] int.
        """
        if not len(self.low):
            return (np.asarray(native, np.int64) - self.first_action).astype(np.int32)
        centre, half = (self.high + self.low) / 2, (self.high - self.low) / 2
        unit = (np.asarray(native, np.float32) - centre) / half
        return unit.clip(-1, 1).astype(np.float32)


def interface_of(observation_space: Any, action_space: Any) -> Interface:
    """The interface of an environment with these Gymnasium spaces."""
    low = high = np.zeros(0, np.float32)
    first = 0
    if isinstance(action_space, spaces.Discrete):
        first = int(action_space.start)
    elif isinstance(action_space, spaces.Box):
        low, high = action_space.low, action_space.high
    return Interface(low, high, first, not isinstance(observation_space, spaces.Dict))


class Simulator:
    """One environment with its simulator: a resource, not shared between threads.

    Args:
        env: made by Gymnasium, with its wrappers.
        task_id: for messages.
        spec: of the task.
        symmetries: that the task declares.
        terminates: whether the task has a batched `compute_terminated`.
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        task_id: str,
        spec: Spec,
        symmetries: tuple[Symmetry, ...] = (),
        terminates: bool = False,
    ):
        self.env, self.id, self.spec, self.symmetries = env, task_id, spec, symmetries
        self.interface = interface_of(env.observation_space, env.action_space)
        self.flat = self.interface.flat
        self._raw: Any = env.unwrapped
        self._has_evaluation_goals = hasattr(self._raw, "evaluation")
        self._terminates = terminates
        self._reward_lock = threading.Lock()

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


def rollout(task: Simulator, begin: Begin, seed: int, evaluation: bool = False) -> Episode:
    """Run one episode to its end; one of evaluation may have goals of its own (`Simulator.reset`).

    Raises:
        RuntimeError: the environment failed; the message names the task and the episode's seed.
    """
    spec = task.spec
    rng = np.random.default_rng([seed, 1])  # not the stream the environment draws from
    steps, actions = [], []
    terminated = truncated = False
    reward = total = 0.0
    info = {}
    act = begin(rng)
    try:
        steps.append(task.reset(seed, evaluation))
        while not (terminated or truncated) and len(actions) < spec.horizon:
            actions.append(act(steps[-1]))
            observation, reward, terminated, truncated, info = task.step(actions[-1])
            total += reward
            steps.append(observation)
    except Exception as error:
        where = f"task '{task.id}' failed in the episode with seed {seed}, step {len(actions)}"
        raise RuntimeError(f"{where}: {error}") from error
    return Episode(
        *(np.stack(field) for field in zip(*steps, strict=True)),
        action=np.stack(actions),
        terminal=terminated,
        success=task.success(info, terminated, reward),
        total_reward=total,
    )


class Collector:
    """Environments that run episodes side by side, one a thread."""

    def __init__(self, make_task: Callable[[], Simulator], threads: int):
        self._free: queue.SimpleQueue[Simulator] = queue.SimpleQueue()
        self._tasks = [make_task() for _ in range(threads)]
        for task in self._tasks:
            self._free.put(task)
        self._pool = ThreadPoolExecutor(threads, "collect")

    def collect(
        self, begin: Begin, seeds: Sequence[int], evaluation: bool = False
    ) -> list[Episode]:
        """One episode a seed, in the order of the seeds; of training or of evaluation."""

        def run(seed: int) -> Episode:
            task = self._free.get()
            try:
                return rollout(task, begin, seed, evaluation)
            finally:
                self._free.put(task)

        return list(self._pool.map(run, seeds))

    def close(self) -> None:
        """Stop the threads and free the simulators."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        for task in self._tasks:
            task.close()
