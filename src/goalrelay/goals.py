"""Forward: which goal to pursue now, and who acts (RHER's self-guided exploration, SGES).

At every step the current stage is the first one that is not reached: the gripper is not yet at
the object; an object is not yet at its goal, and the gripper not yet at it. On the way to an object
the stage's own policy brings the robot on (the guide), mixed step by step with the policy of the
stage after it (the learner):

    guide with probability p, else the learner     `mixed`, RHER's published setting
    the guide alone                                `stage`
    the learner alone                              `next`

A guide can also be a scripted proportional controller instead of a learned policy, and guidance
can be a jump start (JSRL, Uchendu et al. 2022): the first h steps of an episode, h shrinking.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from goalrelay.settings import number
from goalrelay.types import Observation, Pair, Part, Stage

Role = Literal["mixed", "stage", "next"]


@dataclass(frozen=True)
class Guidance:
    """Who acts while the first stages are not reached, and after."""

    before: Role = "mixed"
    """In training, while the current stage is not the last: its own policy with probability
    `probability` and else the next stage's (`mixed`), its own alone (`stage`), the next one's
    alone (`next`)."""
    after: Role = "next"
    """In training, once the last stage is the current one: its policy (`next`), the policy of the
    stage before (`stage`), or both in turn (`mixed`)."""
    probability: float = number(0.5, 0, 1)
    """Share of steps on which the guide acts where both do (RHER: 0.5)."""
    fade: float = number(0.0, 0, 1)
    """That share shrinks by this as more of a test's episodes reach the stage guided to, as noise
    does (`exploration.anneal`): a guide is in the way of who knows it."""
    lead: float = number(0.0, 0)
    """Weight of the squared distance of a stage's actions from its guide's in the actor's loss, at
    steps before which the guide's stage is not reached: where the critic sees no difference, the
    stage's policy goes where the guide goes. It shrinks by `fade` as tests reach the stage."""
    switch: float | None = number(None, 0)
    """Distance within which a stage counts as reached, instead of the stage's own."""
    learned: float | None = number(None, 0, 1)
    """Stages that this share of the last test's episodes reached are not gone through one by one:
    the highest of them, or the current stage if that is later, guides to the one after it (RHER
    for several objects: 0.8, each stage tested alone). Without it a stage guides to the next on
    the way to an object, and an object's own stage acts once it is at hand."""
    test: Literal["last", "unfinished", "relay"] = "last"
    """In tests: the last stage's policy from the first step on; that of the first object that is
    not at its goal; or each stage's own policy until it is reached."""
    guide: Literal["policy", "controller"] = "policy"
    """The guide: the stage's learned policy, or a scripted proportional controller."""
    jump_start: int = number(0, 0)
    """JSRL instead of mixing: the guide acts alone for the first h steps of an episode and the
    learner after; h falls from this to 0. 0 switches it off."""
    jump_start_episodes: int = number(1000, 1)
    """Training episodes over which h falls to 0."""
    stop_at: float | None = number(None, 0, 1)
    """Guidance ends for good when a test's success rate reaches this."""


class Progress(NamedTuple):
    """What is known of a run when an episode starts."""

    episodes: int
    """Training episodes so far."""
    success: float
    """Score of the last test: a success rate in [0, 1], or, in a task without success, a return;
    minus infinity before the first test."""
    reached: tuple[float, ...] = ()
    """For each stage, the share of the last test's episodes that reached it."""
    best: float = -math.inf
    """Highest score of a test so far."""
    random: bool = False
    """Whether actions are to be purely random (`exploration.random_steps`)."""


def mastery(progress: Progress, stages: int) -> tuple[float, ...]:
    """How well each stage is known: what share of the last test reached it, or solved the task."""
    before = progress.reached[:-1] or (0.0,) * (stages - 1)
    return (*before, progress.success)


class Choice(NamedTuple):
    """Who acts at a step."""

    stage: int
    """Whose goal is pursued."""
    guiding: bool
    """Whether it acts as a guide, for the sake of a later stage."""


def part(observation: Observation, wanted: Part) -> np.ndarray:
    """The part's columns of one moment: [G]."""
    source = {
        "observation": observation.observation,
        "achieved_goal": observation.achieved,
        "desired_goal": observation.desired,
    }[wanted.source]
    return source[list(wanted.columns)]


def pursued(observation: Observation, stage: Stage) -> np.ndarray:
    """The goals of all pairs of a stage at one moment: [G]."""
    return np.concatenate([part(observation, pair.desired) for pair in stage.pairs])


def gap(observation: Observation, pair: Pair) -> np.ndarray:
    """Desired minus achieved, [G]."""
    return part(observation, pair.desired) - part(observation, pair.achieved)


def is_end(stages: Sequence[Stage], number_: int) -> bool:
    """Whether a stage is an end, which must hold to the last: an object at its goal.

    Other stages are means to the end after them: the gripper at an object; the object at its goal
    whatever becomes of the others.
    """
    later = (stage.pairs[0] for stage in stages[number_ + 1 :])
    return moves(stages, number_) and stages[number_].pairs[0] not in later


def moves(stages: Sequence[Stage], number_: int) -> bool:
    """Whether a stage brings something to one of the task's goals."""
    return stages[number_].pairs[0] in stages[-1].pairs


def first_end(config: Guidance, stages: Sequence[Stage], observation: Observation) -> int:
    """The first end that is not reached; the last stage when all before it are.

    Reached is what has all its pairs within the switch distance.
    """
    for number_ in range(len(stages) - 1):
        if is_end(stages, number_) and not _reached(config, stages[number_], observation):
            return number_
    return len(stages) - 1


def current(config: Guidance, stages: Sequence[Stage], observation: Observation) -> int:
    """The first stage that is not reached: of the first end that is not, and the means to it."""
    end = first_end(config, stages, observation)
    for number_ in means_to(stages, end):
        means = stages[number_]._replace(also=())  # what else it asks for, the ends before watch
        if not _reached(config, means, observation):
            return number_
    return end


def means_to(stages: Sequence[Stage], number_: int) -> range:
    """The stages that prepare one: those before it, back to the end before them."""
    first = number_
    while first and not is_end(stages, first - 1):
        first -= 1
    return range(first, number_)


def choose(
    config: Guidance,
    stages: Sequence[Stage],
    observation: Observation,
    time: int,
    progress: Progress,
    rng: np.random.Generator,
) -> Choice:
    """Who acts at step `time` of a training episode."""
    now, last = current(config, stages, observation), len(stages) - 1
    solved = config.stop_at is not None and config.stop_at <= progress.best <= 1
    if last == 0 or solved:
        return Choice(last, False)
    before = not is_end(stages, now)
    guide, learner = (now, _next(stages, now)) if before else (max(now - 1, 0), now)
    if config.learned is not None:
        known = [n for n, share in enumerate(progress.reached) if share >= config.learned]
        now = max([now, *known])
        guide, learner, before = now, min(now + 1, last), now < last
    if config.jump_start:
        share = max(0.0, 1 - progress.episodes / config.jump_start_episodes)
        guides = before and time < round(config.jump_start * share)
    else:
        role = config.before if before else config.after
        known = mastery(progress, len(stages))[learner]
        faded = config.fade * known if 0 <= known <= 1 else 0.0  # else no success is known
        share = config.probability * (1 - faded)
        guides = role == "stage" or (role == "mixed" and rng.random() < share)
    return Choice(guide if guides else learner, bool(guides))


def _next(stages: Sequence[Stage], means: int) -> int:
    """Whom a means guides to: the stage after it, but what moves an object does so for its end."""
    following = range(means + 1, len(stages))
    return next(n for n in following if is_end(stages, n) or not moves(stages, n))


def switch(config: Guidance, stage: Stage) -> float:
    """Distance within which a stage counts as reached when the robot acts."""
    return stage.switch if config.switch is None else config.switch


def _reached(config: Guidance, stage: Stage, observation: Observation) -> bool:
    within = switch(config, stage)
    return all(np.linalg.norm(gap(observation, pair)) <= within for pair in stage.pairs)


def controller(observation: Observation, stage: Stage, action_size: int) -> np.ndarray:
    """A proportional controller toward the stage's goal: [A] float32 in [-1, 1]."""
    action = np.zeros(action_size, np.float32)
    error = gap(observation, stage.pairs[0])
    action[: len(error)] = ((stage.gain or 0.0) * error).clip(-1, 1)
    return action
