"""A point that rolls through a maze of 4 m cells and pushes blocks: the ant's tasks without a body.

| observation | size | meaning |
| --- | --- | --- |
| 0-1 | 2 | position, m |
| 2-3 | 2 | cosine and sine of its heading |
| 4 | 1 | number of steps, times 0.001 |

`achieved_goal` is the position (and the height, in a maze with a chasm), `desired_goal` the target.
Action: forward or back by up to 1 (0.2 m a step), turn by up to 0.25 rad; the turn comes first.
There is no physics, and a step takes microseconds. A move that would end inside a wall is not made.
A move into a block pushes the block, or is not made if the block cannot move.

After HIRO's Point tasks (of which only the maze was configured). In these the heading is an
unbounded angle, three velocities that are always zero are observed, and pushing needs MuJoCo.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from gymnasium import spaces

from goalrelay.tasks.ant.drawing import draw
from goalrelay.tasks.ant.layout import HEIGHT
from goalrelay.tasks.ant.seeker import Seeker

Expert = Callable[[Mapping[str, np.ndarray]], np.ndarray]
"""The controller of one episode: observation dictionary -> action [2]."""

STEPS = 200
SCALE = 4.0
"""Width of a cell, m."""
STRIDE, TURN = 0.2, 0.25
"""Longest move, m, and largest turn, rad, of a step."""
RADIUS = 0.4
"""Half the width of the point, m: a square that does not turn."""
NOISE = 0.1
"""Half-width of the uniform noise of the start position, m, and of the start heading, rad."""
LIFT = 0.25
"""Height of the point above its ground, m: on the platform it has the height of the target."""
TINY = 1e-6


class Point(Seeker):
    """Base of the point's maze tasks.

    Args:
        reward_type: `dense` (minus the distance) or `sparse` (-1, or 0 within 2.5 m of the target).
        evaluation: whether every episode has the evaluation target.
        render_mode: `rgb_array`.
        width: of pictures, pixels.
        height: of pictures, pixels.

    Raises:
        UsageError: an unknown reward_type.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 20}

    def __init__(
        self,
        reward_type: Literal["dense", "sparse"] = "dense",
        evaluation: bool = False,
        render_mode: str | None = None,
        width: int = 256,
        height: int = 256,
    ):
        super().__init__(SCALE, 5, reward_type, evaluation, render_mode)
        limit = np.array((1.0, TURN), np.float32)
        self.action_space = spaces.Box(-limit, limit, (2,), np.float32)
        self.position = (0.0, 0.0)
        self.heading = 0.0
        self.block: tuple[float, float] | None = None
        """[2] position of the block, m; None if there is none."""
        self.sunk = False
        """Whether the block fills the chasm, level with the platform."""
        self.fallen = False
        """Whether the point is in the chasm."""
        self._size = (width, height)
        cell = self.layout.block
        self._block_start = None if cell is None else (SCALE * cell[0], SCALE * cell[1])
        self._half = self.layout.shrink * SCALE / 2
        self._ground = HEIGHT * SCALE if self.layout.raised else 0.0

    def render(self):
        """The maze from above, [height, width, 3] uint8; see `drawing.draw`."""
        return draw(self.layout, SCALE, self, self._size)

    # Methods of a seeker

    def _begin(self) -> None:
        x, y, self.heading = self.np_random.uniform(-NOISE, NOISE, 3).tolist()
        self.position = (x, y)
        self.block = self._block_start
        self.sunk = self.fallen = False

    def _move(self, action: np.ndarray) -> None:
        ahead, turn = np.asarray(action, float).tolist()
        self.heading += min(max(turn, -TURN), TURN)
        stride = STRIDE * min(max(ahead, -1.0), 1.0)
        x = self.position[0] + stride * math.cos(self.heading)
        y = self.position[1] + stride * math.sin(self.heading)
        if not self._is_clear(x, y, RADIUS, "~" if self.fallen else ".rM~"):
            return
        if self._is_blocked(x, y) and not self._push(x, y):
            return
        self.position = (x, y)
        if self.layout.raised and not self.fallen:
            self.fallen = self._kind(x, y) == "~" and not (self.sunk and self._over_block(x, y))

    def _observe(self, time: float) -> np.ndarray:
        heading = self.heading
        return np.array((*self.position, math.cos(heading), math.sin(heading), time))

    def _achieved(self) -> np.ndarray:
        if len(self.goal) == 2:
            return np.array(self.position)
        return np.array((*self.position, LIFT + (0.0 if self.fallen else self._ground)))

    # Geometry

    def _kind(self, x: float, y: float) -> str:
        return self.layout.kind(x / SCALE, y / SCALE)

    def _is_clear(self, x: float, y: float, half: float, open_kinds: str) -> bool:
        """Whether a square lies in open cells.

        It is not wider than a cell, so its corners decide.

        Args:
            x: of its middle, m.
            y: of its middle, m.
            half: half its width, m.
            open_kinds: kinds of cells that it may be in.
        """
        return all(
            self._kind(x + side, y + end) in open_kinds
            for side in (-half, half)
            for end in (-half, half)
        )

    def _over_block(self, x: float, y: float) -> bool:
        """Whether a point at (x, y) overlaps the block."""
        if self.block is None:
            return False
        reach = self._half + RADIUS - TINY
        return abs(x - self.block[0]) < reach and abs(y - self.block[1]) < reach

    def _is_blocked(self, x: float, y: float) -> bool:
        """Whether the block, on the level of the point, overlaps its next position (x, y)."""
        return self.sunk == self.fallen and self._over_block(x, y)

    def _push(self, x: float, y: float) -> bool:
        """Push the block along the axis of contact, so that a point fits at (x, y); if possible."""
        assert self.block is not None and self._block_start is not None
        if self.sunk:
            return False
        gaps = [abs(p - b) for p, b in zip(self.position, self.block, strict=True)]
        axis = 0 if gaps[0] > gaps[1] else 1
        if "xy"[axis] not in self.layout.slides:
            return False
        reach = math.copysign(self._half + RADIUS, self.block[axis] - self.position[axis])
        moved = list(self.block)
        moved[axis] = (x, y)[axis] + reach
        if self.layout.raised:  # the limit of its joint in the ant's task
            moved[axis] = min(moved[axis], self._block_start[axis] + SCALE)
        if not self._is_clear(moved[0], moved[1], self._half - TINY, ".rM~"):
            return False
        self.block = (moved[0], moved[1])
        self.sunk = self._is_clear(*self.block, self._half - TINY, "~")
        return True


def follow(path: Sequence[tuple[float, float]]) -> Expert:
    """A controller for one episode: visit waypoints [2], m, in order, and stay at the last one."""
    waypoints = [np.array(waypoint, float) for waypoint in path]

    def act(obs: Mapping[str, np.ndarray]) -> np.ndarray:
        position, facing = obs["observation"][:2], obs["observation"][2:4]
        while len(waypoints) > 1 and np.hypot(*(waypoints[0] - position)) < STRIDE:
            waypoints.pop(0)
        gap = waypoints[0] - position
        distance = float(np.hypot(*gap))
        if distance < TINY:
            return np.zeros(2, np.float32)
        turn = math.atan2(facing[0] * gap[1] - facing[1] * gap[0], float(facing @ gap))
        after = abs(turn) - TURN  # remaining angle after this step
        ahead = min(1.0, distance / STRIDE) if after < 0.1 else 0.0
        return np.array((ahead, min(max(turn, -TURN), TURN)), np.float32)

    return act
