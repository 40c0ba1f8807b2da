"""Walk an ant around a wall to the other end of a U-shaped corridor (HIRO's Ant Maze).

Observation and action are those of `walker`. Cells of 8 m; the start is at (0, 0):

    # # # # #
    # . . . #     evaluation target: (0, 16)
    # # # . #
    # r . . #     training targets: x and y uniform in [-4, 20]
    # # # # #

Some training targets are inside the wall in the middle; the ant can get within 5 m of all of them.
The published code also evaluates (16, 0) and (16, 16): `reset(options={"goal": (16, 0)})`.

Differences: on MuJoCo 3.5 and later the old code detects contacts at 2 cm instead of 1 cm (see
`scene.of_each_geom`). Re-implementations end, or count success, at the first step near the target;
ours counts success at the last step.
"""

from goalrelay.tasks.ant.layout import Layout
from goalrelay.tasks.ant.seeker import registrations
from goalrelay.tasks.ant.walker import STEPS, Walker

REGISTRATIONS = registrations("AntMaze", STEPS)
LAYOUT = Layout(
    plan=(
        "#####",
        "#r..#",
        "###.#",
        "#...#",
        "#####",
    ),
    lowest=(-0.5, -0.5),
    highest=(2.5, 2.5),
    evaluation=(0, 2),
)
WAY = ((16, 0), (16, 16), (0, 16))
"""Waypoints of the solution, m."""


class Environment(Walker):
    """The environment; see the module, and `walker.Walker` for its arguments."""

    layout = LAYOUT
