"""Runs of folders, grouped by task and variant.

    run folders                                     -> `read_runs`
    runs of one task, method, learner and preset    -> `grouped`

Runs with a label are grouped by it. Other runs are grouped by method, learner, preset and every
option that can change the result, so an ablation is never averaged with its baseline. Labels show
the options that differ; options shared by most variants are left out.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from goalrelay import settings
from goalrelay.errors import UsageError
from goalrelay.train.config import AnyExperiment
from goalrelay.train.folder import RunFolder
from goalrelay.train.logbook import Row, read_table

X = Literal["episodes", "steps", "seconds"]
Y = str
COLUMNS: dict[Y, str] = {
    "success": "eval_success",
    "return": "eval_mean_return",
    "distance": "eval_distance",
}
"""Short names of columns; other columns of progress.csv have their own names."""
NOT_LEARNING = (
    *("task", "seed", "steps", "episodes", "minutes", "until"),
    *(
        "collect.threads",
        "collect.step_timeout",
        "evaluate.every",
        "evaluate.episodes",
        "evaluate.confirm",
        "save.",
    ),
)
"""Options, or prefixes of options, that may differ within a group."""


class Run(NamedTuple):
    """The content of a run folder."""

    path: Path
    experiment: AnyExperiment
    progress: list[Row]
    label: str
    """Given by the user; empty: made from method and options."""
    removed: dict[str, Any]
    """Options of the run that this version does not have: name -> value."""


def read_runs(folders: Sequence[Path | str]) -> list[Run]:
    """All runs at or below the folders, each once, in order.

    Args:
        folders: paths, or `LABEL=PATH` for runs with a label.

    Raises:
        UsageError: a folder without runs, or a run without a readable evaluation.
    """
    return [read_run(path, label) for path, label in find_runs(folders)]


def find_runs(folders: Sequence[Path | str]) -> list[tuple[Path, str]]:
    """The run folders at or below the folders, with their labels; see `read_runs`.

    Raises:
        UsageError: a folder without runs.
    """
    paths: dict[Path, tuple[Path, str]] = {}  # resolved path -> path as given, label
    for named in folders:
        label, _, path = str(named).rpartition("=")
        folder = Path(path)
        if Path(named).exists():  # a folder with = in its name
            label, folder = "", Path(named)
        if not folder.exists():
            raise UsageError(f"no such run: {folder}")
        try:
            below = {path.resolve(): (path, label) for path in _run_folders(folder)}
        except OSError as error:
            raise UsageError(f"cannot read {folder}: {error.strerror}") from error
        if not below:
            raise UsageError(f"no runs in {folder}: no folder in it has a config.json")
        paths |= below
    return list(paths.values())


def read_run(path: Path, label: str = "") -> Run:
    """A run.

    Raises:
        UsageError: it has no readable evaluation.
    """
    folder = RunFolder.open(path)
    experiment, table = folder.experiment(), _table(path / "progress.csv")
    removed = folder.removed()
    if folder.note():  # other code: never averaged with what has the same options
        removed["note"] = folder.note()
    return Run(path, experiment, table, label, removed)


def grouped(runs: Sequence[Run]) -> dict[str, dict[str, list[Run]]]:
    """Runs by task, then by variant: {title: {label: runs}}, in order of appearance."""
    kinds: dict[str, list[Run]] = {}
    for run in runs:
        if not run.label:
            kinds.setdefault(_kind(run.experiment), []).append(run)
    differing = {kind: _differing(group) for kind, group in kinds.items()}
    panels: dict[str, dict[str, list[Run]]] = {}
    for run in runs:
        options, kind = _learning(run), _kind(run.experiment)
        differences = [
            f", {name}={options[name]}" if name in options else f", without {name}"
            for name, usual in differing.get(kind, {}).items()
            if str(options.get(name)) != usual
        ]
        label = run.label or kind + "".join(differences)
        panels.setdefault(_title(run.experiment), {}).setdefault(label, []).append(run)
    return panels


def _run_folders(folder: Path) -> Iterator[Path]:
    """Run folders at or below a folder; a run folder is not searched."""
    if (folder / "config.json").exists():
        yield folder
        return
    for below in sorted(path for path in folder.iterdir() if path.is_dir()):
        yield from _run_folders(below)


def _title(experiment: AnyExperiment) -> str:
    """The task and its options."""
    options = f" ({', '.join(experiment.task_options)})" if experiment.task_options else ""
    return experiment.task + options


def _kind(experiment: AnyExperiment) -> str:
    """Method, learner and preset, as a label."""
    preset = "" if experiment.preset == "default" else f", {experiment.preset}"
    return f"{experiment.method_name} + {experiment.learner_name}{preset}"


def _learning(run: Run) -> dict[str, Any]:
    """Options that can change the result, by last name, or dotted name if that is ambiguous."""
    named = {name: value for name, _, value in settings.options(run.experiment)} | run.removed
    last = Counter(name.rpartition(".")[2] for name in named)
    return {
        name.rpartition(".")[2] if last[name.rpartition(".")[2]] == 1 else name: value
        for name, value in named.items()
        if not name.startswith(NOT_LEARNING)
    }


def _differing(group: Sequence[Run]) -> dict[str, str | None]:
    """Options that differ within one kind of runs -> their value in most variants, or None."""
    learning = [_learning(run) for run in group]
    all_names = dict.fromkeys(name for options in learning for name in options)
    names = [n for n in all_names if any(o.get(n) != learning[0].get(n) for o in learning)]
    variants = {tuple(str(options.get(name)) for name in names) for options in learning}
    usual: dict[str, str | None] = {}
    for i, name in enumerate(names):
        value, count = Counter(variant[i] for variant in variants).most_common(1)[0]
        usual[name] = value if 2 * count > len(variants) else None
    return usual


def shown(runs: Sequence[Run]) -> Y:
    """`success` if any run of a task has it, else `return`."""
    success = [column(r.path / "progress.csv", r.progress, "eval_success") for r in runs]
    return "success" if any(np.isfinite(s).any() for s in success) else "return"


def _table(file: Path) -> list[Row]:
    """The rows of a CSV file, checked.

    Raises:
        UsageError: no rows, or a row that does not fit the header.
    """
    rows = read_table(file)
    if not rows:
        raise UsageError(f"{file} holds no evaluation yet")
    for line, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise UsageError(f"{file} is damaged: line {line} does not fit the header")
    return rows


def column(file: Path, rows: Sequence[Row], name: str) -> np.ndarray:
    """A column [N] as float64."""
    if name not in rows[0]:
        near = settings.suggest(name, [*COLUMNS, *rows[0]])
        raise UsageError(f"{file} lacks the column '{name}'{near}")
    try:
        return np.array([float(row[name]) for row in rows])
    except ValueError as error:
        raise UsageError(f"{file} is damaged: column '{name}': {error}") from None


def has_column(run: Run, name: str) -> bool:
    """Whether a run has a figure by this name, in some evaluation.

    Raises:
        UsageError: the column is damaged.
    """
    if name not in run.progress[0]:
        return False
    return bool(np.isfinite(column(run.path / "progress.csv", run.progress, name)).any())


def seconds(run: Run) -> np.ndarray:
    """Wall-clock seconds of the evaluations [N]; NaN: timing.csv lacks the cycle."""
    file = run.path / "timing.csv"
    rows = _table(file)
    seconds = dict(zip(column(file, rows, "cycle"), column(file, rows, "seconds"), strict=True))
    cycles = column(run.path / "progress.csv", run.progress, "cycle")
    return np.array([seconds.get(cycle, np.nan) for cycle in cycles])
