"""Goal relabelling (hindsight): what drawn steps mean under goals that are given to them.

Andrychowicz et al. 2017 (arXiv 1707.01495), sections 3.3 and 4.5. A strategy names, for each drawn
step, the row whose achieved goal replaces the desired one:

    future   a later timestep of the same episode, t < t' <= L, uniformly
    final    the last timestep of the episode
    episode  any timestep of the same episode, 0 <= t' <= L
    random   any timestep of any episode in the buffer

Besides, some steps can be given a goal that another stored step pursued: an actual goal
(`futureactual` of mrl, Pitis et al. 2020, arXiv 2007.02832). So the learner also sees the goals
that the task asks for, and not only those that its episodes happened to achieve.

`relabel` is the one function that replaces goals and computes rewards (design law 1). Every method
calls it: `her` for the whole task, `relay` for each stage, and a hierarchy for both of its levels.
What differs between them is the `Objective`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.types import (
    Columns,
    Episode,
    GoalConstraint,
    RewardFunction,
    Spec,
    Stage,
    Steps,
    SuccessPredicate,
    Task,
    TerminalRule,
    Transitions,
)

Strategy = Callable[[ReplayBuffer, Steps, np.ndarray, np.random.Generator], np.ndarray]
"""(buffer, steps, steps that each transition takes [B], rng) -> rows [B] of hindsight goals."""

INNR_STEPS = 256
"""Steps of a cycle, about, on which INNR is measured."""


class GoalRule(NamedTuple):
    """Which goals drawn steps are given."""

    strategy: str
    """Where hindsight goals come from: a name in `STRATEGIES`, or `none`."""
    ratio: float
    """Probability of a hindsight goal, where the goal is not an actual one; Baselines' k means
    k / (k + 1). The other steps keep the goal that they pursued."""
    actual: float = 0.0
    """Probability of a goal that was pursued at another stored step."""


class Objective(NamedTuple):
    """What a policy has to achieve, and how transitions are rewarded for it."""

    stage: Stage
    """What is achieved and desired; `whole(spec)` for the task itself."""
    reward: RewardFunction
    """of the stage's achieved and desired goals"""
    success: SuccessPredicate
    """whether the stage's achieved goals are as good as the desired ones"""
    terminal: TerminalRule
    """whether an episode ends at them"""
    gamma: float
    """Discount of a transition."""
    horizon: int = 1
    """Steps that make one transition; fewer at the end of an episode."""
    ends_at_goal: bool = False
    """Whether episodes end where the goal is reached, which the terminal rule does not say."""
    failure_lasts: bool = False
    """Whether an end without success counts as if its last reward, where it is negative, went on
    forever. Else a task whose rewards are negative teaches to fail early, since no more of them
    follow. Rewards above 0 stop with the episode, which is loss enough. For a horizon of 1: in a
    longer transition the reward is a sum, and only its last part would last."""


def future(
    buffer: ReplayBuffer, steps: Steps, span: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Rows [B] of a uniformly drawn later timestep of the same episode."""
    return steps.row + rng.integers(span, steps.length - steps.time + 1)


def final(
    buffer: ReplayBuffer, steps: Steps, span: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Rows [B] of the last timestep of the same episode."""
    return steps.row + (steps.length - steps.time)


def episode(
    buffer: ReplayBuffer, steps: Steps, span: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Rows [B] of a uniformly drawn timestep of the same episode."""
    return steps.row - steps.time + rng.integers(0, steps.length + 1)


def random(
    buffer: ReplayBuffer, steps: Steps, span: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Rows [B] of uniformly drawn timesteps that any stored step led to."""
    return buffer.sample(len(steps.row), rng).row + 1


STRATEGIES: dict[str, Strategy] = {f.__name__: f for f in (future, final, episode, random)}


def relabel(
    buffer: ReplayBuffer,
    steps: Steps,
    objective: Objective,
    rule: GoalRule,
    rng: np.random.Generator,
) -> Transitions:
    """Give each drawn step a goal (hindsight, actual, or the one it pursued), and its reward.

    Args:
        buffer: what happened.
        steps: drawn steps, [B] each. A `goal_row` that is not -1 is taken as the hindsight goal.
        objective: what is achieved and desired, and how that is rewarded.
        rule: how often which kind of goal is given.
        rng: decides who is relabelled, and to what.
    """
    stage = objective.stage
    span = np.minimum(objective.horizon, steps.length - steps.time)  # steps in each transition
    next_row = steps.row + span
    goal, replaced, hindsight = _given_goals(buffer, steps, stage, rule, span, rng)

    def goal_after(rows: np.ndarray) -> np.ndarray:
        """The goals [B, G] at later rows. A given goal stays; the task may move its own."""
        return np.where(replaced[:, None], goal, _pursued_after(buffer, stage, rows, steps.row))

    next_goal, reached = goal_after(next_row), achieved(buffer, stage, next_row)
    reward = np.asarray(objective.reward(reached, next_goal), np.float32)
    for step in range(1, objective.horizon):  # the rewards before the last step of a transition
        rows = steps.row + np.minimum(step, span)
        earlier = objective.reward(achieved(buffer, stage, rows), goal_after(rows))
        reward = reward + (step < span) * earlier.astype(np.float32)
    ended = steps.last_terminal & (steps.time + span == steps.length)
    if objective.ends_at_goal:  # the pursued goal ended those episodes, but not for another goal
        own = _pursued_after(buffer, stage, next_row, steps.row)
        ended &= ~objective.success(reached, own)
        ended |= objective.success(reached, next_goal)
    else:
        ended = objective.terminal(reached, next_goal, ended)
    if objective.failure_lasts:
        lost = ended & buffer.failed[next_row] & (reward < 0)
        if lost.any():
            lost &= ~objective.success(reached, next_goal)
            reward = np.where(lost, reward / (1 - objective.gamma), reward).astype(np.float32)
    discount = np.full(len(ended), objective.gamma, np.float32) * ~ended
    return Transitions(goal, next_goal, hindsight, reward, discount, next_row)


def _given_goals(
    buffer: ReplayBuffer,
    steps: Steps,
    stage: Stage,
    rule: GoalRule,
    span: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Goals [B, G] of steps, which are not those that they pursued, and which are hindsight's."""
    goal, count = pursued(buffer, stage, steps.row), len(steps.row)
    replaced, hindsight = np.zeros(count, bool), np.zeros(count, bool)
    if rule.strategy != "none":
        hindsight = rng.random(count) < rule.ratio
        rows = STRATEGIES[rule.strategy](buffer, steps, span, rng)
        if steps.goal_row is not None:
            rows = np.where(steps.goal_row >= 0, steps.goal_row, rows)
        goal[hindsight] = achieved(buffer, stage, rows[hindsight])[:, : goal.shape[1]]
        replaced |= hindsight
    if rule.actual:
        actual = rng.random(count) < rule.actual
        others = buffer.sample(int(actual.sum()), rng).row
        goal[actual] = pursued(buffer, stage, others)
        hindsight &= ~actual
        replaced |= actual
    return goal, replaced, hindsight


def whole(spec: Spec) -> Stage:
    """The task itself as a stage: plain hindsight is relay with this one."""
    return Stage(
        "task",
        Columns("achieved_goal", tuple(range(spec.achieved_size))),
        Columns("desired_goal", tuple(range(spec.goal_size))),
    )


def stage_objective(task: Task, stage: Stage, gamma: float, horizon: int = 1) -> Objective:
    """The objective of a stage of a task.

    A stage with a threshold is rewarded by distance; another one is the whole task, which is asked.
    The best reward is known where the stage has a threshold or the task promises a range. Other
    tasks are asked for their reward at the desired goal itself, whatever its sign.
    """
    reward, terminal = _task_rules(task, stage)
    limits = task.spec.reward_range
    if stage.threshold is not None:
        sizes = [len(constraint.desired.columns) for constraint in stage.constraints]
        reward = distance_reward(stage.threshold, sizes)
    if stage.threshold is not None or stage.desired.source != "desired_goal":
        terminal = ends_as_it_did
    known_best = 0.0 if stage.threshold is not None or limits is None else limits[1]
    asks_at_goal = stage.threshold is None and limits is None and task.spec.goal_size > 0

    def success(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        best = reward(desired, desired) if asks_at_goal else known_best
        return reward(achieved, desired) >= best

    return Objective(stage, reward, success, terminal, gamma, horizon)


def came_to_goal(episode: Episode, success: SuccessPredicate) -> tuple[bool, bool]:
    """Whether an episode ended where its goal was reached, and whether one went on from there."""
    at_goal = success(episode.achieved[1:], episode.desired[1:])  # [L]
    ended = bool(at_goal[-1] and episode.terminal)
    return ended, bool(at_goal[: -1 if ended else None].any())


def _task_rules(task: Task, stage: Stage) -> tuple[RewardFunction, TerminalRule]:
    """The task's reward and end, for a stage with its goal's columns in any order."""
    columns = [column for c in stage.constraints for column in c.desired.columns]
    if columns == sorted(columns):
        return task.reward, task.terminal
    order = np.argsort(columns)  # brings the stage's columns into the task's order
    return (
        lambda achieved, desired: task.reward(achieved[..., order], desired[..., order]),
        lambda achieved, desired, ended: task.terminal(
            achieved[..., order], desired[..., order], ended
        ),
    )


def distance_reward(threshold: float, sizes: Sequence[int] = ()) -> RewardFunction:
    """Sparse reward of a stage: 0 with every constraint within the threshold, else -1.

    Args:
        threshold: distance, in the units of the columns.
        sizes: columns of each constraint, in order; one constraint by default.
    """
    bounds = np.cumsum(sizes)[:-1]

    def reward(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
        gaps = np.split(achieved - desired, bounds, axis=-1) if sizes else [achieved - desired]
        beyond = [np.linalg.norm(gap, axis=-1) > threshold for gap in gaps]
        return -np.any(beyond, axis=0).astype(np.float32)

    return reward


def achieved(buffer: ReplayBuffer, stage: Stage, rows: np.ndarray) -> np.ndarray:
    """The achieved goals of a stage at the rows, of all its constraints: [B] -> [B, G]."""
    return _joined([buffer.read(c.achieved, rows) for c in stage.constraints])


def pursued(buffer: ReplayBuffer, stage: Stage, rows: np.ndarray) -> np.ndarray:
    """The goals that a stage pursued at the rows, of all its constraints: [B] -> [B, G]."""
    return _joined([buffer.read(c.desired, rows) for c in stage.constraints])


def _pursued_after(
    buffer: ReplayBuffer, stage: Stage, rows: np.ndarray, chosen_at: np.ndarray
) -> np.ndarray:
    """The pursued goals at later rows: [B] -> [B, G].

    The task may have moved its own goals by then. Goals that are parts of the observation, and
    sub-goals, stay as they were when they were chosen.
    """
    moves = (c.desired.source == "desired_goal" for c in stage.constraints)
    at = [rows if moving else chosen_at for moving in moves]
    pairs = zip(stage.constraints, at, strict=True)
    return _joined([buffer.read(c.desired, where) for c, where in pairs])


def distance(buffer: ReplayBuffer, constraint: GoalConstraint, rows: np.ndarray) -> np.ndarray:
    """Distance of the achieved from the desired position of a constraint: [B] -> [B]."""
    gap = buffer.read(constraint.desired, rows) - buffer.read(constraint.achieved, rows)
    return np.linalg.norm(gap, axis=1)


def achieved_later(
    buffer: ReplayBuffer, steps: Steps, objective: Objective, goal: np.ndarray
) -> np.ndarray:
    """For each step, whether a later timestep of its episode was as good as a goal: [B] bool."""
    rows = _later_rows(steps)
    later = achieved(buffer, objective.stage, rows.reshape(-1))
    good = objective.success(later, np.repeat(goal, rows.shape[1], axis=0))
    return np.any(good.reshape(rows.shape), axis=1)


def innr(buffer: ReplayBuffer, steps: Steps, objective: Objective, hindsight: np.ndarray) -> float:
    """Share of relabelled steps with identical non-negative rewards (INNR), on some 256 of them.

    RHER's diagnosis: while the object lies still, all hindsight goals of an episode coincide with
    what is achieved. Whatever goal is drawn, it is reached already, and the step teaches nothing.
    NaN where nothing is relabelled.

    Args:
        buffer: what happened.
        steps: drawn steps.
        objective: whose rewards.
        hindsight: [B] bool, which steps were relabelled.
    """
    chosen = np.flatnonzero(hindsight)
    chosen = chosen[:: max(1, len(chosen) // INNR_STEPS)]
    if not len(chosen):
        return float("nan")
    chosen_steps = Steps(*(field[chosen] for field in steps[:4]))
    rows = _later_rows(chosen_steps)
    goals = achieved(buffer, objective.stage, rows.reshape(-1))
    reached = achieved(buffer, objective.stage, chosen_steps.row + 1)
    useless = objective.success(np.repeat(reached, rows.shape[1], axis=0), goals)
    return float(useless.reshape(rows.shape).all(axis=1).mean())


def _later_rows(steps: Steps) -> np.ndarray:
    """Rows of all later timesteps of each step's episode, [B, L] for the longest rest of one.

    In shorter ones the last timestep stands for those that they lack.
    """
    left = steps.length - steps.time
    return steps.row[:, None] + np.minimum(np.arange(1, left.max() + 1), left[:, None])


def ends_as_it_did(achieved: np.ndarray, desired: np.ndarray, ended: np.ndarray) -> np.ndarray:
    """The terminal rule of stages that are not the task: an episode ends where it did."""
    return ended


def _joined(pieces: list[np.ndarray]) -> np.ndarray:
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)
