"""Roll a point around a wall to the other end of a U-shaped corridor: Ant Maze without the ant.

Observation and action are those of `rolling`, the plan is that of `maze`, with cells of 4 m.
Training targets: x and y uniform in [-2, 10]; the evaluation target: (0, 8). HIRO's
code also evaluates (8, 0) and (8, 8): `reset(options={"goal": (8, 0)})`. 200 steps.
"""

from collections.abc import Mapping

import numpy as np

from goalrelay.tasks.ant import maze
from goalrelay.tasks.ant.rolling import RADIUS, SCALE, STEPS, Expert, Point, follow
from goalrelay.tasks.ant.seeker import registrations

REGISTRATIONS = registrations("PointMaze", STEPS)
CORRIDOR = ((0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (1, 2), (0, 2))
"""The cells of the corridor, in order."""


class Environment(Point):
    """The environment; see the module, and `rolling.Point` for its arguments."""

    layout = maze.LAYOUT


def expert() -> Expert:
    """A controller for one episode: along the corridor to its point nearest to the target."""
    follower: Expert | None = None

    def act(obs: Mapping[str, np.ndarray]) -> np.ndarray:
        nonlocal follower
        if follower is None:
            target = obs["desired_goal"]
            middles = SCALE * np.array(CORRIDOR, float)
            free = SCALE / 2 - RADIUS - 0.01
            nearest = np.clip(target, middles - free, middles + free)
            last = int(np.argmin(np.square(nearest - target).sum(axis=1)))
            follower = follow([*map(tuple, middles[:last]), tuple(nearest[last])])
        return follower(obs)

    return act
