"""Push a block into a chasm and cross the chasm on it (HIRO's Ant Fall).

Observation and action are those of `walker`; goals have x, y and z. Cells of 8 m; the start is at
(0, 0), on a platform 4 m high:

    # # # #
    # . . #     target, in training and in evaluation: (0, 27, 4.5)
    # ~ ~ #     the chasm: 4 m deep, the ant cannot climb out of it
    # . M #     the block M at (8, 8) slides in y and z, and is not observed
    # r . #
    # # # #

The solution: right, push the block by a cell in y (it drops, and its top is level with the
platform), cross, left.

Differences: the paper lists cells at -8 instead of +8. One public port has the target at height 36,
which cannot be reached, and starts the block inside the platform; ours does neither. The limit of
the block's y joint is soft, as published: it yields while the ant pushes, and the block can jam at
the far side until the pushing stops.
"""

from goalrelay.tasks.ant.layout import Layout
from goalrelay.tasks.ant.seeker import registrations
from goalrelay.tasks.ant.walker import STEPS, Walker

REGISTRATIONS = registrations("AntFall", STEPS)
LAYOUT = Layout(
    plan=(
        "####",
        "#r.#",
        "#.M#",
        "#~~#",
        "#..#",
        "####",
    ),
    lowest=(0, 3.375, 0.5625),
    highest=(0, 3.375, 0.5625),
    evaluation=(0, 3.375, 0.5625),
    slides="yz",
    shrink=0.99,
)
WAY = ((8, 0), (8, 12.8), (8, 8), (8, 24), (0, 27))
"""Waypoints of the solution, m; the third one is back, so that the block drops."""


class Environment(Walker):
    """The environment; see the module, and `walker.Walker` for its arguments."""

    layout = LAYOUT
