"""Shared by the tests of planning: points that walk in a plane with walls, and their experience.

A world is a function of the paths so far, a list of [N, 2], and of where points want to be next,
[N, 2]; it says which may go there, [N] bool.
"""

from collections.abc import Callable

import numpy as np

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.types import Episode, Spec, Steps

RANGE, STRIDE, C = 1.25, 0.15, 5
"""m that a sub-goal may change the position, m a step, steps for which a sub-goal stands."""
GOAL = (0.0, 2.0)
SPEC = Spec(
    2, 2, 2, 2, False, 400, (-1.0, 0.0),
    position_columns=(0, 1), subgoal_range=(RANGE, RANGE), goal_position_columns=(0, 1),
)  # fmt: skip
World = Callable[[list[np.ndarray], np.ndarray], np.ndarray]


def anywhere(path: list[np.ndarray], there: np.ndarray) -> np.ndarray:
    return np.ones(len(there), bool)


def in_corridor(there: np.ndarray) -> np.ndarray:
    """The U of `corridor_task`: from (0, 0) one comes to (0, 2) by (2, 0) and (2, 2) only."""
    x, y = np.moveaxis(there, -1, 0)
    inside = (x > -0.5) & (x < 2.5) & (y > -0.5) & (y < 2.5)
    return inside & ~((x < 1.5) & (y > 0.5) & (y < 1.5))


def corridor(path: list[np.ndarray], there: np.ndarray) -> np.ndarray:
    return in_corridor(there)


def barrier(path: list[np.ndarray], there: np.ndarray) -> np.ndarray:
    """A wall between (0, 0) and (0, 2), which ends on both sides."""
    x, y = there.T
    return ~((np.abs(x) < 1.2) & (y > 0.5) & (y < 1.5))


def passage(path: list[np.ndarray], there: np.ndarray) -> np.ndarray:
    """North of 0.5 come only those who have been in the west."""
    return (there[:, 1] < 0.5) | (np.stack(path)[..., 0].min(axis=0) < -1)


def step(
    rng: np.random.Generator, world: World, path: list[np.ndarray], wanted: np.ndarray, noise: float
) -> None:
    """Add to the path a step toward where the points want to be; walls stop them."""
    place, gap = path[-1].copy(), wanted - path[-1]
    move = STRIDE * gap / np.maximum(np.linalg.norm(gap, axis=1, keepdims=True), STRIDE)
    move += noise * rng.standard_normal(place.shape)
    for axis in range(2):
        there = place.copy()
        there[:, axis] += move[:, axis].clip(-0.4, 0.4)
        free = world(path, there)
        place[free] = there[free]
    path.append(place)


def trips(
    rng: np.random.Generator,
    world: World,
    count: int,
    waypoints: list[tuple[float, float]],
    steps: int,
) -> list[np.ndarray]:
    """Paths [steps + 1, 2] from the first waypoint along the others."""
    places = np.array(waypoints)
    path = [places[0] + rng.uniform(-0.1, 0.1, (count, 2))]
    following = np.ones(count, int)
    for _ in range(steps):
        step(rng, world, path, places[following], 0.1)
        reached = np.linalg.norm(places[following] - path[-1], axis=1) < 0.2
        following = np.minimum(following + reached, len(places) - 1)
    return list(np.stack(path, axis=1))


def experience(paths: list[np.ndarray], goal: tuple[float, float] = GOAL) -> ReplayBuffer:
    """A buffer of episodes that had one goal."""
    buffer = ReplayBuffer(SPEC, sum(map(len, paths)) + SPEC.horizon, 2)
    add(buffer, paths, goal)
    return buffer


def add(buffer: ReplayBuffer, paths: list[np.ndarray], goal: tuple[float, float]) -> Steps:
    """Store the paths; what was decided on them is nothing."""
    episodes = []
    for path in paths:
        seen = path.astype("f")
        desired = np.tile(np.array(goal, "f"), (len(path), 1))
        nothing = np.zeros((len(path) - 1, 4), "f")
        episodes.append(Episode(seen, seen, desired, nothing, False, 0.0, 0.0))
    return buffer.add(episodes)


def ends(steps: Steps) -> Steps:
    """The last step of each episode."""
    last = steps.time + 1 == steps.length
    return Steps(*(field[last] for field in steps[:4]))


def arrived(paths: np.ndarray, goal: tuple[float, float] = GOAL) -> np.ndarray:
    """Which paths [N, T, 2] come near a goal."""
    return np.linalg.norm(paths - np.array(goal), axis=2).min(axis=1) < 0.3
