"""The lab notebook's tables from its curves: mean success over seeds, as Markdown.

    python benchmarks/notebook_table.py [results/notebook]

Every cell is the mean of the seeds' tests at that many episodes and at the test before, so of twice
as many test episodes; below it the lowest and the highest seed.
"""

import csv
import sys
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np

MARKS = {"FetchPush": (200, 300, 400), "FetchPickAndPlace": (200, 400, 600)}
"""Episodes at which the tables look."""


def success(run: Path) -> dict[int, float]:
    """Success by episodes of one run, each the mean of two tests in a row."""
    with (run / "progress.csv").open() as file:
        tests = [(int(r["episodes"]), float(r["eval_success"])) for r in csv.DictReader(file)]
    return {now: (a + b) / 2 for (_, a), (now, b) in pairwise(tests)}


def table(folder: Path, task: str) -> str:
    """One row a change, best last mark first after the default."""
    found: dict[str, list[dict[int, float]]] = defaultdict(list)
    for run in sorted(folder.glob(f"*/{task}-*")):
        found[run.parent.name].append(success(run))
    marks = MARKS[task]
    rows = {}
    for name, runs in found.items():
        cells = [[run[mark] for run in runs if mark in run] for mark in marks]
        rows[name] = len(runs), cells
    order = sorted(rows, key=lambda n: (n != "default", -np.mean(rows[n][1][-1] or [0])))
    lines = ["| change | seeds | " + " | ".join(f"{mark} episodes" for mark in marks) + " |"]
    lines.append("| --- " * (len(marks) + 2) + "|")
    for name in order:
        seeds, cells = rows[name]
        shown = [f"{np.mean(c):.2f} ({min(c):.2f}-{max(c):.2f})" if c else "" for c in cells]
        lines.append(f"| {name} | {seeds} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    where = Path(sys.argv[1] if len(sys.argv) > 1 else "results/notebook")
    for task_ in MARKS:
        print(f"\n{task_}-v4\n\n{table(where, task_)}")
