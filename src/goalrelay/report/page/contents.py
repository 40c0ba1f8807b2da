"""What the page says about runs: curves, tables, options, as texts and SVG."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from goalrelay.errors import UsageError, printable
from goalrelay.files import read_json
from goalrelay.report import bands
from goalrelay.report.bands import Curve
from goalrelay.report.curves import panel
from goalrelay.report.page.figures import learning, svg
from goalrelay.report.runs import Run, X, shown
from goalrelay.report.runs import seconds as run_seconds
from goalrelay.train import lock
from goalrelay.train.command import command, differing

AIMS = (0.5, 0.9, 0.95)
"""Success rates; the table has the episodes and minutes to each."""
ABSENT = "-"


@dataclass(frozen=True)
class Film:
    """A film of a policy."""

    caption: str
    source: str
    """Address, or the film itself as a `data:` address."""


@dataclass(frozen=True)
class Variant:
    """A row of the table: all runs of one variant."""

    label: str
    seeds: str
    score: str
    """Success of the last test with its 95% interval, or the return."""
    tests: str
    """Episodes of the last tests."""
    reached: tuple[tuple[str, str], ...]
    """Episodes and minutes to each of AIMS."""


@dataclass(frozen=True)
class About:
    """What a run is, and where it stands."""

    name: str
    state: str
    going: bool
    """Whether a process writes in its folder."""
    position: str
    score: str
    command: str
    options: tuple[tuple[str, str, str], ...]
    """Options that differ from those of the preset: name, value, value of the preset."""
    versions: str
    commit: str
    film: Film | None = None


@dataclass(frozen=True)
class Section:
    """A task with its runs."""

    title: str
    has_success: bool
    curves: dict[str, str]
    """The picture for each horizontal axis that its runs have."""
    variants: tuple[Variant, ...]
    details: tuple[tuple[str, str], ...]
    """Further pictures with their titles."""
    runs: tuple[About, ...]
    films: tuple[Film, ...] = ()
    remark: str = ""


def section(title: str, groups: Mapping[str, Sequence[Run]]) -> Section:
    """The section of a task.

    Args:
        title: the task.
        groups: its runs by label.

    Raises:
        UsageError: a run is damaged.
    """
    runs = [run for group in groups.values() for run in group]
    has_success = shown(runs) == "success"
    curves: dict[str, str] = {}
    for x in get_args(X):
        try:
            curves[x] = svg({"": panel(groups, x)}, x, f"{title} {x}")
        except UsageError:
            if x != "seconds":  # only timing.csv may be absent
                raise
    details = {
        name: svg({printable(name): one}, "episodes", f"{title} {name}")
        for name, one in learning(groups).items()
    }
    return Section(
        title,
        has_success,
        curves,
        tuple(_variant(label, group, has_success) for label, group in groups.items()),
        tuple(details.items()),
        tuple(_about(run, has_success) for run in runs),
    )


def _variant(label: str, runs: Sequence[Run], has_success: bool) -> Variant:
    """Statistics of the runs of one variant."""
    curves = [bands.curve(run, "episodes", shown(runs)) for run in runs]
    last = [
        c._replace(position=np.zeros(1), value=c.value[-1:], trials=c.trials[-1:]) for c in curves
    ]
    band = bands.aggregate(last, rate=has_success)
    style = ".2f" if has_success else ".1f"
    interval = (
        f" ({band.low[0]:{style}} to {band.high[0]:{style}})" if np.isfinite(band.low[0]) else ""
    )
    return Variant(
        label,
        _seeds([run.experiment.seed for run in runs]),
        f"{band.mean[0]:{style}}{interval}",
        _some(f"{c.trials[-1]:.0f}" for c in curves),
        tuple(_crossing(runs, curves, aim) for aim in AIMS) if has_success else (),
    )


def _seeds(seeds: Sequence[int]) -> str:
    """Seeds in a short form."""
    first, last = min(seeds), max(seeds)
    if len(seeds) > 2 and sorted(seeds) == list(range(first, last + 1)):
        return f"{first} to {last}"
    return ", ".join(map(str, seeds))


def _crossing(runs: Sequence[Run], curves: Sequence[Curve], aim: float) -> tuple[str, str]:
    """Median episodes and minutes to the first test that reached a success rate."""
    episodes, minutes = [], []
    for run, one in zip(runs, curves, strict=True):
        (at,) = np.nonzero(one.value >= aim)
        if len(at):
            episodes.append(float(one.position[at[0]]))
            minutes.append(_minutes(run, episodes[-1]))
    if not episodes:
        return ABSENT, ABSENT
    some = "" if len(episodes) == len(runs) else f" ({len(episodes)} of {len(runs)})"
    minute = statistics.median(minutes)
    return (
        f"{statistics.median(episodes):,.0f}{some}",
        ABSENT if minute != minute else f"{minute:.1f}",
    )


def _minutes(run: Run, episodes: float) -> float:
    """Minutes of the run when it had so many episodes; NaN: not written down."""
    try:
        seconds = run_seconds(run)
    except UsageError:
        return float("nan")
    where = [float(row["episodes"]) for row in run.progress].index(episodes)
    return float(seconds[where]) / 60


def _about(run: Run, has_success: bool) -> About:
    row, values = run.progress[-1], read_json(run.path / "config.json")
    score = float(row["eval_success" if has_success else "eval_mean_return"])
    going = lock.in_use(run.path)
    versions = values.get("versions")
    return About(
        name=printable(run.path),
        state="in progress" if going else _ended(run, row),
        going=going,
        position=f"{int(row['episodes']):,} episodes, {int(row['steps']):,} steps",
        score=f"{score:.2f} of {row['eval_episodes']}" if has_success else f"return {score:.1f}",
        command=command(run.experiment),
        options=tuple(
            (name, _text(value), _text(usual))
            for name, (value, usual) in differing(run.experiment).items()
        ),
        versions=", ".join(f"{k} {v}" for k, v in versions.items())
        if isinstance(versions, dict)
        else "",
        commit=str(values.get("commit", "")),
    )


def _ended(run: Run, row: Mapping[str, Any]) -> str:
    until = run.experiment.until
    if until is not None and float(row["eval_success"]) >= until:
        return f"reached {until}"
    return "ended or stopped"


def _text(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _some(values: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(values))
