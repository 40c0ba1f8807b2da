"""Push a block into a chasm and cross the chasm on it: Ant Fall, for a point.

Observation and action are those of `rolling`, the plan is that of `fall`, with cells of 4 m and a
platform of 2 m; goals have x, y and z. The target is (0, 13.5, 2.25). The block at (4, 4) is not
observed. A point that rolls into the chasm stays in it, at height 0.25. 200 steps.
"""

from goalrelay.tasks.ant import fall
from goalrelay.tasks.ant.rolling import STEPS, Expert, Point, follow
from goalrelay.tasks.ant.seeker import registrations

REGISTRATIONS = registrations("PointFall", STEPS)


class Environment(Point):
    """The environment; see the module, and `rolling.Point` for its arguments."""

    layout = fall.LAYOUT


def expert() -> Expert:
    """A controller for one episode: right, up with the block until it drops, across, left."""
    return follow([(4, 0), (4, 12), (0, 13.5)])
