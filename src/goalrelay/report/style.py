"""The look of all figures: colours, markers, fonts, legend, and saving.

Only matplotlib's figure objects are used, so a session's own plots do not change.
"""

import math
import textwrap
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from goalrelay import install

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

ENDINGS = (".png", ".svg", ".pdf")
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette without yellow, which is hard to see on white."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
"""Nine, coprime to the seven colours: 63 pairs of colour and marker."""
DASHES = (0, (3, 2))
PANEL = (5.0, 3.3)
"""Width and height of a panel, inches."""
LETTER = 0.085
"""Approximate width of a letter of the legend, inches."""
ROW = 0.21
"""Approximate height of a row of the legend, inches."""
STYLE: Any = {
    "font.size": 11,
    "axes.labelsize": 11,
    "axes.titlesize": 12,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.fontsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.8,
    "lines.markersize": 5.5,
    "lines.markeredgewidth": 0.7,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,
    "svg.hashsalt": "goalrelay",
    "text.parse_math": False,  # a name may have dollar signs
}


class Look(NamedTuple):
    """Style of a variant in all panels."""

    colour: str
    marker: str


def looks(labels: Sequence[str]) -> dict[str, Look]:
    """A colour and a marker for each label."""
    return {
        label: Look(COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)])
        for i, label in enumerate(labels)
    }


def legend_line(look: Look, label: str, width: float) -> "Line2D":
    """The entry of a variant; a label that is longer than the figure takes several rows.

    Args:
        look: colour and marker.
        label: text.
        width: of the figure, inches.
    """
    from matplotlib.lines import Line2D

    line = Line2D([], [], color=look.colour, marker=look.marker, markeredgecolor="white")
    line.set_label("\n".join(textwrap.wrap(label, int((width - 0.6) / LETTER))))
    return line


def add_legend(figure: "Figure", handles: Sequence[Any], size: tuple[float, float]) -> None:
    """Add a legend below the panels, and set the size of the figure.

    Args:
        figure: with its panels.
        handles: entries, with labels.
        size: width and height of the panels, inches.
    """
    longest = max(len(line) for handle in handles for line in handle.get_label().splitlines())
    columns = max(1, min(len(handles), int(size[0] / (longest * LETTER + 0.6))))
    heights = [len(handle.get_label().splitlines()) for handle in handles]
    rows = math.ceil(sum(heights) / columns)
    figure.set_size_inches(size[0], size[1] + ROW * (rows + 1))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False)


def check_installed() -> None:
    """Check that figures can be drawn.

    Raises:
        UsageError: matplotlib is missing.
    """
    install.check("matplotlib", "plotting needs", "viz")


def save(out: Path | IO[str], draw: Callable[["Figure"], None], **style: Any) -> None:
    """Draw a figure and write the file; the same figure gives the same bytes.

    Args:
        out: a .png, .svg or .pdf file; .svg is written to an open one.
        draw: fills the figure.
        style: further settings of matplotlib.

    Raises:
        UsageError: matplotlib is missing.
    """
    check_installed()
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    ending = out.suffix.lower() if isinstance(out, Path) else ".svg"
    undated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}  # no date in the file
    with matplotlib.rc_context(STYLE | style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # of letters that the font does not have
        figure = Figure(layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure)
        figure.savefig(out, format=ending[1:], metadata=undated.get(ending))
