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
    own = sums[:, columns]  # [2, n]
    found: list[Relation] = []

    def keep(column: int, first: int, second: int | None, factor: int) -> None:
        """Keep a relation if it holds at all rows, and no column is noise beside another."""
        every = [column, first] + ([] if second is None else [second])
        tolerance = CLOSE * max(largest[c] for c in every)
        relation = Relation(column, first, second, factor, tolerance)
        large = min(spread[c] for c in every) > VARIED * tolerance
        if large and relation.error(values) <= tolerance:
            found.append(relation)

    for place, first in enumerate(columns.tolist()):
        near = 5 * CLOSE * np.maximum(largest[first], largest[columns])  # [n]
        for factor in (1, -1):
            gaps = np.abs(own - factor * own[:, [place]]).max(axis=0)
            for column in columns[gaps <= near].tolist():
                if column > first:
                    keep(column, first, None, factor)
        # [2, seconds, columns]
        gaps = np.abs(own[:, None, :] - (own[:, [place]] - own)[:, :, None]).max(axis=0)
        for second, column in zip(*np.nonzero(gaps <= near[:, None]), strict=True):
            three = int(columns[column]), first, int(columns[second])
            if len(set(three)) == 3:
                keep(*three, 1)
    return found
