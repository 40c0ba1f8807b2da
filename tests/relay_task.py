"""A task with stages that takes no time: a hand on a table carries a block once it is there.

`relay_task:Carry-v0`; observation: hand x, y, block x, y, block minus hand x, y.
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from goalrelay.tasks.structure import columns, signed_permutation
from goalrelay.types import Stage, Symmetry

STRIDE, NEAR = 0.2, 0.15


class Carry(gymnasium.Env[Any, Any]):
    stages = (
        Stage(
            "reach",
            columns("observation", 0, 2),
            columns("achieved_goal", 0, 2),
            0.2,
            NEAR,
            0.2,
            5.0,
        ),
        Stage(
            "task", columns("achieved_goal", 0, 2), columns("desired_goal", 0, 2), None, 0.3, 0.3
        ),
    )
    symmetries = (
        Symmetry(
            "flip",
            signed_permutation(6, (1, 3, 5)),
            signed_permutation(2, (1,)),
            signed_permutation(2, (1,)),
        ),
        Symmetry(
            "diagonal",
            signed_permutation(6, swap=((0, 1), (2, 3), (4, 5))),
            signed_permutation(2, swap=((0, 1),)),
            signed_permutation(2, swap=((0, 1),)),
        ),
    )
    position_columns = (0, 1, 2, 3)
    reward_type = "sparse"
    action_space = spaces.Box(-1, 1, (2,), np.float32)

    def __init__(self, render_mode: str | None = None):
        goal = spaces.Box(-1, 1, (2,), np.float32)
        self.observation_space = spaces.Dict(
            observation=spaces.Box(-2, 2, (6,), np.float32), achieved_goal=goal, desired_goal=goal
        )

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        self.hand, self.block, self.goal = self.np_random.uniform(-1, 1, (3, 2)).astype("f")
        return self.look(), {}

    def step(self, action: np.ndarray):
        before = self.hand
        self.hand = (before + STRIDE * action).clip(-1, 1)
        if np.linalg.norm(self.block - before) < NEAR:
            self.block = (self.block + self.hand - before).clip(-1, 1)
        reward = float(self.compute_reward(self.block, self.goal, {}))
        return self.look(), reward, False, False, {"is_success": reward == 0}

    def compute_reward(self, achieved: np.ndarray, desired: np.ndarray, info: Any):
        return -(np.linalg.norm(achieved - desired, axis=-1) > 0.3).astype(np.float32)

    def look(self) -> dict[str, np.ndarray]:
        seen = np.concatenate([self.hand, self.block, self.block - self.hand])
        return {"observation": seen, "achieved_goal": self.block, "desired_goal": self.goal}


CARRY = "relay_task:Carry-v0"
if "Carry-v0" not in gymnasium.registry:
    gymnasium.register("Carry-v0", "relay_task:Carry", max_episode_steps=12)
