"""Figures of learning curves: run folders -> mean over runs and its interval.

    progress.csv (and timing.csv, matched by cycle) of a run        -> `curve`
    runs of one task, method, learner and preset                    -> `grouped`
    curves of a group                                               -> `aggregate`

Runs with a label are grouped by it. Other runs are grouped by method, learner, preset and every
option that can change the result, so an ablation is never averaged with its baseline. Labels show
the options that differ; options shared by most variants are left out.

A mean covers the range that all runs of the group cover, with linear interpolation between
evaluations and no extrapolation. The exception is a run that ended at `--until`: it holds its last
value, and the band has the position from which it does.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy import stats

from goalrelay import settings
from goalrelay.errors import UsageError
from goalrelay.train.config import AnyExperiment
from goalrelay.train.evaluate import wilson
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
ENOUGH_RUNS, RESAMPLES, BATCH = 3, 2000, 200
"""Smallest number of runs for a bootstrap over runs; its resamples, and resamples in one array."""
MOST_POINTS = 500
"""Largest number of positions of a mean; beyond it they are evenly spaced."""


class Curve(NamedTuple):
    """One run, with N evaluations."""

    position: np.ndarray
    """[N] increasing: training episodes, environment steps or seconds"""
    value: np.ndarray
    """[N] success rate, return or distance"""
    trials: np.ndarray
    """[N] episodes of each evaluation"""
    reached: bool
    """Whether the run ended because it reached `--until`."""


class Band(NamedTuple):
    """The mean over runs at M positions."""

    position: np.ndarray
    """[M] increasing, in the unit of the curves"""
    mean: np.ndarray
    """[M]"""
    low: np.ndarray
    """[M] lower end of the 95% interval; NaN: no interval"""
    high: np.ndarray
    """[M] upper end"""
    held: np.ndarray
    """[M] int: number of runs that ended at `--until` before this position"""
    runs: int
    """Number of runs."""


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


def curve(run: Run, x: X, y: Y) -> Curve:
    """The curve of a run; evaluations without this figure are left out.

    Args:
        run: from `read_runs`.
        x: horizontal axis.
        y: vertical axis: success, return, distance or a column of progress.csv.

    Raises:
        UsageError: a column is missing, damaged or empty.
    """
    file, rows = run.path / "progress.csv", run.progress
    value, trials = _column(file, rows, COLUMNS.get(y, y)), _column(file, rows, "eval_episodes")
    position = seconds(run) if x == "seconds" else _column(file, rows, x)
    kept = np.isfinite(value) & np.isfinite(position)
    if not kept.any():
        raise UsageError(f"{file} has no {y} figures; choose another --y")
    if (np.diff(position[kept]) < 0).any():
        raise UsageError(f"{file} is damaged: its {x} do not increase")
    if not ((trials[kept] >= 1) & (trials[kept] < np.inf)).all() or (
        y == "success" and not _rates(value[kept])
    ):
        raise UsageError(f"{file} is damaged: a success rate or its number of episodes cannot be")
    until, success = run.experiment.until, _column(file, rows, "eval_success")
    reached = until is not None and bool(success[-1] >= until)
    return Curve(position[kept], value[kept], trials[kept], reached)


def aggregate(curves: Sequence[Curve], rate: bool = False) -> Band:
    """Mean of runs, and its 95% interval.

    For three runs or more, the interval is a percentile bootstrap over runs. For fewer runs, it is
    Wilson's interval of the pooled evaluation episodes if the values are rates, else there is none.

    Args:
        curves: one for each run.
        rate: whether the values are success rates.

    Raises:
        UsageError: one run ended before the first evaluation of another.
    """
    grid, values, held = resampled(curves)
    mean = values.mean(axis=0)
    low, high = np.full((2, len(grid)), np.nan)
    if len(curves) >= ENOUGH_RUNS:
        low, high = _bootstrap(values)
    elif rate:
        trials = np.sum([np.interp(grid, c.position, c.trials) for c in curves], axis=0)
        low, high = np.array([wilson(m * n, n) for m, n in zip(mean, trials, strict=True)]).T
    return Band(grid, mean, low, high, held, len(curves))


def resampled(curves: Sequence[Curve]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All runs at the same M positions: positions [M], values [runs, M], runs that hold [M].

    The range is what all runs cover: from the last start to the first end of a run that does not
    hold its last value.

    Args:
        curves: one for each run.

    Raises:
        UsageError: one run ended before the first evaluation of another.
    """
    ends = [c.position[-1] for c in curves]
    open_ends = [end for c, end in zip(curves, ends, strict=True) if not c.reached]
    first, last = max(c.position[0] for c in curves), min(open_ends, default=max(ends))
    grid = np.unique(np.concatenate([c.position for c in curves]))
    grid = grid[(grid >= first) & (grid <= last)]
    if not len(grid):
        raise UsageError("runs of one group do not overlap: one ended before another's first test")
    if len(grid) > MOST_POINTS:
        grid = np.linspace(first, last, MOST_POINTS)
    values = np.stack([np.interp(grid, c.position, c.value) for c in curves])
    return grid, values, np.sum([grid > end for end in ends], axis=0)


def _bootstrap(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 95% percentile bootstrap of the mean over runs (Efron 1979): [runs, M] -> [M], [M].

    For one task, rliable's stratified bootstrap is the same as SciPy's. With SciPy a plot does not
    need rliable, which brings ten more packages; `compare` does.
    """
    interval = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        batch=BATCH,
        axis=0,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return interval.low, interval.high


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
    success = [_column(r.path / "progress.csv", r.progress, "eval_success") for r in runs]
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


def _column(file: Path, rows: Sequence[Row], name: str) -> np.ndarray:
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
    return bool(np.isfinite(_column(run.path / "progress.csv", run.progress, name)).any())


def _rates(values: np.ndarray) -> bool:
    """Whether all values are in [0, 1]."""
    return bool(((values >= 0) & (values <= 1)).all())


def seconds(run: Run) -> np.ndarray:
    """Wall-clock seconds of the evaluations [N]; NaN: timing.csv lacks the cycle."""
    file = run.path / "timing.csv"
    rows = _table(file)
    seconds = dict(zip(_column(file, rows, "cycle"), _column(file, rows, "seconds"), strict=True))
    cycles = _column(run.path / "progress.csv", run.progress, "cycle")
    return np.array([seconds.get(cycle, np.nan) for cycle in cycles])
