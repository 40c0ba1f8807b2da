"""Push a block to a goal on the table with a fixed obstacle between it and the hand.

The observation (28 columns) is that of `push`, followed by

| column | | unit |
| --- | --- | --- |
| 25-27 | obstacle minus grip | m |

The obstacle (2 cm in x, 8 cm in y, 5 cm high) stands half-way between the start of the hand and
that of the block. Start and goal are as in `push`, except that the block does not start inside the
obstacle. A goal can be inside it, but is always within 5 cm of a free position of the block.
Success: closer than 5 cm at the last of 50 steps.

Repaired: in the original the obstacle overlaps the block in 18.5% and the hand in 4.3% of the
starts. Repaired: the obstacle of the original is soft, so the hand can press the block through it
(9 of 60 attempts; 0 of 200 here). `paper` restores the original, whose last three columns are the
position of the obstacle.
"""

import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from goalrelay.tasks import fetch_stages
from goalrelay.tasks.fetch.environment import registrations
from goalrelay.tasks.fetch.experts import BEHIND, Expert, push
from goalrelay.tasks.fetch.one_object import OBSERVED, OneObject
from goalrelay.tasks.fetch.scene import (
    BASE,
    BLOCK_ASIDE,
    COLOURS,
    Start,
    compile_start,
    load_stock,
    paint,
)
from goalrelay.tasks.fetch.simulation import Scene
from goalrelay.tasks.late import mujoco
from goalrelay.tasks.structure import about, signed_permutation
from goalrelay.types import SignedPermutation, Symmetry

REGISTRATIONS = registrations("FetchObstaclePush", 50)
HALF = (0.01, 0.04, 0.025)
"""Half size of the obstacle, m."""
BLOCK_HALF, GAP = 0.025, 0.005
"""Half a block (wider than half the closed fingers), and least distance to the obstacle, m."""
FIRM = 0.004
"""Time constant of the obstacle's contacts, s: the shortest for steps of 2 ms (stock: 0.02)."""


def _with_obstacle(change: SignedPermutation, axis: int) -> SignedPermutation:
    """Extend a mirror of the 25 columns of `push` by the three columns of the obstacle."""
    extra = signed_permutation(3, (axis,))
    return SignedPermutation(
        change.order + tuple(OBSERVED + i for i in extra.order),
        change.sign + extra.sign,
        change.shift + extra.shift,
    )


def _symmetries(paper: bool) -> tuple[Symmetry, ...]:
    """The mirrors. With `paper` the last columns are a position, mirrored about the table."""
    mirrors = []
    for old, axis in ((fetch_stages.LEFT_RIGHT, 1), (fetch_stages.FRONT_BACK, 0)):
        observation = _with_obstacle(old.observation, axis)
        if paper:
            observation = about(observation, {**fetch_stages.MIDDLE, 25: 1.3, 26: 0.75})
        mirrors.append(old._replace(observation=observation))
    return tuple(mirrors)


@functools.cache
def compile_obstacle(soft: bool) -> Start:
    """Compile the start, once a process; the obstacle is under the floor until a reset."""
    spec = load_stock("push")
    obstacle = spec.worldbody.add_body(name="obstacle", pos=(1.3, 0.75, -1))
    geom = obstacle.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX, size=HALF, condim=3, rgba=(*COLOURS[3], 1)
    )
    if not soft:
        geom.solref[0], geom.solmix = FIRM, 1e6  # so the time constant of the block is ignored
    paint(spec)
    return compile_start(spec, {**BASE, "object0:joint": (*BLOCK_ASIDE, 1.0, 0.0, 0.0, 0.0)})


class Environment(OneObject):
    """The environment; see the module.

    Args:
        paper: behave as the original.
        settings: of the environment.
    """

    def __init__(self, paper: bool = False, **settings: Any):
        self._paper = paper
        self.symmetries = _symmetries(paper)
        scene = Scene(compile_obstacle(soft=paper), ("object0",), blocked=True)
        super().__init__(scene, **settings)

    def _find_addresses(self) -> None:
        super()._find_addresses()
        self._obstacle = self.model.body("obstacle").id

    def _place(self, options: Mapping[str, Any]) -> None:
        hand, qpos = self.begin.grip[:2], self._object_qpos()
        super()._place(options)
        while not (self._paper or _has_room(self.data.qpos[qpos : qpos + 2] - hand)):
            super()._place(options)
        block = np.array(options.get("object0", self.data.qpos[qpos : qpos + 3]), float)[:2]
        self.model.body_pos[self._obstacle] = (*(hand + block) / 2, self._height)

    def _observe(self) -> np.ndarray:
        obstacle = self.data.xpos[self._obstacle]
        shown = obstacle if self._paper else obstacle - self.grip
        return np.concatenate((super()._observe(), shown))


def _has_room(offset: np.ndarray) -> bool:
    """Whether an obstacle half-way touches neither hand nor block, given their offset [2], m."""
    return bool((np.abs(offset) / 2 > np.array(HALF[:2]) + BLOCK_HALF + GAP).any())


# The expert: it plans straight pushes, called legs, that avoid the obstacle.

ROOM = np.array((0.046, 0.076))
"""Half size of the rectangle about the obstacle that the middle of the block avoids, m."""
REACH = np.array((0.03, 0.06))
"""Half size of the rectangle that the hand avoids, m."""
LEG = 0.12
"""Cost of a leg in addition to its length, m: the hand has to move behind the block."""
PATIENCE = 6
"""Number of steps after which a raised hand plans anew, because the block may have slipped."""
ACROSS = 0.8
"""Larger than any offset on the table and smaller than any position on it, m in x."""
SOON, SLACK = 0.025, 0.02
"""Distance at which a leg ends, and at which the last leg ends, m."""


def expert() -> Expert:
    """A controller for one episode: push the block along legs around the obstacle."""
    legs: list[np.ndarray] = []
    since = 0

    def act(obs: Mapping[str, np.ndarray]) -> np.ndarray:
        nonlocal legs, since
        block, goal, observation = obs["achieved_goal"], obs["desired_goal"], obs["observation"]
        since += 1
        if not legs or (since > PATIENCE and observation[2] > block[2] + 0.05):
            since = 0
            middle = observation[25:27]
            if middle[0] < ACROSS:  # an offset from the grip; with `paper` it is a position
                middle = middle + observation[:2]
            legs = [middle + leg for leg in plan(block[:2] - middle, goal[:2] - middle)]
        if len(legs) > 1 and np.linalg.norm(legs[0] - block[:2]) < SOON:
            legs = legs[1:]
        slack = SLACK if len(legs) == 1 else 0.0
        return push(observation[:3], block, np.append(legs[0], block[2]), slack)

    return act


def plan(block: np.ndarray, goal: np.ndarray) -> list[np.ndarray]:
    """Ends of the legs of the cheapest path, [2] each, m.

    Args:
        block: [2] position of the block relative to the middle of the obstacle, m.
        goal: [2] goal of the block, relative too, m.
    """
    ends = [goal]
    if not _is_clear(goal, goal, ROOM):
        sides = ((s * ROOM[0], goal[1]) for s in (-1, 1))
        tops = ((goal[0], s * ROOM[1]) for s in (-1, 1))
        ends = [np.array(end) for end in (*sides, *tops)]
        ends = [end for end in ends if np.linalg.norm(end - goal) < 0.048]
    across = [block[0], *(s * (ROOM[0] + 0.015) for s in (-1, 1)), goal[0]]
    turns = [np.array((x, s * (ROOM[1] + 0.015))) for x in across for s in (-1, 1)]
    best, cheapest = [goal], np.inf
    for count in range(3):
        for middle in itertools.permutations(turns, count):
            for end in ends:
                path = [*middle, end]
                cost = _cost(block, path)
                if cost < cheapest:
                    best, cheapest = path, cost
    return best


def _cost(block: np.ndarray, path: Sequence[np.ndarray]) -> float:
    """Length of a path of the block plus a cost for each leg; infinite if something collides."""
    cost = 0.0
    for a, b in itertools.pairwise((block, *path)):
        length = float(np.linalg.norm(b - a))
        if length > 0.01:
            hand = a - BEHIND * (b - a) / length
            # Only the last three quarters are checked: a block may start too close and leave.
            checked = a + 0.25 * (b - a)
            if not (_is_clear(checked, b, ROOM - 0.001) and _is_clear(hand, hand, REACH)):
                return np.inf
            cost += LEG + length
    return cost


def _is_clear(a: np.ndarray, b: np.ndarray, half: np.ndarray) -> bool:
    """Whether the line from a to b, [2] each, avoids a rectangle of a half size about zero."""
    points = a + np.linspace(0, 1, 20)[:, None] * (b - a)  # [20, 2]
    return not (np.abs(points) < half).all(axis=1).any()
