"""Curves of her_curve_vs_sb3.py: the rows of curves.csv, and their picture."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

TASK = "FetchPush-v4"
EPISODES = 50
"""Of a test."""
LABELS = {
    "goalrelay": "goalrelay, her",
    "sb3-tqc": "Stable-Baselines3, TQC + HER (RL Zoo's values)",
    "sb3-sac": "Stable-Baselines3, SAC + HER (values of its example)",
}
"""Side -> its name in the picture."""


class Row(NamedTuple):
    """A test."""

    side: str
    seconds: float
    """Of one core, without tests."""
    steps: int
    success: float


def read(path: Path) -> list[Row]:
    """The rows of curves.csv; none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [
            Row(r["side"], float(r["seconds"]), int(r["steps"]), float(r["success"]))
            for r in csv.DictReader(file)
        ]


def merged(old: Sequence[Row], new: Sequence[Row]) -> list[Row]:
    """The new rows in place of the old ones of the same sides, in the order of LABELS."""
    replaced = {row.side for row in new}
    kept = [row for row in old if row.side not in replaced]
    return sorted([*kept, *new], key=lambda row: (list(LABELS).index(row.side), row.seconds))


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write curves.csv."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(Row._fields)
        lines.writerows((r.side, f"{r.seconds:.1f}", r.steps, f"{r.success:.2f}") for r in rows)


def draw(rows: Sequence[Row], out: Path) -> None:
    """The picture: a line for each side, with the 95% interval of its tests (Wilson)."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    from goalrelay.report.style import COLOURS, MARKERS, STYLE
    from goalrelay.train.evaluate import wilson

    with matplotlib.rc_context(STYLE | {"savefig.dpi": 110}):
        figure = Figure(figsize=(6.2, 4.2), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        for (side, label), colour, marker in zip(LABELS.items(), COLOURS, MARKERS, strict=False):
            own = [row for row in rows if row.side == side]
            if not own:
                continue
            minutes = [row.seconds / 60 for row in own]
            low, high = zip(*(wilson(r.success * EPISODES, EPISODES) for r in own), strict=True)
            axes.fill_between(minutes, low, high, color=colour, alpha=0.16, linewidth=0)
            success = [row.success for row in own]
            axes.plot(minutes, success, color=colour, marker=marker, markersize=4, label=label)
        axes.set(xlabel="minutes of training, one core", ylabel=f"success rate, {TASK}")
        axes.set_xlim(left=0)
        axes.set_ylim(0, 1.02)
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))
        axes.grid(True)
        figure.legend(loc="outside lower center", frameon=False)
        figure.savefig(out)
