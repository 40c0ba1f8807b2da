"""Demonstrations of a scripted expert or a policy.

expert = expert_of(task)            # expert() -> a controller for one episode
for demonstration in generate(task, expert, range(100), Disturbance(noise=0.1)): ...
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from goalrelay import tasks
from goalrelay.data.rollout import Attributes, Moment, Simulator
from goalrelay.data.rollout import number as one_number
from goalrelay.demos.dataset import Demonstration
from goalrelay.errors import UsageError
from goalrelay.settings import number

Controller = Callable[[Mapping[str, np.ndarray]], Any]
"""Gymnasium's observation dictionary -> an action of the task."""
Begin = Callable[[], Controller]
"""Called at the start of an episode; makes its controller."""
Stop = Callable[[Sequence[float]], bool]
"""Success after each step so far -> whether the episode ends now."""


@dataclass(frozen=True)
class Disturbance:
    """Imperfections of a demonstrator."""

    noise: float = number(0.0, 0)
    """Standard deviation of normal noise on its actions, as a fraction of half their range."""
    random: float = number(0.0, 0, 1)
    """Fraction of the episodes with random actions only."""


def expert_of(task: Simulator) -> Begin:
    """The scripted expert of a task.

    It is the environment's own `expert`, or the expert of our task with this name. A stock task,
    such as FetchPush-v4, has the expert of our task of the same name.

    Raises:
        UsageError: the task has no expert.
    """
    with task.calling("its expert"):
        own = getattr(Attributes(task.env), "expert", None)
    if own is not None:
        return own
    ours = tasks.own_tasks()
    name = task.id.rpartition(":")[2]
    family = name.rpartition("/")[2].rpartition("-v")[0]
    module = ours.get(name) or ours.get(f"goalrelay/{family}-v0")
    if module is None or not hasattr(module, "expert"):
        raise UsageError(
            f"task '{task.id}' has no scripted expert; let a policy play with --policy RUN, or "
            "give the environment a method expert() that returns a controller for one episode"
        )
    return module.expert


def generate(
    task: Simulator, begin: Begin, seeds: Iterable[int], disturbance: Disturbance
) -> Iterator[Demonstration]:
    """A demonstration for each seed.

    Args:
        task: with goals; its environment is not wrapped.
        begin: the demonstrator.
        seeds: of the episodes and of their disturbance.
        disturbance: noise and random episodes.
    """
    fraction = disturbance.random
    for i, seed in enumerate(seeds):
        rng = np.random.default_rng([seed, 2])  # distinct from environment and training
        is_random = int((i + 1) * fraction) > int(i * fraction)  # spread evenly
        with task.calling("its expert"):
            act = _random(task, rng) if is_random else begin()
        yield play(task, _noisy(task, act, disturbance.noise, rng), seed)


def play(task: Simulator, act: Controller, seed: int, stop: Stop | None = None) -> Demonstration:
    """One episode of at least one step.

    Args:
        task: with goals; its environment is not wrapped.
        act: controller with the environment's own actions, which are stored unchanged.
        seed: of the reset.
        stop: called after each step; true ends the episode before the task does.

    Raises:
        TaskFailed: the environment or its expert failed; the message names seed and step.
    """
    parts = task.interface.parts
    timesteps, actions, rewards, success = [], [], [], []
    terminated = truncated = False
    try:
        task.moment = Moment(seed, 0, time.monotonic())
        with task.calling("an episode"):
            observation, _ = task.env.reset(seed=seed)
            timesteps.append(parts(observation))
            while not (terminated or truncated or (stop is not None and success and stop(success))):
                action = act(observation)
                actions.append(np.array(action))  # now: the environment may change it in place
                task.moment = Moment(seed, len(actions), time.monotonic())
                observation, reward, terminated, truncated, info = task.env.step(action)
                timesteps.append(parts(observation))
                rewards.append(one_number(reward, "reward"))
                success.append(task.success(info, rewards[-1]))
    finally:
        task.moment = Moment()
    return Demonstration(
        *(np.stack(part) for part in zip(*timesteps, strict=True)),
        action=np.stack(actions),
        reward=np.array(rewards),
        terminated=bool(terminated),
        success=np.array(success),
        seed=seed,
    )


def _noisy(task: Simulator, act: Controller, noise: float, rng: np.random.Generator) -> Controller:
    """A controller with noise, within the task's limits; discrete actions have none."""
    if task.spec.discrete:
        return act

    def disturbed(observation: Mapping[str, np.ndarray]) -> np.ndarray:
        action = np.asarray(act(observation))
        return task.interface.actions.native(
            task.interface.actions.normalized(action) + noise * rng.standard_normal(action.shape)
        )

    return disturbed


def _random(task: Simulator, rng: np.random.Generator) -> Controller:
    """A controller with uniformly random actions."""
    size = task.spec.action_size
    if task.spec.discrete:
        return lambda _: task.interface.actions.native(np.asarray(rng.integers(size)))
    return lambda _: task.interface.actions.native(rng.uniform(-1, 1, size))
