"""When runs crossed their mark, and what their policies score on other episodes, as Markdown.

    python benchmarks/crossings.py results/relay_push results/relay_push_before

One column a folder, one row a seed: training episodes at the last test, its success, the success
of the best policy on 300 episodes that no test saw (`others.json`, from `goalrelay evaluate`), and
seconds. The median and the slowest seed stand below.
"""

import csv
import json
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Crossing(NamedTuple):
    """How one run ended."""

    episodes: int
    success: float
    others: float | None
    """None where nobody asked for other episodes."""
    seconds: float


def crossing(run: Path) -> Crossing:
    """The last test of one run."""
    last = {}
    for name in ("progress", "timing"):
        with (run / f"{name}.csv").open() as file:
            last |= list(csv.DictReader(file))[-1]
    others = run / "others.json"
    score = json.loads(others.read_text())["success"] if others.exists() else None
    return Crossing(
        int(last["episodes"]), float(last["eval_success"]), score, float(last["seconds"])
    )


def cell(found: Crossing | None) -> str:
    """`350: 0.96, 0.95; 150 s`, or nothing."""
    if found is None:
        return ""
    others = "" if found.others is None else f", {found.others:.2f}"
    return f"{found.episodes}: {found.success:.2f}{others}; {found.seconds:.0f} s"


def table(folders: list[Path]) -> str:
    """Rows of seeds, then the median and the slowest of each folder."""
    found = {
        folder: {int(run.name.split("-")[-1]): crossing(run) for run in folder.glob("seed-*")}
        for folder in folders
    }
    lines = ["| seed | " + " | ".join(folder.name for folder in folders) + " |"]
    lines.append("| --- " * (len(folders) + 1) + "|")
    for seed in sorted({seed for runs in found.values() for seed in runs}):
        cells = [cell(runs.get(seed)) for runs in found.values()]
        lines.append(f"| {seed} | " + " | ".join(cells) + " |")
    for name, pick in (("median", np.median), ("slowest", np.max)):
        cells = []
        for runs in found.values():
            episodes = pick([run.episodes for run in runs.values()])
            seconds = pick([run.seconds for run in runs.values()])
            cells.append(f"{episodes:.0f}; {seconds:.0f} s")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table([Path(folder) for folder in sys.argv[1:]]))
