"""A grid of cells over positions, for counting what happened where."""

from typing import NamedTuple

import numpy as np

from goalrelay.types import Steps


class Cells(NamedTuple):
    """A box of cells whose sides are 1; K columns."""

    corner: np.ndarray
    """[K] of the first cell"""
    shape: tuple[int, ...]
    """cells along each column"""

    @property
    def size(self) -> int:
        """Of cells in the box."""
        return int(np.prod(self.shape))

    def cell_of(self, positions: np.ndarray) -> np.ndarray:
        """The number of the cell that each position is in: [M, K] -> [M]."""
        cells = np.floor(positions - self.corner).astype(np.int64)
        return np.asarray(np.ravel_multi_index(tuple(cells.T), self.shape))

    def indices(self) -> np.ndarray:
        """Where in the box each cell is [N, K], in whole cells from its corner."""
        return np.indices(self.shape).reshape(len(self.shape), -1).T


def around(positions: np.ndarray, margin: int = 0) -> Cells:
    """The box that holds all of these positions [M, K], and a margin of cells around them."""
    corner = np.floor(positions.min(axis=0)) - margin
    shape = np.floor(positions.max(axis=0)) - corner + 1 + margin
    return Cells(corner, tuple(shape.astype(int).tolist()))


def shifted(steps: Steps, offset: np.ndarray) -> Steps:
    """The timesteps that lie so many steps [M] after others of the same episode."""
    return steps._replace(row=steps.row + offset, time=steps.time + offset)
