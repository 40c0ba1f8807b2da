"""What the stock tasks with one object share: where it starts, where goals are, what is seen.

Random numbers are drawn in the order of gymnasium-robotics' `fetch_env.py`, so that a seed gives
the same episode.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from goalrelay.tasks import fetch_stages
from goalrelay.tasks.fetch.environment import Environment
from goalrelay.tasks.fetch.scene import Start

CLEAR = 0.1
"""An object starts at least this far from the hand in x and y, m."""
OBSERVED = 25


class OneObject(Environment):
    """Base of the tasks with one object.

    Args:
        begin: the scene.
        around: the object starts within this distance of the hand in x and in y, m.
        goals: goals lie within this distance of the hand in x, y (and z, without an object), m.
        offset: [3] middle of the goals from the hand, m.
        lifted: goals are in the air half of the time, up to this high, m.
        settings: of the environment.
    """

    stages = fetch_stages.MOVE_AN_OBJECT.stages
    symmetries = fetch_stages.MOVE_AN_OBJECT.symmetries
    position_columns = fetch_stages.MOVE_AN_OBJECT.position_columns

    def __init__(
        self,
        begin: Start,
        around: float = 0.15,
        goals: float = 0.15,
        offset: tuple[float, float, float] = (0.0, 0.0, 0.0),
        lifted: float = 0.0,
        **settings: Any,
    ):
        self._around, self._goals, self._offset, self._lifted = around, goals, offset, lifted
        super().__init__(begin, ("object0",), **settings)
        self._height = float(begin.places["object0"][2])

    def _object_qpos(self) -> int:
        return int(self.model.joint("object0:joint").qposadr[0])

    def _place(self, options: Mapping[str, Any]) -> None:
        hand = self.begin.grip[:2]
        place = hand
        while np.linalg.norm(place - hand) < CLEAR:
            place = hand + self.np_random.uniform(-self._around, self._around, size=2)
        qpos = self._object_qpos()
        self.data.qpos[qpos : qpos + 2] = place

    def _sample_goal(self) -> np.ndarray:
        goal = self.begin.grip + self.np_random.uniform(-self._goals, self._goals, size=3)
        goal += self._offset
        goal[2] = self._height
        if self._lifted and self.np_random.uniform() < 0.5:
            goal[2] += self.np_random.uniform(0, self._lifted)
        return goal

    def _observe(self) -> np.ndarray:
        seen = np.empty(OBSERVED)
        velocity, turning = self.motion(0)
        grip, place, speed = self.grip, self.positions[0], self.grip_velocity()
        seen[0:3] = grip
        seen[3:6] = place
        seen[6:9] = place - grip
        seen[9:11] = self.fingers
        seen[11:14] = self.orientation(0)
        seen[14:17] = velocity - speed
        seen[17:20] = turning
        seen[20:23] = speed
        seen[23:25] = self.finger_velocity()
        return seen
