"""Options of the hierarchy, and named settings with the evidence next to them.

The defaults are the default preset (docs/hierarchy.md). `Variant` holds what only the papers'
settings and ablations need.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from goalrelay.methods.base import MethodConfig, Preset, Setting
from goalrelay.methods.exploration import Exploration
from goalrelay.settings import number


@dataclass(frozen=True)
class Variant:
    """For the papers' presets and ablations."""

    actual: float = number(0.0, 0, 1)
    """Fraction of the high level's steps whose desired goal was pursued at another stored step. The
    other steps are relabelled as high_hindsight says."""
    subgoal_noise: tuple[float, ...] = number((0.3,), 0)
    """Standard deviation of the noise on sub-goals while collecting, as a fraction of each column's
    range; one number stands for all."""
    noise_correlation: float = number(0.8, 0, below=1)
    """Correlation of that noise from one sub-goal to the next (AR(1) noise)."""
    high_update_interval: int = number(4, 1, 1000)
    """Updates of the low level for each one of the high level (HIRO: the sub-goal steps)."""
    hide_position: bool = True
    """The low level does not see the position columns that the task declares."""
    mirror_augmentation: bool = True
    """The low level also learns from mirror images, where the task declares its body's."""
    low_gamma: float = number(0.98, 0, below=1)
    """Discount of the low level."""
    potential_shaping: bool = True
    """The low level's reward is shaped by the distance to the sub-goal (Ng et al. 1999). The best
    policy stays the same. Its values no longer have to represent the distance, next to which one
    step's progress is small."""
    subgoal_transition: Literal["fixed", "resampled"] = "fixed"
    """The sub-goal in the low level's next state where a new one is due: the same (the paper), or
    the new one (the authors' code)."""
    reward_scale: float = number(1.0, above=0)
    """Factor of the high level's summed reward."""


def _exploration() -> Exploration:
    return Exploration(noise=0.1, random=0.1, random_steps=2500)


@dataclass(frozen=True)
class Config(MethodConfig):
    """Goal-conditioned hierarchy."""

    exploration: Exploration = field(default_factory=_exploration)
    """Noise on the low level's actions while collecting; `random` is the probability that a
    sub-goal is replaced by a random one."""
    subgoal_steps: int = number(10, 1, 1000)
    """Steps for which a sub-goal stands (HIRO's c)."""
    subgoal_columns: tuple[int, ...] = ()
    """Columns of the observation that a sub-goal changes (default: the position columns that the
    task declares)."""
    subgoal_range: tuple[float, ...] = number((), above=0)
    """How far a sub-goal may change each of them; one number stands for all (default: what the task
    declares)."""
    egocentric: bool = True
    """The low level sees vectors and sub-goals in the robot's frame, where the task declares its
    body; so does the high level where the task has no goals."""
    correction: Literal["off-policy", "none"] = "none"
    """Whether old sub-goals are replaced by those under which today's low level would most likely
    have acted as it did (HIRO's off-policy correction)."""
    hindsight: float = number(0.5, 0, 1)
    """Fraction of the low level's steps whose sub-goal becomes a change that was achieved while the
    sub-goal stood (HAC)."""
    high_hindsight: float = number(0.7, 0, 1)
    """Fraction of the high level's steps whose desired goal becomes one that was achieved later."""
    planner_weight: float = number(100.0, 0)
    """Weight of the squared distance of the high level's sub-goals from those on the shortest path
    in a graph of observed transitions (HIGL, DHRL). It needs sub-goals and desired goals that are
    positions, which the task declares. 0: no planner."""
    self_imitation: bool = True
    """Self-imitation (SIL): where stored episodes reached the desired goal, targets of sub-goals
    are copied from these episodes instead of planned. For sparse rewards."""
    go_explore: float = number(0.5, 0, 1)
    """Fraction of training episodes with Go-Explore (Ecoffet et al. 2021): the high level acts
    without noise up to a random step. From then on sub-goals are random."""
    variant: Variant = field(default_factory=Variant)
    """For the papers' presets and ablations."""


ANT_COLUMNS = tuple(range(15))
"""The ant's position, rotation and the angles of its joints."""
ANT_RANGE = (10.0, 10.0, 0.5, *(1.0,) * 4, *(0.5, 0.3) * 4)
"""How far a sub-goal may change each (the authors' `hiro_orig`)."""

PUBLISHED: Mapping[str, Setting] = {
    "learner.hidden": (300, 300),
    "learner.init": "small_final_layer",
    "learner.loss": "huber",
    "learner.target_noise": 0.2 / 30,
    "learner.target_noise_clip": 0.5 / 30,
    "learner.actor_lr": 1e-4,
    "learner.critic_lr": 1e-3,
    "learner.gamma": 0.99,
    "learner.batch_size": 100,
    "learner.polyak": 0.995,
    "learner.target_interval": 1,
    "learner.action_l2": 0.0,
    "learner.normalize": False,
    "learner.clip_return": False,
    "method.exploration.noise": 1 / 30,
    "method.exploration.random": 0.0,
    "method.exploration.random_steps": 0,
    "method.egocentric": False,
    "method.correction": "off-policy",
    "method.hindsight": 0.0,
    "method.high_hindsight": 0.0,
    "method.planner_weight": 0.0,
    "method.self_imitation": False,
    "method.go_explore": 0.0,
    "method.variant.subgoal_noise": (0.1,),
    "method.variant.noise_correlation": 0.0,
    "method.variant.high_update_interval": 10,
    "method.variant.mirror_augmentation": False,
    "method.variant.low_gamma": 0.99,
    "method.variant.potential_shaping": False,
    "method.variant.subgoal_transition": "resampled",
    "method.variant.reward_scale": 0.1,
    "replay.capacity": 200_000,
    "collect.updates": 1,
    "collect.updates_per": "step",
}

PRESETS: Mapping[str, Preset] = {
    "default": Preset(
        "Ours: sub-goals are positions on a planned path; hindsight on both levels, Go-Explore, no "
        "off-policy correction; for sparse rewards (docs/hierarchy.md).",
        "td3",
        {
            "learner.hidden": (128, 128),
            "learner.init": "fan_in",
            "learner.loss": "mse",
            "learner.target_noise": 0.2,
            "learner.target_noise_clip": 0.5,
            "learner.actor_lr": 1e-3,
            "learner.critic_lr": 1e-3,
            "learner.gamma": 0.97,
            "learner.batch_size": 128,
            "learner.polyak": 0.98,
            "learner.target_interval": 1,
            "learner.action_l2": 0.0,
            "learner.normalize": True,
            "learner.clip_return": True,
            "evaluate.ema_decay": 0.9,
            "replay.capacity": 1_000_000,
            "collect.updates": 1,
            "collect.updates_per": "step",
        },
    ),
    "hiro": Preset(
        "HIRO, the authors' settings: sub-goals in position, rotation and joints of the ant; "
        "off-policy correction; noise of 1 in raw units on both levels.",
        "td3",
        {
            **PUBLISHED,
            "method.subgoal_columns": ANT_COLUMNS,
            "method.subgoal_range": ANT_RANGE,
            "method.variant.subgoal_noise": tuple(1 / wide for wide in ANT_RANGE),
        },
    ),
    "hiro-xy": Preset("HIRO, the authors' variant with sub-goals in x and y.", "td3", PUBLISHED),
}
