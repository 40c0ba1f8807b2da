"""Base of the maze tasks of ant and point: be near a target at the last step.

    reset:  start at the origin; the target is uniform in a box, or the evaluation target
    step:   move; the reward is minus the distance to the target (or 0 near it and -1 elsewhere)
    end:    only at the horizon; success means near the target at the last step

A task subclasses `Seeker`. It has a `layout`, and defines how to begin, to move and to observe.
"""

from __future__ import annotations

import abc
import math
from typing import Any, ClassVar, Literal

import gymnasium
import numpy as np
from gymnasium import spaces

from goalrelay.errors import UsageError
from goalrelay.tasks.ant.layout import THRESHOLD, Layout
from goalrelay.types import Stage

REACH = 1.25
"""Largest distance of a sub-goal in x and in y, cells (10 m for the ant, as in HIRO)."""


class Seeker(gymnasium.Env[Any, Any], abc.ABC):
    """Base of the maze tasks.

    Args:
        scale: width of a cell, m.
        size: of an observation.
        reward_type: `dense` (minus the distance) or `sparse` (-1, or 0 near the target).
        evaluation: whether every episode has the evaluation target.
        render_mode: `rgb_array`, or None.

    Raises:
        UsageError: an unknown reward_type.
    """

    layout: ClassVar[Layout]
    stages: tuple[Stage, ...] = ()
    position_columns: tuple[int, ...] = (0, 1)
    goal_position_columns: tuple[int, ...] = (0, 1)
    subgoal_range: tuple[float, ...]

    def __init__(
        self,
        scale: float,
        size: int,
        reward_type: Literal["dense", "sparse"] = "dense",
        evaluation: bool = False,
        render_mode: str | None = None,
    ):
        if reward_type not in ("sparse", "dense"):
            raise UsageError(f"reward_type is sparse or dense, not '{reward_type}'")
        self.reward_type = reward_type
        self.evaluation = evaluation
        self.render_mode = render_mode
        self.scale = scale
        self.subgoal_range = (REACH * scale,) * 2
        self.distance_threshold = THRESHOLD * scale
        self.goal = scale * np.array(self.layout.evaluation)
        self._lowest = scale * np.array(self.layout.lowest)
        self._highest = scale * np.array(self.layout.highest)
        self.subgoal: tuple[float, float] | None = None
        """[2] position of a hierarchy's sub-goal, m, to be drawn; a reset clears it."""
        self._steps = 0
        box = {"observation": size, "achieved_goal": len(self.goal), "desired_goal": len(self.goal)}
        self.observation_space = spaces.Dict(
            {key: spaces.Box(-np.inf, np.inf, (n,), np.float64) for key, n in box.items()}
        )

    # Methods that a task defines

    @abc.abstractmethod
    def _begin(self) -> None:
        """Move to the start; everything random comes from `self.np_random`."""

    @abc.abstractmethod
    def _move(self, action: np.ndarray) -> None:
        """Move for one step."""

    @abc.abstractmethod
    def _observe(self, time: float) -> np.ndarray:
        """Compute the observation [O], a new array; `time` is 0.001 times the number of steps."""

    @abc.abstractmethod
    def _achieved(self) -> np.ndarray:
        """The achieved goal, a new array: position of the seeker, [G] m."""

    # Gymnasium

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Start an episode.

        Args:
            seed: of everything random in the episode.
            options: `goal`: [2] m, or [3] in a maze with a chasm, instead of a sampled one;
                `evaluation`: whether to use the evaluation target.

        Raises:
            UsageError: an unknown option, or a goal of the wrong size.
        """
        super().reset(seed=seed)
        options = options or {}
        goal = self._goal_option(options)
        self._begin()
        self._steps, self.subgoal = 0, None
        if goal is not None:
            self.goal = goal
        elif options.get("evaluation", self.evaluation):
            self.goal = self.scale * np.array(self.layout.evaluation)
        else:
            self.goal = self.np_random.uniform(self._lowest, self._highest)
        return self._state(), {}

    def step(self, action: np.ndarray):
        """One step; the action is that of the task."""
        self._move(action)
        self._steps += 1
        state = self._state()
        distance = math.dist(state["achieved_goal"].tolist(), self.goal.tolist())
        near = distance < self.distance_threshold
        reward = -distance if self.reward_type == "dense" else near - 1.0
        return state, reward, False, False, {"is_success": near}

    def compute_reward(self, achieved_goal: np.ndarray, desired_goal: np.ndarray, info: Any):
        """Rewards of achieved goals under desired ones: [..., G], [..., G] -> [...]."""
        gap = np.asarray(achieved_goal) - np.asarray(desired_goal)
        distance = np.sqrt((gap * gap).sum(axis=-1))
        if self.reward_type == "dense":
            return -distance
        return (distance < self.distance_threshold) - 1.0

    # Goals and options

    def _state(self) -> dict[str, np.ndarray]:
        """The goal dictionary of the current timestep."""
        return {
            "observation": self._observe(0.001 * self._steps),
            "achieved_goal": self._achieved(),
            "desired_goal": self.goal.copy(),
        }

    def _goal_option(self, options: dict[str, Any]) -> np.ndarray | None:
        """The reset option `goal`, checked; None if it is absent."""
        for name in options:
            if name not in ("goal", "evaluation"):
                raise UsageError(f"reset option '{name}' is unknown; there are goal, evaluation")
        if "goal" not in options:
            return None
        goal = np.asarray(options["goal"], float)
        if goal.shape != self.goal.shape or not np.isfinite(goal).all():
            raise UsageError(f"reset option 'goal' takes {len(self.goal)} finite numbers, m")
        return goal.copy()


def registrations(name: str, steps: int) -> dict[str, dict[str, Any]]:
    """Arguments that register a maze task, for its id and the id with sparse rewards.

    Args:
        name: of the task, as in `goalrelay/NAME-v0`.
        steps: in an episode.
    """
    return {
        f"goalrelay/{name}{suffix}-v0": {
            "max_episode_steps": steps,
            "kwargs": {"reward_type": reward_type},
        }
        for suffix, reward_type in (("", "dense"), ("Sparse", "sparse"))
    }
