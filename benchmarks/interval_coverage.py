"""How often a 95% interval of `goalrelay compare` holds the true IQM, by seeds and tasks.

    python benchmarks/interval_coverage.py

Scores are drawn from known distributions, so the true IQM is known. The stratified percentile
bootstrap is computed for many comparisons at once. It prints the table of docs/compare.md.
"""

from collections.abc import Callable

import numpy as np
from scipy.stats import trim_mean

SEEDS, TASKS = (2, 3, 5, 10), (1, 2, 5, 10)
COMPARISONS, RESAMPLES, TEST_EPISODES, MANY = 1000, 1000, 100, 200_000
Draw = Callable[[np.random.Generator, int, int], np.ndarray]


def spread(rng: np.random.Generator, runs: int, tasks: int) -> np.ndarray:
    """[runs, tasks] scores that differ between runs, on tasks of several difficulties."""
    rates = rng.beta(np.linspace(2, 6, tasks), 3, size=(runs, tasks))
    return rng.binomial(TEST_EPISODES, rates) / TEST_EPISODES


def some_fail(rng: np.random.Generator, runs: int, tasks: int) -> np.ndarray:
    """[runs, tasks] scores near 1, but for a fifth of the runs."""
    good, bad = rng.beta(40, 2, (runs, tasks)), rng.beta(2, 4, (runs, tasks))
    rates = np.where(rng.random((runs, tasks)) < 0.8, good, bad)
    return rng.binomial(TEST_EPISODES, rates) / TEST_EPISODES


def coverage(draw: Draw, runs: int, tasks: int) -> float:
    """The fraction of comparisons whose interval holds the true IQM."""
    rng = np.random.default_rng(0)
    truth = trim_mean(draw(rng, MANY // tasks, tasks).ravel(), 0.25)
    held = 0
    for _ in range(COMPARISONS):
        scores = draw(rng, runs, tasks)
        rows = rng.integers(runs, size=(RESAMPLES, runs, tasks))
        resampled = scores[rows, np.arange(tasks)].reshape(RESAMPLES, -1)
        low, high = np.percentile(trim_mean(resampled, 0.25, axis=1), [2.5, 97.5])
        held += low <= truth <= high
    return held / COMPARISONS


def main() -> None:
    """Print the table, both distributions in a cell."""
    print("| tasks | " + " | ".join(f"{runs} seeds" for runs in SEEDS) + " |")
    print("| --- " * (len(SEEDS) + 1) + "|")
    for tasks in TASKS:
        cells = [
            ", ".join(f"{coverage(draw, runs, tasks):.0%}" for draw in (spread, some_fail))
            for runs in SEEDS
        ]
        print(f"| {tasks} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
