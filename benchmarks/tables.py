"""The tables of README.md, docs/ and results/README.md, from results/ and from the options.

    python benchmarks/tables.py [--check]      (`make docs`)

A table stands between two markers. What stands there is replaced:

    <!-- table: seeds relay_push_before relay_push -->
    <!-- end -->

The first word is one of `KINDS` below, the others are its arguments. A claim is a folder of
results/; `relay_tasks/FetchDrawer` are the runs of one group of it, whatever their seed. What a
claim is called, what it is compared with and what was special about its machine stand in
benchmarks/claims/CLAIM.toml. With --check nothing is written; the exit code is 1 if a page would
change.
"""

import ast
import csv
import dataclasses
import functools
import inspect
import json
import re
import statistics
import sys
import textwrap
import tomllib
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from goalrelay import learners, methods
from goalrelay.experiment import Experiment

ROOT = Path(__file__).parent.parent
RESULTS, CLAIMS = ROOT / "results", ROOT / "benchmarks/claims"
MARKED = re.compile(r"(<!-- table: (.*?) -->\n).*?(<!-- end -->)", re.DOTALL)


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


@functools.cache
def docstrings(kind: type) -> dict[str, str]:
    """What is said below each field of a dataclass, its own or inherited."""
    found: dict[str, str] = {}
    for part in reversed([part for part in kind.__mro__ if dataclasses.is_dataclass(part)]):
        body: Any = ast.parse(textwrap.dedent(inspect.getsource(part))).body[0]
        for field, text in pairwise(body.body):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                found[ast.unparse(field.target)] = " ".join(ast.literal_eval(text.value).split())
    return found


def leaves(config: Any, prefix: str) -> Iterator[tuple[str, Any, str]]:
    """Every option of a dataclass: dotted name, default, what it does."""
    hints = typing.get_type_hints(type(config))
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from leaves(value, f"{prefix}{field.name}.")
        else:
            about = docstrings(type(config)).get(field.name, "")
            choices = typing.get_args(hints[field.name])
            if typing.get_origin(hints[field.name]) is typing.Literal:
                about += " One of " + ", ".join(f"`{choice}`" for choice in choices) + "."
            yield prefix + field.name, value, about


def written(value: Any) -> str:
    """A default as the command line has it."""
    if value is None or value in ((), ""):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return "`" + " ".join(map(str, value)) + "`"
    return f"`{value}`"


def evidence(option: str, method: str) -> str:
    """The runs of claims that set the option."""
    found = []
    for path in sorted(CLAIMS.glob("*.toml")):
        about = claim(path.stem)
        for name, entry in about.get("variants", {}).items():
            ours = entry.get("method", about.get("method")) == method or not method
            if ours and option in entry:
                found.append(f"[{path.stem}](../results/README.md#{path.stem}) `{name}`")
        if about.get("method") == method and option in about.get("options", {}):
            found.append(f"[{path.stem}](../results/README.md#{path.stem})")
    return ", ".join(found)


def table_of_options(config: Any, prefix: str, method: str, presets: Mapping[str, Any]) -> str:
    """A row an option: what it does, its default, what presets have, and runs that set it."""
    rows = []
    for name, default, about in leaves(config, prefix):
        elsewhere = [
            f"`{preset}`: {written(chosen.settings[name])}"
            for preset, chosen in presets.items()
            if name in chosen.settings and chosen.settings[name] != default
        ]
        option = f"`--{name.replace('_', '-')}`"
        about = about.replace("|", "\\|")
        rows.append([option, about, written(default), ", ".join(elsewhere), evidence(name, method)])
    return table(["option", "what it does", "default", "presets", "runs"], rows)


def table_of_presets(presets: Mapping[str, Any]) -> str:
    """A row a preset: what it is, its learner, and what it sets beside the method's options."""
    rows = []
    for name, preset in presets.items():
        others = [
            f"`{option.replace('_', '-')}` {written(value)}"
            for option, value in preset.settings.items()
            if not option.startswith("method.")
        ]
        rows.append([f"`{name}`", preset.about, preset.learner, ", ".join(others)])
    return table(["preset", "what it is", "learner", "sets also"], rows)


def sections_of_options() -> str:
    """Every option: of each method, of each learner, and of a run."""
    sections = []
    for name in methods.names():
        method: Any = methods.find(name)
        options = table_of_options(method.Config(), "method.", name, method.PRESETS)
        presets = table_of_presets(method.PRESETS)
        sections.append(f"## Method {name}\n\n{options}\n\n{presets}")
    for name in learners.names():
        options = table_of_options(learners.find(name).Config(), "learner.", "", {})
        sections.append(f"## Learner {name}\n\n{options}")
    run = Experiment("", "", "", "", Nothing(), Nothing())
    options = table_of_options(run, "", "", {})
    sections.append(f"## A run\n\n{options}")
    return "\n\n".join(sections)


@dataclasses.dataclass(frozen=True)
class Nothing:
    """In the place of a method's or a learner's options, which have tables of their own."""


KINDS: dict[str, Callable[..., str]] = {
    "runs": table_of_runs,
    "groups": table_of_groups,
    "seeds": table_of_seeds,
    "tests": table_of_tests,
    "returns": table_of_returns,
    "summary": table_of_summary,
    "claims": sections_of_claims,
    "options": sections_of_options,
    "speed": table_of_speed,
}


def rewritten(page: str) -> str:
    """A page with its tables made anew."""

    def made(match: re.Match[str]) -> str:
        kind, *arguments = match[2].split()
        if kind not in KINDS:
            raise SystemExit(f"no table '{kind}'; there are {', '.join(KINDS)}")
        return f"{match[1]}\n{KINDS[kind](*arguments)}\n\n{match[3]}"

    if page.count("<!-- table:") != len(MARKED.findall(page)):
        raise SystemExit("a table has no <!-- end -->")
    return MARKED.sub(made, page)


def pages() -> list[Path]:
    """The pages that may hold tables."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), RESULTS / "README.md"]


def main(check: bool) -> int:
    """Write the pages whose tables changed, or only name them."""
    changed = 0
    for page in pages():
        text = page.read_text()
        new = rewritten(text)
        if new != text:
            changed += 1
            print(page.relative_to(ROOT))
            if not check:
                page.write_text(new)
    return 1 if check and changed else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
