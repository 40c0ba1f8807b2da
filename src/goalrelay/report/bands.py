"""Figures of learning curves: runs -> mean over runs and its interval.

    progress.csv (and timing.csv, matched by cycle) of a run    -> `curve`
    curves of a group                                           -> `aggregate`

A mean covers the range that all runs of the group cover, with linear interpolation between
evaluations and no extrapolation. The exception is a run that ended at `--until`: it holds its last
value, and the band has the position from which it does.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from goalrelay.errors import UsageError
from goalrelay.report.runs import COLUMNS, Run, X, Y, column, seconds
from goalrelay.train.evaluate import wilson

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
    value, trials = column(file, rows, COLUMNS.get(y, y)), column(file, rows, "eval_episodes")
    position = seconds(run) if x == "seconds" else column(file, rows, x)
    kept = np.isfinite(value) & np.isfinite(position)
    if not kept.any():
        raise UsageError(f"{file} has no {y} figures; choose another --y")
    if (np.diff(position[kept]) < 0).any():
        raise UsageError(f"{file} is damaged: its {x} do not increase")
    if not ((trials[kept] >= 1) & (trials[kept] < np.inf)).all() or (
        y == "success" and not _rates(value[kept])
    ):
        raise UsageError(f"{file} is damaged: a success rate or its number of episodes cannot be")
    until, success = run.experiment.until, column(file, rows, "eval_success")
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


def _rates(values: np.ndarray) -> bool:
    """Whether all values are in [0, 1]."""
    return bool(((values >= 0) & (values <= 1)).all())
