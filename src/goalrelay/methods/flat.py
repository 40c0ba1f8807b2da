"""No hindsight: the learner alone, on goal tasks as they are or on ordinary tasks with rewards.

TD3 on `InvertedDoublePendulum-v5` is this method; so is "DQN without HER".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from goalrelay.exploration import Exploration
from goalrelay.methods import Preset, Rules, her
from goalrelay.replay import Replay
from goalrelay.types import Batch, Index

NEEDS_GOALS = False
NO_HINDSIGHT = her.Config(strategy="none")

input_size = her.input_size
act = her.act


@dataclass(frozen=True)
class Config:
    """The learner alone."""

    exploration: Exploration = field(default_factory=Exploration)
    """Noise while collecting."""


PRESETS: Mapping[str, Preset] = {
    "default": Preset(
        "TD3 as its authors ran it (Fujimoto et al. 2018) with 2x256 networks.",
        "td3",
        {
            "learner.hidden": (256, 256),
            "learner.init": "fan_in",
            "learner.actor_lr": 3e-4,
            "learner.critic_lr": 3e-4,
            "learner.gamma": 0.99,
            "learner.batch_size": 256,
            "learner.polyak": 0.995,
            "learner.target_move": "update",
            "learner.action_l2": 0.0,
            "learner.normalize": False,
            "method.exploration.noise": 0.1,
            "method.exploration.random": 0.0,
            "method.exploration.random_steps": 1000,
            "collect.updates": 1,
            "collect.updates_per": "step",
        },
    ),
}


def relabel(
    config: Config,
    rules: Rules,
    gamma: float,
    replay: Replay,
    index: Index,
    rng: np.random.Generator,
) -> Batch:
    """Drawn steps [B] as a batch, under the goals that were shown."""
    return her.relabel(NO_HINDSIGHT, rules, gamma, replay, index, rng)
