"""The commands that show runs: `record`, `plot`, `report`, `watch`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from goalrelay.cli.parsing import PositionalPath, parse
from goalrelay.cli.terminal import describe
from goalrelay.errors import UsageError, printable
from goalrelay.settings import number, validate

Folders = Annotated[tuple[str, ...], tyro.conf.Positional]


@dataclass(frozen=True)
class Record:
    """Film a policy off-screen. The film shows which stage acts, and the goal that it pursues."""

    policy: PositionalPath
    """Run folder (its best policy) or a policy file."""
    out: Path
    """Video file, .mp4 or .gif."""
    episodes: int | None = None
    """Episodes (default: 3, or one for each cell of the grid)."""
    grid: str | None = None
    """COLUMNSxROWS, such as 3x3: episodes at the same time, instead of one after the other."""
    seed: int = 0
    """Seed of the episodes."""
    trust: bool = False
    """Import the module of the task that the policy names, which runs its code."""


@dataclass(frozen=True)
class Plot:
    """Learning curves: mean over seeds with an interval band, runs grouped by method."""

    runs: Folders
    """Run folders, or folders with run folders in them; LABEL=FOLDER sets their label."""
    out: Path
    """Picture, .png, .svg or .pdf."""
    x: Literal["episodes", "steps", "seconds"] = "episodes"
    """Horizontal axis."""
    y: str = "auto"
    """Vertical axis: success, return, distance or any column of progress.csv, such as innr (auto:
    success, or return for a task without success)."""


@dataclass(frozen=True)
class Report:
    """One page about runs: curves, tables, stages, films, commands. It opens without a network."""

    runs: Folders
    """Run folders, or folders with run folders in them; LABEL=FOLDER sets their label."""
    out: Path = Path("report")
    """Folder of the page, which is index.html in it."""
    films: bool = True
    """Film a success and a failure of the best policy of each task."""
    trust: bool = False
    """Import the modules of the tasks that the runs name, which runs their code."""


@dataclass(frozen=True)
class Watch:
    """Runs in progress, live in the browser: curves, newest films, losses."""

    runs: Folders = ("runs",)
    """Run folders, or folders with run folders in them; they may come later."""
    port: int = number(8000, 0, 65535)
    """Port on this machine; 0: any that is free."""


def record(arguments: Sequence[str]) -> int:
    """Film a policy off-screen"""
    from goalrelay.report import video

    command = parse(Record, arguments, "record")
    count, columns = _cells(command.grid, command.episodes)
    evaluation = video.record(
        command.policy, command.out, count, command.seed, columns, command.trust
    )
    print(f"{printable(command.out)}: {describe(evaluation)}")
    return 0


def plot(arguments: Sequence[str]) -> int:
    """Plot learning curves"""
    from goalrelay.report import curves

    command = parse(Plot, arguments, "plot")
    if not command.runs:
        raise UsageError("plot needs at least one run folder: goalrelay plot RUN... --out FILE")
    curves.plot(command.runs, command.out, command.x, command.y)
    print(printable(command.out))
    return 0


def report(arguments: Sequence[str]) -> int:
    """Make a page about runs, with curves, tables and films"""
    from goalrelay.report import page

    command = parse(Report, arguments, "report")
    if not command.runs:
        raise UsageError("report needs at least one run folder: goalrelay report RUN...")
    file = page.write(command.runs, command.out, command.films, command.trust)
    print(printable(file))
    return 0


def watch(arguments: Sequence[str]) -> int:
    """Watch runs in progress in the browser"""
    from goalrelay.report import live

    command = parse(Watch, arguments, "watch")
    validate(command)
    live.serve(command.runs, command.port, lambda line: print(line, flush=True))
    return 0


def _cells(grid: str | None, episodes: int | None) -> tuple[int, int]:
    """Number of episodes, and columns of the film."""
    if grid is None:
        return 3 if episodes is None else episodes, 1
    sizes = re.fullmatch(r"([1-9]\d?)x([1-9]\d?)", grid)
    if not sizes:
        raise UsageError(f"--grid must be COLUMNSxROWS, such as 3x3, got '{grid}'")
    columns, rows = map(int, sizes.groups())
    if episodes not in (None, columns * rows):
        raise UsageError(f"--grid {grid} films {columns * rows} episodes, --episodes {episodes}")
    return columns * rows, columns
