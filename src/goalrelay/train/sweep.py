"""Many runs: several at a time, each in a process and on cores of its own; one table of them.

A run that exists is resumed, and a finished one is left alone. `table.csv` holds a row for each run
that ended. `sweep_file` reads the file that describes the runs.
"""

import math
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import NamedTuple

from goalrelay.errors import Diverged, UsageError, printable
from goalrelay.files import remove_unfinished, write_json
from goalrelay.train import processes, session
from goalrelay.train.build import filled_in
from goalrelay.train.folder import RunFolder
from goalrelay.train.logbook import read_table, write_table
from goalrelay.train.observer import Observer
from goalrelay.train.sweep_file import PREPARED, Plan, Planned, filled

KEPT = ("config.json", "progress.csv", "timing.csv", "others.json")
"""Small files of a run that are copied to `results`."""
OTHERS_SEED = 12345
"""Seed of the episodes of `others`; no evaluation during a run uses them."""
COMMAND = (sys.executable, "-m", "goalrelay.cli")
SHOWN = {"success": ".2f", "mean_return": ",.1f"}
SHOWN |= dict.fromkeys(("episodes", "steps", "seconds"), ",.0f")
"""Columns of the summary, and their number formats."""


class Row(NamedTuple):
    """How a run ended; a line of table.csv."""

    variant: str
    seed: int
    ended: str
    """`until`, `budget`, `interrupted`, or the error that ended it"""
    success: float
    mean_return: float
    episodes: int
    steps: int
    seconds: float

    @property
    def finished(self) -> bool:
        """Whether the run is complete."""
        return self.ended in ("until", "budget")


Make = Callable[[Sequence[Planned], Callable[[Row], None]], None]
"""Makes runs, and calls a function with the row of each when it ends."""


def _prepare(steps: Mapping[str, str]) -> None:
    """Make the folders that do not exist yet; an interrupted step starts again."""
    for name, command in steps.items():
        folder, part = PREPARED / name, PREPARED / f"{name}.part"
        if not folder.exists():
            shutil.rmtree(part, ignore_errors=True)
            words = shlex.split(filled(command, steps))
            ended = subprocess.run([*COMMAND, *words, "--out", str(part)])
            if ended.returncode:
                raise UsageError(f"'{name}' could not be prepared by: goalrelay {command}")
            part.rename(folder)


def run(
    plan: Plan,
    out: Path,
    jobs: int,
    report: Callable[[Row], None],
    make: Make | None = None,
) -> list[Row]:
    """Make all runs; the rows of those that ended.

    Args:
        plan: the runs.
        out: folder of the sweep.
        jobs: runs at the same time; they share the cores of this machine.
        report: called with the row of each run when it ends.
        make: how the runs that are missing are made; None: as `jobs` says.

    Raises:
        UsageError: an existing run has other options, or the folder cannot be written.
    """
    table = out / "table.csv"
    done = {(row.variant, row.seed): row for row in _rows(table)}
    for planned in plan.runs:
        if (out / planned.name / "config.json").exists():
            RunFolder(out / planned.name).refuse_other(filled_in(planned.experiment))
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out} cannot be written: {error.strerror}") from error
    remove_unfinished(out)
    finished = {key for key, row in done.items() if row.finished}
    open_runs = [p for p in plan.runs if (p.variant, p.experiment.seed) not in finished]
    if open_runs:
        _prepare(plan.prepare)

    def add(row: Row) -> None:
        done[row.variant, row.seed] = row
        write_table(table, [row._asdict() for row in sorted(done.values())])
        report(row)

    if make is None:
        _run_all(open_runs, plan, out, jobs, add)
    elif open_runs:
        make(open_runs, add)
    chosen = {(p.variant, p.experiment.seed) for p in plan.runs}
    return [row for key, row in done.items() if key in chosen]


def _run_all(
    runs: Sequence[Planned], plan: Plan, out: Path, jobs: int, ended: Callable[[Row], None]
) -> None:
    """Run in processes; `ended` is called with each row as soon as it exists."""
    with processes.pool(jobs) as pool:
        waiting: set[Future[Row]] = {pool.submit(_run, p, plan, out) for p in runs}
        try:
            while waiting:
                complete, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in complete:
                    ended(future.result())
        except KeyboardInterrupt:  # every run gets the signal too, saves and stops
            pool.shutdown(cancel_futures=True)
            raise


def _run(planned: Planned, plan: Plan, out: Path) -> Row:
    """A run, on cores of its own."""
    with processes.own_cores():
        return make_run(planned, plan, out)


def make_run(planned: Planned, plan: Plan, out: Path) -> Row:
    """One run from its start, or from its newest checkpoint, to its end, in this process.

    Args:
        planned: the run.
        plan: what is done with it at its end.
        out: folder of the sweep.
    """
    folder = out / planned.name
    try:
        row = _made(planned, plan, folder)
    except (UsageError, Diverged, RuntimeError) as error:
        row = failed(planned, str(error))
    if plan.results:
        _copy(folder, plan.results / planned.name)
    return row


def failed(planned: Planned, why: str) -> Row:
    """The row of a run that has no figures."""
    return Row(planned.variant, planned.experiment.seed, why, math.nan, math.nan, 0, 0, math.nan)


def _made(planned: Planned, plan: Plan, folder: Path) -> Row:
    """Start or resume the run, and test its best policy where the plan says so."""
    if (folder / "config.json").exists():
        result = session.resume(folder, trust=True)  # of the same task: see `run`
    else:
        result = session.start(planned.experiment, folder, Observer())
    last = result.evaluation
    figures = (last.success, last.mean_return) if last else (math.nan, math.nan)
    counts = result.episodes, result.steps, result.seconds
    row = Row(planned.variant, planned.experiment.seed, result.reason, *figures, *counts)
    if row.finished and plan.others:
        _evaluate_best(folder, plan.others)
    return row


def _evaluate_best(folder: Path, episodes: int) -> None:
    """Write an evaluation of the best policy, on episodes of its own, to others.json."""
    if not (folder / "others.json").exists():
        figures = session.evaluate(folder, episodes=episodes, seed=OTHERS_SEED)._asdict()
        plain = {name: None if value != value else value for name, value in figures.items()}
        write_json(folder / "others.json", plain)


def _copy(folder: Path, results: Path) -> None:
    """Copy those small files of a run that exist."""
    for file in filter(Path.exists, (folder / name for name in KEPT)):
        results.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, results / file.name)


def _rows(table: Path) -> list[Row]:
    """The rows of table.csv; none if it does not exist."""
    if not table.exists():
        return []
    kinds = Row.__annotations__
    try:
        return [Row(**{k: kinds[k](v) for k, v in row.items()}) for row in read_table(table)]
    except (KeyError, TypeError, ValueError):
        raise UsageError(f"{table} is damaged; delete it to evaluate finished runs again") from None


def summary(rows: Sequence[Row]) -> str:
    """A Markdown table, one line for each variant: means over seeds, with their range."""
    lines = ["| variant | seeds | success | return | episodes | steps | seconds |"]
    lines.append("| --- " * 7 + "|")
    for variant in dict.fromkeys(row.variant for row in rows):
        group = [row for row in rows if row.variant == variant and row.finished]
        if group:
            cells = [printable(variant), str(len(group))]
            for name, style in SHOWN.items():
                cells.append(_mean_and_range([getattr(row, name) for row in group], style))
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _mean_and_range(values: Sequence[float], style: str) -> str:
    mean = sum(values) / len(values)
    if math.isnan(mean):  # the task has no such figure
        return ""
    if min(values) == max(values):
        return format(mean, style)
    return f"{mean:{style}} ({min(values):{style}} to {max(values):{style}})"
