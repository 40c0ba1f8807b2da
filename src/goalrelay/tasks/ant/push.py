"""Push a block out of the way from its side, to enter the room behind it (HIRO's Ant Push).

Observation and action are those of `walker`. Cells of 8 m; the start is at (0, 0):

    # # # # #
    # # . # #     target, in training and in evaluation: (0, 19), at the far wall of this room
    # . M . #     the block M at (0, 8) slides in x and y, does not turn, and is not observed
    # . r # #
    # # # # #

The solution: left, up, push the block to the right, then up. Pushing it straight ahead leads closer
to the target and is a trap: the block fills the room, and the ant can only get within 7 m.

Differences: the paper lists (16, 8) as an open cell, and its walls are 4 m high, not 8. The block
has no vertical joint: it neither tips nor falls, and only its friction on the floor resists a
push. That friction depends on the contact margin, which is 1 cm here on any MuJoCo (see
`scene.of_each_geom`). Old environments add the reset noise to the block too; ours does not.
"""

from goalrelay.tasks.ant.layout import Layout
from goalrelay.tasks.ant.seeker import registrations
from goalrelay.tasks.ant.walker import STEPS, Walker

REGISTRATIONS = registrations("AntPush", STEPS)
LAYOUT = Layout(
    plan=(
        "#####",
        "#.r##",
        "#.M.#",
        "##.##",
        "#####",
    ),
    lowest=(0, 2.375),
    highest=(0, 2.375),
    evaluation=(0, 2.375),
    slides="xy",
)
WAY = ((-8, 0), (-8, 8), (-1, 8), (0, 19))
"""Waypoints of the solution, m."""


class Environment(Walker):
    """The environment; see the module, and `walker.Walker` for its arguments."""

    layout = LAYOUT
