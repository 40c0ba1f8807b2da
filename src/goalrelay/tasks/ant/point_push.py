"""Push a block out of the way from its side, to enter the room behind it: Ant Push, for a point.

Observation and action are those of `rolling`, the plan is that of `push`, with cells of 4 m. The
target is (0, 9.5). The block at (0, 4) is not observed. Pushing it straight ahead is a trap: it
then fills the room. 200 steps.
"""

from goalrelay.tasks.ant import push
from goalrelay.tasks.ant.rolling import STEPS, Expert, Point, follow
from goalrelay.tasks.ant.seeker import registrations

REGISTRATIONS = registrations("PointPush", STEPS)


class Environment(Point):
    """The environment; see the module, and `rolling.Point` for its arguments."""

    layout = push.LAYOUT


def expert() -> Expert:
    """A controller for one episode: left, up, right with the block, up."""
    return follow([(-4, 0), (-4, 4), (0.5, 4), (0.5, 7), (0, 9.5)])
