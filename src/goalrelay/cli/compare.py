"""The command `goalrelay compare`."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from goalrelay.cli.parsing import parse
from goalrelay.errors import Notice, UsageError, printable
from goalrelay.settings import number, validate


@dataclass(frozen=True)
class Compare:
    """Compare variants over tasks and seeds, with 95% bootstrap intervals over seeds.

    IQM, median, mean, optimality gap and probability of improvement are those of rliable.

    The score of a run is the success rate of its last test. A run that ended at --until was ended
    by its tests, so its score is close to --until. Variants are compared over the tasks that all
    of them have. A variant needs 3 seeds on each of these tasks, better 10.
    """

    runs: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Run folders, or folders with run folders in them; LABEL=FOLDER names a variant."""
    out: Path | None = None
    """Folder to write compare.csv, compare.tex, compare.svg and compare.png to."""
    x: Literal["episodes", "steps"] = "episodes"
    """Horizontal axis of the sample-efficiency curve."""
    resamples: int = number(2000, 100, 1_000_000)
    """Resamples of the bootstrap."""
    seed: int = number(0, 0, 2**31 - 1)
    """Seed of the bootstrap."""


def compare(arguments: Sequence[str]) -> int:
    """Compare variants over tasks and seeds, with intervals"""
    from goalrelay.report import compare as report
    from goalrelay.report.compare_files import write
    from goalrelay.report.compare_table import text

    command = parse(Compare, arguments, "compare")
    validate(command)
    if not command.runs:
        raise UsageError("compare needs at least one run folder: goalrelay compare RUN...")
    comparison = report.compare(command.runs, command.x, command.resamples, command.seed)
    for note in comparison.notes:
        warnings.warn(Notice(note), stacklevel=2)
    tasks = ", ".join(comparison.tasks)
    print(f"{printable(tasks)}: success of last tests, with 95% intervals over seeds\n")
    print(text(comparison))
    if command.out is not None:
        print()
        for file in write(comparison, command.out, command.x):
            print(printable(file))
    return 0
