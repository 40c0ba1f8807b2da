"""The command `goalrelay tune`."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goalrelay.cli.parsing import PositionalPath, parse
from goalrelay.errors import Notice, UsageError, printable, shell_word
from goalrelay.settings import number, validate
from goalrelay.train.study import Shown, Studied
from goalrelay.train.tune_file import Search, text

BEST = 5
"""Trials of the table."""


@dataclass(frozen=True)
class Tune:
    """Search the values of options that learn a task soonest, with Optuna.

    The same command in another terminal joins the search. After Ctrl-C it goes on.
    """

    file: PositionalPath
    """A TOML file; docs/tune.md shows one."""
    out: Path | None = None
    """Folder of the trials (default: runs/ and the name of the file)."""
    jobs: int = number(1, 1, 1024)
    """Trials at the same time; they share this machine's cores."""
    storage: str | None = None
    """Address of a database for the trials, such as postgresql://... (default: a file in the
    folder)."""


def tune(arguments: Sequence[str]) -> int:
    """Search the values of options that learn a task soonest"""
    from goalrelay.train import tune as searches
    from goalrelay.train import tune_file

    command = parse(Tune, arguments, "tune")
    validate(command)
    out = command.out or Path("runs") / command.file.stem
    search = tune_file.read(command.file)
    studied = Studied(search, out, command.storage)
    for name in searches.begin(studied):
        outside = f"the default of {name}, {text(search.default()[name])}, is outside its range"
        warnings.warn(Notice(f"{outside}, so no trial has all defaults"), stacklevel=2)
    print(f"{search.trials} trials in {printable(out)}, {command.jobs} at a time", flush=True)

    def show(trial: Shown) -> None:
        print(_line(trial, searches.changed(search, trial)), flush=True)

    searches.run(studied, command.jobs, show)
    _sum_up(studied)
    return 0


def _sum_up(studied: Studied) -> None:
    """Write the files of the search, and print its tables."""
    from goalrelay.report import search as page
    from goalrelay.train import tune as searches

    trials = studied.shown()
    searches.write_trials(studied, trials)
    missing = searches.missing(studied, trials)
    if missing:
        print(f"{missing} trials are missing: other processes make them, or they were stopped")
    ranks = searches.ranked(trials)
    if not ranks:
        print("no trial is complete")
        return
    print(f"\n{_table(studied.search, ranks)}\n")
    default = next((rank for rank, trial in enumerate(ranks, 1) if trial.is_default), None)
    if default is not None:
        value = ranks[default - 1].value
        print(f"default: {value:.3f}, rank {default} of {len(ranks)} complete trials")
    shares = studied.importances()
    if shares:
        named = ", ".join(f"{name} {share:.2f}" for name, share in shares.items())
        print(f"importance (of little meaning with few trials): {named}")
    print(f"best: {printable(searches.best_command(studied.search, ranks[0]))}")
    if not ranks[0].is_default:
        searches.write_best(studied, ranks[0])
        print(f"on other seeds: goalrelay sweep {shell_word(studied.out / 'best.toml')}")
    else:
        print("nothing is better than the default values, so there is no best.toml")
    try:
        print(printable(page.write(studied.out, studied.search, trials, shares)))
    except UsageError as error:  # of a package
        print(f"no page: {error}")


def _line(trial: Shown, changed: dict[str, Any]) -> str:
    """A trial that has ended."""
    value = "" if trial.value is None else f" {trial.value:.3f}"
    state = "pruned at" if trial.state == "pruned" and value else trial.state
    values = "  ".join(f"{name} {text(one)}" for name, one in changed.items()) or "default values"
    remark = f"  ({trial.remark})" if trial.remark else ""
    return printable(f"trial {trial.number}: {state}{value}  {values}{remark}")


def _table(search: Search, ranks: Sequence[Shown]) -> str:
    """The best trials in Markdown."""
    names = list(search.ranges)
    lines = [
        " | ".join(["| trial", search.objective, *names]) + " |",
        "| --- " * (len(names) + 2) + "|",
    ]
    for trial in ranks[:BEST]:
        values = [text(trial.values[name]) for name in names]
        lines.append(" | ".join([f"| {trial.number}", f"{trial.value:.3f}", *values]) + " |")
    return "\n".join(map(printable, lines))
