"""Tables from the runs under results/, and from the claims that they belong to; see tables.py."""

import csv
import functools
import json
import re
import statistics
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
RESULTS, CLAIMS = ROOT / "results", ROOT / "benchmarks/claims"


class Run(NamedTuple):
    """One folder of results/."""

    folder: Path
    tests: list[dict[str, str]]
    """Rows of progress.csv."""
    seconds: float
    """Wall-clock time until the last test."""
    others: dict[str, Any] | None
    """The best policy on episodes that no test saw, where that was asked."""
    commit: str

    @property
    def claim(self) -> str:
        """The first folder of its path."""
        return self.folder.relative_to(RESULTS).parts[0]

    @property
    def name(self) -> str:
        """Its path in the claim."""
        return self.folder.relative_to(RESULTS / self.claim).as_posix()

    @property
    def group(self) -> str:
        """Its path without the seed."""
        return re.sub(r"(^|[-/])(seed-)?\d+$", "", self.name)

    @property
    def seed(self) -> int:
        """The number at the end of its path."""
        return int(re.findall(r"\d+$", self.name)[0])

    def last(self, column: str) -> float:
        """A figure of the last test."""
        return float(self.tests[-1][f"eval_{column}"])

    def count(self, column: str) -> int:
        """A counter at the last test."""
        return int(self.tests[-1][column])


def load(folder: Path) -> Run:
    """A run of results/."""
    rows: dict[str, list[dict[str, str]]] = {}
    for name in ("progress", "timing"):
        with (folder / f"{name}.csv").open() as file:
            rows[name] = list(csv.DictReader(file))
    others = folder / "others.json"
    return Run(
        folder,
        rows["progress"],
        float(rows["timing"][-1]["seconds"]),
        json.loads(others.read_text()) if others.exists() else None,
        json.loads((folder / "config.json").read_text()).get("commit") or "unknown",
    )


@functools.cache
def runs(where: str) -> list[Run]:
    """The runs of a claim, or of one group of it, in the order of the claim's file."""
    claim, _, group = where.partition("/")
    found = [load(path.parent) for path in (RESULTS / claim).rglob("progress.csv")]
    found = [run for run in found if group in ("", run.group)]
    if not found:
        raise SystemExit(f"no runs in results/{where}")

    def place(run: Run) -> Any:
        places = [place for place, _ in entries(run)]
        return not places, places, run.group, run.seed

    return sorted(found, key=place)


def groups(where: Sequence[str]) -> Iterator[list[Run]]:
    """The runs of claims or groups, those that differ in the seed alone together."""
    every = [run for one in where for run in runs(one)]
    for key in dict.fromkeys((run.claim, run.group) for run in every):
        yield [run for run in every if (run.claim, run.group) == key]


@functools.cache
def claim(name: str) -> dict[str, Any]:
    """A claim's file; nothing for runs without one."""
    path = CLAIMS / f"{name}.toml"
    return tomllib.loads(path.read_text()) if path.exists() else {}


def entries(run: Run) -> list[tuple[int, dict[str, Any]]]:
    """The task and the variant of a run in its claim's file, each with its place there."""
    found = []
    for kind in ("tasks", "variants"):
        names = list(claim(run.claim).get(kind, {}))
        ours = [n for n in names if re.search(rf"(^|[-/]){re.escape(n)}($|[-/])", run.group)]
        if ours:
            name = max(ours, key=len)
            found.append((names.index(name), claim(run.claim)[kind][name]))
    return found


def said(run: Run, key: str) -> str:
    """A text of the claim's file about the group of a run; without one, about the claim."""
    found = [entry[key] for _, entry in entries(run) if key in entry]
    return ", ".join(found) or claim(run.claim).get(key, "")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown; columns that are empty in every row are left out."""
    kept = [i for i in range(len(head)) if i == 0 or any(row[i] for row in rows)]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line[i] for i in kept) + " |" for line in lines)


def score(run: Run) -> str:
    """Success in the last test, or its return where a task has no success."""
    success, kind = run.last("success"), f"{run.last('success'):.2f}"
    return f"return {run.last('mean_return'):,.2f}" if success != success else kind


def others(run: Run) -> str:
    """The same of the best policy on other episodes."""
    if run.others is None:
        return ""
    success = run.others["success"]
    return f"return {run.others['mean_return']:,.2f}" if success is None else f"{success:.2f}"


def of_each(group: Sequence[Run], text: Callable[[Run], str]) -> str:
    """A figure of every seed."""
    cells = [text(run) for run in group]
    return ", ".join(cell or "-" for cell in cells) if any(cells) else ""


def label(run: Run) -> str:
    """What a group is called, with what its claim says about it."""
    name, about = run.group or run.claim, said(run, "about")
    return f"`{name}`: {about}" if about != claim(run.claim).get("about") else f"`{name}`"


def table_of_runs(*where: str) -> str:
    """A row a run."""
    head = ["run", "episodes", "steps", "seconds", "success", "of", "on others", "of", "commit"]
    rows = [
        [
            f"`{run.name}`",
            f"{run.count('episodes'):,}",
            f"{run.count('steps'):,}",
            f"{run.seconds:,.0f}",
            score(run),
            f"{run.count('eval_episodes')}",
            others(run),
            "" if run.others is None else str(run.others["episodes"]),
            run.commit[:7],
        ]
        for one in where
        for run in runs(one)
    ]
    return table(head, rows)


def table_of_groups(*where: str) -> str:
    """A row a variant or task; in a cell the figure of every seed."""
    head = ["what", "seeds", "success", "on other episodes", "episodes", "steps", "seconds"]
    rows = [
        [
            label(group[0]),
            of_each(group, lambda run: str(run.seed)),
            of_each(group, score),
            of_each(group, others),
            of_each(group, lambda run: f"{run.count('episodes'):,}"),
            of_each(group, lambda run: f"{run.count('steps'):,}"),
            of_each(group, lambda run: f"{run.seconds:,.0f}"),
        ]
        for group in groups(where)
    ]
    return table(head, rows)


def table_of_seeds(*where: str) -> str:
    """A row a seed and a column a claim: `350: 0.96, 0.95; 150 s`."""

    def cell(run: Run | None) -> str:
        if run is None:
            return ""
        beside = f", {others(run)}" if run.others else ""
        return f"{run.count('episodes')}: {score(run)}{beside}; {run.seconds:.0f} s"

    found = [{run.seed: run for run in runs(one)} for one in where]
    rows = [
        [str(seed), *(cell(one.get(seed)) for one in found)]
        for seed in sorted({seed for one in found for seed in one})
    ]
    for name, pick in (("median", statistics.median), ("slowest", max)):
        figures = [
            (
                pick([r.count("episodes") for r in one.values()]),
                pick([r.seconds for r in one.values()]),
            )
            for one in found
        ]
        rows.append([name, *(f"{episodes:.0f}; {seconds:.0f} s" for episodes, seconds in figures)])
    return table(["seed", *where], rows)


def table_of_tests(*where: str) -> str:
    """A row a run with all of its tests; those of more episodes than most are marked."""
    rows = []
    for run in (run for one in where for run in runs(one)):
        sizes = [int(test["eval_episodes"]) for test in run.tests]
        usual = statistics.mode(sizes)
        cells = []
        for test, size in zip(run.tests, sizes, strict=True):
            success, mean = float(test["eval_success"]), float(test["eval_mean_return"])
            shown = f"{mean:.2f}" if success != success else f"{success:.2f}"
            cells.append(shown if size == usual else f"{shown} ({size} episodes)")
        every = int(run.tests[0]["episodes"]), int(run.tests[0]["steps"])
        rows.append(
            [
                f"`{run.name}`",
                f"{every[0]:,} episodes, {every[1]:,} steps",
                " ".join(cells),
                others(run),
                f"{run.seconds:,.0f}",
            ]
        )
    return table(["run", "a test every", "tests", "best on other episodes", "seconds"], rows)


def table_of_returns(*where: str) -> str:
    """A row a variant or task: success and return in the last test of every seed."""
    rows = [
        [
            label(group[0]),
            of_each(group, lambda run: str(run.seed)),
            of_each(group, score),
            of_each(group, lambda run: f"{run.last('mean_return'):.1f}"),
        ]
        for group in groups(where)
    ]
    return table(["what", "seeds", "success", "return"], rows)


def table_of_summary(*where: str) -> str:
    """A row a task: medians over seeds, lowest and highest beside them, and what is published."""

    def spread(values: Sequence[float], style: str) -> str:
        middle = format(statistics.median(values), style)
        low, high = format(min(values), style), format(max(values), style)
        return middle if low == high else f"{middle} ({low} to {high})"

    rows = []
    for group in groups(where):
        run, figures = group[0], [others(run) or score(run) for run in group]
        numbers = [float(figure.removeprefix("return ").replace(",", "")) for figure in figures]
        minutes = [one.seconds / 60 for one in group]
        name = said(run, "about") or run.claim
        rows.append(
            [
                f"[{name[0].upper() + name[1:]}](results/README.md#{run.claim})",
                str(len(group)),
                ("return " if "return" in figures[0] else "") + spread(numbers, ".2f"),
                spread([one.count("episodes") for one in group], ",.0f"),
                spread(minutes, ",.0f" if max(minutes) >= 10 else ".1f"),
                said(run, "published"),
            ]
        )
    return table(["task", "seeds", "success", "episodes", "minutes", "published"], rows)


def sections_of_claims() -> str:
    """All claims: what each is, its command, its runs, and remarks."""
    sections = []
    for path in sorted(CLAIMS.glob("*.toml")):
        about = claim(path.stem)
        lines = [f"## {path.stem}", "", f"{about['about']}.", ""]
        lines += [f"    goalrelay sweep benchmarks/claims/{path.name}", ""]
        lines += [table_of_runs(path.stem)]
        if "notes" in about:
            lines += ["", about["notes"]]
        sections.append("\n".join(lines))
    return "\n\n".join(sections) + "\n"


def table_of_speed() -> str:
    """Seconds an episode beside Stable-Baselines3, from her_vs_sb3.json."""
    measured = json.loads((RESULTS / "her_vs_sb3.json").read_text())
    named = measured["seconds"] | {"ratio, pair by pair": measured["ratios"]}
    rows = [
        [name, *(f"{pick(values):.2f}" for pick in (min, statistics.median, max))]
        for name, values in named.items()
    ]
    return table(["seconds an episode", "least", "median", "most"], rows)
