"""Put the gripper, as a peg, into a hole of 4 cm by 4 cm.

| column | observation (16) | unit |
| --- | --- | --- |
| 0-2 | tip: 2 cm below the grip | m |
| 3-5 | achieved goal | m |
| 6-8 | achieved goal minus tip | m |
| 9-10 | right and left finger | m |
| 11-13 | velocity of the grip | m a step |
| 14-15 | velocity of the fingers | m a step |

The closed fingers measure 3 cm by 2.7 cm. The hole is in a block of 20 cm by 20 cm, 8 cm high, on
the table. The goal is 1 cm above the bottom of the hole. The achieved goal is the tip if it is in
the hole or less than 2 cm above it, else the entrance of the hole. So from outside, the `reach`
stage leads to the entrance. Success: closer than 1 cm at the last of 50 steps.

The middle of the hole lies in 1.15-1.45 m by 0.575-0.925 m, at least 10 cm from the start of the
hand in x and y; with `fixed` it is at (1.3, 0.6) m in every episode. The reset option `goal` moves
the hole.

The original has 13 columns. It lacks the position of the hole relative to the tip, which a
translation-invariant policy needs.

Repaired: the hole depends on the seed alone. Repaired: the hand starts in the air, 15 cm above the
middle of the table. In the original it moved to its start through the walls, and an episode could
start inside a wall.
"""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from goalrelay.tasks.fetch.environment import Environment as Fetch
from goalrelay.tasks.fetch.environment import registrations
from goalrelay.tasks.fetch.experts import Expert, travel
from goalrelay.tasks.fetch.scene import BASE, COLOURS, Start, compile_start, load_stock
from goalrelay.tasks.fetch.simulation import STRIDE, Scene
from goalrelay.tasks.fetch_stages import reach_and_bring
from goalrelay.tasks.late import mujoco
from goalrelay.tasks.structure import about, signed_permutation
from goalrelay.types import Symmetry

REGISTRATIONS = registrations("FetchInsert", 50)
THRESHOLD = 0.01
TABLE_TOP, TOP = 0.36, 0.44
"""Heights of the bottom of the hole and of its entrance, m."""
DEEP = 0.37
"""Height of the goal, m."""
MOUTH = 0.46
"""Height below which the tip counts as in the hole, m."""
TIP = np.array((0.0, 0.0, -0.02))
"""Offset from the grip to the tip, m."""
LEAST, MOST = (1.15, 0.575), (1.45, 0.925)
"""Smallest and largest x and y of the middle of the hole, m."""
FIXED = (1.3, 0.6)
"""Middle of the hole with `fixed`, m."""
OVER = 0.47
"""Height of the grip at which the expert moves over the hole, m."""
CLEAR = 0.1
"""Least distance of the hole from the start of the hand in x and y, m."""
MIDDLE = {0: 1.3, 1: 0.75, 3: 1.3, 4: 0.75}
"""Column -> coordinate of the middle of the table, m, for columns that hold a position."""
WALLS = (
    ((-0.06, 0.0), (0.04, 0.1)),
    ((0.04, -0.06), (0.06, 0.04)),
    ((0.04, 0.06), (0.06, 0.04)),
    ((0.06, 0.0), (0.04, 0.02)),
)
"""Parts of the block: middle relative to that of the hole, and half size, m."""
CAMERA = {
    "distance": 1.4,
    "azimuth": 132.0,
    "elevation": -35.0,
    "lookat": np.array((1.28, 0.75, 0.45)),
}
STAGES = reach_and_bring(THRESHOLD, THRESHOLD, STRIDE)
LEFT_RIGHT = Symmetry(
    "left-right",
    about(signed_permutation(16, (1, 4, 7, 12), ((9, 10), (14, 15))), MIDDLE),
    about(signed_permutation(3, (1,)), MIDDLE),
    signed_permutation(4, (1,)),
)
FRONT_BACK = Symmetry(
    "front-back",
    about(signed_permutation(16, (0, 3, 6, 11)), MIDDLE),
    about(signed_permutation(3, (0,)), MIDDLE),
    signed_permutation(4, (0,)),
)


@functools.cache
def compile_hole() -> Start:
    """Compile the start, once a process; the block is under the floor until a reset."""
    spec = load_stock("reach")
    table = spec.body("table0")
    table.pos = (1.3, 0.75, TABLE_TOP / 2)
    table.first_geom().size = (0.25, 0.35, TABLE_TOP / 2)
    half = (TOP - TABLE_TOP) / 2
    block = spec.worldbody.add_body(name="block", pos=(1.3, 0.75, -1))
    for middle, size in WALLS:
        block.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX,
            pos=(*middle, 0),
            size=(*size, half),
            condim=3,
            rgba=(*COLOURS[1], 0.35),
        )
    site = spec.site("target0")
    site.rgba, site.size = (*COLOURS[0], 1), (0.015, 0.015, 0.015)
    return compile_start(spec, BASE, extra_height=0.2)


class Environment(Fetch):
    """The environment; see the module.

    Args:
        fixed: whether the hole has the same position in every episode.
        settings: of the environment.
    """

    stages = STAGES
    symmetries = (LEFT_RIGHT, FRONT_BACK)
    position_columns = (0, 1, 3, 4)
    camera = CAMERA

    def __init__(self, fixed: bool = False, **settings: Any):
        self._fixed = fixed
        super().__init__(Scene(compile_hole(), blocked=True), threshold=THRESHOLD, **settings)

    def _find_addresses(self) -> None:
        super()._find_addresses()
        self._block = self.model.body("block").id

    def _place(self, options: Mapping[str, Any]) -> None:
        if "goal" in options:
            hole = np.array(options["goal"][:2], float)
        elif self._fixed:
            hole = np.array(FIXED)
        else:
            hole = hand = self.begin.grip[:2]
            while np.linalg.norm(hole - hand) < CLEAR:
                hole = self.np_random.uniform(LEAST, MOST)
        self.model.body_pos[self._block] = (*hole, (TABLE_TOP + TOP) / 2)

    def _sample_goal(self) -> np.ndarray:
        return np.array((*self.model.body_pos[self._block][:2], DEEP))

    def _tip(self) -> np.ndarray:
        return self.grip + TIP

    def _achieved(self) -> np.ndarray:
        tip, hole = self._tip(), self.model.body_pos[self._block][:2]
        if tip[2] < MOUTH and np.linalg.norm(tip[:2] - hole) < THRESHOLD:
            return tip
        return np.array((*hole, TOP))

    def _observe(self) -> np.ndarray:
        tip, achieved = self._tip(), self._achieved()
        velocities = (self.grip_velocity(), self.finger_velocity())
        return np.concatenate((tip, achieved, achieved - tip, self.fingers, *velocities))


def expert() -> Expert:
    """A controller for one episode: move over the hole, then down into it."""

    def act(obs: Mapping[str, np.ndarray]) -> np.ndarray:
        return travel(obs["observation"][:3], obs["desired_goal"], OVER, near=0.004)

    return act
