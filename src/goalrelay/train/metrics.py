"""Metrics of training since the last evaluation: sums over episodes and scans, then means."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from goalrelay.train.counters import Counters
from goalrelay.train.evaluate import diagnose, diagnosed
from goalrelay.types import Episode, Spec


class Metrics:
    """Sums over training episodes, and over scans of updates.

    Args:
        spec: of the task.
        figures: names of the metrics of updates; a scan may report only some of them.
    """

    def __init__(self, spec: Spec, figures: Sequence[str]):
        self._spec, self._figures = spec, tuple(figures)
        self._per_episode = ("success", "return", *diagnosed(spec))
        counts = (f"count_{name}" for name in figures)
        self._sums = dict.fromkeys(("episodes", *self._per_episode, *figures, *counts), 0.0)

    def fresh(self) -> "Metrics":
        """Empty metrics with the same names."""
        return Metrics(self._spec, self._figures)

    def add_episodes(self, episodes: Sequence[Episode]) -> None:
        """Add training episodes."""
        means = diagnose(episodes, self._spec)
        sums = {name: value * len(episodes) for name, value in means.items()}
        sums |= {
            "episodes": len(episodes),
            "success": sum(e.success for e in episodes),
            "return": sum(e.total_reward for e in episodes),
        }
        for name, value in sums.items():
            self._sums[name] += value

    def add_updates(self, figures: Mapping[str, float]) -> None:
        """Add the metrics of a scan of updates."""
        for name, value in figures.items():
            self._sums[name] += value
            self._sums[f"count_{name}"] += 1

    def means(self) -> dict[str, float]:
        """The means for the log; NaN for a metric that no scan reported."""
        episodes = max(self._sums["episodes"], 1)
        means = {f"train_{name}": self._sums[name] / episodes for name in self._per_episode}
        for name in self._figures:
            count = self._sums[f"count_{name}"]
            means[name] = self._sums[name] / count if count else math.nan
        return means

    def saved(self) -> dict[str, float]:
        """The sums."""
        return dict(self._sums)

    def restore(self, saved: Mapping[str, float]) -> None:
        """Take over saved sums."""
        self._sums = {name: float(saved[name]) for name in self._sums}


class Progress(NamedTuple):
    """State that an evaluation changes. A run resumed after its end repeats the last evaluation."""

    counters: Counters
    metrics: Metrics
    reached: np.ndarray
    """[stages] success rate of each stage in the last evaluation"""
