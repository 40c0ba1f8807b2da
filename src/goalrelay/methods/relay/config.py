"""Options of relay hindsight, and named settings with the evidence beside them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from goalrelay.exploration import Exploration
from goalrelay.goals import Guidance
from goalrelay.methods import Preset
from goalrelay.priority import Name as PriorityName
from goalrelay.relabel import GoalRule
from goalrelay.settings import number


@dataclass(frozen=True)
class Config:
    """Relay hindsight experience replay."""

    strategy: Literal["future", "final", "episode", "random", "none"] = "future"
    """Where hindsight goals come from, for every stage."""
    k: float = number(4, 0)
    """Hindsight goals for each pursued one: a share k / (k + 1) of every batch is relabelled."""
    actual: float = number(0.0, 0, 1)
    """Share of every stage's steps whose goals were pursued at other stored steps; the other steps
    are relabelled as k says."""
    encoding: Literal["absolute", "relative"] = "relative"
    """How goals are shown: as they are (the paper), or relative to what must move."""
    tell_stage: bool = True
    """Also show whose goals count, one input for the gripper and one for each object; else only by
    which goal is not zero."""
    focus: bool = True
    """Show every stage as if its object were the first, where objects are alike, so that what is
    learned with one is known for all."""
    translation: bool = True
    """Leave out where in the room things are (columns that the task declares), so that what is
    learned in one place is known everywhere."""
    symmetries: tuple[str, ...] = ()
    """Symmetric copies: each sampled step is mirrored with probability 1/2 by each of these. `all`
    stands for whatever the task declares."""
    shares: tuple[float, ...] = ()
    """Share of every batch for each stage, in order (default: as `mixing` says)."""
    mixing: Literal["batch", "frontier", "turns"] = "batch"
    """Stages share every batch equally; or most of it belongs to where tests stop getting on
    (`frontier`); or batches belong to one stage each, in turns (the paper)."""
    priority: PriorityName = "uniform"
    """Which steps are drawn more often for the stages that move an object: all alike, those of
    energetic episodes (EBP), those from which hindsight can learn, or those that led to rare goals
    of that object."""
    prioritized: float = number(1.0, 0, 1)
    """Share of those stages' steps that are drawn by priority."""
    in_place: float = number(0.0, 0, 1)
    """Share of the steps of a stage that has others to keep (`Stage.also`) drawn from where those
    are in place: there it acts, and of all steps those may be few."""
    n_step: int = number(1, 1, 1000)
    """Rewards are summed over up to this many steps, ending where the goal is reached."""
    guidance: Guidance = field(default_factory=Guidance)
    """Self-guided exploration: who acts before and after a stage is reached."""
    exploration: Exploration = field(default_factory=Exploration)
    """Noise while collecting; a guide's steps are never replaced by random ones (RHER)."""

    @property
    def goals(self) -> GoalRule:
        """Which goals drawn steps are given."""
        return GoalRule(self.strategy, self.k / (self.k + 1), self.actual)


OURS: Mapping[str, Any] = {
    "learner.hidden": (256, 256),
    "learner.init": "glorot",
    "learner.polyak": 0.75,
    "learner.action_l2": 0.1,
    "collect.episodes": 2,
    "collect.updates": 80,
    "evaluate.average": 0.95,
    "method.guidance.test": "unfinished",
    "method.guidance.fade": 1.0,
    "method.guidance.lead": 0.2,
    "method.symmetries": ("all",),
    "method.n_step": 1,
    "method.actual": 0.4,
    "method.mixing": "frontier",
    "method.priority": "rare",
    "method.prioritized": 0.8,
    "method.in_place": 0.5,
    "method.exploration.noise": 0.2,
    "method.exploration.random": 0.2,
    "method.exploration.anneal": 0.8,
}
"""From docs/notebook.md."""

PRESETS: Mapping[str, Preset] = {
    "default": Preset(
        "Ours, from docs/notebook.md: three blocks to 0.9 in less than an hour "
        "(results/relay_several).",
        "td3",
        OURS,
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
            "learner.target_move": "cycle",
            "learner.action_l2": 1.0,
            "learner.clip_input": 200.0,
            "learner.clip_normalized": 5.0,
            "learner.clip_return": True,
            "method.strategy": "future",
            "method.k": 4,
            "method.encoding": "absolute",
            "method.tell_stage": False,
            "method.translation": False,
            "method.symmetries": (),
            "method.mixing": "turns",
            "method.priority": "uniform",
            "method.n_step": 1,
            "method.guidance.before": "mixed",
            "method.guidance.after": "next",
            "method.guidance.probability": 0.5,
            "method.guidance.switch": 0.03,
            "method.guidance.test": "last",
            "method.exploration.noise": 0.2,
            "method.exploration.random": 0.2,
            "collect.episodes": 1,
            "collect.updates": 80,
            "collect.updates_per": "cycle",
            "replay.capacity": 1_000_000,
        },
    ),
    "rher-paper-multi": Preset(
        "The authors' PyTorch code for several objects: 40 TD3 updates of 2,048 a stage (of two "
        "objects), the highest learned stage guides. Learned is what 80% of the last test's "
        "episodes reached, where the authors test each stage alone; every stage stays in the "
        "batch; small actions are weighed (their code weighs the value's square by mistake).",
        "td3",
        {
            "learner.hidden": (256, 256),
            "learner.actor_lr": 1e-3,
            "learner.critic_lr": 1e-3,
            "learner.gamma": 0.98,
            "learner.batch_size": 8192,
            "learner.polyak": 0.99,
            "learner.target_move": "update",
            "learner.action_l2": 1.0,
            "learner.clip_return": True,
            "method.encoding": "absolute",
            "method.tell_stage": False,
            "method.focus": False,
            "method.translation": False,
            "method.guidance.probability": 0.5,
            "method.guidance.learned": 0.8,
            "method.guidance.test": "last",
            "method.exploration.noise": 0.2,
            "method.exploration.random": 0.2,
            "method.exploration.anneal": 1.0,
            "collect.updates": 40,
        },
    ),
}
