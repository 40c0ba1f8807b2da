"""The tables of a comparison: for the terminal and for LaTeX."""

from goalrelay.errors import printable
from goalrelay.report.compare import AGGREGATES, Comparison, Estimate

HEADS = dict(zip(AGGREGATES, ("IQM", "median", "mean", "optimality gap"), strict=True))
SPECIAL = str.maketrans(
    {
        **{letter: f"\\{letter}" for letter in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
    }
)
"""Letters that LaTeX would take as commands, or print as others."""


def text(comparison: Comparison) -> str:
    """Two Markdown tables: variants, and pairs of variants."""
    lines = _markdown(["variant", "seeds", *HEADS.values()])
    for variant, figures in comparison.aggregates.items():
        cells = [_cell(figures[name]) for name in HEADS]
        lines.append(_row([_plain(variant), str(comparison.seeds[variant]), *cells]))
    if comparison.improvement:
        lines += ["", *_markdown(["variant", "better than", "probability of improvement"])]
        for (one, other), figure in comparison.improvement.items():
            lines.append(_row([_plain(one), _plain(other), _cell(figure)]))
    return "\n".join(lines)


def latex(comparison: Comparison) -> str:
    r"""The same two tables as `tabular`, for `\input`; they need the package booktabs."""
    tasks = ", ".join(_escaped(task) for task in comparison.tasks)
    rows = [
        [_escaped(variant), str(comparison.seeds[variant]), *(_math(figures[n]) for n in HEADS)]
        for variant, figures in comparison.aggregates.items()
    ]
    lines = [
        r"% needs \usepackage{booktabs}",
        f"% success of last tests with 95% intervals over seeds; tasks: {tasks}",
        *_tabular(["Variant", "Seeds", "IQM", "Median", "Mean", "Optimality gap"], "lrcccc", rows),
    ]
    if comparison.improvement:
        pairs = [
            [_escaped(one), _escaped(other), _math(figure)]
            for (one, other), figure in comparison.improvement.items()
        ]
        heads = ["Variant", "Better than", "Probability of improvement"]
        lines += ["", r"\bigskip", "", *_tabular(heads, "llc", pairs)]
    return "\n".join(lines) + "\n"


def _markdown(heads: list[str]) -> list[str]:
    return [_row(heads), "| --- " * len(heads) + "|"]


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _plain(name: str) -> str:
    """A name in a cell of a Markdown table."""
    return printable(name).replace("|", "\\|")


def _cell(figure: Estimate) -> str:
    return f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})"


def _tabular(heads: list[str], columns: str, rows: list[list[str]]) -> list[str]:
    """The lines of a tabular."""
    return [
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(heads) + r" \\",
        r"\midrule",
        *(" & ".join(row) + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]


def _escaped(name: str) -> str:
    """A name as LaTeX prints it."""
    return printable(name).translate(SPECIAL)


def _math(figure: Estimate) -> str:
    return f"{figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}]"
