"""Hindsight experience replay: failed episodes relabelled with goals that they did reach.

Andrychowicz et al. 2017 (arXiv 1707.01495), with any learner:

    collect:  a = explore(policy(observation, desired goal))
    sample:   steps uniformly; with probability k / (k + 1) the goal becomes an achieved one
    update:   the learner's, on (observation | goal, action, reward(achieved', goal), ...)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import jax
import numpy as np

from goalrelay.exploration import Exploration, annealed, explore, random_action
from goalrelay.goals import Progress
from goalrelay.methods import Act, Network, Preset
from goalrelay.priority import Name as PriorityName
from goalrelay.priority import check as check_priority
from goalrelay.priority import draw
from goalrelay.relabel import GoalRule, Rules, achieved_later, innr, reached, relabel, whole
from goalrelay.replay import Replay
from goalrelay.settings import number
from goalrelay.types import Batch, Index, Observation, Spec

DEMONSTRATED = False
PARTS = ()
NEEDS_GOALS = True
FIGURES = ("innr",)


@dataclass(frozen=True)
class Config:
    """Hindsight experience replay."""

    strategy: Literal["future", "final", "episode", "random", "none"] = "future"
    """Where hindsight goals come from: a later moment of the same episode, its last moment, any
    moment of it, any moment of the replay, or nowhere."""
    k: float = number(4, 0)
    """Hindsight goals for each real one: a share k / (k + 1) of every batch is relabelled."""
    ratio: float | None = number(None, 0, 1)
    """The share relabelled, instead of k."""
    actual: float = number(0.0, 0, 1)
    """Share of every batch whose goals were pursued at other stored steps; the rest of the batch
    is relabelled as k says."""
    priority: PriorityName = "uniform"
    """Which steps are drawn more often: all alike, those of energetic episodes (EBP), those from
    which hindsight can learn, or those that led to rare goals."""
    cell: float = number(0.05, above=0)
    """For `rare`: size of a place in goal space, in the goal's units."""
    exploration: Exploration = field(default_factory=Exploration)
    """Noise while collecting."""

    @property
    def goals(self) -> GoalRule:
        """Which goals drawn steps are given."""
        ratio = self.k / (self.k + 1) if self.ratio is None else self.ratio
        return GoalRule(self.strategy, ratio, self.actual)


PRESETS: Mapping[str, Preset] = {
    "default": Preset(
        "Ours: Baselines' recipe with targets that move a little at every update; "
        "FetchReach-v4 to 0.95 in results/fetch_reach.",
        "ddpg",
        {"learner.target_move": "update", "learner.polyak": 0.995},
    ),
    "baselines": Preset(
        "OpenAI Baselines HER (ddpg 3x256, 40 updates of 256 a cycle, targets once a cycle); "
        "one rollout a cycle.",
        "ddpg",
        {
            "learner.hidden": (256, 256, 256),
            "learner.init": "glorot",
            "learner.actor_lr": 1e-3,
            "learner.critic_lr": 1e-3,
            "learner.gamma": 0.98,
            "learner.batch_size": 256,
            "learner.polyak": 0.95,
            "learner.target_move": "cycle",
            "learner.action_l2": 1.0,
            "learner.clip_input": 200.0,
            "learner.clip_normalized": 5.0,
            "learner.clip_return": True,
            "method.strategy": "future",
            "method.k": 4,
            "method.exploration.noise": 0.2,
            "method.exploration.random": 0.3,
            "collect.episodes": 1,
            "collect.updates": 40,
            "collect.updates_per": "cycle",
            "replay.capacity": 1_000_000,
        },
    ),
    "zoo": Preset(
        "RL-Baselines3-Zoo style (its her.yml for FetchReach): SAC, gamma 0.95, lr 1e-3, an update "
        "of 256 a step, 1,000 random steps first.",
        "sac",
        {
            "learner.hidden": (256, 256),
            "learner.init": "fan_in",
            "learner.actor_lr": 1e-3,
            "learner.critic_lr": 1e-3,
            "learner.temperature_lr": 1e-3,
            "learner.gamma": 0.95,
            "learner.batch_size": 256,
            "learner.polyak": 0.995,
            "learner.target_move": "update",
            "learner.action_l2": 0.0,
            "learner.clip_return": False,
            "method.exploration.noise": 0.0,
            "method.exploration.random": 0.0,
            "method.exploration.random_steps": 1000,
            "collect.updates": 1,
            "collect.updates_per": "step",
        },
    ),
}


def check(config: Config, rules: Rules) -> None:
    """Refuse a priority that the task cannot have."""
    check_priority(config.priority, rules.spec)


def input_size(config: Any, spec: Spec) -> int:
    """Observation and desired goal, side by side."""
    return spec.observation_size + spec.goal_size


def normalized(config: Any, spec: Spec) -> np.ndarray:
    """All inputs."""
    return np.ones(input_size(config, spec), bool)


def play(config: Any, spec: Spec, network: Network) -> Act:
    """The policy's action for what is observed and desired."""

    def step(observation: Observation) -> np.ndarray:
        return network(_inputs(observation.observation, observation.desired), None)

    return step


def begin(
    config: Any, spec: Spec, network: Network, progress: Progress, rng: np.random.Generator
) -> Act:
    """The policy with exploration noise."""
    if progress.random:
        return lambda _: random_action(spec, rng)
    exploration = annealed(config.exploration, progress.success)

    def step(observation: Observation) -> np.ndarray:
        action = network(_inputs(observation.observation, observation.desired), rng)
        return explore(exploration, spec, action, rng)

    return step


def sample(
    config: Config,
    rules: Rules,
    replay: Replay,
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[Batch, dict[str, float]]:
    """A cycle of batches [updates, B], a share of the steps under hindsight goals."""
    stage, count = whole(rules.spec), shape[0] * shape[1]
    there, columns = reached(stage, rules), range(rules.spec.achieved_size)
    index, goals = draw(config.priority, 1.0, replay, count, there, config.cell, columns, rng)
    meaning = relabel(replay, index, stage, config.goals, rules, rng, given=goals)
    shown = np.zeros(count, np.float32)
    if replay is rules.demonstrations:
        shown += achieved_later(replay, index, stage, rules, meaning.goal)
    batch = Batch(
        _inputs(replay.observation[index.row], meaning.goal),
        replay.action[index.row],
        meaning.reward,
        meaning.discount,
        _inputs(replay.observation[meaning.after], meaning.next_goal),
        shown,
    )
    figures = {"innr": innr(replay, index, stage, rules, meaning)}
    return jax.tree.map(lambda x: x.reshape(*shape, *x.shape[1:]), batch), figures


def observed(
    config: Config, rules: Rules, replay: Replay, index: Index, rng: np.random.Generator
) -> np.ndarray:
    """The inputs of steps [N] as `sample` would give them."""
    stage = whole(rules.spec)
    meaning = relabel(replay, index, stage, config.goals, rules, rng)
    return _inputs(replay.observation[index.row], meaning.goal)


def _inputs(observation: np.ndarray, goal: np.ndarray) -> np.ndarray:
    return np.concatenate([observation, goal], axis=-1)
