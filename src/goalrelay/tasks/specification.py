"""The static description of a task, read from its Gymnasium environment.

in: an environment with its spaces and its time limit. out: a `types.Spec`, and notes on the spaces.
"""

import math
from typing import Any

import gymnasium
from gymnasium import spaces

from goalrelay.data.interface import GOAL_KEYS, Interface, Part
from goalrelay.data.rollout import Attributes
from goalrelay.data.spaces import interface_of
from goalrelay.errors import UsageError
from goalrelay.types import Spec


def read_spec(env: gymnasium.Env[Any, Any], task_id: str) -> tuple[Spec, list[str]]:
    """Sizes and horizon of an environment, without rewards and stages; and notes on its spaces.

    Args:
        env: made by Gymnasium, with its wrappers.
        task_id: for messages.

    Raises:
        UsageError: the task has no time limit, or its spaces do not fit.
    """
    horizon = env.spec.max_episode_steps if env.spec else None
    horizon = horizon or getattr(Attributes(env), "horizon", None)
    if not horizon or horizon < 0:
        raise UsageError(
            f"task '{task_id}' has no time limit; register it with max_episode_steps, or add "
            "--task-options max_episode_steps=N (episodes enter the replay buffer when they end)"
        )
    try:
        interface = interface_of(env.observation_space, env.action_space)
    except UsageError as error:
        raise UsageError(f"task '{task_id}' {error}") from None
    sizes = [sum(part.size for part in layout) for layout in interface.layouts]
    if interface.flat:
        sizes = [*sizes, 1, 0]
    elif sizes[1] != sizes[2]:
        raise UsageError(
            f"task '{task_id}': achieved_goal has {sizes[1]} numbers and desired_goal {sizes[2]}; "
            "hindsight needs goals of one size"
        )
    actions = interface.actions
    size = math.prod(actions.choices) if actions.choices else len(actions.low)
    observed, achieved, desired = sizes
    discrete = bool(actions.choices)
    image = interface.image_shape
    spec = Spec(observed, achieved, desired, size, discrete, int(horizon), None, image=image)
    return spec, list(_notes(env, interface))


def _notes(env: gymnasium.Env[Any, Any], interface: Interface) -> list[str]:
    """What is ignored, and in which order numbers are laid out, where that is not plain."""
    space, notes = env.observation_space, []
    if isinstance(space, spaces.Dict):
        extra = [key for key in space.spaces if key not in GOAL_KEYS]
        if extra:
            notes.append(f"ignored parts of the observation: {', '.join(map(str, extra))}")
    keys = GOAL_KEYS[: len(interface.layouts)]
    laid_out = [
        f"{key}: {', '.join(map(_described, layout))}"
        for key, layout in zip(keys, interface.layouts, strict=True)
        if len(layout) > 1 or any(part.choices for part in layout)
    ]
    if laid_out:
        notes.append(f"numbers are laid out as {'; '.join(laid_out)}")
    actions = interface.actions
    if actions.choices and actions.shape:
        count = math.prod(actions.choices)
        notes.append(f"actions are the {count} combinations of {len(actions.choices)} choices")
    return notes


def _described(part: Part) -> str:
    """Its keys, how many numbers it is, and whether they are one-hot."""
    name = ".".join(part.path[1:])
    return f"{name} {part.size}{' one-hot' if part.choices else ''}".strip()
