"""One Fetch environment: a scene, a hand that moves by small steps, goals that objects must reach.

    reset:  the start state; objects placed; goals sampled
    step:   the weld target moves by the action, 20 physics steps of 2 ms, fingers held if blocked
    reward: 0 if every object is within the threshold of its goal, else -1 (or minus the distances)

A task subclasses `Environment` and says what its scene is, how a reset places things and samples
goals, and what is observed. All look-ups by name happen once, in `__init__`.
"""

from __future__ import annotations

import abc
import copy
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import gymnasium
import numpy as np
from gymnasium import spaces

from goalrelay.errors import UsageError
from goalrelay.tasks.fetch.contacts import Contacts
from goalrelay.tasks.fetch.scene import DOWN, GRIP, HAND, SUBSTEPS, Start
from goalrelay.tasks.late import mujoco
from goalrelay.types import Stage, Symmetry

if TYPE_CHECKING:
    from gymnasium.envs.mujoco.mujoco_rendering import MujocoRenderer

STRIDE = 0.05
"""A unit of action asks for this much motion in a step, m."""
THRESHOLD = 0.05
"""Distance at which a goal counts as reached, m."""
CAMERA = {
    "distance": 1.5,
    "azimuth": 132.0,
    "elevation": -28.0,
    "lookat": np.array((1.25, 0.75, 0.48)),
}
"""Nearer to the table than the stock tasks' camera."""
_DOWN = np.array(DOWN)
TINY = 8.9e-16
"""Below this a rotation is a gimbal lock (four times the rounding error, as the stock tasks)."""


class Picture(NamedTuple):
    """How an environment is drawn."""

    render_mode: str | None = None
    """`rgb_array`, `depth_array` or `human`"""
    width: int = 480
    """pixels"""
    height: int = 480


class Environment(gymnasium.Env[Any, Any], abc.ABC):
    """Base of the Fetch tasks.

    Args:
        begin: the scene and its start state; the model is copied, so it can be shared.
        objects: names of the sites whose positions are the achieved goal; none: the grip itself.
        blocked: whether the fingers are held closed.
        threshold: distance at which a goal counts as reached, m.
        reward_type: `sparse` (-1 or 0) or `dense` (minus the sum of the distances).
        picture: fields of `Picture`.

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
    stride: ClassVar[float] = STRIDE
    camera: ClassVar[dict[str, Any]] = CAMERA
    """Where pictures are taken from, in the words of Gymnasium's renderer."""

    def __init__(
        self,
        begin: Start,
        objects: Sequence[str] = (),
        blocked: bool = False,
        threshold: float = THRESHOLD,
        reward_type: Literal["sparse", "dense"] = "sparse",
        **picture: Any,
    ):
        if reward_type not in ("sparse", "dense"):
            raise UsageError(f"reward_type is sparse or dense, not '{reward_type}'")
        self.reward_type = reward_type
        drawn = Picture(**picture)
        self.render_mode = drawn.render_mode
        self.distance_threshold = threshold
        self.begin = begin
        self.model = copy.copy(begin.model)  # a reset may move static bodies
        self._size = drawn.width, drawn.height
        self.model.vis.global_.offwidth, self.model.vis.global_.offheight = self._size
        self.data = mujoco.MjData(self.model)
        self.objects = tuple(objects)
        self.goal = np.zeros(3 * max(1, len(objects)))
        self._renderer: MujocoRenderer | None = None
        self._blocked = blocked
        self._contacts = Contacts(self.model, self.data)
        self._find()
        self._restart()
        mujoco.mj_forward(self.model, self.data)
        size = len(self._observe())
        box = {"observation": size, "achieved_goal": len(self.goal), "desired_goal": len(self.goal)}
        self.observation_space = spaces.Dict(
            {key: spaces.Box(-np.inf, np.inf, (n,), np.float64) for key, n in box.items()}
        )
        self.action_space = spaces.Box(-1.0, 1.0, (4,), np.float32)

    # What a task says

    def _place(self, options: Mapping[str, Any]) -> None:
        """Put objects where an episode begins (positions are set, `mj_forward` follows)."""

    @abc.abstractmethod
    def _sample_goal(self) -> np.ndarray:
        """A goal for every object: [3 * objects], m."""

    @abc.abstractmethod
    def _observe(self) -> np.ndarray:
        """The observation: [O]."""

    def _achieved(self) -> np.ndarray:
        """Where the objects are: [3 * objects], m."""
        return self.positions.reshape(-1)

    # Gymnasium

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Start an episode.

        Args:
            seed: everything random about the episode depends on it alone.
            options: `goal`: [3 * objects] m, instead of a sampled one; `object0`, ...: [2] or
                [3] m, where an object starts.

        Raises:
            UsageError: an unknown option, or a position of the wrong size.
        """
        super().reset(seed=seed)
        options = dict(options or {})
        self._check(options)
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
        """One step of 0.04 s: [4] motion of the hand and of the fingers, in [-1, 1]."""
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
        """Rewards of achieved goals under desired ones: [..., G], [..., G] -> [...]"""
        distance = self._distances(np.asarray(achieved_goal), np.asarray(desired_goal))
        if self.reward_type == "sparse":
            return -(distance > self.distance_threshold).any(axis=-1).astype(np.float32)
        return -distance.sum(axis=-1)

    def render(self):
        """A picture [height, width, 3] uint8, with the goals in it."""
        if self._renderer is None:
            from gymnasium.envs.mujoco.mujoco_rendering import MujocoRenderer  # imports MuJoCo

            self._renderer = MujocoRenderer(self.model, self.data, self.camera, *self._size)
        self._render_callback()
        return self._renderer.render(self.render_mode)

    def close(self) -> None:
        """Free the window."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    # For tasks and experts

    @property
    def grip(self) -> np.ndarray:
        """[3] position between the fingertips, m."""
        return self._grip_position

    @property
    def positions(self) -> np.ndarray:
        """[objects, 3] positions of the objects, m; of the grip where there is none."""
        return self.data.site_xpos[self._sites]

    @property
    def fingers(self) -> np.ndarray:
        """[2] opening of the right and the left finger, m."""
        return self._qpos[self._finger_qpos]

    def set_position(self, name: str, position: Any) -> None:
        """Move an object with a free joint: [2] m in x and y, or to [3] m, upright and at rest."""
        joint = self.model.joint(f"{name}:joint")
        qpos, dof = int(joint.qposadr[0]), int(joint.dofadr[0])
        self.data.qpos[qpos : qpos + len(position)] = position
        if len(position) == 3:
            self.data.qpos[qpos + 3 : qpos + 7] = (1, 0, 0, 0)
            self.data.qvel[dof : dof + 6] = 0

    def grip_velocity(self) -> np.ndarray:
        """[3] velocity of the grip, m a step."""
        mujoco.mj_jacSite(self.model, self.data, self._jacobian, None, self._grip)
        return self._jacobian.dot(self._qvel) * self._dt

    def finger_velocity(self) -> np.ndarray:
        """[2] velocity of the fingers, m a step."""
        return self._qvel[self._finger_dof] * self._dt

    def motion(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Linear [3] and angular [3] velocity of a free object, m and rad a step."""
        dof = self._dofs[number]
        velocity = self._qvel[dof : dof + 6] * self._dt
        return velocity[:3], self._turnings[number].dot(velocity[3:])

    def orientation(self, number: int) -> tuple[float, float, float]:
        """Euler angles of an object, rad, in the convention of the stock tasks."""
        return euler(self.data.site_xmat[self._sites[number]])

    # Inside

    def _find(self) -> None:
        """Addresses of everything that a step reads or writes."""
        model = self.model
        self._grip = model.site(GRIP).id
        self._hand = model.body(HAND).id
        self._sites = np.array([model.site(name).id for name in self.objects] or [self._grip])
        self._markers = [model.site(f"target{i}").id for i in range(len(self._sites))]
        sides = [model.joint(f"robot0:{side}_gripper_finger_joint") for side in "rl"]
        self._finger_qpos = np.array([int(joint.qposadr[0]) for joint in sides])
        self._finger_dof = np.array([int(joint.dofadr[0]) for joint in sides])
        bodies = [model.body(int(model.site_bodyid[site])) for site in self._sites]
        self._dofs = [int(body.dofadr[0]) for body in bodies]
        self._jacobian = np.zeros((3, model.nv))
        self._dt = SUBSTEPS * model.opt.timestep
        data = self.data  # what follows are views: MuJoCo writes, steps read, and back
        self._qpos, self._qvel = data.qpos, data.qvel
        self._grip_position = data.site_xpos[self._grip]
        self._turnings = [data.site_xmat[site].reshape(3, 3) for site in self._sites]
        self._hand_position, self._hand_turning = data.xpos[self._hand], data.xquat[self._hand]
        self._target_position, self._target_turning = data.mocap_pos[0], data.mocap_quat[0]

    def _restart(self) -> None:
        mujoco.mj_resetData(self.model, self.data)
        self.data.time = self.begin.time
        self.data.qpos[:] = self.begin.qpos
        self.data.qvel[:] = self.begin.qvel

    def _render_callback(self) -> None:
        """Put the goals' markers in their places; a viewer asks for it by this stock name."""
        for site, goal in zip(self._markers, self.goal.reshape(-1, 3), strict=True):
            self.data.site_xpos[site] = goal  # seen only: what follows is the same as without

    def _act(self, action: np.ndarray) -> None:
        data = self.data
        np.add(self._hand_position, self.stride * action[:3], out=self._target_position)
        np.add(self._hand_turning, _DOWN, out=self._target_turning)
        if self.model.nu:  # actuators in the order left, right; targets relative to the fingers
            change = 0.0 if self._blocked else action[3]
            data.ctrl[:] = self._qpos[self._finger_qpos[::-1]] + change
        self._contacts.choose()
        mujoco.mj_step(self.model, data, nstep=SUBSTEPS)
        if self._blocked:  # forces wait for the next step: it begins with them
            self._qpos[self._finger_qpos] = 0.0
            mujoco.mj_kinematics(self.model, data)
            mujoco.mj_comPos(self.model, data)

    def _distances(self, achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        """[..., objects] distances of the objects from their goals, m."""
        gap = (achieved - desired).reshape(*achieved.shape[:-1], -1, 3)
        return np.sqrt((gap * gap).sum(axis=-1))

    def _state(self) -> dict[str, np.ndarray]:
        return {
            "observation": self._observe(),
            "achieved_goal": self._achieved(),
            "desired_goal": self.goal.copy(),
        }

    def _check(self, options: Mapping[str, Any]) -> None:
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
    """How a task registers with Gymnasium: its id, and the one with dense rewards.

    Args:
        name: of the task, as in `goalrelay/NAME-v0`.
        steps: in an episode; None where the environment itself ends it.
        arguments: of the environment, by name.
    """
    return {
        f"goalrelay/{name}-v0": {"max_episode_steps": steps, "kwargs": arguments},
        f"goalrelay/{name}Dense-v0": {
            "max_episode_steps": steps,
            "kwargs": {**arguments, "reward_type": "dense"},
        },
    }


def euler(matrix: np.ndarray) -> tuple[float, float, float]:
    """Euler angles, rad, of a rotation matrix [9], as gymnasium-robotics' `mat2euler`."""
    m = matrix.tolist()
    across = math.hypot(m[8], m[5])
    pitch = -math.atan2(-m[2], across)
    if across > TINY:
        return -math.atan2(m[5], m[8]), pitch, -math.atan2(m[1], m[0])
    return 0.0, pitch, -math.atan2(-m[3], m[4])
