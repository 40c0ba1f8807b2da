"""Base of the tasks with several blocks: scene, start, observation.

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

That is 43 columns for two blocks, 64 for three. Goals are [3 N], three columns for each block.
Stages and symmetries are in `several_structure`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from goalrelay.errors import UsageError
from goalrelay.tasks.fetch.environment import THRESHOLD, registrations
from goalrelay.tasks.fetch.environment import Environment as Fetch
from goalrelay.tasks.fetch.placement import scatter
from goalrelay.tasks.fetch.scene import (
    BASE,
    Start,
    add_block,
    add_goal,
    compile_start,
    load_stock,
)
from goalrelay.tasks.fetch.several_structure import (
    BLOCK_COLUMNS,
    MIDDLE,
    absolute,
    stages,
    symmetries,
)
from goalrelay.tasks.fetch.several_structure import first as first
from goalrelay.tasks.fetch.several_structure import pairs as pairs
from goalrelay.tasks.fetch.several_structure import size as size
from goalrelay.tasks.fetch.simulation import Scene, euler

MOST = 6
"""Largest number of blocks: the table has room for them, and `scene.COLOURS` has six colours."""
PAPER_MOST = 3
"""Largest number of blocks in the published tasks."""
CLEAR = 0.1
"""Least distance of a starting block from the hand in x and y, m."""
BLOCKS_APART = 0.08
"""Least distance between starting blocks, and between goals and blocks, m."""
GOALS_APART = 0.1
"""Least distance between goals on the table, m."""
AROUND = 0.15
"""Largest distance of blocks and goals from the hand in x and y, for up to three blocks, m."""
WIDE = 0.25
"""The same in y for more than three blocks, m."""
PAPER_AROUND = 0.1
"""The same in the published tasks, m."""
TABLE = (0.25, 0.35)
"""Half size of the table, m."""
EDGE = 0.07
"""Least distance of blocks and goals from the edge of the table, m."""
EXACT = 0.025
"""In a tower of more than two, tolerance of all blocks but the last one, m: a block that is off by
half its size or more falls when the hand releases it."""


class Several(Fetch):
    """Base of the tasks with several blocks.

    Args:
        objects: number of blocks, 1 to 6.
        around: largest distance of blocks and goals from the hand in x and y, m; by default
            15 cm, and 25 cm in y for more than three blocks.
        paper: placement and stages of the published tasks. Blocks and goals are within 10 cm of
            the hand, which leaves only the four corners to the blocks. Goals ignore the blocks, so
            some episodes start solved.
        blocked: whether the fingers are held closed.
        settings: of the environment.

    Raises:
        UsageError: another number of blocks, paper with more than three, or an `around` without
            room for them.
    """

    stock_scene: ClassVar[str]
    """Stock scene file whose block and goal are replaced."""
    above: ClassVar[float]
    """Height of the hand above its lowest start pose, m."""
    tower = False
    """Whether blocks stand on one another."""

    def __init__(
        self,
        objects: int = 2,
        around: float | None = None,
        paper: bool = False,
        blocked: bool = False,
        **settings: Any,
    ):
        count = check_count(objects)
        if paper and count > PAPER_MOST:
            raise UsageError(f"the published tasks have up to {PAPER_MOST} objects, not {count}")
        if paper and around is not None:
            raise UsageError("paper says where things start; give around or paper, not both")
        if around is not None and not 0.1 <= around <= 0.25:
            raise UsageError(f"around is between 0.1 and 0.25 m, not {around}")
        start = compile_blocks(self.stock_scene, count, self.above)
        self.count = count
        self.paper = bool(paper)
        self.horizon = horizon(count)
        released = self.tower and count > 2 and not paper  # a stacked block must stand by itself
        self.stages = stages(count, not paper, EXACT if released else THRESHOLD)
        self.symmetries = symmetries(count)
        self.position_columns = absolute(count)
        wide = WIDE if count > PAPER_MOST else AROUND
        half = (PAPER_AROUND,) * 2 if paper else (around,) * 2 if around else (AROUND, wide)
        self._box = _clip_to_table(start.grip[:2] + np.array(((-half[0], -half[1]), half)))
        self._height = float(start.sites["object0"][2])
        self._first, self._second = np.triu_indices(count, 1)  # blocks of each pair, [pairs]
        self._steps = 0
        super().__init__(
            Scene(start, tuple(f"object{i}" for i in range(count)), blocked), **settings
        )

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Start an episode; see `Environment.reset`."""
        self._steps = 0
        return super().reset(seed=seed, options=options)

    def step(self, action: np.ndarray) -> Any:
        """One step; the episode is truncated after `horizon` steps."""
        state, reward, terminated, _, info = super().step(action)
        self._steps += 1
        return state, reward, terminated, self._steps >= self.horizon, info

    def _find_addresses(self) -> None:
        super()._find_addresses()
        # [N, 6] addresses of the linear and angular velocities of the blocks in qvel
        self._velocities = np.array(self._dofs)[:, None] + np.arange(6)

    def _place(self, options: Mapping[str, Any]) -> None:
        given = {i: options[name] for i, name in enumerate(self.objects) if name in options}
        taken = np.array([position[:2] for position in given.values()], float).reshape(-1, 2)
        drawn = iter(
            scatter(
                self.np_random,
                self._box,
                self.count - len(given),
                BLOCKS_APART,
                ((self.begin.grip[None, :2], CLEAR), (taken, BLOCKS_APART)),
            )
        )
        for i, name in enumerate(self.objects):
            position = given[i] if i in given else next(drawn)
            self.set_position(name, (position[0], position[1], self._height))

    def _goals(self, count: int) -> np.ndarray:
        """Draw goals on the table, away from each other and from the blocks: [count, 3] m."""
        away = () if self.paper else ((self.positions[:, :2], BLOCKS_APART),)
        goals = scatter(self.np_random, self._box, count, GOALS_APART, away)
        return np.column_stack((goals, np.full(count, self._height)))

    def _observe(self) -> np.ndarray:
        n, data = self.count, self.data
        end = 5 + BLOCK_COLUMNS * n
        observation = np.empty(end + 5 + 3 * len(self._first))
        grip, velocity = self.grip, self.grip_velocity()
        positions, matrices = data.site_xpos[self._sites], data.site_xmat[self._sites]
        motions = data.qvel[self._velocities] * self._dt
        blocks = observation[5:end].reshape(n, BLOCK_COLUMNS)  # a view, one row for each block
        observation[0:3] = grip
        observation[3:5] = self.fingers
        blocks[:, 0:3] = positions
        blocks[:, 3:6] = positions - grip
        blocks[:, 6:9] = [euler(matrix) for matrix in matrices]
        blocks[:, 9:12] = motions[:, :3] - velocity
        blocks[:, 12:15] = (matrices.reshape(n, 3, 3) @ motions[:, 3:, None])[:, :, 0]
        observation[end : end + 3] = velocity
        observation[end + 3 : end + 5] = self.finger_velocity()
        observation[end + 5 :] = (positions[self._first] - positions[self._second]).reshape(-1)
        return observation


def _clip_to_table(box: np.ndarray) -> np.ndarray:
    """A box [2, 2], lowest and highest corner, m, clipped at a distance from the table's edge."""
    return np.clip(box, *(np.array(MIDDLE) + (np.array(TABLE) - EDGE) * s for s in (-1, 1)))


def sizes(name: str, **named: int) -> dict[str, dict[str, Any]]:
    """Registrations of a family of tasks.

    Args:
        name: of the family; `NAMEN` takes the number of blocks as `objects`.
        named: further tasks, by name, with their number of blocks.
    """
    entries = registrations(f"{name}N", None)
    for task, objects in named.items():
        entries |= registrations(task, horizon(objects), objects=objects)
    return entries


def check_count(objects: Any) -> int:
    """The number of blocks, checked.

    Raises:
        UsageError: it is not a whole number from 1 to 6.
    """
    if isinstance(objects, bool) or not isinstance(objects, int) or not 1 <= objects <= MOST:
        raise UsageError(f"objects is a whole number from 1 to {MOST}, not {objects}")
    return objects


def horizon(count: int) -> int:
    """Steps in an episode: 50, 60, 70 for one to three blocks, then 30 more for each block."""
    return 40 + 10 * min(count, 3) + 30 * max(0, count - 3)


@functools.cache
def compile_blocks(name: str, count: int, height: float) -> Start:
    """Compile the start of a stock scene with several blocks, once a process.

    Args:
        name: of the stock file, whose block and goal are replaced.
        count: number of blocks.
        height: of the hand above the lowest start pose, m.
    """
    spec = load_stock(name)
    spec.delete(spec.body("object0"))
    spec.delete(spec.site("target0"))
    joints: dict[str, Any] = dict(BASE)
    for i in range(count):
        add_block(spec, i)
        add_goal(spec, i)
        joints[f"object{i}:joint"] = (1.12, 0.5 + 0.1 * i, 0.425, 1.0, 0.0, 0.0, 0.0)
    return compile_start(spec, joints, height)
