"""An experiment: all options of a run, in one frozen value.

`make` builds it from a method, a learner and a preset. The command line and `goalrelay.train`
replace single options. `config.json` in the run folder is its JSON.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from goalrelay import learners, methods
from goalrelay.errors import UsageError
from goalrelay.scale.address import address_of
from goalrelay.settings import from_dict, number, options, replace_at, suggest, to_dict, validate
from goalrelay.train.formats import FORMAT, upgraded

MethodConfig = TypeVar("MethodConfig")
LearnerConfig = TypeVar("LearnerConfig")

DEFAULT_STEPS = 1_000_000
ALIASES = {"hiro": ("hierarchy", "hiro")}
"""Short name -> method and preset."""
GONE = {"demos": "demonstrations are options of every method: relay TASK --demos.data FOLDER"}
"""Method of an earlier version -> its replacement."""
NOT_OPTIONS = {"versions": dict, "commit": str, "resumed_at": list, "note": str, "removed": dict}
"""Further keys of `config.json`, and their types: versions and commit of the run, commits at which
it was resumed, a remark, and values of options that only an earlier version has."""
_JSON = {dict: "an object", str: "a text", list: "a list"}


@dataclass(frozen=True)
class Collect:
    """Episodes and updates of a cycle."""

    episodes: int = number(1, 1, 10_000)
    """Episodes collected in each cycle."""
    threads: int = number(2, 1, 256)
    """Environments that run at the same time, one per thread; results do not depend on it."""
    updates: float = number(40, above=0, high=1_000_000)
    """Updates for each cycle, or for each environment step."""
    updates_per: Literal["cycle", "step"] = "cycle"
    """Unit to which `updates` refers."""
    bad_episodes: Literal["stop", "drop"] = "stop"
    """An episode that fails, or has a number that is NaN, infinite or above 1e15: `stop` the run,
    or `drop` the episode. Dropped ones are counted in `progress.csv`; 100 in a row end the run."""
    step_timeout: float | None = number(None, above=0)
    """Seconds that a reset or a step of the environment may take in an episode, or its
    `compute_reward` for a batch of goals. Beyond it the run stops, and names the task (default: any
    time). It does not hold while a task is opened and checked."""


@dataclass(frozen=True)
class Scale:
    """Episodes from other processes and machines (docs/cluster.md)."""

    workers: int = number(0, 0, 10_000)
    """Processes that collect episodes, started by Ray; 0: threads of this process. The curve does
    not depend on it."""
    address: str = ""
    """Ray cluster in which they are started: HOST:PORT, or `auto` for one that runs on this machine
    (default: one is started)."""
    listen: str = ""
    """HOST:PORT at which `goalrelay collect` joins the run, from any machine; they collect the
    episodes."""
    staleness: int = number(0, 0, 100)
    """Cycles by which the weights that collect are older than the learner's, so that workers do not
    wait for updates, nor updates for a slow worker."""
    episode_timeout: float = number(300.0, above=0)
    """Seconds that an episode may take on a worker. Beyond it the worker is ended, and its episode
    is collected by another."""
    physics: Literal["mujoco", "mjx"] = "mujoco"
    """Simulator of training episodes: MuJoCo on the CPU, or MJX on JAX's device (needs
    goalrelay[mjx]; three Fetch tasks). Evaluation stays on MuJoCo (docs/gpu.md)."""


@dataclass(frozen=True)
class ReplaySize:
    """The replay buffer."""

    capacity: int = number(1_000_000, 1)
    """Number of transitions; beyond it the oldest episodes are overwritten."""


@dataclass(frozen=True)
class Demos:
    """Demonstrations that any method can learn from (Nair et al. 2018, arXiv 1709.10089)."""

    data: str = ""
    """Folder of demonstrations, a Minari dataset; `goalrelay demos generate` makes one."""
    episodes: int | None = number(None, 1)
    """Number of demonstrations to use, from the first (default: all)."""
    share: float = number(0.125, 0, 1)
    """Fraction of every batch that is drawn from the demonstrations (RLPD: 0.5)."""
    weight: float = number(1.0, 0)
    """Behaviour cloning: weight of the summed squared distance from demonstrated actions that led
    to their goal; 0: no imitation."""
    policy_weight: float = number(1.0, 0)
    """Weight of the actor's own loss; 0: imitation only."""
    q_filter: bool = True
    """Imitate only steps for which the critic rates the demonstrated action above the actor's."""


@dataclass(frozen=True)
class Evaluate:
    """Evaluation of the policy, without noise, on separate episodes."""

    every: int = number(25, 1)
    """Training episodes between evaluations."""
    episodes: int = number(20, 1, 100_000)
    """Episodes of an evaluation."""
    confirm: int = number(100, 1, 100_000)
    """Episodes of a confirmation. When an evaluation reaches `--until`, two confirmations on other
    episodes must reach it too. The last one is reported."""
    ema_decay: float = number(0.0, 0, below=1)
    """The evaluated and exported policy is a running mean of the weights (EMA). This fraction of
    the old mean is kept in each cycle, and less in the first cycles; 0: the newest weights.
    Collection always uses the newest."""


@dataclass(frozen=True)
class Save:
    """Checkpoints and logs."""

    every: float = number(120.0, 0)
    """Seconds between checkpoints; the newest two are kept. 0: one after every cycle."""
    tensorboard: bool = True
    """Write TensorBoard event files."""
    track: Literal["none", "wandb", "trackio"] = "none"
    """Also log to this experiment tracker (needs goalrelay[track])."""


@dataclass(frozen=True)
class Experiment(Generic[MethodConfig, LearnerConfig]):
    """All options of a run."""

    method_name: str
    """Method; `goalrelay methods` lists them."""
    task: str
    """Task: a Gymnasium id or package.module:TaskId; `goalrelay tasks` lists some."""
    learner_name: str
    """Update rule: ddpg, td3, sac, or dqn for discrete actions."""
    preset: str
    """Named set of option values."""
    method: MethodConfig
    """The method's own options."""
    learner: LearnerConfig
    """The learner's own options."""
    collect: Collect = field(default_factory=Collect)
    """Episodes and updates of a cycle."""
    scale: Scale = field(default_factory=Scale)
    """Episodes from other processes and machines."""
    replay: ReplaySize = field(default_factory=ReplaySize)
    """The replay buffer."""
    demos: Demos = field(default_factory=Demos)
    """Demonstrations."""
    evaluate: Evaluate = field(default_factory=Evaluate)
    """Evaluation during the run."""
    save: Save = field(default_factory=Save)
    """Checkpoints and logs."""
    task_options: tuple[str, ...] = ()
    """name=value arguments for the task's constructor, such as n=20 for goalrelay/BitFlip-v0."""
    seed: int = number(0, 0, 2**31 - 1)
    """One seed gives one curve."""
    steps: int | None = number(None, 1)
    """Stop after this many environment steps (1,000,000 if no budget is given)."""
    episodes: int | None = number(None, 1)
    """Stop after this many training episodes."""
    minutes: float | None = number(None, above=0)
    """Stop after this much wall-clock time, over all sessions of the run. Only the length of the
    run then depends on the machine."""
    until: float | None = number(None, above=0, high=1)
    """Stop when the success rate reaches this, confirmed twice on --evaluate.confirm episodes."""


AnyExperiment = Experiment[Any, Any]


def make(
    method_name: str,
    task: str,
    learner_name: str | None = None,
    preset: str | None = None,
) -> AnyExperiment:
    """The experiment of a preset.

    Raises:
        UsageError: the method, learner or preset is unknown; the message has the nearest match.
    """
    if method_name in ALIASES:
        method_name, alias_preset = ALIASES[method_name]
        preset = preset or alias_preset
    preset = preset or "default"
    if method_name in GONE:
        raise UsageError(f"there is no method '{method_name}' any more; {GONE[method_name]}")
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
    existing = {name for name, _, _ in options(experiment)}
    for name, value in chosen.settings.items():
        if name.startswith("learner.") and name not in existing:
            continue  # this learner has no such option
        experiment = replace_at(experiment, name, value)
    return experiment


HEADS = ("method", "task", "learner", "preset", "method_name", "learner_name")
"""What decides which options there are; chosen before them, by `make`."""


def with_options(experiment: AnyExperiment, values: Mapping[str, Any]) -> AnyExperiment:
    """The experiment with options by dotted name.

    Raises:
        UsageError: an option does not exist, or decides which options there are.
    """
    for name, value in values.items():
        if name.replace("-", "_") in HEADS:
            raise UsageError(f"'{name}' is no option: it decides which options there are")
        experiment = replace_at(experiment, name, value)
    return experiment


def check(experiment: AnyExperiment) -> None:
    """Check all values, alone and together.

    Raises:
        UsageError: a value cannot work; the message names the option.
    """
    validate(experiment)
    if not experiment.demos.data and experiment.demos != Demos():
        raise UsageError("--demos options and presets of demonstrations need --demos.data FOLDER")
    _check_scale(experiment)
    delay = getattr(experiment.learner, "policy_delay", 1)
    if experiment.collect.updates_per == "cycle":
        updates = experiment.collect.updates
        if updates != int(updates):
            raise UsageError(f"--collect.updates must be a whole number a cycle, got {updates}")
        if int(updates) % delay:
            raise UsageError(
                f"--collect.updates {int(updates)} must be a multiple of "
                f"--learner.policy-delay {delay}"
            )


def _check_scale(experiment: AnyExperiment) -> None:
    """Check the options of workers together."""
    scale = experiment.scale
    if scale.workers and scale.listen:
        raise UsageError("--scale.workers and --scale.listen exclude each other")
    if scale.listen:
        address_of(scale.listen, "--scale.listen")
    if scale.physics != "mujoco" and (scale.workers or scale.listen):
        raise UsageError("--scale.physics mjx excludes --scale.workers and --scale.listen")
    if experiment.collect.step_timeout is not None and (scale.workers or scale.listen):
        raise UsageError(
            "--collect.step-timeout is for threads; on workers --scale.episode-timeout ends an "
            "episode that hangs"
        )
    if scale.address and not scale.workers:
        raise UsageError("--scale.address needs --scale.workers")
    if scale.staleness and not (scale.workers or scale.listen):
        raise UsageError("--scale.staleness needs --scale.workers or --scale.listen")
    if scale.staleness and experiment.collect.bad_episodes == "drop":
        raise UsageError("--scale.staleness and --collect.bad-episodes drop exclude each other")


def restore(values: Mapping[str, Any]) -> AnyExperiment:
    """The experiment of a `config.json`; all values are read, none is a default.

    Earlier formats are read by their own tables (see `formats`).

    Raises:
        UsageError: the format is another, or an option is absent or unknown.
    """
    found = values.get("format")
    if type(found) is not int and found is not None:
        raise UsageError(f"'format' is {json.dumps(found)}, and should be a whole number")
    values = upgraded(values)
    if values.get("format") != FORMAT:
        which = "no format number" if found is None else f"format {found}"
        raise UsageError(
            f"it has {which}, this version reads format {FORMAT}; options have changed since, so "
            "use the version of goalrelay that wrote it"
        )
    for name, kind in NOT_OPTIONS.items():
        if not isinstance(values.get(name, kind()), kind):
            raise UsageError(f"'{name}' is {json.dumps(values[name])}, and should be {_JSON[kind]}")
    heads = ("method_name", "task", "learner_name", "preset")
    absent = [name for name in heads if name not in values]
    if absent:
        raise UsageError(f"option '{absent[0]}' is absent")
    if not all(isinstance(values[name], str) for name in heads):
        raise UsageError("method, task, learner and preset must be names")
    method, task, learner, preset = (values[name] for name in heads)
    base = Experiment(
        method,
        task,
        learner,
        preset,
        methods.find(method).Config(),
        learners.find(learner).Config(),
    )
    return from_dict(base, {k: v for k, v in values.items() if k not in ("format", *NOT_OPTIONS)})


def to_json(experiment: AnyExperiment) -> dict[str, Any]:
    """The values for `config.json`."""
    return {"format": FORMAT, **to_dict(experiment)}


def budget(experiment: AnyExperiment) -> tuple[float, float, float]:
    """Environment steps, training episodes, minutes: the run stops when one is used up."""
    given = (experiment.steps, experiment.episodes, experiment.minutes)
    if given == (None, None, None):
        given = (DEFAULT_STEPS, None, None)
    steps, episodes, minutes = (math.inf if most is None else most for most in given)
    return steps, episodes, minutes
