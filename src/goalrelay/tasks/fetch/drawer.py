"""Open a drawer by dragging its knob.

The observation (25 columns) is that of `push`, with the knob as the block; its angular velocity
and its Euler angles are zero. The reset option `object0` opens the drawer until the knob is at that
position.

The drawer starts closed, its knob at (1.376, 0.63, 0.45) m; goals open it by 4 to 20 cm. The
fingers are held closed, and an action of 1 commands 4 cm. Success: closer than 2 cm at the last of
50 steps.

Repaired: goals depend on the seed alone; the original drew them from the global generator.
Repaired: if the grip is below the knob, the original sets the weld to the hand's position at the
height of the knob, runs a second step, and takes |action[2]|, so a step is sometimes two. Here no
motion is commanded to below 2 cm above the knob. The fingertips then press lightly on the knob and
cannot get stuck next to it. Repaired: the cabinet does not move, and the drawer has a tenth of the
damping (100 N s/m). `paper` restores the two steps and the stiff drawer; the fingers are then
neither held nor moved.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from goalrelay.tasks.fetch.environment import registrations
from goalrelay.tasks.fetch.experts import Expert, drag
from goalrelay.tasks.fetch.furniture import DrawerTask, compile_cabinet
from goalrelay.tasks.fetch.scene import SUBSTEPS
from goalrelay.tasks.fetch.simulation import Scene
from goalrelay.tasks.fetch_stages import reach_and_bring
from goalrelay.tasks.late import mujoco

REGISTRATIONS = registrations("FetchDrawer", 50)
LEAST, MOST = 0.04, 0.2
"""Smallest and largest opening of a goal, m."""
THRESHOLD = 0.02
STRIDE = 0.04
"""Motion of the hand that an action of 1 commands in a step, m."""
TOUCH = 0.035
"""Distance from the grip to the middle of the knob with the fingertips on the knob, m."""
STAGES = reach_and_bring(TOUCH, THRESHOLD, STRIDE)


class Environment(DrawerTask):
    """The environment; see the module.

    Args:
        paper: behave as the original.
        settings: of the environment.
    """

    stages = STAGES
    position_columns = (0, 1, 3, 4)
    stride = STRIDE

    def __init__(self, paper: bool = False, **settings: Any):
        self._paper = paper
        start = compile_cabinet(damping=1000.0 if paper else 100.0)
        scene = Scene(start, ("object0",), blocked=not paper)
        super().__init__(scene, threshold=THRESHOLD, **settings)

    def _sample_goal(self) -> np.ndarray:
        return self.closed() - (self.np_random.uniform(LEAST, MOST), 0, 0)

    def _observe(self) -> np.ndarray:
        return self.observe_knob()

    def _act(self, action: np.ndarray) -> None:
        if not self._paper:
            super()._act(action)
            return
        if self.grip[2] < self.positions[0][2]:
            self.data.mocap_pos[0] = (*self.grip[:2], self.positions[0][2])
            self._contacts.choose()
            mujoco.mj_step(self.model, self.data, nstep=SUBSTEPS)
            action = np.array((*action[:2], abs(action[2]), action[3]))
        super(DrawerTask, self)._act(action)


def expert() -> Expert:
    """A controller for one episode: press on the knob and drag it."""

    def act(obs: Mapping[str, np.ndarray]) -> np.ndarray:
        return drag(obs["observation"][:3], obs["achieved_goal"], obs["desired_goal"], STRIDE)

    return act
