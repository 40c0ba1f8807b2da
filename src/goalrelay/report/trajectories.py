"""Plot of demonstrations: the path of the achieved goal, from above and from the side."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from goalrelay import install
from goalrelay.demos.dataset import Demonstration
from goalrelay.report.style import COLOURS, ENDINGS, STYLE
from goalrelay.report.target import write_target

MOST = 100
"""Episodes drawn."""
SIZE = 3.6
"""Width and height of a panel, inches."""


def draw(demonstrations: Sequence[Demonstration], out: Path) -> None:
    """Plot paths and goals; one row of panels for each object of the goal.

    Args:
        demonstrations: at least one; the first 100 are drawn.
        out: a .png, .svg or .pdf file.

    Raises:
        UsageError: another ending, the file cannot be written, or matplotlib is missing.
    """
    install.check("matplotlib", "pictures need", "viz")
    import matplotlib
    from matplotlib.figure import Figure

    shown = list(demonstrations[:MOST])
    size = shown[0].achieved_goal.shape[1]
    objects = size // 3 if size % 3 == 0 else 1  # the goal is one position for each
    width = size // objects
    views = [(0, 1), (0, 2)] if width >= 3 else [(0, 1)] if width == 2 else [(0, 0)]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(SIZE * len(views), SIZE * objects), layout="constrained")
        panels = figure.subplots(objects, len(views), squeeze=False)
        for number, row in enumerate(panels):
            for view, axes in zip(views, row, strict=True):
                _panel(axes, shown, number * width, view)
                if objects > 1:
                    axes.set_title(f"goal {number}")
        handles, labels = panels[0][0].get_legend_handles_labels()
        entries = dict(zip(labels, handles, strict=True))  # each label once
        figure.legend(entries.values(), entries.keys(), loc="outside upper center", ncols=3)
        write_target(out, ENDINGS, lambda path: figure.savefig(path, dpi=130))


def _panel(
    axes: Any, demonstrations: Sequence[Demonstration], first: int, view: tuple[int, int]
) -> None:
    """Paths in one plane; against time if the goal is a single number.

    Args:
        axes: of the panel.
        demonstrations: to plot.
        first: first column of the object's position.
        view: columns of the position on the two axes; (0, 0): time and the position.
    """
    across, up = (first + column for column in view)
    for one in demonstrations:
        succeeds = one.success[-1] > 0
        path = one.achieved_goal  # [L + 1, G]
        horizontal = np.arange(len(path)) if view == (0, 0) else path[:, across]
        goal = len(path) - 1 if view == (0, 0) else one.desired_goal[-1, across]
        label = "succeeds" if succeeds else "fails"
        axes.plot(horizontal, path[:, up], "-", color=COLOURS[not succeeds], lw=0.7, label=label)
        axes.plot(goal, one.desired_goal[-1, up], ".", color=COLOURS[2], ms=5, label="goal")
    names = "xyz"
    axes.set_xlabel("step" if view == (0, 0) else names[view[0]])
    axes.set_ylabel(names[view[1]])
    if view != (0, 0):
        axes.set_aspect("equal", adjustable="datalim")
