"""Many runs from one file: variants, a grid of values, seeds; several at a time; one table.

    method = "relay"                  # the words of `goalrelay train`
    task = "FetchPush-v4"
    seeds = [0, 1, 2]

    [options]                         # of every run, by the names of the command line
    episodes = 400

    [grid]                            # every combination
    "learner.polyak" = [0.75, 0.95]

    [variants.default]                # and of each of these, with what it changes
    [variants.one-step]
    "method.n_step" = 1

A variant may also change `method`, `task`, `learner` and `preset`. Every run has a process, and
cores, of its own; its folder is OUT/VARIANT/seed-S. What is there already is gone on with, what is
finished is left alone: `table.csv` holds a row for each finished run.
"""

import itertools
import multiprocessing
import os
import signal
import tomllib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any, NamedTuple

from goalrelay.errors import Diverged, UsageError
from goalrelay.settings import replace_at, suggest
from goalrelay.train import config as experiments
from goalrelay.train import session
from goalrelay.train.config import AnyExperiment
from goalrelay.train.folder import RunFolder
from goalrelay.train.logbook import read_table, write_table
from goalrelay.train.observer import Observer

HEAD = ("method", "task", "learner", "preset")
KEYS = (*HEAD, "seeds", "options", "grid", "variants")
SHOWN = {
    "success": ".2f",
    "mean_return": ",.1f",
    "episodes": ",.0f",
    "steps": ",.0f",
    "seconds": ",.0f",
}
"""Columns of the summary, and how they are written."""


class Planned(NamedTuple):
    """One run of a sweep."""

    variant: str
    experiment: AnyExperiment

    @property
    def name(self) -> str:
        """Its folder in the sweep's."""
        return f"{self.variant}/seed-{self.experiment.seed}"


class Row(NamedTuple):
    """How a run ended; a line of table.csv."""

    variant: str
    seed: int
    ended: str
    """`until`, `budget`, `interrupted`, or why it could not go on"""
    success: float
    mean_return: float
    episodes: int
    steps: int
    seconds: float

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do for it."""
        return self.ended in ("until", "budget")


def read(path: Path) -> list[Planned]:
    """The runs of a sweep file, all of them checked.

    Raises:
        UsageError: naming the file, and what in it cannot work.
    """
    try:
        plan = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise UsageError(f"no such file: {path}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from None
    try:
        runs = list(_planned(plan))
        names = [planned.name for planned in runs]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise UsageError(f"two runs would be {twice[0]}")
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    return runs


def _planned(plan: dict[str, Any]) -> Iterator[Planned]:
    for key in plan:
        if key not in KEYS:
            raise UsageError(f"unknown key '{key}'{suggest(key, KEYS)}")
    for key in ("options", "grid", "variants"):
        if not isinstance(plan.setdefault(key, {}), dict):
            raise UsageError(f"'{key}' must be a table")
    seeds = plan.get("seeds", [0])
    if not isinstance(seeds, list) or not seeds or any(type(seed) is not int for seed in seeds):
        raise UsageError("'seeds' must be a list of whole numbers")
    for name, change in (plan["variants"] or {"default": {}}).items():
        if not isinstance(change, dict):
            raise UsageError(f"variant '{name}' must be a table")
        if "/" in name or name.startswith("."):
            raise UsageError(f"variant '{name}' cannot be the name of a folder")
        for point in _points(plan["grid"]):
            variant = "_".join((name, *map(_word, point, point.values())))
            for seed in seeds:
                yield Planned(variant, _experiment(plan, point | change, seed))


def _word(name: str, value: Any) -> str:
    """A value of the grid in the name of a folder."""
    values = value if isinstance(value, list) else [value]
    shown = "x".join(str(one) for one in values).replace("/", "-")
    return f"{name.rpartition('.')[2]}-{shown}"


def _points(grid: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name, values in grid.items():
        if not isinstance(values, list) or not values:
            raise UsageError(f"grid '{name}' must be a list of values")
    for combination in itertools.product(*grid.values()):
        yield dict(zip(grid, combination, strict=True))


def _experiment(plan: dict[str, Any], change: dict[str, Any], seed: int) -> AnyExperiment:
    words: dict[str, Any] = {"learner": None, "preset": "default"}
    words |= {key: table[key] for table in (plan, change) for key in HEAD if key in table}
    for key in ("method", "task", *words):
        if not isinstance(words.get(key, 0), str | None):
            raise UsageError(f"'{key}' must be given, and be a name")
    experiment = experiments.make(*(words[key] for key in HEAD))
    changes = {key: value for key, value in change.items() if key not in HEAD}
    for name, value in (plan["options"] | changes | {"seed": seed}).items():
        experiment = replace_at(experiment, name.replace("-", "_"), value)
    experiments.check(experiment)
    return experiment


def run(plan: Sequence[Planned], out: Path, jobs: int, report: Callable[[Row], None]) -> list[Row]:
    """Make all runs, as many at a time as there are jobs; the rows of those that ended.

    Args:
        plan: the runs.
        out: folder of the sweep.
        jobs: runs at a time; the cores of this machine are shared out among them.
        report: is told of every run that ends.

    Raises:
        UsageError: a run there was begun with other options, or the folder cannot be written.
    """
    table = out / "table.csv"
    done = {f"{row.variant}/seed-{row.seed}": row for row in _rows(table)}
    for planned in plan:
        _check_same(planned, out / planned.name)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out} cannot be written: {error.strerror}") from error
    open_runs = [p for p in plan if p.name not in done or not done[p.name].finished]
    context = multiprocessing.get_context("spawn")
    cores = context.SimpleQueue()
    for share in _shares(jobs):
        cores.put(share)
    rows = [done[p.name] for p in plan if p.name in done and p not in open_runs]
    with ProcessPoolExecutor(
        jobs, context, initializer=_begin, initargs=(cores,), max_tasks_per_child=1
    ) as pool:
        waiting: set[Future[Row]] = {pool.submit(_run, p, out / p.name) for p in open_runs}
        try:
            while waiting:
                ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in ended:
                    rows.append(future.result())
                    write_table(table, [row._asdict() for row in sorted(rows)])
                    report(rows[-1])
        except KeyboardInterrupt:  # the runs got it too: they save, and stop
            pool.shutdown(cancel_futures=True)
            raise
    return rows


def _check_same(planned: Planned, folder: Path) -> None:
    if not (folder / "config.json").exists():
        return
    there = experiments.to_json(RunFolder.open(folder).experiment())
    for name, value in experiments.to_json(planned.experiment).items():
        if there[name] != value:
            raise UsageError(
                f"{folder} was begun with other options ({name}); --out names another folder"
            )


def _shares(jobs: int) -> list[set[int]]:
    """The cores of this process in as many shares; jobs beyond them double up."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    shares = [set(cores[i::jobs]) for i in range(min(jobs, len(cores)))]
    return [shares[i % len(shares)] if shares else set() for i in range(jobs)]


_cores: Any = None


def _begin(cores: Any) -> None:
    """In a run's process: Ctrl-C is for the run to hear, not for what surrounds it."""
    global _cores
    _cores = cores
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run(planned: Planned, folder: Path) -> Row:
    """One run from its start, or from where it stopped, to its end."""
    mine = _cores.get()
    try:
        if mine:
            os.sched_setaffinity(0, mine)
        if (folder / "config.json").exists():
            result = session.resume(folder)
        else:
            result = session.start(planned.experiment, folder, Observer())
    except (UsageError, Diverged, RuntimeError) as error:
        nan = float("nan")
        return Row(planned.variant, planned.experiment.seed, str(error), nan, nan, 0, 0, nan)
    finally:
        _cores.put(mine)
    tested = result.evaluation
    return Row(
        planned.variant,
        planned.experiment.seed,
        result.reason,
        tested.success if tested else float("nan"),
        tested.mean_return if tested else float("nan"),
        result.episodes,
        result.steps,
        result.seconds,
    )


def _rows(table: Path) -> list[Row]:
    if not table.exists():
        return []
    kinds = Row.__annotations__
    try:
        return [Row(**{k: kinds[k](v) for k, v in row.items()}) for row in read_table(table)]
    except (KeyError, TypeError, ValueError):
        raise UsageError(f"{table} is damaged; without it finished runs are tested again") from None


def summary(rows: Sequence[Row]) -> str:
    """A Markdown table, a line a variant: means over seeds, lowest and highest beside them."""
    lines = ["| variant | seeds | success | return | episodes | steps | seconds |"]
    lines.append("| --- " * 7 + "|")
    for variant in dict.fromkeys(row.variant for row in rows):
        mine = [row for row in rows if row.variant == variant and row.finished]
        if mine:
            cells = [variant, str(len(mine))]
            for name, style in SHOWN.items():
                cells.append(_spread([getattr(row, name) for row in mine], style))
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _spread(values: Sequence[float], style: str) -> str:
    mean = sum(values) / len(values)
    if mean != mean:  # the task has no such figure
        return ""
    if min(values) == max(values):
        return format(mean, style)
    return f"{mean:{style}} ({min(values):{style}} to {max(values):{style}})"
