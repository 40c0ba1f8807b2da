"""Push a block to a goal on the table, with the fingers closed.

The stock task `FetchPush-v4`, faster: same starts, goals, observations and rewards for the same
seed and actions.

| column | observation (25) | unit |
| --- | --- | --- |
| 0-2 | grip position | m |
| 3-5 | block position | m |
| 6-8 | block minus grip | m |
| 9-10 | right and left finger | m |
| 11-13 | Euler angles of the block | rad |
| 14-16 | velocity of the block minus that of the grip | m a step |
| 17-19 | angular velocity of the block | rad a step |
| 20-22 | velocity of the grip | m a step |
| 23-24 | velocity of the fingers | m a step |

The block starts within 15 cm of the hand in x and y, at least 10 cm away; goals lie on the table
within 15 cm. Success: closer than 5 cm at the last of 50 steps.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from goalrelay.tasks.fetch import experts
from goalrelay.tasks.fetch.environment import registrations
from goalrelay.tasks.fetch.experts import Expert
from goalrelay.tasks.fetch.one_object import OneObject
from goalrelay.tasks.fetch.scene import BLOCK_ASIDE, compile_stock
from goalrelay.tasks.fetch.simulation import Scene

REGISTRATIONS = registrations("FetchPush", 50)


class Environment(OneObject):
    """The environment; see the module."""

    def __init__(self, **settings: Any):
        start = compile_stock("push", block=BLOCK_ASIDE)
        super().__init__(Scene(start, ("object0",), blocked=True), **settings)


def expert() -> Expert:
    """A controller for one episode: come down behind the block and push it."""

    def act(obs: Mapping[str, np.ndarray]) -> np.ndarray:
        return experts.push(obs["observation"][:3], obs["achieved_goal"], obs["desired_goal"])

    return act
