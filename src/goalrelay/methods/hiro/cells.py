"""The room in cells, for what moments say of each other (`adjacency`, `landmarks`)."""

from typing import NamedTuple

import numpy as np

from goalrelay.replay import Replay
from goalrelay.types import Index

MOST_COLUMNS = 3
"""Columns in which cells are shared by many moments."""


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

    def number(self, places: np.ndarray) -> np.ndarray:
        """The number of the cell that each place is in: [M, K] -> [M]."""
        cells = np.floor(places - self.corner).astype(np.int64)
        return np.asarray(np.ravel_multi_index(tuple(cells.T), self.shape))

    def positions(self) -> np.ndarray:
        """Where in the box each cell is [N, K], in whole cells from its corner."""
        return np.indices(self.shape).reshape(len(self.shape), -1).T


def moments(
    period: int, replay: Replay, count: int, rng: np.random.Generator
) -> tuple[Index, Index]:
    """Moments, and one that followed each within a period: [count], [count]."""
    index = replay.sample(count, rng)
    left = np.minimum(period, index.length - index.time)
    return index, shifted(index, rng.integers(1, left + 1))


def shifted(index: Index, steps: np.ndarray) -> Index:
    """So many steps [M] after others; the end of the episode at most."""
    return index._replace(row=index.row + steps, time=index.time + steps)


def around(places: np.ndarray, margin: int = 0) -> Cells:
    """The box that holds all of these places [M, K], and a margin of cells around them."""
    corner = np.floor(places.min(axis=0)) - margin
    shape = np.floor(places.max(axis=0)) - corner + 1 + margin
    return Cells(corner, tuple(shape.astype(int).tolist()))
