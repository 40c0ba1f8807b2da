"""Hit a puck so that it slides to a place out of reach.

The stock task `FetchSlide-v4`, faster: same starts, goals, observations and rewards for the same
seed and actions. The observation is that of `push`.

The puck starts within 10 cm of the hand in x and y, at least 10 cm away (so in the corners); goals
lie within 30 cm of a point 40 cm before the hand. Success: closer than 5 cm at the last of 50
steps: the puck must come to rest there, or pass at that moment.
"""

from typing import Any

from goalrelay.tasks.fetch.environment import registrations
from goalrelay.tasks.fetch.one_object import OneObject
from goalrelay.tasks.fetch.scene import begin_of_stock

REGISTRATIONS = registrations("FetchSlide", 50)


class Environment(OneObject):
    """The environment; see the module."""

    def __init__(self, **settings: Any):
        begin = begin_of_stock("slide", base=0.05, height=-0.02, block=(1.7, 1.1, 0.41))
        super().__init__(
            begin, around=0.1, goals=0.3, offset=(0.4, 0.0, 0.0), blocked=True, **settings
        )
