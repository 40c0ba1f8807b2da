"""The files of a comparison: all figures as CSV, the tables as LaTeX, the figure as SVG and PNG."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from goalrelay.errors import printable
from goalrelay.report.compare import Comparison, X
from goalrelay.report.compare_figure import draw
from goalrelay.report.compare_table import latex
from goalrelay.report.style import save
from goalrelay.report.target import write_target

COLUMNS = ("statistic", "variant", "other", "x", "value", "low", "high")
NAME = "compare"


def write(comparison: Comparison, folder: Path, x: X) -> list[Path]:
    """Write the files, each atomically; the same comparison gives the same bytes.

    Args:
        comparison: to write.
        folder: made if it does not exist.
        x: unit of the sample-efficiency curves.

    Returns:
        The files.

    Raises:
        UsageError: a file cannot be written.
    """
    writers = {
        ".csv": lambda path: _write_csv(comparison, path),
        ".tex": lambda path: path.write_text(latex(comparison)),
        **dict.fromkeys(
            (".svg", ".png"), lambda path: save(path, lambda figure: draw(figure, comparison, x))
        ),
    }
    for ending, writer in writers.items():
        write_target(folder / f"{NAME}{ending}", [ending], writer)
    return [folder / f"{NAME}{ending}" for ending in writers]


def _write_csv(comparison: Comparison, path: Path) -> None:
    """One figure in a row; columns that a statistic does not have are empty."""
    with path.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for statistic, variant, other, *figures in _rows(comparison):
            numbers = ["" if f is None else f"{f:.6g}" for f in figures]
            table.writerow([statistic, printable(variant), printable(other), *numbers])


def _rows(comparison: Comparison) -> Iterator[tuple[Any, ...]]:
    """Rows in the order of `COLUMNS`."""
    for variant, seeds in comparison.seeds.items():
        yield "seeds", variant, "", None, seeds, None, None
    for variant, figures in comparison.aggregates.items():
        for name, figure in figures.items():
            yield name, variant, "", None, *figure
    for (one, other), figure in comparison.improvement.items():
        yield "probability_of_improvement", one, other, None, *figure
    kinds = {
        "performance_profile": comparison.profiles,
        "sample_efficiency": comparison.efficiency,
    }
    for name, bands in kinds.items():
        for variant, band in bands.items():
            for figures in zip(band.position, band.mean, band.low, band.high, strict=True):
                yield name, variant, "", *figures
