"""Hindsight experience replay (HER): failed episodes relabelled with goals that they did reach.

Andrychowicz et al. 2017 (arXiv 1707.01495), with any learner:

    collect:  a = explore(policy(observation, desired goal))
    sample:   steps uniformly; with probability k / (k + 1) the goal becomes an achieved one
    update:   the learner's, on (observation | goal, action, reward(achieved', goal), ...)

It is relay with one stage, the task itself: nobody guides. What a task declares, or what is found
about it, serves it too: mirrors, positions to hide, differences between positions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.data.priority import Name as PriorityName
from goalrelay.data.relabel import whole
from goalrelay.methods.base import Act, Level, Method, MethodConfig, Preset, Setting
from goalrelay.methods.relay import Relay
from goalrelay.methods.relay.config import Config as RelayConfig
from goalrelay.methods.relay.config import GuidanceConfig, Variant
from goalrelay.settings import number
from goalrelay.types import Batch, Snapshot, Steps, Task

RARE_FRACTION = 0.8
"""Fraction of the steps that inverse density draws; the others are drawn uniformly."""


@dataclass(frozen=True)
class Config(MethodConfig):
    """Hindsight experience replay."""

    strategy: Literal["future", "final", "episode", "random", "none"] = "future"
    """Where hindsight goals come from: a later timestep of the same episode, its last timestep, any
    timestep of it, any timestep of the replay buffer, or nowhere."""
    k: float = number(4, 0)
    """Hindsight goals for each pursued one: k / (k + 1) of every batch is relabelled."""
    actual: float = number(0.4, 0, 1)
    """Fraction of every batch whose goals were pursued at other stored steps. The rest of the batch
    is relabelled as k says."""
    priority: PriorityName = "inverse-density"
    """Which steps are drawn more often: all alike, those of energetic episodes (EBP), those from
    which hindsight can learn (INNR filter), or those before rare goals (inverse density)."""
    structure: Literal["declared", "auto", "none"] = "declared"
    """Use the mirrors that the task declares, and with stages also the positions that it hides and
    the differences between positions; use those that are found by playing some hundred steps of it
    before the run (`goalrelay inspect` shows them); or nothing of it."""
    goal_frame: Literal["relative", "world"] = "relative"
    """How goals are shown: relative to what is achieved, or as they are (the papers)."""


PLAIN: Mapping[str, Setting] = {
    "method.actual": 0.0,
    "method.priority": "uniform",
    "method.structure": "none",
    "method.goal_frame": "world",
}
"""Hindsight as published: nothing of what this library adds."""

BASELINES: Mapping[str, Setting] = {
    "learner.hidden": (256, 256, 256),
    "learner.init": "glorot",
    "learner.actor_lr": 1e-3,
    "learner.critic_lr": 1e-3,
    "learner.gamma": 0.98,
    "learner.batch_size": 256,
    "learner.polyak": 0.95,
    "learner.target_interval": 0,
    "learner.action_l2": 1.0,
    "learner.clip_return": True,
    "method.strategy": "future",
    "method.k": 4,
    **PLAIN,
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
        "Ours: SAC with relay's networks and updates, without guides; FetchPush-v4 and "
        "FetchPickAndPlace-v4 in results/her_fetch.",
        "sac",
        {
            "learner.hidden": (256, 256),
            "learner.init": "glorot",
            "learner.polyak": 0.75,
            "learner.target_interval": 0,
            "learner.action_l2": 0.1,
            "learner.clip_return": True,
            "learner.initial_temperature": 0.1,
            "collect.episodes": 2,
            "collect.updates": 80,
            "evaluate.ema_decay": 0.95,
        },
    ),
    "images": Preset(
        "For observations that are images: batches of 64, one critic, and goals as they are, so "
        "that the policy sees what is achieved in the image alone (results/images).",
        "ddpg",
        {
            "learner.hidden": (256, 256),
            "learner.init": "glorot",
            "learner.batch_size": 64,
            "learner.polyak": 0.75,
            "learner.target_interval": 0,
            "learner.action_l2": 0.1,
            "learner.clip_return": True,
            "method.goal_frame": "world",
            "collect.episodes": 2,
            "collect.updates": 40,
            "evaluate.ema_decay": 0.95,
        },
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
            "learner.target_interval": 1,
            "learner.action_l2": 0.0,
            "learner.clip_return": False,
            **PLAIN,
            "method.exploration.noise": 0.0,
            "method.exploration.random": 0.0,
            "method.exploration.random_steps": 1000,
            "collect.updates": 1,
            "collect.updates_per": "step",
        },
    ),
    "mrl": Preset(
        "mrl (Pitis et al. 2020, train_her.py with its slide settings): DDPG 3x512 with layer "
        "normalisation, an update of 2,000 for two steps, 40% goals of other episodes. Without "
        "mrl's first 25,000 steps of future goals alone.",
        "ddpg",
        {
            "learner.hidden": (512, 512, 512),
            "learner.init": "orthogonal",
            "learner.layer_norm": True,
            "learner.actor_lr": 1e-3,
            "learner.critic_lr": 1e-3,
            "learner.gamma": 0.98,
            "learner.batch_size": 2000,
            "learner.polyak": 0.95,
            "learner.target_interval": 10,
            "learner.action_l2": 0.01,
            "learner.clip_return": True,
            **PLAIN,
            "method.k": 2,
            "method.actual": 0.4,
            "method.exploration.noise": 0.1,
            "method.exploration.random": 0.2,
            "method.exploration.random_steps": 10_000,
            "collect.episodes": 2,
            "collect.updates": 0.5,
            "collect.updates_per": "step",
            "replay.capacity": 2_500_000,
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
        structured = config.structure != "none"
        staged = structured and bool(task.spec.stages)
        stage = task.spec.stages[-1] if staged else whole(task.spec)
        differences = task.spec.differences if staged else ()
        spec = task.spec._replace(stages=(stage,), differences=differences)
        one_stage = task._replace(spec=spec, symmetries=task.symmetries if structured else ())
        self.relay = Relay(_relay_config(config, staged), one_stage, gamma)
        self.levels, self.spec, self.priority = (self,), self.relay.spec, config.priority
        self.normalized, self.failure_lasts = self.relay.normalized, self.relay.failure_lasts

    def act(self, snapshot: Snapshot, rng: np.random.Generator | None) -> Act:
        """The policy's action, with exploration noise where there is a generator."""
        return self.relay.act(snapshot, rng)

    def sample(
        self,
        buffer: ReplayBuffer,
        snapshot: Snapshot,
        shape: tuple[int, int],
        rng: np.random.Generator,
    ) -> tuple[Batch, dict[str, float]]:
        """A cycle of batches [updates, B], some of the steps under hindsight goals."""
        return self.relay.sample(buffer, snapshot, shape, rng)

    def inputs(self, buffer: ReplayBuffer, steps: Steps, rng: np.random.Generator) -> np.ndarray:
        """Inputs of steps [N] under relabelled goals."""
        return self.relay.inputs(buffer, steps, rng)


def _relay_config(config: Config, hides: bool) -> RelayConfig:
    """Relay with the task as its only stage: nobody guides."""
    return RelayConfig(
        exploration=config.exploration,
        k=config.k,
        actual=config.actual,
        priority=config.priority,
        symmetry_augmentation=("all",),
        translation_invariant=hides and config.goal_frame == "relative",
        guidance=GuidanceConfig(guide="none", imitation=0.0),
        variant=Variant(
            strategy=config.strategy,
            goal_frame=config.goal_frame,
            stage_indicator=False,
            prioritized_fraction=RARE_FRACTION if config.priority == "inverse-density" else 1.0,
        ),
    )


METHOD = Her
