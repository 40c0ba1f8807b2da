"""Which goal to pursue now, and who acts (RHER's self-guided exploration, SGES).

At every step the current stage is the first one that is not reached: the gripper is not yet at
the object; an object is not yet at its goal, and the gripper not yet at it. On the way to an object
the stage's own policy guides the robot. Step by step it takes turns with the policy of the stage
after it, the learner:

    guide with probability p, else the learner     guide `policy` (RHER: p = 0.5)
    the learner alone                              guide `none`

A guide can also be a scripted proportional controller instead of a learned policy. Guidance can be
a jump start (JSRL, Uchendu et al. 2022, arXiv 2204.02372): the guide acts alone for the first h
steps of an episode, and h shrinks.
"""

from typing import NamedTuple

import numpy as np

from goalrelay.methods.relay.config import Config
from goalrelay.methods.relay.stages import StageOrder
from goalrelay.types import Observation, Snapshot, Stage


class Choice(NamedTuple):
    """Who acts at a step."""

    stage: int
    """Whose goal is pursued."""
    guiding: bool
    """Whether it acts as a guide, for the sake of a later stage."""


class Guidance:
    """Chooses who acts in training episodes.

    Args:
        config: the method's options.
        order: the task's stages.
    """

    def __init__(self, config: Config, order: StageOrder):
        self._config, self._order = config, order

    def choose(
        self, observation: Observation, time: int, snapshot: Snapshot, rng: np.random.Generator
    ) -> Choice:
        """Who acts at step `time` of a training episode."""
        config, variant, order = self._config.guidance, self._config.variant, self._order
        now, last = order.current(observation), order.last
        stop, best = variant.stop_at, snapshot.best
        if last == 0 or (stop is not None and best is not None and best >= stop):
            return Choice(last, False)
        approaching = not order.is_goal_stage(now)
        if approaching:
            guide, learner = now, order.guided_by(now)
        else:
            guide, learner = max(now - 1, 0), now
        probability = config.probability * (1 - config.anneal * mastery(snapshot, last)[learner])
        if config.guide == "jump-start":
            left = max(0.0, 1 - snapshot.episodes / variant.jump_start_episodes)
            guides = approaching and time < round(variant.jump_start * left)
        elif approaching:
            guides = config.guide != "none" and rng.random() < probability
        else:
            mixed = variant.after == "mixed" and rng.random() < probability
            guides = variant.after == "stage" or mixed
        return Choice(guide if guides else learner, bool(guides))


def mastery(snapshot: Snapshot, last: int) -> tuple[float, ...]:
    """Success rate of each stage in the last evaluation; 0 before the first.

    The last stage's is that of the task.
    """
    before = snapshot.reached[:-1] or (0.0,) * last
    return (*before, snapshot.success or 0.0)


def controller(observation: Observation, stage: Stage, action_size: int) -> np.ndarray:
    """A proportional controller toward the stage's goal: [A] float32 in [-1, 1]."""
    action = np.zeros(action_size, np.float32)
    error = stage.desired.of(observation) - stage.achieved.of(observation)
    action[: len(error)] = ((stage.gain or 0.0) * error).clip(-1, 1)
    return action
