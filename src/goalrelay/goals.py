"""Forward: which goal to pursue now, and who acts (RHER's self-guided exploration, SGES).

At every step the current stage is the first one that is not reached: the gripper is not yet at
the object. While it is not the last stage, its own policy brings the robot on (the guide), mixed
step by step with the policy of the stage after it (the learner):

    guide with probability p, else the learner     `mixed`, RHER's published setting
    the guide alone                                `stage`
    the learner alone                              `next`

A guide can also be a scripted proportional controller instead of a learned policy, and guidance
can be a jump start (JSRL, Uchendu et al. 2022): the first h steps of an episode, h shrinking.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from goalrelay.settings import number
from goalrelay.types import Observation, Part, Stage

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
    switch: float | None = number(None, 0)
    """Distance within which a stage counts as reached, instead of the stage's own."""
    test: Literal["last", "relay"] = "last"
    """In tests: the last stage's policy from the first step on, or each stage's own policy until
    it is reached."""
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
    """Best score of a test so far: a success rate in [0, 1], or, in a task without success, a
    return; minus infinity before the first test."""


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


def gap(observation: Observation, stage: Stage) -> np.ndarray:
    """Desired minus achieved of a stage, [G]."""
    return part(observation, stage.desired) - part(observation, stage.achieved)


def current(config: Guidance, stages: Sequence[Stage], observation: Observation) -> int:
    """The first stage that is not reached; the last one when all before it are."""
    for number_, stage in enumerate(stages[:-1]):
        switch = stage.switch if config.switch is None else config.switch
        if np.linalg.norm(gap(observation, stage)) > switch:
            return number_
    return len(stages) - 1


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
    learned = config.stop_at is not None and config.stop_at <= progress.success <= 1
    if last == 0 or learned:
        return Choice(last, False)
    guide, learner = (now, now + 1) if now < last else (last - 1, last)
    if config.jump_start:
        share = max(0.0, 1 - progress.episodes / config.jump_start_episodes)
        guides = now < last and time < round(config.jump_start * share)
    else:
        role = config.before if now < last else config.after
        guides = role == "stage" or (role == "mixed" and rng.random() < config.probability)
    return Choice(guide if guides else learner, bool(guides))


def controller(observation: Observation, stage: Stage, action_size: int) -> np.ndarray:
    """A proportional controller toward the stage's goal: [A] float32 in [-1, 1]."""
    action = np.zeros(action_size, np.float32)
    error = gap(observation, stage)
    action[: len(error)] = ((stage.gain or 0.0) * error).clip(-1, 1)
    return action
