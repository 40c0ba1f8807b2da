"""Open a drawer whose cabinet glides over the table.

The observation (28) is that of `drawer`, followed by

| column | | unit |
| --- | --- | --- |
| 25 | how far the drawer is open | m |
| 26-27 | velocity of the cabinet in x and y | m a step |

In every episode the cabinet moves at a constant velocity, up to 4 cm/s in x and in y. The hand
cannot change it. The goal moves with the cabinet, so its opening stays the same. Otherwise as
`drawer`: closed at the start, goals open it by 4 to 20 cm, threshold 2 cm, 50 steps. The reset
option `goal` is the first position of the goal.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from goalrelay.tasks.fetch import drawer
from goalrelay.tasks.fetch.environment import registrations
from goalrelay.tasks.fetch.furniture import DrawerTask, compile_cabinet
from goalrelay.tasks.fetch.simulation import Scene

REGISTRATIONS = registrations("FetchMovingDrawer", 50)
FASTEST = 0.04
"""Largest speed of the cabinet in x and in y, m/s."""


class Environment(DrawerTask):
    """The environment; see the module."""

    stages = drawer.STAGES
    position_columns = (0, 1, 3, 4)
    stride = drawer.STRIDE

    def __init__(self, **settings: Any):
        scene = Scene(compile_cabinet(damping=100.0, glides=True), ("object0",), blocked=True)
        super().__init__(scene, threshold=drawer.THRESHOLD, **settings)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Start an episode; see `environment.Environment.reset`."""
        state, info = super().reset(seed=seed, options=options)
        self._opening = self.goal - self.closed()
        return state, info

    def _find_addresses(self) -> None:
        super()._find_addresses()
        joints = [self.model.joint(name) for name in ("glide_x", "glide_y")]
        self._glide = np.array([int(joint.dofadr[0]) for joint in joints])
        self._drawer = int(self.model.joint("drawer").qposadr[0])

    def _place(self, options: Mapping[str, Any]) -> None:
        self.data.qvel[self._glide] = self.np_random.uniform(-FASTEST, FASTEST, size=2)

    def _sample_goal(self) -> np.ndarray:
        return self.closed() - (self.np_random.uniform(drawer.LEAST, drawer.MOST), 0, 0)

    def _observe(self) -> np.ndarray:
        opening = self.data.qpos[self._drawer]
        velocity = self.data.qvel[self._glide] * self._dt
        return np.concatenate((self.observe_knob(), [opening], velocity))

    def _act(self, action: np.ndarray) -> None:
        super()._act(action)
        self.goal = self.closed() + self._opening


expert = drawer.expert
