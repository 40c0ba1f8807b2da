"""The commands `goalrelay train` and `goalrelay resume`.

`train` parses its words twice. First METHOD, TASK, --learner and --preset, which determine the
other options. Then all options, with the values of the preset as defaults.
"""

import dataclasses
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import tyro
from rich.console import Console

from goalrelay.cli.parsing import HELP, PositionalPath, folded, has_folded, parse
from goalrelay.cli.terminal import Lines, LinesOfSeed, Terminal, describe
from goalrelay.errors import Notice, TaskFailed, UsageError, printable, shell_word
from goalrelay.tasks.goal_task import needs_trust
from goalrelay.train import config as experiments
from goalrelay.train import session, side_by_side
from goalrelay.train.config import AnyExperiment, Experiment
from goalrelay.train.observer import Observer
from goalrelay.train.side_by_side import Ended

MethodConfig = TypeVar("MethodConfig")
LearnerConfig = TypeVar("LearnerConfig")
EXAMPLE = ("her", "FetchReach-v4")
"""METHOD and TASK for `goalrelay train --help` without them."""
MORE = (
    "method.variant.* are further options, for variants of the method; docs/options.md lists them"
)


@dataclass(frozen=True)
class Choice:
    """The options that determine the other options."""

    heads: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """METHOD TASK"""
    learner: str | None = None
    """Update rule (default: the preset's)."""
    preset: str | None = None
    """Named set of option values."""


@dataclass(frozen=True)
class Spelled(Experiment[MethodConfig, LearnerConfig], Generic[MethodConfig, LearnerConfig]):
    """An experiment with the argument names of the command line."""

    method_name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="METHOD")]
    """Method; `goalrelay methods` lists them."""
    task: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="TASK")]
    """Task: a Gymnasium id or package.module:TaskId; `goalrelay tasks` lists some."""
    learner_name: Annotated[str, tyro.conf.arg(name="learner")]
    """Update rule: ddpg, td3, sac, or dqn for discrete actions."""


AnySpelled = TypeVar("AnySpelled")


@dataclass(frozen=True)
class Train(Generic[AnySpelled]):
    """Learn a task: goalrelay train METHOD TASK [options]."""

    experiment: Annotated[AnySpelled, tyro.conf.arg(name="")]
    """The options of the run."""
    seeds: tuple[int, ...] = ()
    """Several seeds in one process, side by side, instead of --seed. Each has a run folder. Seeds
    that were stopped go on; finished ones are left alone."""
    out: Path | None = None
    """Run folder (default: runs/TASK/METHOD/seed-S); with --seeds the folder of seed-S."""
    film_every: int | None = None
    """Training episodes between films of the policy, which go to the folder films of the run."""
    quiet: bool = False
    """Print nothing but errors."""


@dataclass(frozen=True)
class Resume:
    """Continue a run; its curve is the one of an unbroken run."""

    run: PositionalPath
    """Run folder."""
    steps: int | None = None
    """New total budget of environment steps."""
    minutes: float | None = None
    """New total budget of minutes."""
    until: float | None = None
    """New success rate at which the run stops."""
    film_every: int | None = None
    """Training episodes between films of the policy, which go to the folder films of the run."""
    trust: bool = False
    """Import the module of the task that the run names, which runs its code."""
    quiet: bool = False
    """Print nothing but errors."""


def train(arguments: Sequence[str]) -> int:
    """Learn a task"""
    words = list(arguments)
    asks_help = bool(HELP & set(words))
    default = chosen([word for word in words if word not in HELP], asks_help)
    if asks_help:
        show_help(default)
        return 0
    command: Train[Any] = parse(kind_of(default), words, "train", Train(spelled(default)))
    experiment = plain(command.experiment, default)
    given = {word.partition("=")[0] for word in words}
    if "--seeds" in given:
        return _train_seeds(command, experiment, given)
    shown = observer(command.quiet, command.film_every)
    result = session.start(experiment, command.out, shown)
    return _report(result, command.quiet)


def _train_seeds(command: Train[Any], experiment: AnyExperiment, given: set[str]) -> int:
    """Train several seeds; returns the exit code.

    Args:
        command: with the seeds.
        experiment: the options of each run.
        given: the options that stand in the command.
    """
    if not command.seeds:
        raise UsageError("--seeds needs at least one seed")
    if "--seed" in given:
        raise UsageError("--seed and --seeds are both given; --seeds names all seeds")
    if command.film_every is not None:
        raise UsageError("--film-every films one run; with --seeds leave it away")

    def shown(seed: int) -> Observer:
        return Observer() if command.quiet else LinesOfSeed(seed)

    def report(run: Ended) -> None:
        if run.error is not None:
            warnings.warn(Notice(f"seed {run.seed}: {run.error}"), stacklevel=2)
        elif run.result is not None:
            _report(run.result, command.quiet, f"seed {run.seed}: ")
        elif not command.quiet:
            print(f"seed {run.seed}: finished before; everything is in {printable(run.folder)}")

    ended = side_by_side.train(experiment, command.seeds, command.out, shown, report)
    return _code(ended, command.quiet)


def _code(ended: Sequence[Ended], quiet: bool) -> int:
    """The exit code of several seeds; what goes on with those that were stopped is printed."""
    if any(run.result is not None and run.result.reason == "interrupted" for run in ended):
        if not quiet:
            print("the same command goes on with all seeds")
        return 130
    errors = [run.error for run in ended if run.error is not None]
    unusable = any(isinstance(error, UsageError | TaskFailed) for error in errors)
    return 2 if unusable else 1 if errors else 0


def resume(arguments: Sequence[str]) -> int:
    """Continue a run"""
    command = parse(Resume, arguments, "resume")
    result = session.resume(
        command.run,
        steps=command.steps,
        minutes=command.minutes,
        until=command.until,
        observer=observer(command.quiet, command.film_every),
        trust=command.trust,
    )
    return _report(result, command.quiet)


def chosen(words: Sequence[str], asks_help: bool) -> AnyExperiment:
    """The experiment of the preset in the words.

    Args:
        words: METHOD TASK and options, without --help.
        asks_help: whether METHOD and TASK may be missing.

    Raises:
        UsageError: METHOD or TASK is missing, or a name is unknown.
    """
    choice = parse(Choice, words, "train", others_follow=True)
    heads = choice.heads[:2]
    if len(heads) < 2 and not asks_help:
        if words and words[0].startswith("--"):
            form = "goalrelay train METHOD TASK [options]"
            raise UsageError(f"METHOD and TASK come before {words[0]}: {form}")
        raise UsageError("train needs a method and a task: goalrelay train METHOD TASK [options]")
    method, task = (*heads, *EXAMPLE[len(heads) :])
    return experiments.make(method, task, choice.learner, choice.preset)


def show_help(default: AnyExperiment) -> None:
    """Print the options of an experiment; one line stands for the group `variant`.

    Raises:
        SystemExit: always, with code 0.
    """
    shown = dataclasses.replace(default, method=folded(default.method))
    try:
        parse(kind_of(shown), ["--help"], "train", Train(spelled(shown)))
    finally:
        if has_folded(default.method):
            print(f"--{MORE}")


def kind_of(experiment: AnyExperiment) -> Any:
    """`Train` with the method's and the learner's types of options."""
    return Train[Spelled[type(experiment.method), type(experiment.learner)]]


def spelled(experiment: AnyExperiment) -> Spelled[Any, Any]:
    """The experiment in the form that tyro parses."""
    values = {f.name: getattr(experiment, f.name) for f in dataclasses.fields(experiment)}
    return Spelled(**values)


def plain(given: Spelled[Any, Any], default: AnyExperiment) -> AnyExperiment:
    """The parsed experiment; method, task, learner and preset are those of the first parse."""
    values = {f.name: getattr(given, f.name) for f in dataclasses.fields(default)}
    heads = ("method_name", "task", "learner_name", "preset")
    return Experiment(**(values | {name: getattr(default, name) for name in heads}))


def observer(quiet: bool, film_every: int | None) -> Observer:
    """The display of a run, and what films it."""
    shown = Observer() if quiet else Terminal() if Console().is_terminal else Lines()
    if film_every is None:
        return shown
    if film_every < 1:
        raise UsageError(f"--film-every must be at least 1, got {film_every}")
    from goalrelay.report.filming import Filming

    return Filming(shown, film_every)


def _report(result: session.Result, quiet: bool, before: str = "") -> int:
    """Print the end of a run; returns the exit code.

    Args:
        result: the end.
        quiet: print nothing.
        before: begins each line.
    """
    interrupted = result.reason == "interrupted"
    if not quiet:
        if result.evaluation is not None:
            print(f"{before}{'stopped' if interrupted else 'done'}: {describe(result.evaluation)}")
        print(
            f"{before}{result.episodes:,} episodes, {result.steps:,} steps, "
            f"{result.seconds:.1f} s; everything is in {printable(result.folder)}"
        )
        then = "resume" if interrupted else "evaluate"
        for_task = needs_trust(result.policy.task)
        trust = " --trust" if (result.resume_needs_trust if interrupted else for_task) else ""
        command = f"goalrelay {then} {shell_word(result.folder)}{trust}"
        print(f"{before}{'go on with' if interrupted else 'then'}: {command}")
    return 130 if interrupted else 0
