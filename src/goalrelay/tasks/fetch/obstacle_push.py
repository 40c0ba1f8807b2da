"""Push a block to a place on the table with a fixed obstacle between it and the hand.

The observation (28 columns) is that of `push`, and behind it

| column | | unit |
| --- | --- | --- |
| 25-27 | obstacle minus grip | m |

The obstacle (2 cm in x, 8 cm in y, 5 cm high) stands half-way between the start of the hand and
that of the block. Start and goal are as in `push`, but that the block starts where the obstacle
leaves room for it; a goal can be at the obstacle, never farther than 5 cm from where the block
finds room. Success: closer than 5 cm at the last of 50 steps.

Repaired: in the original the obstacle overlaps the block in 18.5% and the hand in 4.3% of the
starts. Repaired: a hand that presses the block against the original's soft obstacle squeezes it
through (9 of 60 tries; 0 of 200 here). `paper` brings the original back, whose 28 columns end with
the position of the obstacle.
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
from goalrelay.tasks.fetch.scene import BASE, BLOCK_ASIDE, COLOURS, Start, paint, start, stock
from goalrelay.tasks.late import mujoco
from goalrelay.tasks.structure import about, signed_permutation
from goalrelay.types import SignedPermutation, Symmetry

REGISTRATIONS = registrations("FetchObstaclePush", 50)
HALF = (0.01, 0.04, 0.025)
"""Half size of the obstacle, m."""
BLOCK_HALF, GAP = 0.025, 0.005
"""Half a block, wider than half the closed fingers, and the least room beside it, m."""
FIRM = 0.004
"""Time constant of its contacts, s: the shortest that steps of 2 ms allow (stock: 0.02)."""


def _with_obstacle(change: SignedPermutation, axis: int) -> SignedPermutation:
    """A mirror of the 25 columns of `push`, with those of the obstacle."""
    extra = signed_permutation(3, (axis,))
    return SignedPermutation(
        change.order + tuple(OBSERVED + i for i in extra.order),
        change.sign + extra.sign,
        change.shift + extra.shift,
    )


def _symmetries(paper: bool) -> tuple[Symmetry, ...]:
    """Mirrors; in the original the last columns are a place, not a way."""
    found = []
    for old, axis in ((fetch_stages.LEFT_RIGHT, 1), (fetch_stages.FRONT_BACK, 0)):
        observation = _with_obstacle(old.observation, axis)
        if paper:
            observation = about(observation, {**fetch_stages.MIDDLE, 25: 1.3, 26: 0.75})
        found.append(old._replace(observation=observation))
    return tuple(found)


@functools.cache
def scene(soft: bool) -> Start:
    """The start, compiled once a process; the obstacle is under the floor until a reset."""
    spec = stock("push")
    obstacle = spec.worldbody.add_body(name="obstacle", pos=(1.3, 0.75, -1))
    geom = obstacle.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX, size=HALF, condim=3, rgba=(*COLOURS[3], 1)
    )
    if not soft:
        geom.solref[0], geom.solmix = FIRM, 1e6  # its constant counts, not the block's
    paint(spec)
    return start(spec, {**BASE, "object0:joint": (*BLOCK_ASIDE, 1.0, 0.0, 0.0, 0.0)})


class Environment(OneObject):
    """The environment; see the module.

    Args:
        paper: keep the accidents of the original.
        settings: of the environment.
    """

    def __init__(self, paper: bool = False, **settings: Any):
        self._paper = paper
        self.symmetries = _symmetries(paper)
        super().__init__(scene(soft=paper), blocked=True, **settings)

    def _find(self) -> None:
        super()._find()
        self._obstacle = self.model.body("obstacle").id

    def _place(self, options: Mapping[str, Any]) -> None:
        hand, qpos = self.begin.grip[:2], self._object_qpos()
        super()._place(options)
        while not (self._paper or _room(self.data.qpos[qpos : qpos + 2] - hand)):
            super()._place(options)
        block = np.array(options.get("object0", self.data.qpos[qpos : qpos + 3]), float)[:2]
        self.model.body_pos[self._obstacle] = (*(hand + block) / 2, self._height)

    def _observe(self) -> np.ndarray:
        place = self.data.xpos[self._obstacle]
        return np.concatenate((super()._observe(), place if self._paper else place - self.grip))


def _room(way: np.ndarray) -> bool:
    """Whether an obstacle half-way touches neither end, hand or block: [2] m."""
    return bool((np.abs(way) / 2 > np.array(HALF[:2]) + BLOCK_HALF + GAP).any())


# The expert: it plans legs, straight pushes that keep clear of the obstacle.

ROOM = np.array((0.046, 0.076))
"""The middle of a block keeps out of this half rectangle about the obstacle, m."""
REACH = np.array((0.03, 0.06))
"""The hand keeps out of this one."""
LEG = 0.12
"""A leg costs as much as a way of this length: the hand has to come round, m."""
PATIENCE = 6
"""A hand in the air makes a new plan after so many steps: the block may have slipped."""
ACROSS = 0.8
"""No way on the table is that long, and no place on it that near to the origin, m in x."""
SOON, SLACK = 0.025, 0.02
"""A leg ends this far from its end, the last one this far, m."""


def expert() -> Expert:
    """A controller for one episode: push the block along legs that lead round the obstacle."""
    legs: list[np.ndarray] = []
    since = 0

    def act(seen: Mapping[str, np.ndarray]) -> np.ndarray:
        nonlocal legs, since
        block, goal, seen_all = seen["achieved_goal"], seen["desired_goal"], seen["observation"]
        since += 1
        if not legs or (since > PATIENCE and seen_all[2] > block[2] + 0.05):
            since = 0
            middle = seen_all[25:27]
            if middle[0] < ACROSS:  # the way to it; `paper` shows the place
                middle = middle + seen_all[:2]
            legs = [middle + leg for leg in plan(block[:2] - middle, goal[:2] - middle)]
        if len(legs) > 1 and np.linalg.norm(legs[0] - block[:2]) < SOON:
            legs = legs[1:]
        slack = SLACK if len(legs) == 1 else 0.0
        return push(seen_all[:3], block, np.append(legs[0], block[2]), slack)

    return act


def plan(block: np.ndarray, goal: np.ndarray) -> list[np.ndarray]:
    """Ends of the legs of the cheapest way, [2] each, from the middle of the obstacle, m."""
    ends = [goal]
    if not _clear(goal, goal, ROOM):
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
                way = [*middle, end]
                cost = _cost(block, way)
                if cost < cheapest:
                    best, cheapest = way, cost
    return best


def _cost(block: np.ndarray, way: Sequence[np.ndarray]) -> float:
    """Length of a way of the block, and a price for its legs; infinite where something bumps."""
    cost = 0.0
    for a, b in itertools.pairwise((block, *way)):
        length = float(np.linalg.norm(b - a))
        if length > 0.01:
            hand = a - BEHIND * (b - a) / length
            soon = a + 0.25 * (b - a)  # a block that is too near may leave
            if not (_clear(soon, b, ROOM - 0.001) and _clear(hand, hand, REACH)):
                return np.inf
            cost += LEG + length
    return cost


def _clear(a: np.ndarray, b: np.ndarray, half: np.ndarray) -> bool:
    """Whether the line from a to b stays out of a rectangle about zero."""
    places = a + np.linspace(0, 1, 20)[:, None] * (b - a)
    return not (np.abs(places) < half).all(axis=1).any()
