"""One Fetch environment: a scene, a hand that moves by small steps, and goals for the objects.

    reset:  the start state; objects placed; goals sampled
    step:   the weld target moves by the action, 20 physics steps of 2 ms, fingers held if blocked
    reward: 0 if every object is within the threshold of its goal, else -1 (or minus the distances)

A task subclasses `Environment`. It names its scene, places objects, samples goals, and observes.
`simulation` holds what moves, this file the goals and the interface of Gymnasium.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping
from typing import Any, Literal

import gymnasium
import numpy as np
from gymnasium import spaces

from goalrelay.errors import UsageError
from goalrelay.tasks.fetch.simulation import Scene, Simulation
from goalrelay.tasks.fetch.simulation import euler as euler
from goalrelay.tasks.late import mujoco
from goalrelay.types import Stage, Symmetry

THRESHOLD = 0.05
"""Distance within which a goal counts as reached, m."""


class Environment(Simulation, gymnasium.Env[Any, Any], abc.ABC):
    """Base of the Fetch tasks.

    Args:
        scene: what is simulated, and which objects have goals.
        threshold: distance within which a goal counts as reached, m.
        reward_type: `sparse` (-1 or 0) or `dense` (minus the sum of the distances).
        render_mode: `rgb_array`, `depth_array` or `human`.
        width: of pictures, pixels.
        height: of pictures, pixels.

    Raises:
        UsageError: an unknown reward_type.
    """

    metadata: dict[str, Any] = {
        "render_modes": ["human", "rgb_array", "depth_array"],
        "render_fps": 25,
    }
    stages: tuple[Stage, ...] = ()
    symmetries: tuple[Symmetry, ...] = ()
    position_columns: tuple[int, ...] = ()

    def __init__(
        self,
        scene: Scene,
        threshold: float = THRESHOLD,
        reward_type: Literal["sparse", "dense"] = "sparse",
        render_mode: str | None = None,
        width: int = 480,
        height: int = 480,
    ):
        if reward_type not in ("sparse", "dense"):
            raise UsageError(f"reward_type is sparse or dense, not '{reward_type}'")
        self.reward_type = reward_type
        self.render_mode = render_mode
        self.distance_threshold = threshold
        super().__init__(scene, (width, height))
        size = len(self._observe())
        box = {"observation": size, "achieved_goal": len(self.goal), "desired_goal": len(self.goal)}
        self.observation_space = spaces.Dict(
            {key: spaces.Box(-np.inf, np.inf, (n,), np.float64) for key, n in box.items()}
        )
        self.action_space = spaces.Box(-1.0, 1.0, (4,), np.float32)

    # Methods that a task defines

    def _place(self, options: Mapping[str, Any]) -> None:
        """Place the objects at the start of an episode; `mj_forward` follows.

        Args:
            options: of the reset. Objects named there are moved afterwards.
        """

    @abc.abstractmethod
    def _sample_goal(self) -> np.ndarray:
        """Sample a goal for every object: [3 * objects], m."""

    @abc.abstractmethod
    def _observe(self) -> np.ndarray:
        """Compute the observation: [O]."""

    def _achieved(self) -> np.ndarray:
        """The achieved goal: positions of the objects, [3 * objects], m."""
        return self.positions.reshape(-1)

    # Gymnasium

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Start an episode.

        Args:
            seed: of everything random in the episode.
            options: `goal`: [3 * objects] m, instead of a sampled one; `object0`, ...: [2] or
                [3] m, where an object starts.

        Raises:
            UsageError: an unknown option, or a position of the wrong size.
        """
        super().reset(seed=seed)
        options = dict(options or {})
        self._check_options(options)
        self._restart()
        self._place(options)
        for name in self.objects:
            if name in options:
                self.set_position(name, options[name])
        mujoco.mj_forward(self.model, self.data)
        self.goal = self._sample_goal()
        if "goal" in options:
            self.goal = np.array(options["goal"], float)
        return self._state(), {}

    def step(self, action: np.ndarray):
        """One step of 0.04 s.

        Args:
            action: [4] motion of the hand in x, y, z and of the fingers, in [-1, 1].
        """
        self._act(np.asarray(action).clip(-1.0, 1.0))
        state = self._state()
        distances = self._distances(state["achieved_goal"], self.goal).tolist()
        farthest = max(distances)
        success = farthest < self.distance_threshold
        if self.reward_type == "sparse":
            reward = -float(farthest > self.distance_threshold)
        else:
            reward = -math.fsum(distances)
        if self.render_mode == "human":
            self.render()
        return state, reward, False, False, {"is_success": success}

    def compute_reward(self, achieved_goal: np.ndarray, desired_goal: np.ndarray, info: Any):
        """Rewards of achieved goals under desired ones: [..., G], [..., G] -> [...]."""
        distance = self._distances(np.asarray(achieved_goal), np.asarray(desired_goal))
        if self.reward_type == "sparse":
            return -(distance > self.distance_threshold).any(axis=-1).astype(np.float32)
        return -distance.sum(axis=-1)

    def render(self):
        """A picture [height, width, 3] uint8, with the goals in it."""
        return self._draw(self.render_mode)

    # Goals and options

    def _distances(self, achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        """Distances of the objects from their goals, m: [..., G], [..., G] -> [..., objects]."""
        gap = (achieved - desired).reshape(*achieved.shape[:-1], -1, 3)
        return np.sqrt((gap * gap).sum(axis=-1))

    def _state(self) -> dict[str, np.ndarray]:
        """The goal dictionary of the current timestep."""
        return {
            "observation": self._observe(),
            "achieved_goal": self._achieved(),
            "desired_goal": self.goal.copy(),
        }

    def _check_options(self, options: Mapping[str, Any]) -> None:
        """Refuse unknown reset options, and positions of the wrong size."""
        for name, value in options.items():
            if name not in ("goal", *self.objects):
                known = ", ".join(("goal", *self.objects))
                raise UsageError(f"reset option '{name}' is unknown; there are {known}")
            sizes = (len(self.goal),) if name == "goal" else (2, 3)
            shape = np.shape(value)
            if len(shape) != 1 or shape[0] not in sizes or not np.isfinite(value).all():
                numbers = " or ".join(map(str, sizes))
                raise UsageError(f"reset option '{name}' takes {numbers} finite numbers, m")


def registrations(name: str, steps: int | None, **arguments: Any) -> dict[str, dict[str, Any]]:
    """Arguments that register a task with Gymnasium, for its id and the id with dense rewards.

    Args:
        name: of the task, as in `goalrelay/NAME-v0`.
        steps: in an episode; None if the environment itself ends it.
        arguments: of the environment, by name.
    """
    return {
        f"goalrelay/{name}-v0": {"max_episode_steps": steps, "kwargs": arguments},
        f"goalrelay/{name}Dense-v0": {
            "max_episode_steps": steps,
            "kwargs": {**arguments, "reward_type": "dense"},
        },
    }
