"""Relay hindsight experience replay: a task as stages, each learned stage guides to the next.

Luo et al. (RHER; arXiv 2208.00843). One network for all stages, with any actor-critic learner:

    collect:  s = first stage not reached;  with probability p the policy of s guides, else the
              policy of s + 1 acts with noise                          (`goals.choose`)
    sample:   every batch holds steps for every stage, from all episodes alike; hindsight goals are
              what each stage achieved later                           (`relabel.relabel`)
    update:   the learner's, on (encode(observation, goal, stage), action, reward, ...)
    test:     the last stage's policy from the first step
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from goalrelay import encoding
from goalrelay.encoding import Layout, Moment, encode, unzeroed
from goalrelay.errors import UsageError
from goalrelay.exploration import Exploration, add_noise, annealed, explore
from goalrelay.goals import (
    Guidance,
    Progress,
    choose,
    controller,
    current,
    first_end,
    is_end,
    pursued,
)
from goalrelay.methods import Act, Network, Preset
from goalrelay.priority import Name as PriorityName
from goalrelay.priority import check as check_priority
from goalrelay.priority import draw
from goalrelay.relabel import Rules, innr, pursuits, reached, relabel
from goalrelay.replay import Replay
from goalrelay.settings import number
from goalrelay.symmetry import Steps, mirror
from goalrelay.types import Batch, Index, Observation, Spec, Symmetry

DEMONSTRATED = False
NEEDS_GOALS = True
FIGURES = ("innr",)


@dataclass(frozen=True)
class Config:
    """Relay hindsight experience replay."""

    strategy: Literal["future", "final", "episode", "random", "none"] = "future"
    """Where hindsight goals come from, for every stage."""
    k: float = number(4, 0)
    """Hindsight goals for each pursued one: a share k / (k + 1) of every batch is relabelled."""
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
    """Share of a batch for each stage, in order (default: equal)."""
    mixing: Literal["batch", "turns"] = "batch"
    """Stages share every batch, or batches belong to one stage each, in turns (the paper)."""
    priority: PriorityName = "uniform"
    """Which steps are drawn more often for the stages that move an object: all alike, those of
    energetic episodes (EBP), those from which hindsight can learn, or those that led to rare goals
    of that object."""
    prioritized: float = number(1.0, 0, 1)
    """Share of those stages' steps that are drawn by priority."""
    n_step: int = number(1, 1, 1000)
    """Rewards are summed over up to this many steps, ending where the goal is reached."""
    guidance: Guidance = field(default_factory=Guidance)
    """Self-guided exploration: who acts before and after a stage is reached."""
    exploration: Exploration = field(default_factory=Exploration)
    """Noise while collecting; a guide's steps are never replaced by random ones (RHER)."""

    @property
    def share(self) -> float:
        """Probability that a drawn step is relabelled."""
        return self.k / (self.k + 1)


PRESETS: Mapping[str, Preset] = {
    "default": Preset(
        "Ours, from docs/notebook.md: FetchPush-v4 to 0.95 after 425 to 725 episodes, "
        "FetchPickAndPlace-v4 after 450 to 1,000 (results/relay_push, results/relay_pick).",
        "td3",
        {
            "learner.hidden": (128, 128, 128),
            "learner.init": "glorot",
            "learner.polyak": 0.75,
            "learner.action_l2": 0.1,
            "collect.updates": 80,
            "evaluate.average": 0.9,
            "method.guidance.test": "unfinished",
            "method.symmetries": ("all",),
            "method.n_step": 3,
            "method.priority": "rare",
            "method.prioritized": 0.8,
            "method.exploration.noise": 0.2,
            "method.exploration.random": 0.2,
            "method.exploration.anneal": 0.8,
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


def check(config: Config, rules: Rules) -> None:
    """Refuse a task without stages, and options that do not fit its stages.

    Raises:
        UsageError: naming the option, or saying how stages are declared.
    """
    spec = rules.spec
    check_priority(config.priority, spec)
    _chosen(config, rules)
    if not spec.stages:
        raise UsageError(
            "this task declares no stages, which relay needs; docs/relay.md shows how to declare "
            "them in a few lines (the method her needs none)"
        )
    if config.shares and len(config.shares) != len(spec.stages):
        raise UsageError(
            f"--method.shares takes one number for each of the {len(spec.stages)} stages, "
            f"got {len(config.shares)}"
        )
    if config.shares and (min(config.shares) < 0 or sum(config.shares) <= 0):
        raise UsageError("--method.shares must not be negative, nor all 0")
    if config.encoding == "absolute" and config.translation and spec.absolute:
        raise UsageError(
            "--method.encoding absolute shows goals as places in the room, which mean nothing "
            "where the places of things are hidden; add --method.no-translation"
        )
    if config.guidance.guide == "controller" and spec.discrete:
        raise UsageError("--method.guidance.guide controller needs continuous actions")
    unguided = [s.name for s in spec.stages[:-1] if s.gain is None]
    if config.guidance.guide == "controller" and unguided:
        raise UsageError(
            f"--method.guidance.guide controller: stage '{unguided[0]}' declares no gain"
        )


def layout(config: Config, spec: Spec) -> Layout:
    """What the network sees, and where."""
    return encoding.layout(
        config.encoding, config.tell_stage, config.translation, config.focus, spec
    )


def input_size(config: Config, spec: Spec) -> int:
    """Size of the encoding."""
    return layout(config, spec).size


def normalized(config: Config, spec: Spec) -> np.ndarray:
    """What of the encoding is normalised."""
    return encoding.normalized(layout(config, spec))


def act(config: Config, spec: Spec, network: Network, observation: Observation) -> np.ndarray:
    """The policy of the stage that `guidance.test` names."""
    stage = len(spec.stages) - 1
    if config.guidance.test == "unfinished":
        stage = first_end(config.guidance, spec.stages, observation)
    elif config.guidance.test == "relay":
        stage = current(config.guidance, spec.stages, observation)
    return network(_inputs(config, spec, observation, stage), None)


def begin(
    config: Config, spec: Spec, network: Network, progress: Progress, rng: np.random.Generator
) -> Act:
    """Self-guided exploration for one episode."""
    exploration = annealed(config.exploration, progress.success)
    time = 0

    def step(observation: Observation) -> np.ndarray:
        nonlocal time
        choice = choose(config.guidance, spec.stages, observation, time, progress, rng)
        time += 1
        if choice.guiding and config.guidance.guide == "controller":
            action = controller(observation, spec.stages[choice.stage], spec.action_size)
        else:
            action = network(_inputs(config, spec, observation, choice.stage), rng)
        if choice.guiding:
            return add_noise(exploration, spec, action, rng)
        return explore(exploration, spec, action, rng)

    return step


def sample(
    config: Config,
    rules: Rules,
    replay: Replay,
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[Batch, dict[str, float]]:
    """A cycle of batches [updates, B] with steps for every stage."""
    whose = _stage_of_each(config, len(rules.spec.stages), shape).reshape(-1)
    pieces, places, figures = [], [], {"innr": float("nan")}
    for stage in range(len(rules.spec.stages)):
        place = np.flatnonzero(whose == stage)
        if not len(place):
            continue
        index, goals = _draw(config, rules, replay, stage, len(place), rng)
        rng.shuffle(place)  # prioritised steps come first in the index, not in the batches
        pieces.append(_batch(config, rules, replay, stage, (index, goals), rng, figures))
        places.append(place)
    order = np.argsort(np.concatenate(places))
    fields = (np.concatenate(field_)[order] for field_ in zip(*pieces, strict=True))
    return Batch(*(x.reshape(*shape, *x.shape[1:]) for x in fields)), figures


def _draw(
    config: Config, rules: Rules, replay: Replay, stage: int, count: int, rng: np.random.Generator
) -> tuple[Index, np.ndarray]:
    """Steps for a stage and the rows of goals that come with them; only ends have a priority."""
    stages = rules.spec.stages
    name = config.priority if is_end(stages, stage) else "uniform"
    alone = stages[stage]
    if alone.also:  # its own object, judged by distance: the task judges all of them
        alone = alone._replace(also=(), threshold=alone.threshold or alone.switch)
    there, columns = reached(alone, rules), alone.achieved.columns
    return draw(name, config.prioritized, replay, count, there, alone.scale, columns, rng)


def _batch(
    config: Config,
    rules: Rules,
    replay: Replay,
    number_: int,
    drawn: tuple[Index, np.ndarray],
    rng: np.random.Generator,
    figures: dict[str, float],
) -> Batch:
    """Drawn steps [B] as what they mean to a stage; the last stage's INNR goes to the figures."""
    (index, goals), stage = drawn, rules.spec.stages[number_]
    meaning = relabel(
        replay, index, stage, config.strategy, config.share, rules, rng, config.n_step, goals
    )
    if number_ == len(rules.spec.stages) - 1:
        figures["innr"] = innr(replay, index, stage, rules, meaning)
    steps = Steps(
        replay.observation[index.row],
        replay.observation[meaning.after],
        replay.achieved[index.row],
        replay.achieved[meaning.after],
        meaning.goal,
        meaning.next_goal,
        replay.action[index.row],
    )
    mirror(steps, stage, _chosen(config, rules), rng)
    plan = layout(config, rules.spec)
    now = Moment(steps.observation, steps.achieved)
    after = Moment(steps.next_observation, steps.next_achieved)
    return Batch(
        encode(plan, now, steps.goal, number_),
        steps.action,
        meaning.reward,
        meaning.discount,
        encode(plan, after, steps.next_goal, number_),
        np.zeros(len(index.row), np.float32),
    )


def observed(
    config: Config, rules: Rules, replay: Replay, index: Index, rng: np.random.Generator
) -> np.ndarray:
    """The inputs of steps [N] with every stage's goal in its slot: nothing is zeroed.

    The last stage's goals are relabelled as in training, the others are those pursued (RHER).
    Steps are shown through the views of all stages in turn.
    """
    stages = rules.spec.stages
    last = relabel(replay, index, stages[-1], config.strategy, config.share, rules, rng).goal
    goals = [*(pursuits(replay, stage, index.row) for stage in stages[:-1]), last]
    moment = Moment(replay.observation[index.row], replay.achieved[index.row])
    plan = layout(config, rules.spec)
    inputs = np.empty((len(index.row), plan.size), np.float32)
    for stage in range(len(stages)):
        some = slice(stage, None, len(stages))
        part = Moment(*(facts[some] for facts in moment))
        inputs[some] = unzeroed(plan, part, [goal[some] for goal in goals], stage)
    return inputs


def _inputs(config: Config, spec: Spec, observation: Observation, stage: int) -> np.ndarray:
    moment = Moment(observation.observation, observation.achieved)
    goal = pursued(observation, spec.stages[stage])
    return encode(layout(config, spec), moment, goal, stage)


def _stage_of_each(config: Config, stages: int, shape: tuple[int, int]) -> np.ndarray:
    """Which stage each place of the cycle's batches is for: [updates, B]."""
    if config.mixing == "turns":
        return np.repeat(np.arange(shape[0])[:, None] % stages, shape[1], axis=1)
    shares = np.array(config.shares or (1.0,) * stages)
    bounds = np.round(np.cumsum(shares / shares.sum()) * shape[1])
    one = np.searchsorted(bounds, np.arange(shape[1]), side="right").clip(max=stages - 1)
    return np.tile(one, (shape[0], 1))


def _chosen(config: Config, rules: Rules) -> list[Symmetry]:
    """The symmetries in use.

    Raises:
        UsageError: the task declares no such symmetry.
    """
    if config.symmetries == ("all",):
        return list(rules.symmetries)
    known = {symmetry.name: symmetry for symmetry in rules.symmetries}
    for name in config.symmetries:
        if name not in known:
            raise UsageError(
                f"--method.symmetries: this task declares {', '.join(known) or 'none'}, not {name}"
            )
    return [known[name] for name in config.symmetries]
