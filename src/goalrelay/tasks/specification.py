"""The static description of a task, read from its Gymnasium environment.

in: an environment with its spaces, time limit and reward function. out: a `types.Spec`.
"""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from goalrelay.data.rollout import GOAL_KEYS, Simulator
from goalrelay.errors import UsageError
from goalrelay.types import Spec


def read_spec(env: gymnasium.Env[Any, Any], task_id: str, flat: bool) -> Spec:
    """Sizes, horizon and reward range of an environment; without its stages.

    Args:
        env: made by Gymnasium, with its wrappers.
        task_id: for messages.
        flat: whether the task has no goals.

    Raises:
        UsageError: the task has no time limit, or its spaces do not fit.
    """
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
    """Sizes of observation, achieved goal and desired goal; a flat task has sizes O, 1, 0."""
    if flat:
        if isinstance(space, spaces.Box) and len(space.shape) == 1:
            return space.shape[0], 1, 0
        raise UsageError(
            f"task '{task_id}' observes {space}; a goal dictionary or a one-dimensional Box fits"
        )
    for key in GOAL_KEYS:
        box = space.spaces.get(key)
        if not (isinstance(box, spaces.Box) and len(box.shape) == 1):
            raise UsageError(
                f"task '{task_id}': observation['{key}'] is {box}; a goal task needs "
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
    """(reward far from the goal, reward at the goal) if the task declares a sparse reward."""
    raw: Any = env.unwrapped
    owner = raw if hasattr(raw, "reward_type") else getattr(raw, "task", None)
    if getattr(owner, "reward_type", None) != "sparse" or not hasattr(raw, "compute_reward"):
        return None
    origin = np.zeros((1, sizes[1]))
    try:
        near = float(np.asarray(raw.compute_reward(origin, origin, {})).reshape(-1)[0])
        far = float(np.asarray(raw.compute_reward(origin, origin + 1e3, {})).reshape(-1)[0])
    except Exception:  # unknown range: returns are not clipped
        return None
    return (far, near + 0.0) if far < near else None  # + 0.0 turns Fetch's -0.0 into 0.0


def check_rewards(task_id: str, rewards: Sequence[float], recomputed: np.ndarray) -> None:
    """Refuse a task whose reward function is not batched or does not agree with `step`.

    Args:
        task_id: for messages.
        rewards: [B] returned by `step`.
        recomputed: result of `compute_reward` for the same achieved and desired goals.

    Raises:
        UsageError: the shape or the values differ.
    """
    if recomputed.shape != (len(rewards),):
        raise UsageError(
            f"task '{task_id}': compute_reward gave shape {recomputed.shape} for a batch of "
            f"{len(rewards)}; it must be vectorised: [B, goal], [B, goal] -> [B]"
        )
    if not np.allclose(recomputed, rewards, rtol=1e-4, atol=1e-4):
        raise UsageError(
            f"task '{task_id}': step returned rewards {rewards} but compute_reward returned "
            f"{recomputed.tolist()}; hindsight needs the two to agree"
        )


def check_contract(simulator: Simulator) -> bool:
    """Refuse a task unless rewards can be recomputed in batches and agree with `step`.

    Returns:
        Whether the task has a batched `compute_terminated`.

    Raises:
        UsageError: what does not fit.
    """
    raw: Any = simulator.env.unwrapped
    if not hasattr(raw, "compute_reward"):
        raise UsageError(
            f"task '{simulator.id}' has no compute_reward(achieved_goal, desired_goal, info); "
            "hindsight needs it to recompute rewards"
        )
    rewards, achieved, desired = _batch(simulator)
    try:
        recomputed = simulator.reward(achieved, desired)
    except Exception as error:  # reward functions of users can raise anything
        raise UsageError(
            f"task '{simulator.id}': compute_reward fails on a batch with empty info ({error}); "
            "it must accept arrays [B, goal] and not need info"
        ) from error
    check_rewards(simulator.id, rewards, recomputed)
    if not hasattr(raw, "compute_terminated"):
        return False
    try:
        ended = np.asarray(raw.compute_terminated(achieved, desired, {}))
    except Exception:  # not batched: relabelled episodes end where they ended
        return False
    return ended.shape == (len(rewards),)


def _batch(simulator: Simulator) -> tuple[list[float], np.ndarray, np.ndarray]:
    """The random steps, some of them twice: rewards [B], goals [B, G]; B is not G.

    A reward function that sums over the wrong axis gives a result [G], which must not look right.
    """
    rewards, achieved, desired = _sample_rewards(simulator)
    count = 4 if achieved.shape[1] == 3 else 3
    rows = np.arange(count) % len(rewards)
    return [rewards[row] for row in rows], achieved[rows], desired[rows]


def _sample_rewards(simulator: Simulator) -> tuple[list[float], np.ndarray, np.ndarray]:
    """Two random steps: rewards [B], achieved [B, G] and desired goals [B, G]."""
    env = simulator.env
    simulator.reset(seed=0)
    env.action_space.seed(0)
    rewards, achieved, desired = [], [], []
    for _ in range(2):
        raw, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        rewards.append(float(reward))
        achieved.append(np.array(raw["achieved_goal"]))  # copied: it may be overwritten
        desired.append(np.array(raw["desired_goal"]))
        if terminated or truncated:
            break
    return rewards, np.stack(achieved), np.stack(desired)
