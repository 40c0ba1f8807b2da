"""The high level: c steps of the task are one of its own, and a sub-goal is its action.

    reward      the task's, summed over the c steps, scaled
    action      the sub-goal that was set, as a share of its reach; or, corrected, the one of ten
                candidates under which the low level of today would most likely do what was done:

        argmax_g  -1/2 sum_i |a_i - low(s_i, g + s_t - s_i)|^2       (HIRO, equation 5)

Its actor can be drawn to sub-goals within reach (`adjacency`), or along ways that promise to be
quick (`landmarks`). In hindsight, the desired goal is one that was achieved at the end of the
period or later; an actual one is a goal that was desired at another stored step.

Candidates are the sub-goal that was set, the change that came about, and some drawn around that.
All of them, for all steps of a cycle's batches, go through the low level in a few forward passes.
"""

import jax
import numpy as np

from goalrelay.methods.hiro import adjacency, egocentric, landmarks, low, proven
from goalrelay.methods.hiro.cells import shifted
from goalrelay.methods.hiro.config import Config, columns, ranges
from goalrelay.relabel import Rules
from goalrelay.replay import Replay
from goalrelay.types import Batch, Index, Pull, Spec

ROWS = 5_000
"""Steps that go through the low level at once, about: what its layers say shall fit into a cache
(a third of the time that 100,000 take)."""


def learned(config: Config, spec: Spec) -> Spec:
    """Its actions are sub-goals; its rewards are sums, bounded where the task's are."""
    sums = None
    if spec.reward_range is not None:
        low, high = (config.reward_scale * config.period * reward for reward in spec.reward_range)
        sums = min(low, 0.0), max(high, 0.0)  # a period can be short
    return spec._replace(reward_range=sums, action_size=len(columns(config, spec)))


def input_size(config: Config, spec: Spec) -> int:
    """The observation and the desired goal, or what is seen of them with the body's axes."""
    body = egocentric.high_axes(config, spec)
    if body is None:
        return spec.observation_size + spec.goal_size
    return len(egocentric.others(body, spec, set(spec.absolute))) + egocentric.size(body)


def normalized(config: Config, spec: Spec) -> np.ndarray:
    """All inputs."""
    return np.ones(input_size(config, spec), bool)


def seen(config: Config, spec: Spec, observation: np.ndarray, desired: np.ndarray) -> np.ndarray:
    """The high level's inputs: [..., O], [..., G] -> [..., D]."""
    body = egocentric.high_axes(config, spec)
    if body is None:
        return np.concatenate([observation, desired], axis=-1)
    others = observation[..., egocentric.others(body, spec, set(spec.absolute))]
    place = observation[..., list(spec.absolute)]
    return np.concatenate([others, egocentric.view(body, observation, place)], axis=-1)


def meant(config: Config, spec: Spec, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
    """The sub-goal [..., K] that an action [..., K] stands for where [..., O] is seen."""
    change, body = ranges(config, spec) * action, egocentric.high_axes(config, spec)
    return change if body is None else egocentric.in_room(body, observation, change)


def said(config: Config, spec: Spec, observation: np.ndarray, subgoal: np.ndarray) -> np.ndarray:
    """The action that stands for a sub-goal: the inverse of `meant`, within bounds."""
    body = egocentric.high_axes(config, spec)
    change = subgoal if body is None else egocentric.ahead(body, observation, subgoal)
    return (change / ranges(config, spec)).clip(-1, 1).astype(np.float32)


def sample(
    config: Config,
    rules: Rules,
    replay: Replay,
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[Batch, dict[str, float]]:
    """A cycle of batches [updates, B] of whole periods (shorter ones at the end of an episode)."""
    spec, period, size = rules.spec, config.period, rules.spec.action_size
    index = replay.sample(shape[0] * shape[1], rng)
    decided = shifted(index, -(index.time % period))
    start, length = decided.row, np.minimum(period, decided.length - decided.time)
    steps = start[:, None] + np.minimum(np.arange(period), length[:, None] - 1)  # [B, c]
    within = np.arange(period) < length[:, None]
    subgoal = replay.action[start][:, size:]
    figures = {"corrected": 0.0, "far": float("nan"), "proven": 0.0}
    if config.correction == "off-policy":
        old, subgoal = subgoal, correct(config, rules, replay, steps, within, rng)
        figures["corrected"] = float((np.abs(old - subgoal).max(axis=1) > 0).mean())
    end, finish = start + length, index.row - index.time + index.length
    over = index.last_terminal & (finish == end)
    later = replay.achieved[end + rng.integers(0, finish - end + 1)]
    given = rng.random(len(start)) < config.high_hindsight
    if config.actual:
        actual = rng.random(len(start)) < config.actual
        later[actual] = replay.desired[replay.sample(int(actual.sum()), rng).row]
        given |= actual
    given = given[:, None]
    desired, next_desired = (np.where(given, later, replay.desired[rows]) for rows in (start, end))
    total = np.zeros(len(start), np.float32)
    for time in range(period):
        wanted = np.where(given, later, replay.desired[steps[:, time] + 1])
        total += within[:, time] * rules.reward(replay.achieved[steps[:, time] + 1], wanted)
    now, reach = replay.observation[start], ranges(config, spec)
    inputs = seen(config, spec, now, desired)
    batch = Batch(
        inputs,
        said(config, spec, now, subgoal),
        (config.reward_scale * total).astype(np.float32),
        np.full(len(start), rules.gamma, np.float32) * ~over,
        seen(config, spec, replay.observation[end], next_desired),
    )
    if config.adjacency:
        assert rules.own is not None, "the trainer gives it"
        own = meant(config, spec, now, rules.own(inputs, None)) / reach
        pull = adjacency.pull(config, spec, replay, start, own, rng)
        pull = pull._replace(action=said(config, spec, now, pull.action * reach))
        batch = batch._replace(pull=pull)
        figures["far"] = float((pull.weight > 0).mean())
    if landmarks.known(config, spec):
        pull = landmarks.pull(config, spec, replay, decided, desired, rng)
        if proven.known(config, spec):
            shown = proven.pull(config, rules, replay, decided, desired, rng)
            sure = shown.weight > 0
            pull = Pull(
                np.where(sure[:, None], shown.action, pull.action),
                np.where(sure, shown.weight, pull.weight),
            )
            figures["proven"] = float(sure.mean())
        batch = batch._replace(pull=pull)
    return jax.tree.map(lambda x: x.reshape(*shape, *x.shape[1:]), batch), figures


def correct(
    config: Config,
    rules: Rules,
    replay: Replay,
    steps: np.ndarray,
    within: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """The sub-goals [B, K] that explain best what was done.

    Args:
        config: the method's.
        rules: with the policy of the level below.
        replay: the facts.
        steps: [B, c] rows of the steps of each period.
        within: [B, c] bool: False where a period is over already.
        rng: draws candidates.
    """
    assert rules.below is not None, "the trainer gives it to every level but the first"
    size, reach = rules.spec.action_size, ranges(config, rules.spec)
    chosen, last = columns(config, rules.spec), steps[np.arange(len(steps)), within.sum(axis=1) - 1]
    begin = replay.observation[steps[:, 0]][:, chosen]
    change = replay.observation[last + 1][:, chosen] - begin
    drawn = rng.standard_normal((config.candidates, *change.shape), np.float32)
    drawn = change + config.candidate_noise * reach * drawn
    set_ = replay.action[steps[:, 0]][:, size:]
    candidates = np.concatenate([set_[None], change[None], drawn]).clip(-reach, reach)  # [M, B, K]
    moved = replay.observation[steps][..., chosen] - begin[:, None]  # [B, c, K]
    score = np.empty(candidates.shape[:2])
    chunk = max(1, ROWS // (len(candidates) * steps.shape[1]))
    for first in range(0, len(steps), chunk):
        some = slice(first, first + chunk)
        goals = candidates[:, some, None] - moved[None, some]  # [M, b, c, K]
        seen_ = replay.observation[steps[some]]
        seen_ = np.broadcast_to(seen_, (len(candidates), *seen_.shape))
        would = rules.below(low.seen(config, rules.spec, seen_, goals), None)
        gap = np.square(replay.action[steps[some]][..., :size] - would).sum(axis=-1)
        score[:, some] = -0.5 * (gap * within[some]).sum(axis=-1)
    best = np.argmax(score, axis=0)
    return candidates[best, np.arange(len(steps))]


def observed(
    config: Config, rules: Rules, replay: Replay, index: Index, rng: np.random.Generator
) -> np.ndarray:
    """The inputs of steps [N]."""
    return seen(config, rules.spec, replay.observation[index.row], replay.desired[index.row])
