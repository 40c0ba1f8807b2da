"""The command `goalrelay sweep`: runs in processes of this machine, or on a Ray cluster."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.table import Table

from goalrelay.cli.parsing import PositionalPath, parse
from goalrelay.errors import UsageError, printable
from goalrelay.settings import number, validate

if TYPE_CHECKING:
    from goalrelay.train.ray_sweep import Queue
    from goalrelay.train.sweep import Row
    from goalrelay.train.sweep_file import Plan


@dataclass(frozen=True)
class Sweep:
    """Make all runs of a sweep file: variants, tasks, values, seeds; print a table."""

    file: PositionalPath
    """A TOML file; docs/sweeps.md shows one."""
    out: Path | None = None
    """Folder of the runs (default: runs/ and the name of the file)."""
    jobs: int = number(1, 1, 1024)
    """Runs at the same time; they share this machine's cores."""
    seeds: tuple[int, ...] = ()
    """Seeds, instead of the file's."""
    tasks: tuple[str, ...] = ()
    """Only these of its tasks."""
    variants: tuple[str, ...] = ()
    """Only these of its variants."""
    ray: bool = False
    """Make the runs on a Ray cluster, one on each CPU, instead of `--jobs` here."""
    address: str | None = None
    """Address of the cluster, with --ray (default: RAY_ADDRESS, or a new one on this machine)."""


def sweep(arguments: Sequence[str]) -> int:
    """Make many runs from one file, and a table of them"""
    from goalrelay.train import sweep as sweeps
    from goalrelay.train import sweep_file

    command = parse(Sweep, arguments, "sweep")
    validate(command)
    if command.address is not None and not command.ray:
        raise UsageError("--address is the address of a Ray cluster; it needs --ray")
    out = command.out or Path("runs") / command.file.stem
    plan = sweep_file.read(command.file, command.seeds, command.tasks, command.variants)
    if command.ray:
        rows = _on_ray(plan, out, command.address)
    else:
        print(f"{len(plan.runs)} runs in {printable(out)}, {command.jobs} at a time", flush=True)
        rows = sweeps.run(plan, out, command.jobs, lambda row: print(_line(row), flush=True))
    print(sweeps.summary(rows))
    return 0 if all(row.finished for row in rows) else 1


def _on_ray(plan: "Plan", out: Path, address: str | None) -> "list[Row]":
    """Make the runs on a cluster; a table of those in progress, where this is a terminal."""
    from goalrelay.train import sweep as sweeps
    from goalrelay.train.ray_sweep import on_ray

    console = Console(highlight=False, soft_wrap=True)
    live = Live(console=console, auto_refresh=False, transient=True)

    def look(queue: "Queue") -> None:
        if console.is_terminal:
            live.update(_table(queue), refresh=True)

    def show(row: "Row") -> None:
        console.print(_line(row), markup=False)

    make = on_ray(plan, out, address, look)
    console.print(f"{len(plan.runs)} runs in {printable(out)}, on Ray", markup=False)
    with live if console.is_terminal else contextlib.nullcontext():
        return sweeps.run(plan, out, 1, show, make)


def _line(row: "Row") -> str:
    """A run that has ended."""
    success = "not measured" if row.success != row.success else f"{row.success:.2f}"
    figures = f"success {success}  return {row.mean_return:.1f}"
    counts = f"{row.episodes:,} episodes  {row.steps:,} steps  {row.seconds:.1f} s"
    named = printable(f"{row.variant} seed {row.seed}: {row.ended}")
    return f"{named}  {figures}  {counts}"


def _table(queue: "Queue") -> Table:
    """The runs in progress."""
    table = Table(title=f"{len(queue.going)} in progress, {queue.waiting} waiting", box=None)
    for name in ("run", "host", "episodes", "success", "lost"):
        table.add_column(name)
    for run in queue.going:
        cells = (run.name, run.host, f"{run.episodes:,}", run.success, str(run.lost or ""))
        table.add_row(*map(printable, cells))
    return table
