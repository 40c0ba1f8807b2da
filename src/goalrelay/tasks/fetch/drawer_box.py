"""Open a drawer, take a block out of it, and put it on top of the cabinet.

| column | observation (43) | unit |
| --- | --- | --- |
| 0-24 | the hand and the knob, as in `push` with the knob as the block | |
| 25-27 | block minus grip | m |
| 28-30 | Euler angles of the block | rad |
| 31-33 | velocity of the block | m a step |
| 34-36 | angular velocity of the block | rad a step |
| 37-39 | block position | m |
| 40-42 | block minus knob | m |

Achieved and desired goal hold the knob (0-2) and the block (3-5). The drawer starts closed with
the block in it, under the top of the cabinet. The position of the cabinet is random in 1 cm by
1 cm. The goal of the knob opens the drawer by 15 to 18 cm; that of the block is on top of the
cabinet. Success: both closer than 5 cm at the last of 60 steps. The reset options `object0` and
`object1` move the knob (see `drawer`) and the block.

Repaired: everything random depends on the seed alone. Repaired: the original stops the hand at
the height of the knob, which leaves 4.5 mm of fingertip for a grasp. Here the limit of `drawer`
ends behind the front of the drawer, so that the hand can come down over the block. Repaired: the
block is that of the other tasks (2 kg, damping 0.01), not one of 4 kg with damping 10, and its
goals keep it on top of the cabinet. The threshold is 5 cm, for which the paper reports success;
the original environment has 2 cm. `step` rewards with -1 and 0, as `compute_reward` does; the
original's with 0 and 1.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from goalrelay.tasks.fetch.environment import THRESHOLD, registrations
from goalrelay.tasks.fetch.experts import Expert, Pick, drag, move
from goalrelay.tasks.fetch.furniture import CABINET, KNOB, TOP, DrawerTask, compile_cabinet
from goalrelay.tasks.fetch.scene import BLOCK
from goalrelay.tasks.fetch.simulation import STRIDE, Scene
from goalrelay.tasks.structure import columns
from goalrelay.types import GoalConstraint, Stage

REGISTRATIONS = registrations("FetchDrawerBox", 60)
PLACE = (1.4, 0.77)
"""Smallest x and y of the cabinet, m."""
LOOSE = 0.01
"""Range of its x and of its y, m."""
BEHIND = 0.1
"""Distance in x from the knob to the mean start of the block, m."""
LEAST, MOST = 0.15, 0.18
"""Smallest and largest opening of a goal, m."""
NEAREST, FARTHEST, ASIDE = 0.07, 0.18, 0.075
"""Offset from the knob of the closed drawer to the goal of the block, m: least and most in x, and
most in y."""

GRIP = columns("observation", 0, 3)
OPENED = GoalConstraint(columns("achieved_goal", 0, 3), columns("desired_goal", 0, 3))
PUT = GoalConstraint(columns("achieved_goal", 3, 6), columns("desired_goal", 3, 6))


def _stage(
    name: str,
    constraint: GoalConstraint,
    *maintained: GoalConstraint,
    threshold: float | None = THRESHOLD,
) -> Stage:
    return Stage(name, *constraint, threshold, THRESHOLD, THRESHOLD, 1 / STRIDE, maintained)


STAGES = (
    _stage("reach_knob", GoalConstraint(GRIP, OPENED.achieved)),
    _stage("open", OPENED),
    _stage("reach_block", GoalConstraint(GRIP, PUT.achieved), OPENED),
    _stage("task", PUT, OPENED, threshold=None),
)


class Environment(DrawerTask):
    """The environment; see the module.

    Args:
        blocked: whether the fingers are held closed.
        settings: of the environment.
    """

    stages = STAGES
    position_columns = (0, 1, 3, 4, 37, 38)

    def __init__(self, blocked: bool = False, **settings: Any):
        start = compile_cabinet(damping=100.0, box=True)
        super().__init__(Scene(start, ("object0", "object1"), blocked), **settings)

    def _place(self, options: Mapping[str, Any]) -> None:
        cabinet = np.array((*(PLACE + self.np_random.uniform(0, LOOSE, size=2)), CABINET[2]))
        self.model.body_pos[self._cabinet] = cabinet
        block = cabinet + KNOB + (BEHIND, 0, 0)
        block[:2] += self.np_random.uniform(-0.02, 0.02, size=2)
        block[2] = CABINET[2] - 0.038 + BLOCK  # on the bottom of the drawer
        self.set_position("object1", block)

    def _sample_goal(self) -> np.ndarray:
        knob = self.closed()
        opened = knob - (self.np_random.uniform(LEAST, MOST), 0, 0)
        block = knob + self.np_random.uniform((NEAREST, -ASIDE, 0), (FARTHEST, ASIDE, 0))
        block[2] = TOP + BLOCK
        return np.concatenate((opened, block))

    def _observe(self) -> np.ndarray:
        knob, block = self.positions
        velocity, rotation = self.motion(1)
        relative = (block - self.grip, self.orientation(1), velocity, rotation)
        return np.concatenate((self.observe_knob(), *relative, block, block - knob))


def expert() -> Expert:
    """A controller for one episode: drag the drawer open, grasp the block, lift it, put it down."""
    pick = Pick()
    opened = risen = lifted = False

    def act(obs: Mapping[str, np.ndarray]) -> np.ndarray:
        nonlocal opened, risen, lifted
        grip = obs["observation"][:3]
        knob, block = obs["achieved_goal"].reshape(2, 3)
        knob_goal, goal = obs["desired_goal"].reshape(2, 3)
        opened = opened or knob[0] - knob_goal[0] < 0.01
        if not opened:
            return drag(grip, knob, knob_goal)
        risen = risen or grip[2] > knob[2] + 0.06
        if not risen:
            return move(np.array((0, 0, 0.05)))
        lifted = lifted or block[2] > goal[2] + 0.02
        if not lifted:
            goal = np.append(block[:2], goal[2] + 0.04)
        return pick(grip, block, goal)

    return act
