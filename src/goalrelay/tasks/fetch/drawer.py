"""Open a drawer by dragging its knob.

The observation (25 columns) is that of `push`, with the knob as the block; its angular velocity
and its Euler angles are zero. The reset option `object0` opens the drawer until the knob is there.

The drawer starts closed, its knob at (1.376, 0.63, 0.45) m; goals open it by 4 to 20 cm. The
fingers are held closed, and a unit of action is 4 cm. Success: closer than 2 cm at the last of 50
steps.

Repaired: goals depend on the seed alone; the original drew them from the global generator.
Repaired: where the grip is below the knob, the original sets the weld to the hand's height at the
knob, runs a second step and takes |action[2]|, so that a step is sometimes two. Here no motion is
asked for below 2 cm above the knob: the fingertips then press lightly on it and cannot wedge
themselves in beside it. Repaired: the cabinet stands still and the drawer runs ten times more
easily (100 N s/m). `paper` brings back the two steps and the stiff drawer, with fingers that are
neither held nor moved.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from goalrelay.tasks.fetch.environment import registrations
from goalrelay.tasks.fetch.experts import Expert, drag
from goalrelay.tasks.fetch.furniture import DrawerTask, scene
from goalrelay.tasks.fetch.scene import SUBSTEPS
from goalrelay.tasks.fetch_stages import reach_and_bring
from goalrelay.tasks.late import mujoco

REGISTRATIONS = registrations("FetchDrawer", 50)
LEAST, MOST = 0.04, 0.2
"""Goals open the drawer by so much, m."""
THRESHOLD = 0.02
STRIDE = 0.04
TOUCH = 0.035
"""The grip is this close to the knob's middle when the fingertips are on it, m."""
STAGES = reach_and_bring(TOUCH, THRESHOLD, STRIDE)


class Environment(DrawerTask):
    """The environment; see the module.

    Args:
        paper: keep the accidents of the original.
        settings: of the environment.
    """

    stages = STAGES
    absolute = (0, 1, 3, 4)
    stride = STRIDE

    def __init__(self, paper: bool = False, **settings: Any):
        self._paper = paper
        begin = scene(damping=1000.0 if paper else 100.0)
        super().__init__(begin, blocked=not paper, threshold=THRESHOLD, **settings)

    def _sample_goal(self) -> np.ndarray:
        return self.closed() - (self.np_random.uniform(LEAST, MOST), 0, 0)

    def _observe(self) -> np.ndarray:
        return self.see_knob()

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

    def act(seen: Mapping[str, np.ndarray]) -> np.ndarray:
        return drag(seen["observation"][:3], seen["achieved_goal"], seen["desired_goal"], STRIDE)

    return act
