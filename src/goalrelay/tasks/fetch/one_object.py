"""Base of the stock tasks with one object: its start, its goals, and the observation.

Random numbers are drawn in the order of gymnasium-robotics' `fetch_env.py`, so that a seed gives
the same episode.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from goalrelay.tasks import fetch_stages
from goalrelay.tasks.fetch.environment import Environment
from goalrelay.tasks.fetch.simulation import Scene

CLEAR = 0.1
"""Least distance of a starting object from the hand in x and y, m."""
OBSERVED = 25
"""Columns of the observation."""


class OneObject(Environment):
    """Base of the tasks with one object.

    Args:
        scene: what is simulated; its object is `object0`.
        around: largest distance of the starting object from the hand in x and in y, m.
        goals: largest distance of a goal from the hand in x and in y, m.
        offset: [3] from the hand to the middle of the goals, m.
        lifted: largest height of a goal above the table, m; half of the goals are lifted. 0: none.
        settings: of the environment.
    """

    stages = fetch_stages.MOVE_AN_OBJECT.stages
    symmetries = fetch_stages.MOVE_AN_OBJECT.symmetries
    position_columns = fetch_stages.MOVE_AN_OBJECT.position_columns

    def __init__(
        self,
        scene: Scene,
        around: float = 0.15,
        goals: float = 0.15,
        offset: tuple[float, float, float] = (0.0, 0.0, 0.0),
        lifted: float = 0.0,
        **settings: Any,
    ):
        self._around, self._goals, self._offset, self._lifted = around, goals, offset, lifted
        super().__init__(scene, **settings)
        self._height = float(scene.start.sites["object0"][2])

    def _object_qpos(self) -> int:
        """Address of the object's position in qpos."""
        return int(self.model.joint("object0:joint").qposadr[0])

    def _place(self, options: Mapping[str, Any]) -> None:
        hand = self.begin.grip[:2]
        position = hand
        while np.linalg.norm(position - hand) < CLEAR:
            position = hand + self.np_random.uniform(-self._around, self._around, size=2)
        qpos = self._object_qpos()
        self.data.qpos[qpos : qpos + 2] = position

    def _sample_goal(self) -> np.ndarray:
        goal = self.begin.grip + self.np_random.uniform(-self._goals, self._goals, size=3)
        goal += self._offset
        goal[2] = self._height
        if self._lifted and self.np_random.uniform() < 0.5:
            goal[2] += self.np_random.uniform(0, self._lifted)
        return goal

    def _observe(self) -> np.ndarray:
        observation = np.empty(OBSERVED)
        velocity, rotation = self.motion(0)
        grip, position, grip_velocity = self.grip, self.positions[0], self.grip_velocity()
        observation[0:3] = grip
        observation[3:6] = position
        observation[6:9] = position - grip
        observation[9:11] = self.fingers
        observation[11:14] = self.orientation(0)
        observation[14:17] = velocity - grip_velocity
        observation[17:20] = rotation
        observation[20:23] = grip_velocity
        observation[23:25] = self.finger_velocity()
        return observation
