"""Backward: what old steps could have meant (Andrychowicz et al. 2017, section 3.3 and 4.5).

A strategy names, for each drawn step, the row whose achieved goal replaces the desired one:

    future   a later moment of the same episode, t < t' <= L, uniformly
    final    the last moment of the episode
    episode  any moment of the same episode, 0 <= t' <= L
    random   any moment of any episode in the replay

`relabel` is the one place that replaces goals and recomputes rewards; steps that keep their goal
pass through it too (design law 1).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from goalrelay.replay import Replay
from goalrelay.types import Index

Strategy = Callable[[Replay, Index, np.random.Generator], np.ndarray]
Reward = Callable[[np.ndarray, np.ndarray], np.ndarray]
Terminal = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


class Meaning(NamedTuple):
    """Drawn steps under the goals given to them."""

    goal: np.ndarray
    """[B, G] the goal at the step"""
    next_goal: np.ndarray
    """[B, G] the goal at the moment after (the same, unless the task moved it)"""
    reward: np.ndarray
    """[B] float32"""
    terminal: np.ndarray
    """[B] bool"""


def future(replay: Replay, index: Index, rng: np.random.Generator) -> np.ndarray:
    """Rows [B] of a uniformly drawn later moment of the same episode."""
    later = rng.integers(1, index.length - index.time + 1)
    return index.row + later


def final(replay: Replay, index: Index, rng: np.random.Generator) -> np.ndarray:
    """Rows [B] of the last moment of the same episode."""
    return index.row + (index.length - index.time)


def episode(replay: Replay, index: Index, rng: np.random.Generator) -> np.ndarray:
    """Rows [B] of a uniformly drawn moment of the same episode."""
    return index.row - index.time + rng.integers(0, index.length + 1)


def random(replay: Replay, index: Index, rng: np.random.Generator) -> np.ndarray:
    """Rows [B] of uniformly drawn moments brought about by any stored step."""
    return replay.sample(len(index.row), rng).row + 1


STRATEGIES: dict[str, Strategy] = {f.__name__: f for f in (future, final, episode, random)}


def relabel(
    replay: Replay,
    index: Index,
    strategy: str,
    ratio: float,
    reward: Reward,
    terminal: Terminal,
    rng: np.random.Generator,
) -> Meaning:
    """Give each drawn step a hindsight goal with probability `ratio`, else the goal it was shown.

    Args:
        replay: the facts.
        index: drawn steps, [B] each.
        strategy: a name in `STRATEGIES`, or `none`.
        ratio: share of steps relabelled; Baselines' k means k / (k + 1).
        reward: the task's, [B, G], [B, G] -> [B].
        terminal: the task's, with the stored fact as third argument.
        rng: decides who is relabelled, and to what.
    """
    goal = replay.desired[index.row]
    next_goal = replay.desired[index.row + 1]
    if strategy != "none":
        hindsight = rng.random(len(index.row)) < ratio
        chosen = STRATEGIES[strategy](replay, index, rng)[hindsight]
        goal[hindsight] = next_goal[hindsight] = replay.achieved[chosen]
    achieved = replay.achieved[index.row + 1]
    ended = index.last_terminal & (index.time == index.length - 1)
    return Meaning(
        goal, next_goal, reward(achieved, next_goal), terminal(achieved, next_goal, ended)
    )
