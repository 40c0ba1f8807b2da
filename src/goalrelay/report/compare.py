"""Variants compared over tasks and seeds, as Agarwal et al. 2021 recommend (arXiv 2108.13264).

    scores of the last tests [runs, tasks]     -> IQM, median, mean, optimality gap
    scores of two variants                     -> probability of improvement
    scores and thresholds                      -> performance profile
    curves on a common grid                    -> sample-efficiency curve

All intervals are 95% percentile intervals of rliable's stratified bootstrap: the runs of each task
are resampled with replacement, the tasks stay.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.stats import trim_mean

from goalrelay import install
from goalrelay.errors import UsageError
from goalrelay.report.bands import Band, resampled
from goalrelay.report.compared import Compared, select

X = Literal["episodes", "steps"]
AGGREGATES = ("iqm", "median", "mean", "optimality_gap")
THRESHOLDS = np.round(np.linspace(0, 1, 101), 2)
"""Of performance profiles; rounded, so that they equal the scores that are read from text."""
RESAMPLES, SEED = 2000, 0

Scores = np.ndarray | list[np.ndarray]
"""[runs, tasks, ...] of one variant, or of two."""


class Estimate(NamedTuple):
    """A figure and its 95% interval."""

    value: float
    low: float
    high: float


class Comparison(NamedTuple):
    """All figures of a comparison."""

    tasks: list[str]
    seeds: dict[str, int]
    """variant -> number of seeds on each task"""
    aggregates: dict[str, dict[str, Estimate]]
    """variant -> name in `AGGREGATES` -> figure"""
    improvement: dict[tuple[str, str], Estimate]
    """two variants -> probability that a run of the first has a higher score"""
    profiles: dict[str, Band]
    """variant -> fraction of runs above each threshold"""
    efficiency: dict[str, Band]
    """variant -> IQM against training episodes or steps"""
    notes: list[str]
    """what was left out, and what weakens the comparison"""


class Bootstrap(NamedTuple):
    """Settings of the bootstrap."""

    resamples: int = RESAMPLES
    seed: int = SEED

    def __call__(
        self, scores: Scores, statistic: Callable[..., np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """K figures [K], and the ends of their intervals [K], [K].

        Args:
            scores: resampled over runs, separately for each task and variant.
            statistic: scores -> [K].

        Raises:
            UsageError: rliable is missing.
        """
        library, _ = _rliable()
        with _seeded(self.seed):
            value, ends = library.get_interval_estimates(
                {"": scores}, statistic, reps=self.resamples
            )
        return value[""], ends[""][0], ends[""][1]


def compare(
    folders: Sequence[Path | str],
    x: X = "episodes",
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Comparison:
    """Compare the variants of runs over the tasks that all of them have.

    Args:
        folders: run folders, or folders with run folders below them; `LABEL=PATH` names a variant.
        x: horizontal axis of the sample-efficiency curve.
        resamples: of the bootstrap.
        seed: of the bootstrap; the same runs and seed give the same figures.

    Raises:
        UsageError: runs that cannot be read or compared (`select`), or rliable is missing.
    """
    compared, bootstrap = select(folders, x), Bootstrap(resamples, seed)
    scores = {variant: compared.scores(variant) for variant in compared.curves}
    efficiency, apart = _efficiency(compared, bootstrap)
    return Comparison(
        tasks=compared.tasks,
        seeds={variant: len(matrix) for variant, matrix in scores.items()},
        aggregates={variant: _aggregates(matrix, bootstrap) for variant, matrix in scores.items()},
        improvement={
            (one, other): _improvement(scores[one], scores[other], bootstrap)
            for one, other in itertools.combinations(scores, 2)
        },
        profiles={variant: _profile(matrix, bootstrap) for variant, matrix in scores.items()},
        efficiency=efficiency,
        notes=compared.notes + apart,
    )


def _aggregates(scores: np.ndarray, bootstrap: Bootstrap) -> dict[str, Estimate]:
    """Figures of one variant over all tasks; scores are [runs, tasks]."""
    _, metrics = _rliable()

    def all_of(some: np.ndarray) -> np.ndarray:
        return np.array([getattr(metrics, f"aggregate_{name}")(some) for name in AGGREGATES])

    figures = zip(*bootstrap(scores, all_of), strict=True)
    return {name: Estimate(*map(float, f)) for name, f in zip(AGGREGATES, figures, strict=True)}


def _improvement(one: np.ndarray, other: np.ndarray, bootstrap: Bootstrap) -> Estimate:
    """P(a run of `one` > a run of `other`), mean over tasks."""
    value, low, high = bootstrap([one, other], higher)
    return Estimate(float(value[0]), float(low[0]), float(high[0]))


def higher(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The fraction of pairs of runs in which the first has the higher score; equal: half.

    It is rliable's `probability_of_improvement` without the test of Mann and Whitney, which takes
    most of the time and whose p-value is not used.

    Args:
        one: [n, tasks] scores.
        other: [m, tasks] scores.

    Returns:
        [1] mean over tasks.
    """
    return (0.5 + 0.5 * np.sign(one[:, None] - other[None])).mean(keepdims=True).ravel()


def _profile(scores: np.ndarray, bootstrap: Bootstrap) -> Band:
    """The fraction of runs, over all tasks, with a score above each threshold."""

    def above(some: np.ndarray) -> np.ndarray:
        return (some[..., None] > THRESHOLDS).mean(axis=(0, 1))

    return Band(THRESHOLDS, *bootstrap(scores, above), np.zeros(len(THRESHOLDS), int), scores.size)


def _efficiency(compared: Compared, bootstrap: Bootstrap) -> tuple[dict[str, Band], list[str]]:
    """The IQM of each variant during training, and notes of variants without such a curve."""
    bands: dict[str, Band] = {}
    notes: list[str] = []
    for variant, of_tasks in compared.curves.items():
        try:
            grid, values, held = resampled([one for task in of_tasks for one in task])
        except UsageError as error:
            notes.append(f"no sample-efficiency curve of '{variant}': {error}")
            continue
        runs = values.reshape(len(of_tasks), -1, len(grid)).swapaxes(0, 1)  # [runs, tasks, M]
        bands[variant] = Band(grid, *bootstrap(runs, _iqm_along), held, len(values))
    return bands, notes


def _iqm_along(scores: np.ndarray) -> np.ndarray:
    """IQM over runs and tasks at each position: [runs, tasks, M] -> [M]."""
    return trim_mean(scores.reshape(-1, scores.shape[-1]), 0.25, axis=0)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """NumPy's global generator begins at the seed, and is as before afterwards.

    rliable 1.2 takes a `random_state`, but draws from the global generator.
    """
    before = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(before)


def _rliable() -> tuple[Any, Any]:
    """The `library` and `metrics` of rliable; they take some two seconds to import."""
    try:
        from rliable import library, metrics
    except (ImportError, TypeError):  # TypeError: with pandas 3, which the extra excludes
        raise UsageError(f"comparing needs rliable: {install.extra('compare')}") from None
    return library, metrics
