"""Walk an ant around a wall to the other end of a U-shaped corridor (HIRO's Ant Maze).

Observation and action are those of `walker`. Cells of 8 m; the start is at (0, 0):

    # # # # #
    # . . . #     the target by which the task is judged: (0, 16)
    # # # . #
    # r . . #     training targets: x and y uniform in [-4, 20]
    # # # # #

Training targets also fall into the wall in the middle; all can be reached within 5 m, from a side
of it. The published code judges (16, 0) and (16, 16) besides: `reset(options={"goal": (16, 0)})`.

By accident, the old code feels contacts at 2 cm instead of 1 on MuJoCo from 3.5 on (see
`scene.of_each_geom`), and re-implementations stop or count success at the first step near the
target. Ours is judged at the last step.
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
"""Places along the solution, m."""


class Environment(Walker):
    """The environment; see the module, and `walker.Walker` for its arguments."""

    layout = LAYOUT
