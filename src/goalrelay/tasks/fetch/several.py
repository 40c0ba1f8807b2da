"""What tasks with several blocks share: the scene, where things start, what is seen, the stages.

With N blocks (1 to 6), b = 5 + 15 m for block m, e = 5 + 15 N:

| column | observation | unit |
| --- | --- | --- |
| 0-2 | grip position | m |
| 3-4 | right and left finger | m |
| b .. b+2 | position of block m | m |
| b+3 .. b+5 | position of block m minus that of the grip | m |
| b+6 .. b+8 | Euler angles of block m | rad |
| b+9 .. b+11 | velocity of block m minus that of the grip | m a step |
| b+12 .. b+14 | angular velocity of block m | rad a step |
| e .. e+2 | velocity of the grip | m a step |
| e+3 .. e+4 | velocity of the fingers | m a step |
| e+5 .. | position of block i minus that of block j, i < j: 01, 02, .., 12, .. | m |

That is 43 columns for two blocks, 64 for three. Goals are [3 N], three columns a block.

Stages, block after block: the grip reaches block m while the blocks that are done stay done (a hand
that rushes to the third block would pull down the tower of two); block m comes to its goal, first
whatever becomes of the others, then while those stay done. The last stage is the task.
Every later block can be shown as the first one (`Stage.object_permutation`), so that what was learnt about one
block serves all.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from goalrelay.errors import UsageError
from goalrelay.tasks.fetch.environment import STRIDE, THRESHOLD, euler, registrations
from goalrelay.tasks.fetch.environment import Environment as Fetch
from goalrelay.tasks.fetch.scene import BASE, Start, add_block, add_goal, start, stock
from goalrelay.tasks.structure import about, columns, signed_permutation
from goalrelay.types import GoalConstraint, SignedPermutation, Stage, Symmetry

MOST = 6
"""Blocks that the table has room for (and `scene.COLOURS` colours)."""
PAPER_MOST = 3
"""Blocks in the published tasks."""
CLEAR = 0.1
"""A block starts at least this far from the hand in x and y, m."""
BLOCKS_APART = 0.08
"""Blocks start at least this far from one another, and goals from blocks, m."""
GOALS_APART = 0.1
"""Goals on the table are at least this far from one another, m."""
AROUND = 0.15
"""Up to three blocks and their goals lie within this distance of the hand in x and y, m."""
WIDE = 0.25
"""The same in y for four blocks and more, m."""
PAPER_AROUND = 0.1
"""The same in the published tasks, m."""
MIDDLE = (1.3, 0.75)
"""Middle of the table, m."""
TABLE = (0.25, 0.35)
"""Half the table, m."""
EDGE = 0.07
"""Nothing starts or is to be closer than this to the edge of the table, m."""
EXACT = 0.025
"""In a tower of more than two, all but the last come this near to their goals, m: a block that
hangs over by half its size or more falls when the hand lets go."""
BLOCK_COLUMNS = 15
GAIN = 1 / STRIDE
DARTS = 40
"""Places tried for one thing before all are placed anew."""
ROUNDS = 200
"""Times that all are placed anew before they may come closer together."""


class Several(Fetch):
    """Base of the tasks with several blocks.

    Args:
        scene: stock file whose block and goal are replaced.
        above: how far the hand starts above its lowest pose, m.
        objects: blocks, 1 to 6.
        around: blocks and goals lie within this distance of the hand in x and y, m; by default
            15 cm, and 25 cm in y for more than three blocks.
        paper: blocks and goals lie as in the published tasks: within 10 cm, which leaves the
            blocks the four corners only, and goals regardless of the blocks, so that some start
            solved; and stages are those of the paper.
        settings: of the environment.

    Raises:
        UsageError: another number of blocks, paper with more than three, or an `around` without
            room for them.
    """

    tower = False
    """Whether blocks stand on one another."""

    def __init__(
        self,
        scene: str,
        above: float,
        objects: int = 2,
        around: float | None = None,
        paper: bool = False,
        **settings: Any,
    ):
        count = checked(objects)
        if paper and count > PAPER_MOST:
            raise UsageError(f"the published tasks have up to {PAPER_MOST} objects, not {count}")
        if paper and around is not None:
            raise UsageError("paper says where things start; give around or paper, not both")
        if around is not None and not 0.1 <= around <= 0.25:
            raise UsageError(f"around is between 0.1 and 0.25 m, not {around}")
        scene_start = begin(scene, count, above)
        self.count = count
        self.paper = bool(paper)
        self.horizon = horizon(count)
        let_go = self.tower and count > 2 and not paper  # a block aloft must stand by itself
        self.stages = stages(count, not paper, EXACT if let_go else THRESHOLD)
        self.symmetries = symmetries(count)
        self.position_columns = absolute(count)
        wide = WIDE if count > PAPER_MOST else AROUND
        half = (PAPER_AROUND,) * 2 if paper else (around,) * 2 if around else (AROUND, wide)
        box = scene_start.grip[:2] + np.array(((-half[0], -half[1]), half))
        self._box = np.clip(
            box, *(np.array(MIDDLE) + (np.array(TABLE) - EDGE) * s for s in (-1, 1))
        )
        self._height = float(scene_start.places["object0"][2])
        self._first, self._second = np.triu_indices(count, 1)
        self._steps = 0
        super().__init__(scene_start, [f"object{i}" for i in range(count)], **settings)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Start an episode; see `Environment.reset`."""
        self._steps = 0
        return super().reset(seed=seed, options=options)

    def step(self, action: np.ndarray) -> Any:
        """One step; the episode is cut off after `horizon` steps."""
        state, reward, terminated, _, info = super().step(action)
        self._steps += 1
        return state, reward, terminated, self._steps >= self.horizon, info

    def _find(self) -> None:
        super()._find()
        self._velocities = np.array(self._dofs)[:, None] + np.arange(6)

    def _place(self, options: Mapping[str, Any]) -> None:
        given = {i: options[name] for i, name in enumerate(self.objects) if name in options}
        taken = np.array([place[:2] for place in given.values()], float).reshape(-1, 2)
        places = iter(
            scatter(
                self.np_random,
                self._box,
                self.count - len(given),
                BLOCKS_APART,
                ((self.begin.grip[None, :2], CLEAR), (taken, BLOCKS_APART)),
            )
        )
        for i, name in enumerate(self.objects):
            place = given[i] if i in given else next(places)
            self.set_position(name, (place[0], place[1], self._height))

    def _goals(self, count: int) -> np.ndarray:
        """Places on the table, apart from one another and from the blocks: [count, 3] m."""
        away = () if self.paper else ((self.positions[:, :2], BLOCKS_APART),)
        places = scatter(self.np_random, self._box, count, GOALS_APART, away)
        return np.column_stack((places, np.full(count, self._height)))

    def _observe(self) -> np.ndarray:
        n, data = self.count, self.data
        end = 5 + BLOCK_COLUMNS * n
        seen = np.empty(end + 5 + 3 * len(self._first))
        grip, velocity = self.grip, self.grip_velocity()
        positions, matrices = data.site_xpos[self._sites], data.site_xmat[self._sites]
        motions = data.qvel[self._velocities] * self._dt
        blocks = seen[5:end].reshape(n, BLOCK_COLUMNS)
        seen[0:3] = grip
        seen[3:5] = self.fingers
        blocks[:, 0:3] = positions
        blocks[:, 3:6] = positions - grip
        blocks[:, 6:9] = [euler(matrix) for matrix in matrices]
        blocks[:, 9:12] = motions[:, :3] - velocity
        blocks[:, 12:15] = (matrices.reshape(n, 3, 3) @ motions[:, 3:, None])[:, :, 0]
        seen[end : end + 3] = velocity
        seen[end + 3 : end + 5] = self.finger_velocity()
        seen[end + 5 :] = (positions[self._first] - positions[self._second]).reshape(-1)
        return seen


def sizes(name: str, **named: int) -> dict[str, dict[str, Any]]:
    """How a family registers: any number of blocks as `NAMEN`, and some numbers by a name."""
    found = registrations(f"{name}N", None)
    for word, objects in named.items():
        found |= registrations(word, horizon(objects), objects=objects)
    return found


def checked(objects: Any) -> int:
    """The number of blocks that was asked for.

    Raises:
        UsageError: it is not a whole number from 1 to 6.
    """
    if isinstance(objects, bool) or not isinstance(objects, int) or not 1 <= objects <= MOST:
        raise UsageError(f"objects is a whole number from 1 to {MOST}, not {objects}")
    return objects


def horizon(count: int) -> int:
    """Steps in an episode: 50 for a block, 60 for two, 70 for three, then 30 more a block."""
    return 40 + 10 * min(count, 3) + 30 * max(0, count - 3)


@functools.cache
def begin(name: str, count: int, height: float) -> Start:
    """The start of a stock scene with several blocks, compiled once a process.

    Args:
        name: of the stock file, whose block and goal are replaced.
        count: blocks.
        height: of the hand above the lowest start pose, m.
    """
    spec = stock(name)
    spec.delete(spec.body("object0"))
    spec.delete(spec.site("target0"))
    joints: dict[str, Any] = dict(BASE)
    for i in range(count):
        add_block(spec, i)
        add_goal(spec, i)
        joints[f"object{i}:joint"] = (1.12, 0.5 + 0.1 * i, 0.425, 1.0, 0.0, 0.0, 0.0)
    return start(spec, joints, height)


def scatter(
    rng: np.random.Generator,
    box: np.ndarray,
    count: int,
    apart: float,
    away: Sequence[tuple[np.ndarray, float]] = (),
) -> np.ndarray:
    """Random places in a box that keep their distances: [count, 2] m.

    Places are tried one after the other; where one finds no room all are tried anew. Should there
    be no room at all the distances shrink, so that it always ends.

    Args:
        rng: random numbers.
        box: [2, 2] lowest and highest corner, m.
        count: places.
        apart: least distance between two of them, m.
        away: pairs of [P, 2] other places and the least distance from them, m.
    """
    for attempt in itertools.count():
        slack = 0.9 ** max(0, attempt - ROUNDS)
        known, reach = _discs(count, apart, away)
        others = len(known) - count
        for found in range(count):
            darts = rng.uniform(box[0], box[1], size=(DARTS, 2))
            gap = darts[:, None] - known[: others + found]
            free = ((gap * gap).sum(-1) >= (slack * reach[: others + found]) ** 2).all(-1)
            if not free.any():
                break
            known[others + found] = darts[free.argmax()]
        else:
            return known[others:]
    raise AssertionError("unreachable")


def _discs(
    count: int, apart: float, away: Sequence[tuple[np.ndarray, float]]
) -> tuple[np.ndarray, np.ndarray]:
    """Room for all places [P + count, 2], and how far each keeps others off [P + count], m."""
    empty = np.zeros((count, 2))
    known = np.concatenate([*(places for places, _ in away), empty])
    reach = [np.full(len(places), distance) for places, distance in away]
    return known, np.concatenate([*reach, np.full(count, apart)])


# What relay knows


def stages(count: int, alone: bool, exact: float = THRESHOLD) -> tuple[Stage, ...]:
    """`reach0`, `move0`, `reach1`, `bring1`, `move1`, .., `task`: 3 N - 1 stages.

    Args:
        count: blocks.
        alone: a later block is first brought to its goal whatever becomes of the others, by what
            is known of the first one, before all must hold. Without it there are 2 N stages,
            without `bring` (RHER).
        exact: how near blocks but the last have to come to their goals, m.
    """
    found = []
    for m in range(count):
        here, there = _goal("achieved_goal", m), _goal("desired_goal", m)
        done = tuple(
            GoalConstraint(_goal("achieved_goal", j), _goal("desired_goal", j)) for j in range(m)
        )
        view = first(count, m) if m else None
        last = m == count - 1
        near = THRESHOLD if last else exact
        more = (THRESHOLD, GAIN)
        hand = columns("observation", 0, 3)
        found += [Stage(f"reach{m}", hand, here, THRESHOLD, THRESHOLD, *more, done, view)]
        if alone and m:
            found += [Stage(f"bring{m}", here, there, near, near, *more, (), view)]
        name, threshold = ("task", None) if last else (f"move{m}", near)
        found += [Stage(name, here, there, threshold, near, *more, done, view)]
    return tuple(found)


def _goal(source: Any, number: int) -> Any:
    return columns(source, 3 * number, 3 * number + 3)


def size(count: int) -> int:
    """Columns of the observation."""
    return 10 + BLOCK_COLUMNS * count + 3 * (count * (count - 1) // 2)


def pairs(count: int) -> list[tuple[int, int]]:
    """The blocks whose positions are compared, in the order of the columns."""
    return list(itertools.combinations(range(count), 2))


def first(count: int, number: int) -> Symmetry:
    """The task with a block and the first one having traded names."""
    order = list(range(size(count)))
    sign = [1.0] * len(order)
    name = list(range(count))
    name[0], name[number] = number, 0
    for m in range(count):
        for column in range(BLOCK_COLUMNS):
            order[5 + BLOCK_COLUMNS * m + column] = 5 + BLOCK_COLUMNS * name[m] + column
    compared = pairs(count)
    begins = {pair: 10 + BLOCK_COLUMNS * count + 3 * k for k, pair in enumerate(compared)}
    for i, j in compared:
        a, b = name[i], name[j]
        for axis in range(3):
            order[begins[i, j] + axis] = begins[min(a, b), max(a, b)] + axis
            sign[begins[i, j] + axis] = 1.0 if a < b else -1.0
    observation = SignedPermutation(tuple(order), tuple(sign), (0.0,) * len(order))
    goal = signed_permutation(3 * count, swap=[(axis, 3 * number + axis) for axis in range(3)])
    return Symmetry(f"object{number} first", observation, goal, signed_permutation(4))


def symmetries(count: int) -> tuple[Symmetry, ...]:
    """The mirrors of the task: left-right (y) and front-back (x).

    A mirror turns rotations about the other two axes round; left-right, the fingers trade places.
    """
    end = 5 + BLOCK_COLUMNS * count
    fingers = ((3, 4), (end + 3, end + 4))
    return (_mirror("left-right", count, 1, fingers), _mirror("front-back", count, 0, ()))


def _mirror(name: str, count: int, axis: int, swap: tuple[tuple[int, int], ...]) -> Symmetry:
    end = 5 + BLOCK_COLUMNS * count
    turned = [other for other in range(3) if other != axis]
    flip, centres = [axis, end + axis], {axis: MIDDLE[axis]}
    for b in range(5, end, BLOCK_COLUMNS):
        centres[b + axis] = MIDDLE[axis]
        flip += [b + axis, b + 3 + axis, b + 9 + axis]
        flip += [b + 6 + other for other in turned] + [b + 12 + other for other in turned]
    flip += [end + 5 + 3 * k + axis for k in range(len(pairs(count)))]
    goals = [3 * m + axis for m in range(count)]
    return Symmetry(
        name,
        about(signed_permutation(size(count), flip, swap), centres),
        about(signed_permutation(3 * count, goals), dict.fromkeys(goals, MIDDLE[axis])),
        signed_permutation(4, flip=(axis,)),
    )


def absolute(count: int) -> tuple[int, ...]:
    """Columns of x and y of the grip and of every block."""
    starts = (0, *range(5, 5 + BLOCK_COLUMNS * count, BLOCK_COLUMNS))
    return tuple(start + axis for start in starts for axis in (0, 1))
