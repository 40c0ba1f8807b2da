"""Exact relations between columns: one equals another, or is the difference of two others."""

from typing import NamedTuple

import numpy as np

CLOSE = 1e-5
"""Numbers are equal if they differ by less than this fraction of the largest: float32 keeps seven
digits, and a difference of two positions keeps five or six."""
VARIED = 50
"""A column varies if its standard deviation is so many times what counts as equal."""


class Relation(NamedTuple):
    """column = factor * first - second; without a second column, column = factor * first."""

    column: int
    first: int
    second: int | None
    factor: int
    """1 or -1"""
    tolerance: float

    def error(self, values: np.ndarray) -> float:
        """Largest deviation from the relation in rows [N, n]."""
        subtracted = 0.0 if self.second is None else values[:, self.second]
        expected = self.factor * values[:, self.first] - subtracted
        return float(np.abs(values[:, self.column] - expected).max())


def varied(values: np.ndarray) -> np.ndarray:
    """Columns of rows [N, n] that are not constant: their numbers."""
    return np.flatnonzero(values.std(axis=0) > VARIED * CLOSE * np.abs(values).max(axis=0))


def relations(values: np.ndarray) -> list[Relation]:
    """All relations between columns that vary, in rows [N, n] of several episodes."""
    columns = varied(values)
    largest, spread = np.abs(values).max(axis=0), values.std(axis=0)
    # Two random sums of each column tell which relations may hold; then all rows are compared.
    sums = np.random.default_rng(0).normal(size=(2, len(values))) / len(values) @ values
    found: list[Relation] = []

    def keep(first: int, second: int | None, factor: int, tolerance: float) -> None:
        """Keep the relations of all columns with these two."""
        subtracted = 0.0 if second is None else sums[:, second]
        gap = sums[:, columns] - (factor * sums[:, first] - subtracted)[:, None]
        for column in columns[(np.abs(gap) <= 5 * tolerance).all(axis=0)]:
            relation = Relation(int(column), int(first), second, factor, tolerance)
            once = column > first if second is None else column not in (first, second)
            large = spread[column] > VARIED * tolerance  # else it is noise beside the others
            if once and large and relation.error(values) <= tolerance:
                found.append(relation)

    for first in columns:
        for factor in (1, -1):
            keep(first, None, factor, CLOSE * largest[first])
        for second in columns:
            tolerance = CLOSE * max(largest[first], largest[second])
            if first != second and min(spread[first], spread[second]) > VARIED * tolerance:
                keep(first, int(second), 1, tolerance)
    return found
