"""The page of a hyperparameter search: values over trials, and over each option; a table."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from goalrelay.errors import UsageError, printable
from goalrelay.files import write_text
from goalrelay.report.page.figures import as_svg
from goalrelay.report.page.html import check_jinja, fill
from goalrelay.report.style import COLOURS, DASHES, PANEL, check_installed, save
from goalrelay.train.study import Shown
from goalrelay.train.tune import best_command, ranked
from goalrelay.train.tune_file import Choices, Range, Search, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAGE, PICTURE = "search.html", "search.png"
COLUMNS = 3
"""Panels beside each other."""
LABELS = {"speed": "mean success over the budget", "success": "success at the end"}


def write(out: Path, search: Search, trials: Sequence[Shown], shares: Mapping[str, float]) -> Path:
    """Write `search.html` and its picture, `search.png`.

    Args:
        out: folder of the search.
        search: that was made.
        trials: those that have begun.
        shares: importance of each option.

    Raises:
        UsageError: matplotlib or Jinja is missing.
    """
    check_installed()
    check_jinja()

    def draw(figure: "Figure") -> None:
        _draw(figure, search, trials)

    best = ranked(trials)
    written = fill(
        PAGE,
        title=f"{search.plan['method']} on {search.plan['task']}",
        remark=f"{len(best)} complete trials of {search.trials}, "
        f"{sum(t.state == 'pruned' for t in trials)} pruned; value: {LABELS[search.objective]}, "
        f"seeds {', '.join(map(str, search.seeds))}",
        picture=as_svg(draw, "search"),
        best=printable(best_command(search, best[0])) if best else "",
        shares=shares,
        head=["trial", "state", "value", *search.ranges, "remark"],
        rows=[_row(search, trial) for trial in [*best, *(t for t in trials if t not in best)]],
    )
    save(out / PICTURE, draw)
    write_text(out / PAGE, written)
    return out / PAGE


def _row(search: Search, trial: Shown) -> list[str]:
    value = "" if trial.value is None else f"{trial.value:.3f}"
    values = [text(trial.values.get(name, "")) for name in search.ranges]
    remark = "default values" if trial.is_default else trial.remark
    return [str(trial.number), trial.state, value, *values, printable(remark)]


def _draw(figure: "Figure", search: Search, trials: Sequence[Shown]) -> None:
    """The history, then one panel for each option."""
    known = [trial for trial in trials if trial.value is not None]
    if not known:
        raise UsageError("no trial has a value yet")
    count = 1 + len(search.ranges)
    columns = min(count, COLUMNS)
    rows = math.ceil(count / columns)
    figure.set_size_inches(columns * PANEL[0], rows * PANEL[1])
    grid = list(figure.subplots(rows, columns, squeeze=False, sharey=True).flat)
    _points(grid[0], [trial.number for trial in known], known)
    _best_so_far(grid[0], known)
    grid[0].set_xlabel("trial")
    grid[0].xaxis.get_major_locator().set_params(integer=True)
    for axes, (name, each) in zip(grid[1:], search.ranges.items(), strict=False):
        _option(axes, name, each, [trial for trial in known if name in trial.values])
    for axes in grid[:count]:
        axes.grid(True)
        for trial in known:
            if trial.is_default:
                axes.axhline(trial.value or 0.0, color=COLOURS[1], linestyle=DASHES, linewidth=1.2)
    for axes in grid[::columns]:
        axes.set_ylabel(LABELS[search.objective])
    for axes in grid[count:]:
        axes.remove()


def _option(axes: "Axes", name: str, each: Range | Choices, trials: Sequence[Shown]) -> None:
    """The value of each trial against an option."""
    if isinstance(each, Choices):
        labels = list(each.labels())
        positions = [list(each.values).index(trial.values[name]) for trial in trials]
        axes.set_xticks(range(len(labels)), [text(value) for value in each.values])
        axes.set_xlim(-0.5, len(labels) - 0.5)
    else:
        positions = [trial.values[name] for trial in trials]
        if each.log:
            _logarithmic(axes)
    _points(axes, positions, trials)
    axes.set_xlabel(printable(name))


def _logarithmic(axes: "Axes") -> None:
    """A logarithmic axis with plain numbers: texts of figures are not read as formulas."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())


def _points(axes: "Axes", positions: Sequence[float], trials: Sequence[Shown]) -> None:
    """A point for each trial; hollow for a pruned one."""
    for state, face in (("complete", COLOURS[0]), ("pruned", "none")):
        chosen = [i for i, trial in enumerate(trials) if trial.state == state]
        axes.scatter(
            [positions[i] for i in chosen],
            [trials[i].value or 0.0 for i in chosen],
            s=28,
            facecolors=face,
            edgecolors=COLOURS[0],
            zorder=3,
        )


def _best_so_far(axes: "Axes", trials: Sequence[Shown]) -> None:
    complete = [trial for trial in trials if trial.state == "complete"]
    if complete:
        best, values = -math.inf, []
        for trial in complete:
            best = max(best, trial.value or 0.0)
            values.append(best)
        numbers = [trial.number for trial in complete]
        axes.step(numbers, values, where="post", color=COLOURS[2], linewidth=1.4)
