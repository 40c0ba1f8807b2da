"""The room in cells, for what moments say of each other (`adjacency`, `landmarks`)."""

import numpy as np

MOST_COLUMNS = 3
"""Columns in which cells are shared by many moments."""


def numbered(places: np.ndarray) -> np.ndarray:
    """The number of each place's cell: [M, K] in cells -> [M], equal for places of one cell."""
    cells = np.floor(places).astype(np.int64)
    cells -= cells.min(axis=0)
    return np.asarray(np.ravel_multi_index(tuple(cells.T), tuple(cells.max(axis=0) + 1)))
