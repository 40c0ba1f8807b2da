"""Bring the gripper to a point.

The stock task `FetchReach-v4`, faster: same starts, goals, observations and rewards for the same
seed and actions.

| column | observation (10) | unit |
| --- | --- | --- |
| 0-2 | grip position | m |
| 3-4 | right and left finger | m |
| 5-7 | velocity of the grip | m a step |
| 8-9 | velocity of the fingers | m a step |

Goals lie within 15 cm of the start in x, y and z. Success: closer than 5 cm at the last of 50
steps.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from goalrelay.tasks import fetch_stages
from goalrelay.tasks.fetch.environment import Environment as Fetch
from goalrelay.tasks.fetch.environment import registrations
from goalrelay.tasks.fetch.experts import Expert, move
from goalrelay.tasks.fetch.scene import compile_stock
from goalrelay.tasks.fetch.simulation import Scene

REGISTRATIONS = registrations("FetchReach", 50)
AROUND = 0.15
"""Goals lie within this distance of the start in x, y and z, m."""


class Environment(Fetch):
    """The environment; see the module."""

    stages = fetch_stages.REACH_A_POINT.stages
    symmetries = fetch_stages.REACH_A_POINT.symmetries
    position_columns = fetch_stages.REACH_A_POINT.position_columns

    def __init__(self, **settings: Any):
        start = compile_stock("reach", base=0.4049, height=0.2)
        super().__init__(Scene(start, blocked=True), **settings)

    def _sample_goal(self) -> np.ndarray:
        return self.begin.grip + self.np_random.uniform(-AROUND, AROUND, size=3)

    def _observe(self) -> np.ndarray:
        return np.concatenate(
            (self.grip, self.fingers, self.grip_velocity(), self.finger_velocity())
        )


def expert() -> Expert:
    """A controller for one episode: move straight to the goal."""

    def act(obs: Mapping[str, np.ndarray]) -> np.ndarray:
        return move(obs["desired_goal"] - obs["achieved_goal"])

    return act
