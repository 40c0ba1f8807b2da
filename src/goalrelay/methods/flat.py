"""No hindsight: the learner alone, on goal tasks as they are or on ordinary tasks with rewards.

TD3 on `InvertedDoublePendulum-v5` is this method; so is "DQN without HER".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from goalrelay.exploration import Exploration
from goalrelay.methods import Preset, her
from goalrelay.relabel import Rules
from goalrelay.replay import Replay
from goalrelay.types import Batch, Index

DEMONSTRATED = False
PARTS = ()
NEEDS_GOALS = False
FIGURES = ()
NO_HINDSIGHT = her.Config(strategy="none")

input_size = her.input_size
normalized = her.normalized
play = her.play
begin = her.begin


@dataclass(frozen=True)
class Config:
    """The learner alone."""

    priority: Literal["uniform"] = "uniform"
    """All steps are drawn alike."""
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


def check(config: Config, rules: Rules) -> None:
    """Every task fits."""


def sample(
    config: Config,
    rules: Rules,
    replay: Replay,
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[Batch, dict[str, float]]:
    """A cycle of batches [updates, B], under the goals that were shown."""
    batch, _ = her.sample(NO_HINDSIGHT, rules, replay, shape, rng)
    return batch, {}


def observed(
    config: Config, rules: Rules, replay: Replay, index: Index, rng: np.random.Generator
) -> np.ndarray:
    """The inputs of steps [N], under the goals that were shown."""
    return her.observed(NO_HINDSIGHT, rules, replay, index, rng)
