"""Hindsight experience replay (HER): failed episodes relabelled with goals that they did reach.

Andrychowicz et al. 2017 (arXiv 1707.01495), with any learner:

    collect:  a = explore(policy(observation, desired goal))
    sample:   steps uniformly; with probability k / (k + 1) the goal becomes an achieved one
    update:   the learner's, on (observation | goal, action, reward(achieved', goal), ...)

It is relay with one stage: the task itself, its goal shown as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.data.priority import Name as PriorityName
from goalrelay.data.priority import Priority, draw
from goalrelay.data.priority import check as check_priority
from goalrelay.data.relabel import (
    GoalRule,
    achieved_later,
    innr,
    relabel,
    stage_objective,
    whole,
)
from goalrelay.errors import UsageError
from goalrelay.methods.base import Act, Level, Method, MethodConfig, Preset, Setting, in_cycle
from goalrelay.methods.exploration import annealed, explore, random_action
from goalrelay.settings import number
from goalrelay.types import Batch, Observation, Snapshot, Steps, Task


@dataclass(frozen=True)
class Config(MethodConfig):
    """Hindsight experience replay."""

    strategy: Literal["future", "final", "episode", "random", "none"] = "future"
    """Where hindsight goals come from: a later timestep of the same episode, its last timestep, any
    timestep of it, any timestep of the replay buffer, or nowhere."""
    k: float = number(4, 0)
    """Hindsight goals for each pursued one: k / (k + 1) of every batch is relabelled."""
    actual: float = number(0.0, 0, 1)
    """Fraction of every batch whose goals were pursued at other stored steps. The rest of the batch
    is relabelled as k says."""
    priority: PriorityName = "uniform"
    """Which steps are drawn more often: all alike, those of energetic episodes (EBP), those from
    which hindsight can learn (INNR filter), or those before rare goals (inverse density)."""
    density_cell: float = number(0.05, above=0)
    """For inverse density: size of a cell of goal space, in the goal's units."""


BASELINES: Mapping[str, Setting] = {
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
    "learner.clip_return": True,
    "method.strategy": "future",
    "method.k": 4,
    "method.exploration.noise": 0.2,
    "method.exploration.random": 0.3,
    "collect.episodes": 1,
    "collect.updates": 40,
    "collect.updates_per": "cycle",
    "replay.capacity": 1_000_000,
}
"""The authors' settings (OpenAI Baselines, her/experiment/config.py)."""

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
        BASELINES,
    ),
    "baselines-demos": Preset(
        "OpenAI Baselines HER with demonstrations: 128 demonstrated steps in a batch of 1,024, "
        "imitation through the Q-filter, less noise.",
        "ddpg",
        {
            **BASELINES,
            "method.exploration.noise": 0.1,
            "method.exploration.random": 0.1,
            "learner.batch_size": 1024,
            "demos.share": 0.125,
            "demos.weight": 0.0078,
            "demos.policy_weight": 0.001,
            "demos.q_filter": True,
            "collect.episodes": 2,
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


class Her(Method, Level):
    """Hindsight experience replay: failed episodes relabelled with goals that they did reach."""

    Config = Config
    PRESETS = PRESETS
    FIGURES = ("innr",)

    def __init__(self, config: Config, task: Task, gamma: float):
        super().__init__(config, task, gamma)
        check_priority(config.priority, task.spec)
        if config.density_cell != Config().density_cell and config.priority != "inverse-density":
            raise UsageError("--method.density-cell needs --method.priority inverse-density")
        self.levels, self.spec, self.priority = (self,), task.spec, config.priority
        self.normalized = np.ones(task.spec.observation_size + task.spec.goal_size, bool)
        self._objective = stage_objective(task, whole(task.spec), gamma)
        self._rule = GoalRule(config.strategy, config.k / (config.k + 1), config.actual)
        every = tuple(range(task.spec.achieved_size))
        self._priority = Priority(config.priority, 1.0, config.density_cell, every)

    def act(self, snapshot: Snapshot, rng: np.random.Generator | None) -> Act:
        """The policy's action, with exploration noise where there is a generator."""
        (network,) = snapshot.policies

        def evaluate(observation: Observation) -> np.ndarray:
            return network(_input(observation.observation, observation.desired), None)

        if rng is None:
            return evaluate
        if snapshot.random:
            return lambda _: random_action(self.spec, rng)
        noise = annealed(self.config.exploration, snapshot.success)

        def train(observation: Observation) -> np.ndarray:
            action = network(_input(observation.observation, observation.desired), rng)
            return explore(noise, self.spec, action, rng)

        return train

    def sample(
        self,
        buffer: ReplayBuffer,
        snapshot: Snapshot,
        shape: tuple[int, int],
        rng: np.random.Generator,
    ) -> tuple[Batch, dict[str, float]]:
        """A cycle of batches [updates, B], some of the steps under hindsight goals."""
        objective, count = self._objective, shape[0] * shape[1]
        steps = draw(buffer, count, self._priority, objective.success, rng)
        transitions = relabel(buffer, steps, objective, self._rule, rng)
        demonstrated = None
        if buffer.demonstrated:
            reached = achieved_later(buffer, steps, objective, transitions.goal)
            demonstrated = reached.astype(np.float32)
        batch = Batch(
            _input(buffer.observation[steps.row], transitions.goal),
            buffer.action[steps.row],
            transitions.reward,
            transitions.discount,
            _input(buffer.observation[transitions.next_row], transitions.next_goal),
            demonstrated,
        )
        figures = {"innr": innr(buffer, steps, objective, transitions.hindsight)}
        return in_cycle(batch, shape), figures

    def inputs(self, buffer: ReplayBuffer, steps: Steps, rng: np.random.Generator) -> np.ndarray:
        """Observations and relabelled goals of steps [N]."""
        transitions = relabel(buffer, steps, self._objective, self._rule, rng)
        return _input(buffer.observation[steps.row], transitions.goal)


def _input(observation: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Observation and goal side by side: [..., O], [..., G] -> [..., O + G]."""
    return np.concatenate([observation, goal], axis=-1)


METHOD = Her
