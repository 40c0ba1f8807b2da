"""The figure of a comparison.

Above: IQM, median, mean and optimality gap, one row for each variant. Below: performance profiles,
sample-efficiency curves and the probability of improvement of each pair. A variant has the same
colour and marker everywhere.
"""

from typing import TYPE_CHECKING, Any

from goalrelay.errors import printable
from goalrelay.report.bands import Band
from goalrelay.report.compare import Comparison, Estimate, X
from goalrelay.report.compare_table import HEADS
from goalrelay.report.curves import HELD, draw_band, finish, x_axis
from goalrelay.report.style import DASHES, PANEL, Look, add_legend, legend_line, looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VARIANT_ROW, PAIR_ROW, FRAME = 0.22, 0.2, 1.0
"""Heights of the row of a variant, of the row of a pair, and of titles and axes, inches."""
PAIR = Look("#555555", "o")
"""Of the figure of a pair."""
BAR = 7
"""Thickness of an interval, points."""


def draw(figure: "Figure", comparison: Comparison, x: X) -> None:
    """Fill the figure.

    Args:
        figure: empty.
        comparison: to show.
        x: unit of the sample-efficiency curves.
    """
    styles = looks(list(comparison.seeds))
    above = FRAME + VARIANT_ROW * len(styles)
    below = max(PANEL[1], FRAME + PAIR_ROW * len(comparison.improvement))
    heights = [above, below]
    if below > 2 * PANEL[1]:  # many pairs: the curves end above, only the pairs go on
        heights = [above, PANEL[1], below - PANEL[1]]
    grid = figure.add_gridspec(len(heights), 12, height_ratios=heights)
    for i, (name, head) in enumerate(HEADS.items()):
        axes = figure.add_subplot(grid[0, 3 * i : 3 * i + 3])
        axes.set_title(head)
        figures = {variant: of[name] for variant, of in comparison.aggregates.items()}
        _draw_aggregate(axes, figures, styles)
    wide = 4 if comparison.improvement else 6
    panels = [figure.add_subplot(grid[1, i : i + wide]) for i in (0, wide)]
    _draw_bands(panels[0], comparison.profiles, styles, "threshold of a run's success rate")
    panels[0].set_title("performance profile")
    panels[0].set_ylabel("runs above the threshold")
    _percent(panels[0])
    _, label = x_axis(x, 0)
    _draw_bands(panels[1], comparison.efficiency, styles, label)
    panels[1].set_title("sample efficiency")
    panels[1].set_ylabel("IQM of success rates")
    if comparison.improvement:
        axes = figure.add_subplot(grid[1:, 2 * wide :])
        _draw_improvement(axes, comparison.improvement, styles)
    _legend(figure, comparison, styles, (3 * PANEL[0], above + below))


def _draw_aggregate(axes: "Axes", figures: dict[str, Estimate], styles: dict[str, Look]) -> None:
    """One row for each variant, the first on top."""
    for row, (variant, figure) in enumerate(figures.items()):
        _interval(axes, figure, row, styles[variant])
    axes.set_ylim(len(figures) - 0.5, -0.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    _percent(axes)
    axes.grid(True, axis="x")


def _draw_improvement(
    axes: "Axes", pairs: dict[tuple[str, str], Estimate], styles: dict[str, Look]
) -> None:
    """One row for each pair: the first variant's marker on the right, where it is better."""
    axes.set_title("probability of improvement")
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    for row, ((one, other), figure) in enumerate(pairs.items()):
        _interval(axes, figure, row, PAIR)
        for variant, place in ((other, -0.07), (one, 1.07)):
            look = styles[variant]
            axes.plot(place, row, color=look.colour, marker=look.marker, clip_on=False)
    axes.axvline(0.5, color="#888888", linewidth=0.8, linestyle=DASHES, zorder=0)
    axes.set_ylim(len(pairs) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.grid(True, axis="x")
    axes.set_xlabel("left variant better          right variant better")


def _interval(axes: "Axes", figure: Estimate, row: int, look: Look) -> None:
    """A bar from low to high, and the figure on it."""
    ends = [figure.low, figure.high]
    axes.plot(ends, [row, row], color=look.colour, alpha=0.3, linewidth=BAR, solid_capstyle="butt")
    axes.plot(figure.value, row, color=look.colour, marker=look.marker, clip_on=False, zorder=3)


def _percent(axes: "Axes") -> None:
    """A horizontal axis of rates, from 0 to 100%."""
    from matplotlib.ticker import PercentFormatter

    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.xaxis.set_major_formatter(PercentFormatter(xmax=1))


def _draw_bands(axes: "Axes", bands: dict[str, Band], styles: dict[str, Look], label: str) -> None:
    """Lines with bands; both axes in the house style."""
    for i, (variant, band) in enumerate(bands.items()):
        draw_band(axes, band, 1, i / len(bands), styles[variant])
    finish(axes, label, "success")


def _legend(
    figure: "Figure", comparison: Comparison, styles: dict[str, Look], size: tuple[float, float]
) -> None:
    """Variants with their numbers of seeds, the intervals and the dashes."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        legend_line(look, f"{printable(variant)} (n={comparison.seeds[variant]})", size[0])
        for variant, look in styles.items()
    ]
    tasks = "1 task" if len(comparison.tasks) == 1 else f"{len(comparison.tasks)} tasks"
    text = f"95% interval over seeds (stratified bootstrap), {tasks}"
    handles.append(Patch(color="#888888", alpha=0.3, label=text))
    if any(band.held.any() for band in comparison.efficiency.values()):
        handles.append(Line2D([], [], color="#888888", linestyle=DASHES, label=HELD))
    add_legend(figure, handles, size)
