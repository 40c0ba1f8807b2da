"""A maze as a plan of square cells, drawn as text, and its targets.

    plan = ("#####",      y = -1 cell      '#' wall       'r' the start, at (0, 0)
            "#r..#",      y =  0           '.' floor      'M' a block that can be pushed
            "###.#", ...  y =  1           '~' a chasm

A cell has the width `scale`: 8 m for the ant, 4 m for the point. Targets are in cells, so that both
use the same plan. In a maze with a chasm, floor, walls and block are on a platform, half a cell
high.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

THRESHOLD = 0.625
"""Distance within which a target counts as reached, in cells: 5 m for the ant."""
HEIGHT = 0.5
"""Height of walls, blocks and the platform, in cells."""


class Layout(NamedTuple):
    """A plan and its targets; everything in cells."""

    plan: tuple[str, ...]
    """Rows from small y to large, cells from small x to large."""
    lowest: tuple[float, ...]
    """Training targets are uniform between `lowest` and `highest`."""
    highest: tuple[float, ...]
    evaluation: tuple[float, ...]
    """The evaluation target."""
    slides: str = ""
    """Axes along which the block can move."""
    shrink: float = 1.0
    """Width of the block, in cells."""

    @property
    def raised(self) -> bool:
        """Whether there is a platform with a chasm in it."""
        return any("~" in row for row in self.plan)

    @property
    def origin(self) -> tuple[int, int]:
        """Row and column of the start."""
        return next((i, row.index("r")) for i, row in enumerate(self.plan) if "r" in row)

    def cells(self, kinds: str) -> list[tuple[int, int]]:
        """(x, y) of all cells of these kinds, given as characters of the plan."""
        row_0, column_0 = self.origin
        return [
            (j - column_0, i - row_0)
            for i, row in enumerate(self.plan)
            for j, kind in enumerate(row)
            if kind in kinds
        ]

    def kind(self, x: float, y: float) -> str:
        """Kind of the cell at a position, in cells; a wall outside the plan."""
        row_0, column_0 = self.origin
        i, j = math.floor(y + 0.5) + row_0, math.floor(x + 0.5) + column_0
        inside = 0 <= i < len(self.plan) and 0 <= j < len(self.plan[i])
        return self.plan[i][j] if inside else "#"

    @property
    def block(self) -> tuple[int, int] | None:
        """(x, y) of the block; None if there is none."""
        return next(iter(self.cells("M")), None)

    @property
    def middle(self) -> np.ndarray:
        """[2] centre of the plan."""
        walls = np.array(self.cells("#"))  # [W, 2]
        return (walls.min(axis=0) + walls.max(axis=0)) / 2

    @property
    def size(self) -> int:
        """Number of cells along the longer side of the plan."""
        return max(len(self.plan), len(self.plan[0]))
