"""No hindsight: the learner alone, on goal tasks as they are or on ordinary tasks with rewards.

TD3 on `InvertedDoublePendulum-v5` is this method; so is "DQN without HER". It is `her` whose steps
keep the goals that they pursued.
"""

from dataclasses import dataclass, field

import numpy as np

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.methods import her
from goalrelay.methods.base import MethodConfig, Preset
from goalrelay.methods.exploration import Exploration
from goalrelay.types import Batch, Snapshot, Task


def _exploration() -> Exploration:
    return Exploration(noise=0.1, random=0.0, random_steps=1000)


@dataclass(frozen=True)
class Config(MethodConfig):
    """The learner alone."""

    exploration: Exploration = field(default_factory=_exploration)
    """Noise while collecting."""


class Flat(her.Her):
    """No hindsight: the learner alone, on goal tasks or on ordinary tasks with rewards."""

    Config = Config
    NEEDS_GOALS = False
    FIGURES = ()
    PRESETS = {
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
                "learner.target_interval": 1,
                "learner.action_l2": 0.0,
                "learner.normalize": False,
                "collect.updates": 1,
                "collect.updates_per": "step",
            },
        ),
    }

    def __init__(self, config: Config, task: Task, gamma: float):
        plain = her.Config(
            exploration=config.exploration,
            strategy="none",
            k=0,
            actual=0.0,
            priority="uniform",
            structure="none",
            goal_frame="world",
        )
        super().__init__(plain, task, gamma)
        self.config = config

    def sample(
        self,
        buffer: ReplayBuffer,
        snapshot: Snapshot,
        shape: tuple[int, int],
        rng: np.random.Generator,
    ) -> tuple[Batch, dict[str, float]]:
        """A cycle of batches [updates, B], under the goals that were pursued."""
        return super().sample(buffer, snapshot, shape, rng)[0], {}


METHOD = Flat
