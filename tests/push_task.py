"""A small MuJoCo task with stages: a hand pushes a ball on a table. `push_task:PushBall-v0`.

Observation: hand x, y, z, ball x, y, z. The goal is the position of the ball, [3].
"""

from typing import Any

import gymnasium
import mujoco
import numpy as np
from gymnasium import spaces

from goalrelay.tasks.structure import columns
from goalrelay.types import Stage

STEP = 0.04
"""Simulated seconds of a step."""
XML = """<mujoco>
  <asset>
    <material name="wood" rgba="0.7 0.5 0.3 1"/>
    <mesh name="wedge" vertex="0 0 0  .1 0 0  0 .1 0  0 0 .1"/>
  </asset>
  <worldbody>
    <geom name="table" type="box" size="1 1 0.05" pos="0 0 -0.05" material="wood"/>
    <geom name="floor" type="plane" size="0 0 1" pos="0 0 -0.1"/>
    <geom name="hidden" size="0.9" group="3" contype="0" conaffinity="0"/>
    <geom name="wedge" type="mesh" mesh="wedge" pos="-.8 -.8 0" rgba="0 0 1 .5" contype="0"
      conaffinity="0"/>
    <body name="hand" pos="0 0 0.1">
      <joint name="x" type="slide" axis="1 0 0" damping="1"/>
      <joint name="y" type="slide" axis="0 1 0" damping="1"/>
      <geom type="capsule" size="0.05 0.05" rgba="0.2 0.2 0.8 1" mass="1"/>
      <geom type="cylinder" size="0.03 0.02" pos="0 0 .1" rgba="0.2 0.2 0.8 1" mass=".1"/>
    </body>
    <body name="ball" pos="0.4 0 0.1">
      <freejoint/>
      <geom type="ellipsoid" size="0.1 0.1 0.1" rgba="0 0.8 0 1"/>
    </body>
  </worldbody>
  <actuator><motor joint="x" gear="3"/><motor joint="y" gear="3"/></actuator>
</mujoco>"""


class PushBall(gymnasium.Env[Any, Any]):
    """The environment; `turned`: the goal's numbers are minus the position, so no position."""

    reward_type = "sparse"
    stages = (
        Stage("reach", columns("observation", 0, 3), columns("achieved_goal", 0, 3), 0.2, 0.2),
        Stage("task", columns("achieved_goal", 0, 3), columns("desired_goal", 0, 3), None, 0.1),
    )
    camera = {"distance": 3.0, "azimuth": 90.0, "elevation": -60.0, "lookat": np.zeros(3)}
    action_space = spaces.Box(-1, 1, (2,), np.float32)

    def __init__(self, render_mode: str | None = None, turned: bool = False):
        goal = spaces.Box(-9, 9, (3,), np.float64)
        self.observation_space = spaces.Dict(
            observation=spaces.Box(-9, 9, (6,), np.float64), achieved_goal=goal, desired_goal=goal
        )
        self.model = mujoco.MjModel.from_xml_string(XML)  # pyright: ignore
        self.data = mujoco.MjData(self.model)  # pyright: ignore
        self.goal, self.sign = np.zeros(3), -1 if turned else 1

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        mujoco.mj_resetData(self.model, self.data)  # pyright: ignore
        self.data.qpos[2:4] += self.np_random.uniform(-0.1, 0.1, 2)
        mujoco.mj_forward(self.model, self.data)  # pyright: ignore
        self.goal = self.sign * np.append(self.np_random.uniform(-0.5, 0.5, 2), 0.1)
        return self.look(), {}

    def step(self, action: np.ndarray):
        self.data.ctrl[:] = action
        mujoco.mj_step(self.model, self.data, int(STEP / self.model.opt.timestep))  # pyright: ignore
        seen = self.look()
        reward = float(self.compute_reward(seen["achieved_goal"], self.goal, {}))
        return seen, reward, False, False, {"is_success": reward == 0}

    def compute_reward(self, achieved: np.ndarray, desired: np.ndarray, info: Any):
        return -(np.linalg.norm(achieved - desired, axis=-1) > 0.1).astype(np.float32)

    def look(self) -> dict[str, np.ndarray]:
        hand, ball = self.data.body("hand").xpos.copy(), self.data.body("ball").xpos.copy()
        seen, achieved = np.concatenate([hand, ball]), self.sign * ball
        return {"observation": seen, "achieved_goal": achieved, "desired_goal": self.goal.copy()}


PUSH_BALL = "push_task:PushBall-v0"
if "PushBall-v0" not in gymnasium.registry:
    gymnasium.register("PushBall-v0", "push_task:PushBall", max_episode_steps=40)
