"""Tables of what learning costs with 1 to 6 objects, from results/cost.csv; see cost.py."""

import csv
import statistics
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tables_of_results import RESULTS, table

FIGURES = {
    "replay buffer, bytes a step": "buffer_bytes_a_step",
    "networks and optimiser, MB": "network_megabytes",
    "peak memory of a short run, MB": "peak_megabytes",
    "collection, ms a step": "step_milliseconds",
    "ms an update": "update_milliseconds",
    "of it drawing and relabelling": "sampling_milliseconds",
    "the rest: gradients": "gradient_milliseconds",
}


class Fit(NamedTuple):
    """Least squares of a figure on the number of objects."""

    intercept: float
    slope: float
    r2: float
    """Share of the variance that the line explains."""
    quadratic: float
    """Coefficient of the square, where a parabola is fitted instead."""


def fit(objects: list[float], figures: list[float]) -> Fit:
    """Fit a line and a parabola.

    Args:
        objects: [N] at least three different numbers.
        figures: [N] not all the same.
    """
    x, y = np.array(objects, float), np.array(figures, float)
    slope, intercept = np.polyfit(x, y, 1)
    left = ((y - slope * x - intercept) ** 2).sum() / ((y - y.mean()) ** 2).sum()
    return Fit(float(intercept), float(slope), float(1 - left), float(np.polyfit(x, y, 2)[0]))


def medians(path: Path) -> list[dict[str, float]]:
    """For each number of objects, the medians of all rounds."""
    with path.open() as file:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    one = {row["round"]: row["update_milliseconds"] for row in rows if row["objects"] == 1}
    for row in rows:
        row["buffer_bytes_a_step"] = row["buffer_bytes"] / row["steps"]
        row["network_megabytes"] = row["network_bytes"] / 1e6
        row["step_milliseconds"] = 1e3 * row["episode_seconds"] / row["steps"]
        sampling = row["sampling_milliseconds"]
        row["gradient_milliseconds"] = row["update_milliseconds"] - sampling
        row["update_ratio"] = row["update_milliseconds"] / one[row["round"]]
    counts = sorted({row["objects"] for row in rows})
    groups = [[row for row in rows if row["objects"] == count] for count in counts]
    return [{k: statistics.median(row[k] for row in group) for k in group[0]} for group in groups]


def table_of_cost(path: Path = RESULTS / "cost.csv") -> str:
    """A row for each number of objects."""
    head = ["objects", "stages", "numbers in an observation", "steps an episode"]
    head += ["replay buffer, kB an episode", "bytes a step", "networks and optimiser, MB"]
    head += ["peak memory, MB", "seconds an episode", "ms a step", "ms an update"]
    head += ["of it drawing and relabelling", "updates beside one object"]
    rows = [
        [
            *(f"{row[k]:.0f}" for k in ("objects", "stages", "observation", "steps")),
            f"{row['buffer_bytes'] / 1e3:.1f}",
            f"{row['buffer_bytes_a_step']:.0f}",
            f"{row['network_megabytes']:.2f}",
            f"{row['peak_megabytes']:.0f}",
            f"{row['episode_seconds']:.3f}",
            f"{row['step_milliseconds']:.2f}",
            f"{row['update_milliseconds']:.1f}",
            f"{row['sampling_milliseconds']:.1f}",
            f"{row['update_ratio']:.2f}",
        ]
        for row in medians(path)
    ]
    return table(head, rows)


def table_of_fits(path: Path = RESULTS / "cost.csv") -> str:
    """A row for each figure: the line through the medians, and how far a parabola bends."""
    rows = medians(path)
    objects = [row["objects"] for row in rows]
    lines = []
    for name, key in FIGURES.items():
        line = fit(objects, [row[key] for row in rows])
        first = line.intercept + line.slope
        lines.append(
            [
                name,
                f"{line.intercept:.3g}",
                f"{line.slope:.3g}",
                f"{line.slope / first:.0%}",
                f"{line.r2:.3f}",
                f"{line.quadratic:.2g}",
            ]
        )
    head = ["figure", "intercept", "slope: for each object", "slope, of the line at one object"]
    return table([*head, "R²", "square term of a parabola"], lines)
