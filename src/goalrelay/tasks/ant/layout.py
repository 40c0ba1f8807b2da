"""A maze as a plan of square cells, drawn in text, and the targets that belong to it.

    plan = ("#####",      y = -1 cell      '#' wall       'r' the start, at (0, 0)
            "#r..#",      y =  0           '.' floor      'M' a block that can be pushed
            "###.#", ...  y =  1           '~' a chasm

One cell is `scale` wide: 8 m for the ant, 4 for the point. Targets are in cells, so that both use
the same plan. Where there is a chasm, floor, walls and block stand on a platform half a cell high.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

THRESHOLD = 0.625
"""Distance at which a target counts as reached, in cells: 5 m for the ant."""
HEIGHT = 0.5
"""Of walls, blocks and the platform, in cells."""


class Layout(NamedTuple):
    """A plan and its targets; everything in cells."""

    plan: tuple[str, ...]
    """Rows from small y to large, cells from small x to large."""
    lowest: tuple[float, ...]
    """Training targets are uniform between this and `highest`."""
    highest: tuple[float, ...]
    evaluation: tuple[float, ...]
    """The target by which the task is judged."""
    slides: str = ""
    """Axes along which the block can move."""
    shrink: float = 1.0
    """Width of the block."""

    @property
    def raised(self) -> bool:
        """Whether there is a platform with a chasm in it."""
        return any("~" in row for row in self.plan)

    @property
    def origin(self) -> tuple[int, int]:
        """Row and column of the start."""
        return next((i, row.index("r")) for i, row in enumerate(self.plan) if "r" in row)

    def cells(self, kinds: str) -> list[tuple[int, int]]:
        """(x, y) of the cells of some kinds."""
        row_0, column_0 = self.origin
        return [
            (j - column_0, i - row_0)
            for i, row in enumerate(self.plan)
            for j, kind in enumerate(row)
            if kind in kinds
        ]

    def kind(self, x: float, y: float) -> str:
        """What is at a place, in cells; wall outside the plan."""
        row_0, column_0 = self.origin
        i, j = math.floor(y + 0.5) + row_0, math.floor(x + 0.5) + column_0
        inside = 0 <= i < len(self.plan) and 0 <= j < len(self.plan[i])
        return self.plan[i][j] if inside else "#"

    @property
    def block(self) -> tuple[int, int] | None:
        """(x, y) of the block."""
        return next(iter(self.cells("M")), None)

    @property
    def middle(self) -> np.ndarray:
        """[2] centre of the plan."""
        places = np.array(self.cells("#"))
        return (places.min(axis=0) + places.max(axis=0)) / 2

    @property
    def size(self) -> int:
        """Of the longer side of the plan."""
        return max(len(self.plan), len(self.plan[0]))
