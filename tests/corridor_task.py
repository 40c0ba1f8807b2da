"""A U-shaped corridor that takes no time: the way to the target leads away from it at first.

`corridor_task:Corridor-v0`; observation: x, y. Cells of 1 m; a point moves up to 0.25 m a step:

    # # # # #
    # G . . #
    # # # . #
    # S . . #
    # # # # #
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

STRIDE, NEAR = 0.25, 0.5


def free(x: float, y: float) -> bool:
    inside = -0.5 < x < 2.5 and -0.5 < y < 2.5
    return inside and not (x < 1.5 and 0.5 < y < 1.5)


class Corridor(gymnasium.Env[Any, Any]):
    reward_type = "sparse"
    position_columns = (0, 1)
    subgoal_range = (1.25, 1.25)
    goal_position_columns = (0, 1)
    action_space = spaces.Box(-1, 1, (2,), np.float32)

    def __init__(self, render_mode: str | None = None):
        box = spaces.Box(-1, 3, (2,), np.float32)
        self.observation_space = spaces.Dict(observation=box, achieved_goal=box, desired_goal=box)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        self.place = self.np_random.uniform(-0.1, 0.1, 2)
        self.goal = np.array([0.0, 2.0])
        return self.look(), {}

    def step(self, action: np.ndarray):
        for axis in range(2):
            there = self.place.copy()
            there[axis] += STRIDE * action[axis]
            if free(*there):
                self.place = there
        reward = float(self.compute_reward(self.place, self.goal, {}))
        return self.look(), reward, False, False, {"is_success": reward == 0}

    def compute_reward(self, achieved: np.ndarray, desired: np.ndarray, info: Any):
        return -(np.linalg.norm(achieved - desired, axis=-1) > NEAR).astype(np.float32)

    def look(self) -> dict[str, np.ndarray]:
        seen = self.place.astype("f")
        return {"observation": seen, "achieved_goal": seen, "desired_goal": self.goal.astype("f")}


CORRIDOR = "corridor_task:Corridor-v0"
if "Corridor-v0" not in gymnasium.registry:
    gymnasium.register("Corridor-v0", "corridor_task:Corridor", max_episode_steps=50)
