"""Pictures inside a page: SVG whose text and axes have the colour of the page, light or dark."""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from goalrelay.report.bands import Band, aggregate, curve
from goalrelay.report.curves import Panel, draw
from goalrelay.report.runs import Run, X, Y, has_column
from goalrelay.report.style import save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, RULE, BLACK = "#010203", "#040506", "#000000"
"""Stand for the colours of the page's text and of its thin lines; black is not seen on black."""
STYLE = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor"), INK),
    **dict.fromkeys(("xtick.color", "ytick.color"), INK),
    "grid.color": RULE,
    "svg.fonttype": "none",
    "savefig.transparent": True,
}
LOSSES = ("critic_loss", "actor_loss", "low_critic_loss", "high_critic_loss")


def svg(panels: Mapping[str, Panel], x: X, name: str) -> str:
    """The picture of learning curves as an SVG element.

    Args:
        panels: by title.
        x: horizontal axis.
        name: what it shows; differs for each picture of a page, so that their parts do too.
    """
    return as_svg(lambda figure: draw(figure, panels, x), name)


def as_svg(fill: Callable[["Figure"], None], name: str) -> str:
    """A picture as an SVG element.

    Args:
        fill: draws it.
        name: what it shows; see `svg`.
    """
    out = io.StringIO()
    save(out, fill, **STYLE, **{"svg.hashsalt": name})
    text = out.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    text = text.replace(BLACK, "currentColor").replace(RULE, "var(--rule)")
    return text.replace("<svg", '<svg role="img"', 1)


def learning(groups: Mapping[str, Sequence[Run]]) -> dict[str, Panel]:
    """Further figures of a task against episodes, one panel each; those that its runs have.

    Args:
        groups: the runs of the task by label.

    Returns:
        INNR, value estimates beside returns, and losses by variant; success of each stage for
        each variant.
    """
    panels: dict[str, Panel] = {}
    runs = [run for group in groups.values() for run in group]
    stages = [name for name in runs[0].progress[0] if name.startswith("eval_reached_")]
    for label, group in groups.items():
        of = f" ({label})" if len(groups) > 1 else ""
        titles = {name: name.removeprefix("eval_reached_") for name in stages}
        _add(panels, f"Success of each stage{of}", "success", _bands(group, titles))
        values = {"q": "value estimate Q (discounted)", "eval_mean_return": "return in tests"}
        _add(panels, f"Q and returns{of}", "q", _bands(group, values))
        losses = {name: name.replace("_", " ") for name in LOSSES}
        _add(panels, f"Losses{of}", "loss", _bands(group, losses))
    innr = {label: band for label, g in groups.items() for band in _bands(g, {"innr": ""}).values()}
    _add(panels, "INNR", "innr", innr)
    return panels


def _add(panels: dict[str, Panel], title: str, y: Y, bands: dict[str, Band]) -> None:
    if bands:
        panels[title] = (y, bands)


def _bands(group: Sequence[Run], names: Mapping[str, str]) -> dict[str, Band]:
    """The mean of each column that all runs of the group have: label -> band."""
    return {
        label: aggregate([curve(run, "episodes", name) for run in group])
        for name, label in names.items()
        if all(has_column(run, name) for run in group)
    }
