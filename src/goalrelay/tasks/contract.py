"""What a task promises, tried out on a few steps before anything is learned from it.

    reset, step   as Gymnasium's; one seed gives one start
    rewards       `compute_reward` gives those of `step` again, from goals alone

in: a simulator whose calls are not known. out: how its functions are called, and notes.
"""

import contextlib
import copy
import time
from typing import Any, NamedTuple

import numpy as np

from goalrelay.data.interface import Layout, Part, row_of
from goalrelay.data.rollout import INFO, Attributes, Call, Calls, Simulator, answers
from goalrelay.errors import TaskFailed, UsageError, first_line

EPISODES, STEPS = 2, 2
"""Episodes that are started, and steps taken in each."""
FORMS = (
    "reset(seed=..., options=...) must return (observation, info), and step(action) "
    "(observation, reward, terminated, truncated, info)"
)


class Tried(NamedTuple):
    """Random steps: K rewards and the goals they were given for."""

    reward: np.ndarray
    """[K]"""
    achieved: np.ndarray
    """[K, G]"""
    desired: np.ndarray
    """[K, G]"""
    info: list[dict[str, Any]]
    """[K] what `step` returned"""


class Answers(NamedTuple):
    """What a function of the task answers: to the steps first, then to other pairs of goals."""

    values: np.ndarray | None
    """[B]; None: it fails, or gives another shape"""
    complaint: str = ""
    seconds: float = 0.0
    """for each pair"""


def check_contract(simulator: Simulator) -> tuple[Calls, list[str]]:
    """How the functions of a task are called, and what to tell of it.

    Raises:
        UsageError: the environment cannot be run, or rewards cannot be recomputed.
    """
    tried, notes = _try_out(simulator)
    if simulator.flat:
        return Calls(), notes
    if not hasattr(Attributes(simulator.env), "compute_reward"):
        raise UsageError(
            f"task '{simulator.id}' has no compute_reward(achieved_goal, desired_goal, info); "
            "hindsight needs it to recompute rewards"
        )
    info = _info_needed(simulator, tried)
    if info:
        simulator.calls = Calls(info=info)
        numbers = [[part.flat({INFO: one}) for part in info] for one in tried.info]
        rows = [np.concatenate(row) for row in numbers]
        tried = tried._replace(achieved=np.concatenate([tried.achieved, rows], axis=1))
        keys = ", ".join(part.path[1] for part in info)
        notes.append(f"rewards need {keys} of info, which is stored with each step")
    reward, reward_notes = _reward_call(simulator, tried)
    terminated, more = _terminated_call(simulator, tried)
    return Calls(reward, terminated, info), [*notes, *reward_notes, *more]


class _Watched(dict[str, Any]):
    """An info that notes which of its keys are asked for."""

    def __init__(self, values: Any, asked: dict[str, None]):
        super().__init__(values)
        self._asked = asked

    def __getitem__(self, key: str) -> Any:
        self._asked[key] = None
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or the default."""
        self._asked[key] = None
        return super().get(key, default)


def _info_needed(simulator: Simulator, tried: Tried) -> Layout:
    """The parts of info that the reward asks for, of those that all steps have."""
    function, asked = Attributes(simulator.env).compute_reward, dict[str, None]()
    goals = simulator.interface.goals(tried.achieved, tried.desired)
    watched = [_Watched(one, asked) for one in tried.info]
    for given in ((*row_of(goals, 0), watched[0]), (*goals, watched), (*goals, watched[0])):
        with contextlib.suppress(TaskFailed), simulator.calling("compute_reward"):
            function(*given)  # whichever of the forms it takes
    parts = []
    for key in asked:
        if all(key in one for one in tried.info):
            value = np.asarray(tried.info[0][key])
            if value.dtype.kind in "biuf":
                parts.append(Part((INFO, key), value.shape, str(value.dtype)))
    return tuple(parts)


def _try_out(simulator: Simulator) -> tuple[Tried, list[str]]:
    """Random steps of a few episodes; a note if one seed has two starts."""
    rng, steps, infos, repeats = np.random.default_rng(0), [], [], True
    try:
        first = simulator.reset(0)
        for seed in range(EPISODES):
            start = simulator.reset(seed)
            if seed == 0:
                repeats = all(map(np.array_equal, start, first))
            for _ in range(STEPS):
                shown, reward, terminated, truncated, info = simulator.step(simulator.random(rng))
                steps.append((reward, shown.achieved, shown.desired))
                infos.append(copy.deepcopy(info))
                if terminated or truncated:
                    break
    except TaskFailed as error:
        reason = first_line(error.__cause__ or error)
        old = isinstance(error.__cause__, TypeError | ValueError) and (
            "unpack" in reason or "unexpected keyword" in reason
        )
        advice = f"; {FORMS}" if old else ""
        raise UsageError(f"task '{simulator.id}' cannot be run: {reason}{advice}") from error
    note = "two resets with one seed differ, so no run of this task can be repeated"
    rewards, achieved, desired = (np.stack(column) for column in zip(*steps, strict=True))
    tried = Tried(rewards, achieved, desired, infos)
    return tried, [] if repeats else [note]


def _reward_call(simulator: Simulator, tried: Tried) -> tuple[Call, list[str]]:
    """Whether rewards are computed in batches or one by one: as `step` gives them.

    Raises:
        UsageError: neither agrees with `step`.
    """
    batch = _ask(simulator, "compute_reward", "batch", tried)
    single = _ask(simulator, "compute_reward", "single", tried)
    if _fits(batch, tried) and not (_fits(single, tried) and _disagree(batch, single)):
        return "batch", []
    if simulator.calls.info:
        dicts = _ask(simulator, "compute_reward", "dicts", tried)
        if _fits(dicts, tried) and not (_fits(single, tried) and _disagree(dicts, single)):
            return "dicts", []
    if _fits(single, tried):
        return "single", [_cost("compute_reward", single)]
    if batch.values is None:
        raise UsageError(f"task '{simulator.id}': compute_reward {batch.complaint}")
    count = len(tried.reward)
    raise UsageError(
        f"task '{simulator.id}': step returned rewards {tried.reward.round(6).tolist()} but "
        f"compute_reward returned {batch.values[:count].round(6).tolist()}; hindsight needs the "
        "two to agree"
    )


def _terminated_call(simulator: Simulator, tried: Tried) -> tuple[Call | None, list[str]]:
    """How `compute_terminated` is called; None without one, or where it fails."""
    if not hasattr(Attributes(simulator.env), "compute_terminated"):
        return None, []
    batch = _ask(simulator, "compute_terminated", "batch", tried)
    single = _ask(simulator, "compute_terminated", "single", tried)
    if batch.values is not None and (single.values is None or not _disagree(batch, single)):
        return "batch", []
    if single.values is not None and not single.values.any():
        return None, []  # it ends nothing, not even at the goal itself (the stock robotics tasks)
    if single.values is not None:
        return "single", [_cost("compute_terminated", single)]
    return None, [f"compute_terminated {batch.complaint}; relabelled steps end where they ended"]


def _ask(simulator: Simulator, name: str, call: Call, tried: Tried) -> Answers:
    """The answers to the tried steps, to every achieved goal with every desired one, and to itself.

    Their number differs from the sizes of a goal, so that a sum over the wrong axis shows.
    """
    function = getattr(Attributes(simulator.env), name)
    count = len(tried.reward)
    every = np.arange(count)
    rows = np.concatenate([every, np.repeat(every, count)])
    others = np.concatenate([every, np.tile(every, count)])
    achieved = np.concatenate([tried.achieved[rows], tried.achieved])
    goals = tried.achieved[:, : tried.desired.shape[1]]
    desired = np.concatenate([tried.desired[others], goals])
    if len(achieved) in desired.shape[1:]:
        achieved, desired = achieved[:-1], desired[:-1]
    given, count = simulator.given(achieved, desired), len(achieved)
    began, answer = time.perf_counter(), np.empty(0)
    try:
        with simulator.calling(name):
            answer = np.asarray(answers(function, call, given, count))
            if call == "single":
                return Answers(answer, "", (time.perf_counter() - began) / count)
            if answer.shape in ((count,), (count, 1)):
                return Answers(answer.reshape(count).astype(float))
    except TaskFailed as error:
        cause = error.__cause__ or error
        return Answers(None, f"fails on a batch ({first_line(cause)}){_needs(cause)}")
    return Answers(
        None,
        f"gave shape {answer.shape} for a batch of {count}; it must be vectorised, "
        "[B, goal], [B, goal] -> [B], or give one number for single goals",
    )


def _needs(error: BaseException) -> str:
    if isinstance(error, UsageError):  # it says all
        return ""
    if isinstance(error, KeyError):
        return "; it may need numbers of info that each step has"
    return "; it must accept arrays [B, goal], or single goals, and need no info but numbers"


def _fits(answers: Answers, tried: Tried) -> bool:
    """Whether the answers to the steps are the rewards that `step` returned."""
    values, rewards = answers.values, tried.reward
    return values is not None and np.allclose(values[: len(rewards)], rewards, 1e-4, 1e-4)


def _disagree(one: Answers, other: Answers) -> bool:
    """Whether two answers differ in more than one of ten: more than a rounding at a threshold."""
    a, b = np.asarray(one.values), np.asarray(other.values)
    return float(np.mean(~np.isclose(a, b, 1e-4, 1e-4))) > 0.1


def _cost(name: str, answers: Answers) -> str:
    return (
        f"{name} takes single goals, so it is called for each goal "
        f"({1e6 * answers.seconds:.0f} us a goal); a function of batches is faster"
    )


def reward_range(simulator: Simulator) -> tuple[float, float] | None:
    """(reward far from the goal, reward at the goal) if the task declares a sparse reward."""
    own: Any = Attributes(simulator.env)
    owner = own if hasattr(own, "reward_type") else getattr(own, "task", None)
    if simulator.flat or getattr(owner, "reward_type", None) != "sparse":
        return None
    origin = np.zeros((1, simulator.spec.goal_size))
    try:
        near = float(simulator.reward(origin, origin)[0])
        far = float(simulator.reward(origin, origin + 1e3)[0])
    except TaskFailed:  # unknown range: returns are not clipped
        return None
    return (far, near + 0.0) if far < near else None  # + 0.0 turns Fetch's -0.0 into 0.0
