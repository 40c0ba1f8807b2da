"""Evaluation of a policy: success rate with its interval, return, final distance to the goal."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from goalrelay.data.collector import Collecting
from goalrelay.errors import TaskFailed
from goalrelay.train.policy import Policy
from goalrelay.types import Episode, Spec, Stage

MOVED = 0.01
"""Displacement of the achieved goal that counts as movement (RHER: 1 cm)."""


class Evaluation(NamedTuple):
    """Figures of episodes without noise; NaN: the task has no such figure."""

    episodes: int
    success: float
    """Fraction of episodes with success at the last step."""
    low: float
    high: float
    """95% Wilson interval of the success rate."""
    mean_return: float
    distance: float
    """Mean Euclidean distance between achieved and desired goal at the last timestep."""
    diagnosis: dict[str, float]
    """See `diagnose`."""
    success_ever: float = math.nan
    """Fraction of episodes with success at any step."""

    @property
    def score(self) -> float:
        """Figure by which policies are compared: success, or the return without success."""
        return self.mean_return if math.isnan(self.success) else self.success


def wilson(successes: float, trials: float) -> tuple[float, float]:
    """The 95% Wilson score interval of a rate (Wilson 1927).

    Args:
        successes: number of successes; rounded, since a mean over runs may not be whole.
        trials: number of trials; rounded too.
    """
    from scipy.stats import binomtest  # imported late: the import is slow

    interval = binomtest(round(successes), round(trials)).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def diagnosed(spec: Spec) -> list[str]:
    """Names of the figures of `diagnose`."""
    return ["moved", *(f"reached_{s.name}" for s in spec.stages)] if spec.stages else []


def diagnose(episodes: Sequence[Episode], spec: Spec) -> dict[str, float]:
    """Progress of episodes, as fractions of them; empty for a task without stages.

    `moved`: the achieved goal was more than 0.01 from its first value (metres, in the Fetch tasks).
    `reached_STAGE`: the stage was within its switch distance at some timestep.
    """
    if not spec.stages:
        return {}
    moved = [np.linalg.norm(e.achieved - e.achieved[0], axis=1).max() > MOVED for e in episodes]
    reached = [[(_gap(e, s) <= s.switch).any() for e in episodes] for s in spec.stages]
    # one list for each name, with a bool for each episode
    columns = [moved, *reached]
    return {n: float(np.mean(c)) for n, c in zip(diagnosed(spec), columns, strict=True)}


def _gap(episode: Episode, stage: Stage) -> np.ndarray:
    """[L + 1] largest distance from its goal of any constraint of the stage."""
    gaps = [c.desired.of(episode) - c.achieved.of(episode) for c in stage.constraints]
    return np.max([np.linalg.norm(gap, axis=1) for gap in gaps], axis=0)


def summarize(episodes: Sequence[Episode], spec: Spec, bad: int = 0) -> Evaluation:
    """The figures of finished episodes.

    Args:
        episodes: that are whole.
        spec: of the task.
        bad: further episodes, which the environment has broken off; they count as failed, and have
            no return and no distance.
    """
    count, reported = len(episodes) + bad, np.array([e.success for e in episodes])
    if not episodes or not np.isnan(reported).all():
        reported = np.nan_to_num(reported)  # an episode without a report counts as failed
    success, ever = float(reported.sum() / count), sum(e.success_ever for e in episodes) / count
    low = high = distance = mean_return = math.nan
    if not math.isnan(success):
        low, high = wilson(success * count, count)
    if not episodes:
        nothing = dict.fromkeys(diagnosed(spec), 0.0)
        return Evaluation(count, success, low, high, mean_return, distance, nothing, ever)
    if episodes[0].desired.shape[1]:
        gaps = [
            np.linalg.norm(e.achieved[-1, : len(e.desired[-1])] - e.desired[-1]) for e in episodes
        ]
        distance = float(np.mean(gaps))
    mean_return = float(np.mean([e.total_reward for e in episodes]))
    diagnosis = diagnose(episodes, spec)
    return Evaluation(count, success, low, high, mean_return, distance, diagnosis, ever)


def evaluate(
    collector: Collecting,
    policy: Policy,
    seeds: Sequence[int],
    going: Callable[[int], bool] = lambda _: True,
    failed: Callable[[TaskFailed], None] | None = None,
) -> Evaluation:
    """Evaluate the deterministic policy on one episode for each seed, or fewer.

    Args:
        collector: runs the episodes.
        policy: that acts.
        seeds: of the episodes.
        going: see `Collector.collect`; true while no episode is over.
        failed: called for each episode that the environment breaks off, which counts as failed
            then; None: the first one raises.

    Raises:
        TaskFailed: an episode was broken off without `failed`, or all of them were.
    """
    bad: list[TaskFailed] = []

    def take(failure: TaskFailed) -> None:
        bad.append(failure)
        if failed is not None:
            failed(failure)

    taking = None if failed is None else take
    episodes = collector.collect(policy.acting(), seeds, True, going, taking)
    if len(bad) == len(seeds):
        raise TaskFailed(f"all {len(seeds)} episodes of a test failed, the last: {bad[-1]}")
    return summarize(episodes, policy.method.task.spec, len(bad))
