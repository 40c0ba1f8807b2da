"""Backward: what old steps could have meant (Andrychowicz et al. 2017, section 3.3 and 4.5).

A strategy names, for each drawn step, the row whose achieved goal replaces the desired one:

    future   a later moment of the same episode, t < t' <= L, uniformly
    final    the last moment of the episode
    episode  any moment of the same episode, 0 <= t' <= L
    random   any moment of any episode in the replay

`relabel` is the one place that replaces goals and recomputes rewards; steps that keep their goal
pass through it too (design law 1). It does so for a `Stage`: the task itself, or a sub-task of it.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from goalrelay.replay import Replay
from goalrelay.types import Index, Judge, Part, Reached, Spec, Stage, Symmetry

Strategy = Callable[[Replay, Index, np.random.Generator], np.ndarray]
Terminal = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


DIAGNOSED = 256
"""Steps of a cycle, about, on which INNR is measured."""


class Rules(NamedTuple):
    """What relabelling needs of a task: how it judges, and how much the future counts."""

    spec: Spec
    reward: Judge
    terminal: Terminal
    gamma: float
    symmetries: tuple[Symmetry, ...] = ()


class Meaning(NamedTuple):
    """Drawn steps under the goals given to them."""

    goal: np.ndarray
    """[B, G] the goal at the step"""
    next_goal: np.ndarray
    """[B, G] the goal at the moment after (the same, unless the task moved it)"""
    hindsight: np.ndarray
    """[B] bool: whether the goal is one that was reached, not the one pursued"""
    reward: np.ndarray
    """[B] float32: discounted sum over the steps taken together"""
    discount: np.ndarray
    """[B] float32: weight of the value of the moment after; 0 where the task ended"""
    after: np.ndarray
    """[B] row of the moment after"""


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


def whole(spec: Spec) -> Stage:
    """The task itself as a stage: plain hindsight is relay with this one."""
    columns = tuple(range(spec.goal_size))
    return Stage(
        "task",
        Part("achieved_goal", tuple(range(spec.achieved_size))),
        Part("desired_goal", columns),
    )


def facts(replay: Replay, part: Part, rows: np.ndarray) -> np.ndarray:
    """The part's columns at the rows: [B] -> [B, G]."""
    source = {
        "observation": replay.observation,
        "achieved_goal": replay.achieved,
        "desired_goal": replay.desired,
    }[part.source]
    if part.columns == tuple(range(source.shape[1])):
        return source[rows]
    return source[rows[:, None], part.columns]


def distance_reward(threshold: float) -> Judge:
    """Sparse reward of a stage: -1 beyond the threshold, 0 within."""
    return lambda achieved, desired: (
        -(np.linalg.norm(achieved - desired, axis=-1) > threshold).astype(np.float32)
    )


def judge(stage: Stage, reward: Judge) -> Judge:
    """Who rewards a stage: its threshold, or the task."""
    return reward if stage.threshold is None else distance_reward(stage.threshold)


def reached(stage: Stage, rules: Rules) -> Reached:
    """Whether a stage's achieved goals are as good as the desired ones, [B] bool."""
    best = 0.0
    if stage.threshold is None and rules.spec.reward_range is not None:
        best = rules.spec.reward_range[1]
    reward = judge(stage, rules.reward)
    return lambda achieved, desired: reward(achieved, desired) >= best


def relabel(
    replay: Replay,
    index: Index,
    stage: Stage,
    strategy: str,
    ratio: float,
    rules: Rules,
    rng: np.random.Generator,
    steps: int = 1,
    given: np.ndarray | None = None,
) -> Meaning:
    """Give each drawn step a hindsight goal with probability `ratio`, else the one it pursued.

    Args:
        replay: the facts.
        index: drawn steps, [B] each.
        stage: what is achieved and desired; `whole(spec)` for the task itself.
        strategy: a name in `STRATEGIES`, or `none`.
        ratio: share of steps relabelled; Baselines' k means k / (k + 1).
        rules: how the task judges.
        rng: decides who is relabelled, and to what.
        steps: rewards are summed over up to this many steps, ending early where the goal is
            reached or the episode is over (n-step returns; 1 is the usual update).
        given: rows of hindsight goals that were drawn with the steps; -1 leaves it to the strategy.
    """
    goal = facts(replay, stage.desired, index.row)
    moving = stage.desired.source == "desired_goal"  # only the task itself may move its goal
    next_goal = facts(replay, stage.desired, index.row + 1) if moving else goal.copy()
    hindsight = np.zeros(len(index.row), bool)
    if strategy != "none":
        hindsight = rng.random(len(index.row)) < ratio
        chosen = STRATEGIES[strategy](replay, index, rng)
        if given is not None:
            chosen = np.where(given >= 0, given, chosen)
        chosen = chosen[hindsight]
        goal[hindsight] = next_goal[hindsight] = facts(replay, stage.achieved, chosen)
    reward, there = judge(stage, rules.reward), reached(stage, rules)
    achieved = facts(replay, stage.achieved, index.row + 1)
    total = reward(achieved, next_goal)
    after = index.row + 1
    discount = np.full(len(index.row), rules.gamma, np.float32)
    for step in range(1, steps):
        going = (index.time + step < index.length) & ~there(achieved, next_goal)
        after = after + going
        achieved = facts(replay, stage.achieved, after)
        total = total + going * discount * reward(achieved, next_goal)
        discount = np.where(going, discount * rules.gamma, discount)
    ended = index.last_terminal & (after == index.row + index.length - index.time)
    if stage.desired.source == "desired_goal" and stage.threshold is None:
        ended = rules.terminal(achieved, next_goal, ended)
    return Meaning(goal, next_goal, hindsight, total.astype(np.float32), discount * ~ended, after)


def innr(replay: Replay, index: Index, stage: Stage, rules: Rules, meaning: Meaning) -> float:
    """Share of relabelled steps with identical non-negative rewards (INNR), on some 256 of them.

    RHER's diagnosis: while the object lies still, all hindsight goals of an episode coincide with
    what is achieved; whatever goal is drawn it is reached already, and the step teaches nothing.
    NaN where nothing is relabelled.
    """
    chosen = np.flatnonzero(meaning.hindsight)
    chosen = chosen[:: max(1, len(chosen) // DIAGNOSED)]
    if not len(chosen):
        return float("nan")
    row, left = index.row[chosen], (index.length - index.time)[chosen]
    offsets = np.minimum(np.arange(1, left.max() + 1), left[:, None])  # [B, L]: later moments
    goals = facts(replay, stage.achieved, (row[:, None] + offsets).reshape(-1))
    now = np.repeat(facts(replay, stage.achieved, row + 1), offsets.shape[1], axis=0)
    useless = reached(stage, rules)(now, goals).reshape(offsets.shape)
    return float(useless.all(axis=1).mean())
