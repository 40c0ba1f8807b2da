"""Someone in a maze who is to be at a place when time is up: what ant and point have in common.

    reset:  start at the origin; a target, uniform in a box, or the one by which the task is judged
    step:   move; reward minus the distance to the target (or 0 near it and -1 elsewhere)
    never ends before its horizon; success is being near the target, judged at the last step

A task subclasses `Seeker`: it says its `layout`, how to begin and to move, and what is observed.
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
"""How far a sub-goal may be in x and in y, cells (HIRO: 10 m)."""


class Seeker(gymnasium.Env[Any, Any], abc.ABC):
    """Base of the maze tasks.

    Args:
        scale: width of a cell, m.
        size: of an observation.
        reward_type: `dense` (minus the distance) or `sparse` (-1, or 0 near the target).
        evaluation: every episode has the target by which the task is judged.
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
        """Where a hierarchy wants to be next, x, y in m, to be drawn; a reset forgets it."""
        self._steps = 0
        box = {"observation": size, "achieved_goal": len(self.goal), "desired_goal": len(self.goal)}
        self.observation_space = spaces.Dict(
            {key: spaces.Box(-np.inf, np.inf, (n,), np.float64) for key, n in box.items()}
        )

    # What a task says

    @abc.abstractmethod
    def _begin(self) -> None:
        """Go to the start; everything random comes from `self.np_random`."""

    @abc.abstractmethod
    def _move(self, action: np.ndarray) -> None:
        """One step."""

    @abc.abstractmethod
    def _observe(self, time: float) -> np.ndarray:
        """The observation, fresh: [O]; time is 0.001 times the number of steps made."""

    @abc.abstractmethod
    def _achieved(self) -> np.ndarray:
        """Where the seeker is, fresh: [G] m."""

    # Gymnasium

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Start an episode.

        Args:
            seed: everything random about the episode depends on it alone.
            options: `goal`: [2] m, or [3] where there is a chasm, instead of a sampled one;
                `evaluation`: whether it is the one by which the task is judged.

        Raises:
            UsageError: an unknown option, or a goal of the wrong size.
        """
        super().reset(seed=seed)
        options = options or {}
        goal = self._asked(options)
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
        """One step of a tenth of a second."""
        self._move(action)
        self._steps += 1
        state = self._state()
        distance = math.dist(state["achieved_goal"].tolist(), self.goal.tolist())
        near = distance < self.distance_threshold
        reward = -distance if self.reward_type == "dense" else near - 1.0
        return state, reward, False, False, {"is_success": near}

    def compute_reward(self, achieved_goal: np.ndarray, desired_goal: np.ndarray, info: Any):
        """Rewards of achieved goals under desired ones: [..., G], [..., G] -> [...]"""
        gap = np.asarray(achieved_goal) - np.asarray(desired_goal)
        distance = np.sqrt((gap * gap).sum(axis=-1))
        if self.reward_type == "dense":
            return -distance
        return (distance < self.distance_threshold) - 1.0

    # Inside

    def _state(self) -> dict[str, np.ndarray]:
        return {
            "observation": self._observe(0.001 * self._steps),
            "achieved_goal": self._achieved(),
            "desired_goal": self.goal.copy(),
        }

    def _asked(self, options: dict[str, Any]) -> np.ndarray | None:
        """The goal that reset options name."""
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
    """How a maze task registers with Gymnasium: its id, and the one with sparse rewards.

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
