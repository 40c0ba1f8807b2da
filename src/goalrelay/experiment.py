"""An experiment is one frozen value: everything that decides what a run will do.

`make` composes it from a method, a learner and a preset; the command line and `goalrelay.train`
lay single options over it; `config.json` in the run folder is its JSON.
"""

import math
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from goalrelay import learners, methods
from goalrelay.errors import UsageError
from goalrelay.settings import from_dict, number, options, replace_at, suggest, to_dict, validate

MethodConfig = TypeVar("MethodConfig")
LearnerConfig = TypeVar("LearnerConfig")

DEFAULT_STEPS = 1_000_000


@dataclass(frozen=True)
class Collect:
    """How much is collected and learned in a cycle."""

    episodes: int = number(1, 1, 10_000)
    """Episodes collected a cycle."""
    threads: int = number(2, 1, 256)
    """Environments that run at the same time, one a thread; results do not depend on it."""
    updates: float = number(40, above=0, high=1_000_000)
    """Updates for each cycle, or for each environment step."""
    updates_per: Literal["cycle", "step"] = "cycle"
    """What `updates` counts for."""


@dataclass(frozen=True)
class ReplaySize:
    """The replay."""

    capacity: int = number(1_000_000, 1)
    """Transitions held; the oldest episodes give way."""


@dataclass(frozen=True)
class Evaluate:
    """When and how the policy is tested, without noise, on episodes of its own."""

    every: int = number(25, 1)
    """Training episodes between evaluations."""
    episodes: int = number(20, 1, 100_000)
    """Episodes of an evaluation."""
    confirm: int = number(100, 1, 100_000)
    """Episodes that must confirm that `--until` is reached, when an evaluation says so; and as many
    others that must confirm it again. The last test made is the one that is reported."""
    average: float = number(0.0, 0, below=1)
    """The tested and exported policy is a running mean of the weights: this share of the old mean
    is kept each cycle (Polyak averaging). 0: the newest weights. Collection always uses those."""


@dataclass(frozen=True)
class Save:
    """What is kept while the run goes on."""

    every: float = number(120.0, 0)
    """Seconds between checkpoints; the last two are kept. 0 saves after every cycle."""
    tensorboard: bool = True
    """Write TensorBoard event files."""
    track: Literal["none", "wandb", "trackio"] = "none"
    """Also log to this experiment tracker (needs goalrelay[track])."""


@dataclass(frozen=True)
class Experiment(Generic[MethodConfig, LearnerConfig]):
    """Everything that decides what a run will do."""

    method_name: str
    """How to learn; `goalrelay methods` lists them."""
    task: str
    """What to learn: a Gymnasium id or package.module:TaskId; `goalrelay tasks` lists some."""
    learner_name: str
    """The update rule: ddpg, td3, sac, or dqn for discrete actions."""
    preset: str
    """A named set of values to start from."""
    method: MethodConfig
    """The method's own options."""
    learner: LearnerConfig
    """The learner's own options."""
    collect: Collect = field(default_factory=Collect)
    """Collecting and updating."""
    replay: ReplaySize = field(default_factory=ReplaySize)
    """The replay."""
    evaluate: Evaluate = field(default_factory=Evaluate)
    """Evaluation during the run."""
    save: Save = field(default_factory=Save)
    """Checkpoints and logs."""
    task_options: tuple[str, ...] = ()
    """name=value arguments for the task's constructor, such as n=20 for goalrelay/BitFlip-v0."""
    seed: int = number(0, 0, 2**31 - 1)
    """One seed gives one curve."""
    steps: int | None = number(None, 1)
    """Stop after this many environment steps (1,000,000 if no budget of any kind is given)."""
    episodes: int | None = number(None, 1)
    """Stop after this many training episodes."""
    minutes: float | None = number(None, above=0)
    """Stop after this much wall-clock time, over all sessions of the run. When that is depends on
    the machine; all else depends on the seed."""
    until: float | None = number(None, above=0, high=1)
    """Stop when the success rate reaches this, confirmed twice on --evaluate.confirm episodes."""


AnyExperiment = Experiment[Any, Any]


def make(
    method_name: str,
    task: str,
    learner_name: str | None = None,
    preset: str = "default",
) -> AnyExperiment:
    """The experiment of a preset.

    Raises:
        UsageError: an unknown method, learner or preset, with the nearest match.
    """
    method = methods.find(method_name)
    if preset not in method.PRESETS:
        near = suggest(preset, method.PRESETS)
        raise UsageError(
            f"method '{method_name}' has no preset '{preset}'{near or '; it has '}"
            + ("" if near else ", ".join(method.PRESETS))
        )
    chosen = method.PRESETS[preset]
    learner_name = learner_name or chosen.learner
    learner = learners.find(learner_name)
    experiment = Experiment(
        method_name, task, learner_name, preset, method.Config(), learner.Config()
    )
    known = {name for name, _, _ in options(experiment)}
    for name, value in chosen.settings.items():
        if name.startswith("learner.") and name not in known:
            continue  # this learner has no such part
        experiment = replace_at(experiment, name, value)
    return experiment


def check(experiment: AnyExperiment) -> None:
    """Refuse values that cannot work, alone or together.

    Raises:
        UsageError: naming the option.
    """
    validate(experiment)
    delay = getattr(experiment.learner, "delay", 1)
    if experiment.collect.updates_per == "cycle":
        updates = experiment.collect.updates
        if updates != int(updates):
            raise UsageError(f"--collect.updates must be a whole number a cycle, got {updates}")
        if int(updates) % delay:
            raise UsageError(
                f"--collect.updates {int(updates)} must be a multiple of --learner.delay {delay}"
            )


def restore(values: dict[str, Any]) -> AnyExperiment:
    """The experiment of a `config.json`.

    Raises:
        UsageError: something in it does not exist in this version.
    """
    heads = [values[name] for name in ("method_name", "task", "learner_name", "preset")]
    if not all(isinstance(head, str) for head in heads):
        raise UsageError(f"method, task, learner and preset must be names, not {heads}")
    base = make(*heads)
    return from_dict(base, values)


def to_json(experiment: AnyExperiment) -> dict[str, Any]:
    """Plain values for `config.json`."""
    return to_dict(experiment)


def budget(experiment: AnyExperiment) -> tuple[float, float, float]:
    """Environment steps, training episodes and minutes: the run stops at the first it reaches."""
    given = (experiment.steps, experiment.episodes, experiment.minutes)
    if given == (None, None, None):
        given = (DEFAULT_STEPS, None, None)
    steps, episodes, minutes = (math.inf if most is None else most for most in given)
    return steps, episodes, minutes
