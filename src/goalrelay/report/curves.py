"""Learning curves: run folders -> a picture (`bands` computes the figures).

One panel for each task; one colour and marker for each variant, the same in all panels. A line is
the mean over seeds; it is dashed from where some runs have ended at `--until`. A band is its 95%
interval.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from goalrelay.errors import printable
from goalrelay.report.bands import ENOUGH_RUNS, Band, aggregate, curve
from goalrelay.report.runs import Run, X, Y, grouped, read_runs
from goalrelay.report.runs import shown as shown_by
from goalrelay.report.style import (
    DASHES,
    ENDINGS,
    PANEL,
    Look,
    add_legend,
    legend_line,
    looks,
    save,
)
from goalrelay.report.target import write_target

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Y_LABELS: dict[Y, str] = {
    "success": "success rate",
    "return": "return of an episode",
    "distance": "final distance to goal\n(task units)",
    "innr": "identical non-negative rewards\n(share of relabelled steps)",
    "train_moved": "training episodes in which\nthe object moved",
    "eval_moved": "test episodes in which\nthe object moved",
}
RATES = ("success", "innr", "moved", "reached")
"""A figure with one of these in its name is a fraction in [0, 1]."""
TIME_UNITS = ((3 * 3600, 3600, "h"), (180, 60, "min"), (0, 1, "s"))
"""Smallest number of seconds for a unit, seconds in the unit, its name."""
MARKS = 8
"""Approximate number of markers on a line."""
MOST_COLUMNS = 3
HELD = "dashed: seeds that reached --until hold"
"""Legend text of the dashes."""
Panel = tuple[Y, dict[str, Band]]
"""The figure of a panel, and its bands by label."""


def plot(
    runs: Sequence[Path | str],
    out: Path,
    x: X = "episodes",
    y: Y = "auto",
) -> None:
    """Plot the learning curves of runs.

    Args:
        runs: run folders, or folders with run folders below them; `LABEL=PATH` sets a label.
        out: the picture, .png, .svg or .pdf; written atomically.
        x: horizontal axis: training episodes, environment steps or wall-clock seconds.
        y: vertical axis: success, return, distance or a column of progress.csv; auto: success, or
            return for a task without success.

    Raises:
        UsageError: no run, a run that cannot be read, no figures, matplotlib is missing, or `out`
            cannot be written.
    """
    panels = {
        printable(title): panel(groups, x, y) for title, groups in grouped(read_runs(runs)).items()
    }
    write_target(out, ENDINGS, lambda path: save(path, lambda figure: draw(figure, panels, x)))


def panel(groups: Mapping[str, Sequence[Run]], x: X, y: Y = "auto") -> Panel:
    """The bands of a task.

    Args:
        groups: its runs by label.
        x: horizontal axis.
        y: vertical axis; see `plot`.

    Raises:
        UsageError: no figures.
    """
    shown: Y = shown_by([run for group in groups.values() for run in group]) if y == "auto" else y
    return shown, {
        printable(label): aggregate([curve(run, x, shown) for run in group], shown == "success")
        for label, group in groups.items()
    }


def draw(figure: "Figure", panels: Mapping[str, Panel], x: X) -> None:
    """All panels in a grid, and one legend below them."""
    labels = list(dict.fromkeys(label for _, bands in panels.values() for label in bands))
    styles = looks(labels)
    columns = 2 if len(panels) == 4 else min(len(panels), MOST_COLUMNS)
    rows = math.ceil(len(panels) / columns)
    ends = [band.position[-1] for _, bands in panels.values() for band in bands.values()]
    unit, x_label = x_axis(x, max(ends))
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, (title, (y, bands)) in zip(grid, panels.items(), strict=False):
        axes.set_title(title)
        for i, (label, band) in enumerate(bands.items()):
            draw_band(axes, band, unit, i / len(bands), styles[label])
        finish(axes, x_label, y)
    for axes in grid[len(panels) :]:
        axes.remove()
    _legend(figure, panels, styles, (columns * PANEL[0], rows * PANEL[1]))


def draw_band(axes: "Axes", band: Band, unit: float, shift: float, look: Look) -> None:
    """Plot the interval and the mean; the mean is dashed where runs hold their last value.

    Args:
        axes: of the panel.
        band: in the unit of the curves.
        unit: of the axis, in the unit of the curves.
        shift: of the markers, in [0, 1) of their spacing; it separates the markers of several
            lines.
        look: colour and marker.
    """
    position, solid = band.position / unit, int((band.held == 0).sum())
    axes.fill_between(position, band.low, band.high, color=look.colour, alpha=0.16, linewidth=0)
    gap = max(1, len(position) // MARKS)
    marks = slice(int(shift * gap), None, gap)
    line, dashed = slice(0, solid), slice(max(solid - 1, 0), None)
    axes.plot(
        position[line],
        band.mean[line],
        color=look.colour,
        marker=look.marker,
        markevery=marks,
        markeredgecolor="white",
        clip_on=False,
        zorder=3,
    )
    if solid < len(position):
        axes.plot(position[dashed], band.mean[dashed], color=look.colour, linestyle=DASHES)


def finish(axes: "Axes", x_label: str, y: Y) -> None:
    """Set labels, limits, ticks and grid of a panel."""
    from matplotlib.ticker import EngFormatter, MaxNLocator, PercentFormatter

    axes.set_xlabel(x_label)
    axes.set_ylabel(Y_LABELS.get(y, y.replace("_", " ")))
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    if any(name in y for name in RATES):
        axes.set_ylim(0, 1.02)
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    elif y == "distance":
        axes.set_ylim(bottom=0)
    axes.grid(True)


def x_axis(x: X, longest: float) -> tuple[float, str]:
    """The axis' unit, in the unit of the curves, and the axis' label."""
    if x != "seconds":
        return 1, {"episodes": "training episodes", "steps": "environment steps"}[x]
    _, unit, name = next(u for u in TIME_UNITS if longest >= u[0])
    return unit, f"wall-clock time ({name})"


def _legend(
    figure: "Figure",
    panels: Mapping[str, Panel],
    styles: dict[str, Look],
    size: tuple[float, float],
) -> None:
    """Add a legend below the panels: variants with their numbers of seeds, band, dashes."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = []
    labelled = [item for _, bands in panels.values() for item in bands.items()]
    for label, look in styles.items():
        counts = sorted({band.runs for name, band in labelled if name == label})
        seeds = f"n={counts[0]}" + (f" to {counts[-1]}" if len(counts) > 1 else "")
        handles.append(legend_line(look, f"{label} ({seeds})", size[0]))
    if text := _interval(band for _, band in labelled):
        handles.append(Patch(color="#888888", alpha=0.3, label=text))
    if any(band.held.any() for _, band in labelled):
        handles.append(Line2D([], [], color="#888888", linestyle=DASHES, label=HELD))
    add_legend(figure, handles, size)


def _interval(bands: Iterable[Band]) -> str:
    """Legend text for the intervals; empty without intervals."""
    drawn = {band.runs >= ENOUGH_RUNS for band in bands if np.isfinite(band.low).any()}
    if drawn == {True, False}:
        return f"95% interval over seeds (bootstrap),\nof the test where n < {ENOUGH_RUNS} (Wilson)"
    over = {True: "seeds (bootstrap)", False: "the episodes of a test (Wilson)"}
    return "".join(f"95% interval over {over[enough]}" for enough in drawn)
