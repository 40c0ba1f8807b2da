"""Options of relay, and named settings with the evidence next to them.

The defaults are the default preset, from docs/notebook.md. `Variant` holds what only the papers'
settings and their ablations need.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from goalrelay.data.priority import Name as PriorityName
from goalrelay.methods.base import MethodConfig, Preset
from goalrelay.methods.exploration import Exploration
from goalrelay.settings import number

Stages = Literal["declared", "auto"]
Guide = Literal["policy", "controller", "jump-start", "none"]
StageWeights = Literal["frontier", "equal", "turns"]


@dataclass(frozen=True)
class GuidanceConfig:
    """Self-guided exploration: who acts on the way to a stage."""

    guide: Guide = "policy"
    """Who brings the robot to where a stage begins: the policy of the stage before it, a scripted
    proportional controller, that policy alone for the first steps of an episode (JSRL), or
    nobody."""
    probability: float = number(0.5, 0, 1)
    """Probability that the guide acts at a step on the way (RHER: 0.5)."""
    anneal: float = number(1.0, 0, 1)
    """That probability, and the imitation weight, shrink by this fraction as the guided stage's
    success rate goes from 0 to 1. Once a stage is learned the guide only interferes."""
    imitation: float = number(0.2, 0)
    """Guide imitation loss: weight of the squared distance of a stage's actions from its guide's,
    at steps where the guide's stage is not reached yet. It decides where the critic sees no
    difference between actions."""


@dataclass(frozen=True)
class Variant:
    """For the papers' presets and their ablations."""

    strategy: Literal["future", "final", "episode", "random", "none"] = "future"
    """Where hindsight goals come from, for every stage."""
    goal_frame: Literal["relative", "world"] = "relative"
    """How goals are shown: relative to what must move, or in the world frame (the paper)."""
    stage_indicator: bool = True
    """Also show whose goals count: one input for the gripper and one for each object. Else only
    the zeros of the other goals tell (the paper)."""
    object_centric: bool = True
    """Show every stage as if its object were the first one, where objects are alike. What is
    learned with one object is then known for all."""
    prioritized_fraction: float = number(0.8, 0, 1)
    """Fraction of a stage's steps that are drawn by priority."""
    earlier_goals_hold: float = number(0.5, 0, 1)
    """Fraction of the steps of a stage with earlier goals to maintain (`Stage.maintained`) that are
    drawn from where those hold. There the stage acts, and such steps may be few."""
    after: Literal["next", "stage", "mixed"] = "next"
    """Who acts in training once the object is at hand: the stage's own policy (`next`), that of the
    stage before it (`stage`), or both in turns (`mixed`)."""
    switch: tuple[float, ...] = number((), 0)
    """Distance within which each stage counts as reached when the robot acts; one number stands for
    all (default: what the task's stages declare)."""
    evaluated: Literal["unfinished", "last", "relay"] = "unfinished"
    """Who acts in evaluation: the stage of the first object that is not at its goal; the last
    stage from the first step on (the paper); or each stage until it is reached."""
    stop_at: float | None = number(None, 0, 1)
    """Guidance ends for good when the success rate of an evaluation reaches this."""
    jump_start: int = number(25, 1)
    """For the guide `jump-start`: steps at the start of an episode that the guide acts alone."""
    jump_start_episodes: int = number(500, 1)
    """For the guide `jump-start`: training episodes over which these steps fall to 0."""


def _exploration() -> Exploration:
    return Exploration(noise=0.2, random=0.2, anneal=0.8)


@dataclass(frozen=True)
class Config(MethodConfig):
    """Relay hindsight experience replay."""

    stages: Stages = "declared"
    """The stages, symmetries and position columns that the task declares, or those that are found
    by playing some hundred steps of it before the run (`goalrelay inspect` shows them)."""
    exploration: Exploration = field(default_factory=_exploration)
    """Noise while collecting. A guide's steps are never replaced by random ones (RHER)."""
    k: float = number(4, 0)
    """Hindsight goals for each pursued one: k / (k + 1) of every batch is relabelled."""
    actual: float | None = number(None, 0, 1)
    """Fraction of every stage's steps whose goals were pursued at other stored steps. The other
    steps are relabelled as k says. Default: 0.4, and 0 where a task has several objects."""
    priority: PriorityName = "inverse-density"
    """Which steps are drawn more often for the stages that move an object: all alike, those of
    energetic episodes (EBP), those from which hindsight can learn (INNR filter), or those before
    rare goals of that object (inverse density)."""
    symmetry_augmentation: tuple[str, ...] = ("all",)
    """Mirror images (KER): each drawn step is mirrored with probability 1/2 by each of these
    symmetries that the task declares. `all` stands for all of them."""
    translation_invariant: bool = True
    """Hide the position columns that the task declares. What is learned in one place is then known
    everywhere."""
    stage_weights: StageWeights = "frontier"
    """Steps of a batch for each stage: most where evaluations stop succeeding (`frontier`), the
    same number for all (`equal`), or whole batches for one stage in turns (the paper)."""
    guidance: GuidanceConfig = field(default_factory=GuidanceConfig)
    """Self-guided exploration."""
    variant: Variant = field(default_factory=Variant)
    """For the papers' presets and their ablations."""


PRESETS: Mapping[str, Preset] = {
    "default": Preset(
        "Ours, from docs/notebook.md: three blocks to 0.9 in less than an hour "
        "(results/relay_several).",
        "td3",
        {
            "learner.hidden": (256, 256),
            "learner.init": "glorot",
            "learner.polyak": 0.75,
            "learner.action_l2": 0.1,
            "collect.episodes": 2,
            "collect.updates": 80,
            "evaluate.ema_decay": 0.95,
        },
    ),
    "rher-paper": Preset(
        "The authors' TensorFlow code for one object: 40 + 40 updates of 256 an episode, targets "
        "moved by 0.05 once an episode, zero-padded goals.",
        "ddpg",
        {
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
            "method.k": 4,
            "method.actual": 0.0,
            "method.priority": "uniform",
            "method.symmetry_augmentation": (),
            "method.translation_invariant": False,
            "method.stage_weights": "turns",
            "method.guidance.probability": 0.5,
            "method.guidance.anneal": 0.0,
            "method.guidance.imitation": 0.0,
            "method.variant.strategy": "future",
            "method.variant.goal_frame": "world",
            "method.variant.stage_indicator": False,
            "method.variant.prioritized_fraction": 1.0,
            "method.variant.earlier_goals_hold": 0.0,
            "method.variant.after": "next",
            "method.variant.switch": (0.03,),
            "method.variant.evaluated": "last",
            "method.exploration.noise": 0.2,
            "method.exploration.random": 0.2,
            "method.exploration.anneal": 0.0,
            "collect.episodes": 1,
            "collect.updates": 80,
            "collect.updates_per": "cycle",
            "replay.capacity": 1_000_000,
        },
    ),
}
