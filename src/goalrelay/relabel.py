"""Backward: what old steps could have meant (Andrychowicz et al. 2017, section 3.3 and 4.5).

A strategy names, for each drawn step, the row whose achieved goal replaces the desired one:

    future   a later moment of the same episode, t < t' <= L, uniformly
    final    the last moment of the episode
    episode  any moment of the same episode, 0 <= t' <= L
    random   any moment of any episode in the replay

Besides, a share of the steps can be given a goal that another stored step pursued: an actual goal
(`futureactual` of mrl, Pitis et al. 2020, arXiv 2007.02832). So the learner also sees the goals
that the task asks for, and not only those that its episodes happened to achieve.

`relabel` is the one place that replaces goals and recomputes rewards; steps that keep their goal
pass through it too (design law 1). It does so for a `Stage`: the task itself, or a sub-task of it.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from goalrelay.replay import Replay
from goalrelay.types import Index, Judge, Pair, Part, Reached, Spec, Stage, Symmetry

Strategy = Callable[[Replay, Index, np.random.Generator], np.ndarray]
Acting = Callable[[np.ndarray, np.random.Generator | None], np.ndarray]
Terminal = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


DIAGNOSED = 256
"""Steps of a cycle, about, on which INNR is measured."""


LOOKED_AT = 8
"""Steps looked at for each that is to be in place."""


class GoalRule(NamedTuple):
    """Which goals drawn steps are given."""

    strategy: str
    """Where hindsight goals come from: a name in `STRATEGIES`, or `none`."""
    ratio: float
    """Probability of a hindsight goal, where the goal is not an actual one; Baselines' k means
    k / (k + 1). The other steps keep the goal that they pursued."""
    actual: float = 0.0
    """Probability of a goal that was pursued at another stored step."""


class Rules(NamedTuple):
    """What relabelling needs of a task: how it judges, and how much the future counts."""

    spec: Spec
    reward: Judge
    terminal: Terminal
    gamma: float
    symmetries: tuple[Symmetry, ...] = ()
    demonstrations: Replay | None = None
    """What a demonstrator did, for a method that learns from it."""
    reached: tuple[float, ...] = ()
    """For each stage, the share of the last test's episodes that reached it."""
    below: Acting | None = None
    """The policy of the level below, newest weights, for a hierarchy's correction."""
    own: Acting | None = None
    """The policy of the level itself, newest weights."""


class Meaning(NamedTuple):
    """Drawn steps under the goals given to them."""

    goal: np.ndarray
    """[B, G] the goal at the step"""
    next_goal: np.ndarray
    """[B, G] the goal at the moment after (the same, unless the task moved it)"""
    hindsight: np.ndarray
    """[B] bool: whether the goal is one that was achieved, not one that was pursued"""
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


def achievements(replay: Replay, stage: Stage, rows: np.ndarray) -> np.ndarray:
    """What a stage is about at the rows, of all its pairs: [B] -> [B, G]."""
    return _joined([facts(replay, pair.achieved, rows) for pair in stage.pairs])


def pursuits(replay: Replay, stage: Stage, rows: np.ndarray, after: bool = False) -> np.ndarray:
    """The goals that a stage pursued at the rows, of all its pairs: [B] -> [B, G].

    Args:
        replay: the facts.
        stage: the stage.
        rows: of the steps.
        after: a moment later: the task may have moved its own goals by then; goals that are parts
            of the observation stay as they were when they were pursued.
    """
    moved = {pair: after and pair.desired.source == "desired_goal" for pair in stage.pairs}
    return _joined([facts(replay, pair.desired, rows + moved[pair]) for pair in stage.pairs])


def distance(replay: Replay, pair: Pair, rows: np.ndarray) -> np.ndarray:
    """How far what a pair is about was from where it was to be: [B] -> [B]."""
    gap = facts(replay, pair.desired, rows) - facts(replay, pair.achieved, rows)
    return np.linalg.norm(gap, axis=1)


def _joined(pieces: list[np.ndarray]) -> np.ndarray:
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)


def distance_reward(threshold: float, sizes: Sequence[int] = ()) -> Judge:
    """Sparse reward of a stage: 0 with every pair within the threshold, else -1.

    Args:
        threshold: distance, in the units of the parts.
        sizes: columns of each pair, in order; one pair by default.
    """
    bounds = np.cumsum(sizes)[:-1]

    def reward(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        gaps = np.split(achieved - desired, bounds, axis=-1) if sizes else [achieved - desired]
        beyond = [np.linalg.norm(gap, axis=-1) > threshold for gap in gaps]
        return -np.any(beyond, axis=0).astype(np.float32)

    return reward


def judge(stage: Stage, reward: Judge) -> Judge:
    """Who rewards a stage: its threshold, or the task."""
    if stage.threshold is not None:
        return distance_reward(stage.threshold, [len(pair.desired.columns) for pair in stage.pairs])
    places = task_order(stage)
    if places is None:
        return reward
    return lambda achieved, desired: reward(achieved[..., places], desired[..., places])


def task_order(stage: Stage) -> np.ndarray | None:
    """Where a whole-task stage has the columns of the task's goal; None: they are in order."""
    columns = [column for pair in stage.pairs for column in pair.desired.columns]
    return None if columns == sorted(columns) else np.argsort(columns)


def reached(stage: Stage, rules: Rules) -> Reached:
    """Whether a stage's achieved goals are as good as the desired ones, [B] bool.

    The best reward is known where the stage has a threshold or the task promises a range. Other
    tasks are asked for their reward at the desired goal itself, whatever its sign.
    """
    reward, limits = judge(stage, rules.reward), rules.spec.reward_range
    if stage.threshold is None and limits is None and rules.spec.goal_size:
        return lambda achieved, desired: reward(achieved, desired) >= reward(desired, desired)
    best = limits[1] if stage.threshold is None and limits is not None else 0.0
    return lambda achieved, desired: reward(achieved, desired) >= best


def relabel(
    replay: Replay,
    index: Index,
    stage: Stage,
    goals: GoalRule,
    rules: Rules,
    rng: np.random.Generator,
    steps: int = 1,
    given: np.ndarray | None = None,
) -> Meaning:
    """Give each drawn step a goal: a hindsight one, an actual one, or the one that it pursued.

    Args:
        replay: the facts.
        index: drawn steps, [B] each.
        stage: what is achieved and desired; `whole(spec)` for the task itself.
        goals: how often which kind of goal is given.
        rules: how the task judges.
        rng: decides who is relabelled, and to what.
        steps: rewards are summed over up to this many steps, ending early where the goal is
            reached or the episode is over (n-step returns; 1 is the usual update).
        given: rows of hindsight goals that were drawn with the steps; -1 leaves it to the strategy.
    """
    goal = pursuits(replay, stage, index.row)
    next_goal = pursuits(replay, stage, index.row, after=True)
    hindsight = np.zeros(len(index.row), bool)
    if goals.strategy != "none":
        hindsight = rng.random(len(index.row)) < goals.ratio
        chosen = STRATEGIES[goals.strategy](replay, index, rng)
        if given is not None:
            chosen = np.where(given >= 0, given, chosen)
        chosen = chosen[hindsight]
        goal[hindsight] = next_goal[hindsight] = achievements(replay, stage, chosen)
    if goals.actual:
        actual = rng.random(len(index.row)) < goals.actual
        others = replay.sample(int(actual.sum()), rng).row
        goal[actual] = next_goal[actual] = pursuits(replay, stage, others)
        hindsight &= ~actual
    reward, there = judge(stage, rules.reward), reached(stage, rules)
    achieved = achievements(replay, stage, index.row + 1)
    total = reward(achieved, next_goal)
    after = index.row + 1
    discount = np.full(len(index.row), rules.gamma, np.float32)
    for step in range(1, steps):
        going = (index.time + step < index.length) & ~there(achieved, next_goal)
        after = after + going
        achieved = achievements(replay, stage, after)
        total = total + going * discount * reward(achieved, next_goal)
        discount = np.where(going, discount * rules.gamma, discount)
    ended = index.last_terminal & (after == index.row + index.length - index.time)
    if stage.desired.source == "desired_goal" and stage.threshold is None:
        places = slice(None) if (order := task_order(stage)) is None else order
        ended = rules.terminal(achieved[:, places], next_goal[:, places], ended)
    return Meaning(goal, next_goal, hindsight, total.astype(np.float32), discount * ~ended, after)


def in_place(replay: Replay, stage: Stage, count: int, rng: np.random.Generator) -> Index:
    """Up to `count` steps [N] before which all that a stage has to keep was where it should be.

    They are looked for among `LOOKED_AT` times as many uniformly drawn ones; a stage that keeps
    nothing has none.
    """
    drawn = replay.sample(LOOKED_AT * count if stage.also else 0, rng)
    kept = np.ones(len(drawn.row), bool)
    for pair in stage.also:
        kept &= distance(replay, pair, drawn.row) <= stage.switch
    chosen = np.flatnonzero(kept)[:count]
    return Index(*(field[chosen] for field in drawn))


def achieved_later(
    replay: Replay, index: Index, stage: Stage, rules: Rules, goal: np.ndarray
) -> np.ndarray:
    """For each step, whether some later moment of its episode was as good as a goal: [B] bool."""
    rows = _later(index)
    achieved = achievements(replay, stage, rows.reshape(-1))
    good = reached(stage, rules)(achieved, np.repeat(goal, rows.shape[1], axis=0))
    return np.any(good.reshape(rows.shape), axis=1)


def _later(index: Index) -> np.ndarray:
    """Rows of all later moments of each step's episode, [B, L] for the longest rest of one.

    In shorter ones the last moment stands for those that they lack.
    """
    left = index.length - index.time
    return index.row[:, None] + np.minimum(np.arange(1, left.max() + 1), left[:, None])


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
    index = Index(*(field[chosen] for field in index))
    rows = _later(index)
    goals = achievements(replay, stage, rows.reshape(-1))
    now = np.repeat(achievements(replay, stage, index.row + 1), rows.shape[1], axis=0)
    useless = reached(stage, rules)(now, goals).reshape(rows.shape)
    return float(useless.all(axis=1).mean())
