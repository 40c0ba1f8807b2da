"""Rollouts: simulators in threads -> finished episodes.

An episode depends on its seed and the policy alone, not on the environment or the thread that ran
it. So results do not depend on how many threads there are, and a resumed run continues exactly.
MuJoCo's `mj_step` releases the interpreter lock, so threads suffice.
"""

import math
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import gymnasium
import numpy as np

from goalrelay.data.finite import first_bad
from goalrelay.data.interface import Layout, native, real, row_of
from goalrelay.data.spaces import interface_of
from goalrelay.data.workers import within
from goalrelay.errors import Blamed, Notice, TaskFailed, UsageError, first_line
from goalrelay.types import Episode, Observation, Spec, Symmetry, Task

SUCCESS_KEYS = ("is_success", "success")
"""Keys of `info` that may hold the success of a step."""
CLOSING = 5.0
"""Seconds that an environment may take to close; a process does not wait longer for it."""
Begin = Callable[[np.random.Generator], Callable[[Observation], np.ndarray]]
"""Called at the start of an episode with its own random numbers: gives what acts in it."""


class Attributes:
    """Attributes of an environment or of one of its wrappers, the outermost first."""

    def __init__(self, env: gymnasium.Env[Any, Any]):
        self._env = env

    def __getattr__(self, name: str) -> Any:
        return self._env.get_wrapper_attr(name)


Call = Literal["batch", "dicts", "single"]
"""Whether a function of a task takes batches of goals, with info as a dictionary of batches or as a
list of dictionaries, or is called once for each goal."""
INFO = "info"


class Calls(NamedTuple):
    """How the functions of a task are called; `tasks.contract` finds out."""

    reward: Call = "batch"
    terminated: Call | None = None
    """None: the task has no `compute_terminated`, or one that cannot be asked."""
    info: Layout = ()
    """The parts of `info` that they need: what is achieved has their numbers behind the goal."""


class Moment(NamedTuple):
    """Where an environment is, for who waits for it."""

    seed: int = 0
    """Of the episode."""
    step: int = 0
    """That is being taken; 0: the reset."""
    began: float | None = None
    """When, in the time of `time.monotonic`; None: no episode is being run."""


class Simulator:
    """One environment with its simulator: a resource, not shared between threads.

    Args:
        env: made by Gymnasium, with its wrappers.
        task_id: for messages.
        spec: of the task.
        symmetries: that the task declares.
        calls: how its reward and terminal functions are called.
        notes: what the user should know of the task, a line each.
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        task_id: str,
        spec: Spec,
        symmetries: tuple[Symmetry, ...] = (),
        calls: Calls | None = None,
        notes: tuple[str, ...] = (),
    ):
        self.env, self.id, self.spec, self.symmetries = env, task_id, spec, symmetries
        self.calls, self.notes = calls or Calls(), notes
        self.interface = interface_of(env.observation_space, env.action_space)
        self.flat = self.interface.flat
        self._own: Any = Attributes(env)
        self._has_evaluation_goals = hasattr(self._own, "evaluation")
        owner = self._own if hasattr(self._own, "reward_type") else getattr(self._own, "task", None)
        self._sparse = getattr(owner, "reward_type", None) == "sparse"
        self._reward_lock = threading.Lock()
        self.moment = Moment()
        self.limit: float | None = None
        """Seconds that a function of the task may take, outside of episodes; None: any time."""

    @property
    def task(self) -> Task:
        """The task that is simulated."""
        return Task(self.spec, self.reward, self.terminal, self.symmetries)

    def calling(self, what: str) -> Blamed:
        """A block that calls the environment; what goes wrong in it is a `TaskFailed`.

        Args:
            what: is called, for the message; within an episode it names seed and step instead.
        """

        def where() -> str:
            seed, step, began = self.moment
            if began is None:
                return f"task '{self.id}': {what} failed"
            return f"task '{self.id}' failed in the episode with seed {seed}, step {step}"

        return Blamed(where)

    def reset(self, seed: int, evaluation: bool = False) -> Observation:
        """Start an episode that depends on nothing but the seed.

        Args:
            seed: of everything random.
            evaluation: whether to ask for an evaluation goal. Tasks with an attribute `evaluation`
                have them; others ignore this.

        Raises:
            TaskFailed: the environment raised something, or what it gave does not fit.
        """
        options = {"evaluation": True} if evaluation and self._has_evaluation_goals else None
        with self.calling("reset"):
            observation, info = self.env.reset(seed=seed, options=options)
            return self._shown(self.interface.observation(observation), info)

    def step(self, action: np.ndarray) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """One step: observation, reward, terminated, truncated, info.

        Args:
            action: normalised, [A] in [-1, 1], or discrete, [] int.

        Raises:
            TaskFailed: the environment raised something, or what it gave does not fit.
        """
        native = self.interface.actions.native(action)
        with self.calling("step"):
            raw, reward, terminated, truncated, info = self.env.step(native)
            reward = number(reward, "reward")
            if not isinstance(info, Mapping):
                raise UsageError(f"the environment's info is {info!r}, and should be a dictionary")
            observation = self._shown(self.interface.observation(raw, reward), info)
            return observation, reward, bool(terminated), bool(truncated), info

    def show(self, position: np.ndarray) -> bool:
        """Set the sub-goal position, [2] m, that tasks with an attribute `subgoal` draw.

        Returns:
            whether the task has one.
        """
        with self.calling("subgoal"):
            drawn = hasattr(self._own, "subgoal")
            if drawn:
                self.env.set_wrapper_attr("subgoal", tuple(position.tolist()))
            return drawn

    def reward(self, achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        """Rewards of achieved goals under desired ones: [B, .], [B, G] -> [B] float32.

        Args:
            achieved: [B, achieved_size], or [B, G]: without info, which is 0 then
            desired: [B, G]; further columns are ignored
        """
        if self.flat:
            return achieved[:, 0]
        return self._ask("compute_reward", self.calls.reward, (achieved, desired), np.float32)

    def terminal(self, achieved: np.ndarray, desired: np.ndarray, ended: np.ndarray) -> np.ndarray:
        """Whether the task ends at achieved goals under desired ones: [B] bool.

        Args:
            achieved: [B, .]
            desired: [B, G]
            ended: [B] bool, whether the episode ended there. This is the result for tasks without
                a `compute_terminated`.
        """
        call = self.calls.terminated
        if call is None:
            return ended
        return self._ask("compute_terminated", call, (achieved, desired), bool)

    def _ask(
        self, name: str, call: Call, goals: tuple[np.ndarray, np.ndarray], kind: Any
    ) -> np.ndarray:
        """The results [B] of a function of the task; it may compute in place and reuse arrays.

        Raises:
            TaskFailed: it raised something, gave what does not fit, or takes too long.
        """
        given = self.given(*goals)

        def ask() -> np.ndarray:
            found = answers(getattr(self._own, name), call, given, len(goals[0]))
            return np.array(found, kind).reshape(goals[0].shape[:-1])

        with self.calling(name), self._reward_lock:
            return within(self.limit, ask, " of --collect.step-timeout")

    def given(self, achieved: np.ndarray, desired: np.ndarray) -> tuple[Any, Any, dict[str, Any]]:
        """What the task's functions take, copied: goals in its own form, and info by key [B, .]."""
        size, info = self.spec.goal_size, self.calls.info
        goals = self.interface.goals(achieved[..., :size], desired[..., :size])
        if not info:
            return *goals, {}
        numbers = achieved[..., size:]
        if not numbers.shape[-1]:
            numbers = np.zeros((len(achieved), sum(part.size for part in info)), np.float32)
        return *goals, native(info, numbers)

    def _shown(self, observation: Observation, info: dict[str, Any]) -> Observation:
        """The observation, with the info that rewards need behind what was achieved."""
        if not self.calls.info:
            return observation
        parts = [
            part.flat({INFO: info}) if part.path[1] in info else np.zeros(part.size, np.float32)
            for part in self.calls.info
        ]
        return observation._replace(achieved=np.concatenate([observation.achieved, *parts]))

    def success(self, info: dict[str, Any], reward: float) -> float:
        """1 or 0 for the last step; NaN if the task does not define success."""
        for key in SUCCESS_KEYS:
            if key in info:
                value = number(info[key], key)
                if value < 0 or value > 1:
                    raise UsageError(f"the environment's {key} is {value:g}, and should be 1 or 0")
                return value
        if self._sparse and self.spec.reward_range is not None:
            return float(reward >= self.spec.reward_range[1])
        return float("nan")

    def succeeds(self, info: dict[str, Any], reward: float) -> bool:
        """Whether a step within an episode succeeds; what it says of that may be of any type."""
        try:
            return self.success(info, reward) > 0
        except (UsageError, TypeError, ValueError):
            return False

    def reports_success(self) -> bool:
        """Whether the task says if an episode succeeded; tried on random steps of one."""
        if self._sparse and self.spec.reward_range is not None:
            return True
        rng = np.random.default_rng(0)
        self.reset(0)
        for _ in range(self.spec.horizon):
            _, _, terminated, truncated, info = self.step(self.random(rng))
            if any(key in info for key in SUCCESS_KEYS):
                return True
            if terminated or truncated:
                break
        return False

    def random(self, rng: np.random.Generator) -> np.ndarray:
        """A random decision: [A] float32 in [-1, 1], or [] int32."""
        if self.spec.discrete:
            return np.asarray(rng.integers(self.spec.action_size), np.int32)
        return rng.uniform(-1, 1, self.spec.action_size).astype(np.float32)

    def close(self) -> bool:
        """Free the simulator. An error in that, or no end within CLOSING seconds, is a notice.

        One that draws is waited for: OpenGL is bound to this thread, so it is closed here.

        Returns:
            whether it ended.
        """
        try:
            draws = self.spec.image or self.env.render_mode is not None
            within(None if draws else CLOSING, self.env.close)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # what was done is done
            message = f"task '{self.id}': close failed ({first_line(error)}); nothing is lost"
            warnings.warn(Notice(message), stacklevel=1)
            return not isinstance(error, TimeoutError)
        return True


def answers(
    function: Callable[..., Any], call: Call, given: tuple[Any, Any, dict[str, Any]], count: int
) -> Any:
    """The answers of a function of a task to a batch of this size; see `Simulator.given`."""
    if call == "batch":
        return real(function(*given), "answer")
    if call == "dicts":
        infos = [row_of(given[2], row) for row in range(count)]
        return real(function(*given[:2], infos), "answer")
    each = [function(*row_of(given, row)) for row in range(count)]
    return np.array([number(one, "reward or end") for one in each])


def number(value: Any, name: str) -> float:
    """A number that may be in an array of one.

    Raises:
        UsageError: it is not one number.
    """
    real(value, name)
    if value is None or isinstance(value, str | bytes):
        raise UsageError(f"the environment's {name} is {value!r}, and should be one number")
    if np.size(value) != 1:
        shown = f"an array of shape {np.shape(value)}"
        raise UsageError(f"the environment's {name} is {shown}, and should be one number")
    return float(value) if np.ndim(value) == 0 else float(np.reshape(value, ()))


def rollout(task: Simulator, begin: Begin, seed: int, evaluation: bool = False) -> Episode:
    """Run one episode to its end; one of evaluation may have goals of its own (`Simulator.reset`).

    Raises:
        TaskFailed: the environment failed, or gave a number that is not finite; the message names
            the task, the episode's seed and the step.
    """
    spec = task.spec
    rng = np.random.default_rng([seed, 1])  # not the stream the environment draws from
    steps, actions, rewards = [], [], []
    terminated = truncated = False
    total, info, ever = 0.0, {}, False
    act = begin(rng)
    try:
        task.moment = Moment(seed, 0, time.monotonic())
        with task.calling("an episode"):
            steps.append(task.reset(seed, evaluation))
            while not (terminated or truncated) and len(actions) < spec.horizon:
                actions.append(act(steps[-1]))
                task.moment = Moment(seed, len(actions), time.monotonic())
                observation, reward, terminated, truncated, info = task.step(actions[-1])
                rewards.append(reward)
                total += reward
                steps.append(observation)
                ever = ever or task.succeeds(info, reward)
            success = task.success(info, rewards[-1])
    finally:
        task.moment = Moment()
    *fields, image = [np.stack(field) for field in zip(*steps, strict=True)]
    check_numbers(task, fields, rewards, seed)
    return Episode(
        *fields,
        image=image,
        action=np.stack(actions),
        terminal=terminated,
        success=success,
        total_reward=total,
        success_ever=success if math.isnan(success) else float(ever),
    )


def check_numbers(
    task: Simulator, fields: Sequence[np.ndarray], rewards: Sequence[float], seed: int
) -> None:
    """Check the numbers of an episode; see `finite.first_bad` for the arguments.

    Raises:
        TaskFailed: one is not finite; the message names the task, the episode's seed and the step.
    """
    bad, step = first_bad(fields, rewards, task.spec)
    if bad:
        where = f"in the episode with seed {seed}, step {step}"
        raise TaskFailed(f"task '{task.id}': {bad} {where}")
