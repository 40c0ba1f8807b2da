"""Pick up a block and bring it to a goal; half of the goals are in the air.

The stock task `FetchPickAndPlace-v4`, faster: same starts, goals, observations and rewards for the
same seed and actions. The observation is that of `push`.

The block starts within 15 cm of the hand in x and y, at least 10 cm away; goals lie within 15 cm,
half of them on the table and half up to 45 cm above it. Success: closer than 5 cm at the last of
50 steps.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from goalrelay.tasks.fetch.environment import registrations
from goalrelay.tasks.fetch.experts import Expert, Pick
from goalrelay.tasks.fetch.one_object import OneObject
from goalrelay.tasks.fetch.scene import BLOCK_ASIDE, compile_stock
from goalrelay.tasks.fetch.simulation import Scene

REGISTRATIONS = registrations("FetchPickAndPlace", 50)


class Environment(OneObject):
    """The environment; see the module.

    Args:
        blocked: whether the fingers are held closed.
        settings: of `one_object.OneObject` and of the environment.
    """

    def __init__(self, blocked: bool = False, **settings: Any):
        start = compile_stock("pick_and_place", height=0.2, block=BLOCK_ASIDE)
        super().__init__(Scene(start, ("object0",), blocked), lifted=0.45, **settings)


def expert() -> Expert:
    """A controller for one episode: grasp the block from above and hold it at the goal."""
    pick = Pick()

    def act(obs: Mapping[str, np.ndarray]) -> np.ndarray:
        return pick(obs["observation"][:3], obs["achieved_goal"], obs["desired_goal"])

    return act
