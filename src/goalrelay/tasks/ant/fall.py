"""Push a block into a chasm and walk over it to the other side (HIRO's Ant Fall).

Observation and action are those of `walker`; goals have x, y and z. Cells of 8 m; the start is at
(0, 0), on a platform 4 m high:

    # # # #
    # . . #     target, in training and for judging: (0, 27, 4.5)
    # ~ ~ #     the chasm: 4 m deep, nobody climbs out of it
    # . M #     the block M at (8, 8) slides in y and z, and is not observed
    # r . #
    # # # #

The way: right, push the block up in y by a cell (it drops, and its top is level with the
platform), cross, left.

By accident: the paper lists cells at -8 for +8. One public port puts the target at height 36, out
of reach for ever, and starts the block inside the platform; ours does neither. The limit of the
block's y joint is soft, as published: under continued push it gives way, and the block can wedge
against the far side until the pushing stops.
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
"""Places along the solution, m; a step back lets the block drop."""


class Environment(Walker):
    """The environment; see the module, and `walker.Walker` for its arguments."""

    layout = LAYOUT
