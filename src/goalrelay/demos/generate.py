"""Let a scripted expert or a policy play a task, and keep what it did.

expert = expert_of(task)            begin() -> a controller for one episode
for demonstration in generate(task, expert, range(100), Disturbance(noise=0.1)): ...
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from goalrelay import tasks
from goalrelay.data.rollout import Simulator
from goalrelay.demos.dataset import KEYS, Demonstration
from goalrelay.errors import UsageError
from goalrelay.settings import number

Controller = Callable[[Mapping[str, np.ndarray]], Any]
"""Gymnasium's observation dictionary -> an action of the task."""
Begin = Callable[[], Controller]
"""Called at the start of an episode."""
Stop = Callable[[Sequence[float]], bool]
"""The successes of the steps so far -> whether the episode shall end now."""


@dataclass(frozen=True)
class Disturbance:
    """What makes a demonstrator imperfect."""

    noise: float = number(0.0, 0)
    """Deviation of normal noise on its actions, as a share of half their range."""
    random: float = number(0.0, 0, 1)
    """Share of the episodes in which all actions are random."""


def expert_of(task: Simulator) -> Begin:
    """The scripted expert of a task: ours, its stock twin's, or an environment's own `expert`.

    Raises:
        UsageError: there is none.
    """
    own = getattr(task.env.unwrapped, "expert", None)
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
    """Play an episode a seed.

    Args:
        task: with goals; its environment is used as it is.
        begin: the demonstrator.
        seeds: of the episodes, and of what disturbs them.
        disturbance: how much goes wrong.
    """
    share = disturbance.random
    for i, seed in enumerate(seeds):
        rng = np.random.default_rng([seed, 2])  # not a stream of the environment's or of training
        wild = int((i + 1) * share) > int(i * share)  # evenly among the others
        act = _wild(task, rng) if wild else begin()
        yield play(task, _noisy(task, act, disturbance.noise, rng), seed)


def play(task: Simulator, act: Controller, seed: int, stop: Stop | None = None) -> Demonstration:
    """One episode, of at least one step.

    Args:
        task: with goals; its environment is used as it is.
        act: gives the environment's own actions, which are recorded as they are.
        seed: of the reset.
        stop: ends the episode before the task does; not asked before the first step.
    """
    seen, _ = task.env.reset(seed=seed)
    moments, actions, rewards, success = [_copied(seen)], [], [], []
    terminated = truncated = False
    while not (terminated or truncated or (stop is not None and success and stop(success))):
        action = act(seen)
        actions.append(np.array(action))  # before the step: the environment may change it in place
        seen, reward, terminated, truncated, info = task.env.step(action)
        moments.append(_copied(seen))
        rewards.append(float(reward))
        success.append(task.success(info, bool(terminated), float(reward)))
    return Demonstration(
        *(np.stack([moment[key] for moment in moments]) for key in KEYS),
        action=np.stack(actions),
        reward=np.array(rewards),
        terminated=bool(terminated),
        success=np.array(success),
        seed=seed,
    )


def _copied(seen: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """One timestep of our own: the environment may overwrite its arrays at the next step."""
    return {key: np.array(seen[key]) for key in KEYS}


def _noisy(task: Simulator, act: Controller, noise: float, rng: np.random.Generator) -> Controller:
    """The same within the task's limits, and with noise."""
    if task.spec.discrete:
        return act

    def disturbed(seen: Mapping[str, np.ndarray]) -> np.ndarray:
        action = np.asarray(act(seen))
        return task.interface.native(
            task.interface.normalized(action) + noise * rng.standard_normal(action.shape)
        )

    return disturbed


def _wild(task: Simulator, rng: np.random.Generator) -> Controller:
    """Random actions."""
    size = task.spec.action_size
    if task.spec.discrete:
        return lambda _: task.interface.native(np.asarray(rng.integers(size)))
    return lambda _: task.interface.native(rng.uniform(-1, 1, size))
