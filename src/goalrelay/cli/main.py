"""The command line: `goalrelay COMMAND ...`.

Options come from frozen dataclasses, with tyro. Exit codes: 2 for unusable input, such as an
environment that fails, after one line on standard error; 1 for a run that diverged; 130 for a
command that Ctrl-C ended.
"""

import json
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import goalrelay
from goalrelay import interrupts, methods
from goalrelay.cli.collect import collect
from goalrelay.cli.compare import compare
from goalrelay.cli.inspect import inspect
from goalrelay.cli.look import plot, record, report, watch
from goalrelay.cli.parsing import PositionalPath, parse
from goalrelay.cli.play import play
from goalrelay.cli.sweep import sweep
from goalrelay.cli.terminal import describe
from goalrelay.cli.train import resume, train
from goalrelay.cli.tune import tune
from goalrelay.errors import Diverged, TaskFailed, UsageError, notices_as_lines, printable
from goalrelay.settings import suggest
from goalrelay.tasks.goal_task import known_tasks
from goalrelay.train import session


@dataclass(frozen=True)
class Evaluate:
    """Evaluate a policy without noise: success with its 95% interval, return, final distance."""

    policy: PositionalPath
    """Run folder (its best policy) or a policy file."""
    episodes: int = 100
    """Episodes."""
    seed: int = 0
    """Seed of the evaluation episodes."""
    threads: int = 2
    """Environments that run at the same time."""
    bad_episodes: Literal["stop", "drop"] = "stop"
    """An episode that the environment breaks off: `stop`, or `drop` it and count it as failed."""
    trust: bool = False
    """Import the module of the task that the policy names, which runs its code."""
    json: bool = False
    """Print JSON."""


@dataclass(frozen=True)
class Nothing:
    """A command without options."""


def evaluate(arguments: Sequence[str]) -> int:
    """Evaluate a policy: success with its interval, return, distance"""
    command = parse(Evaluate, arguments, "evaluate")
    for name, least in (("episodes", 1), ("threads", 1), ("seed", 0)):
        if getattr(command, name) < least:
            raise UsageError(f"--{name} must be at least {least}, got {getattr(command, name)}")
    result = session.evaluate(
        command.policy,
        episodes=command.episodes,
        seed=command.seed,
        threads=command.threads,
        trust=command.trust,
        bad_episodes=command.bad_episodes,
    )
    if command.json:
        figures = {k: None if v != v else v for k, v in result._asdict().items()}  # no NaN in JSON
        print(json.dumps(figures))
    else:
        print(describe(result))
    return 0


def tasks(arguments: Sequence[str]) -> int:
    """List the tasks that are installed"""
    parse(Nothing, arguments, "tasks")
    for task_id, about in known_tasks().items():
        print(f"{task_id:52} {about}")
    print(f"{'package.module:TaskId':52} any Gymnasium task of yours; goal tasks can be relabelled")
    return 0


def list_methods(arguments: Sequence[str]) -> int:
    """List the methods and their presets"""
    parse(Nothing, arguments, "methods")
    for name in methods.names():
        module = methods.find(name)
        print(f"{name:12} {(module.__doc__ or '').partition(chr(10))[0]}")
        for preset, values in module.PRESETS.items():
            print(f"  --preset {preset:12} {values.about}")
    return 0


def demos(arguments: Sequence[str]) -> int:
    """Generate, import and show demonstrations"""
    from goalrelay.cli import demos as commands

    return commands.run(arguments)


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "train": train,
    "resume": resume,
    "collect": collect,
    "evaluate": evaluate,
    "record": record,
    "play": play,
    "plot": plot,
    "report": report,
    "watch": watch,
    "compare": compare,
    "sweep": sweep,
    "tune": tune,
    "demos": demos,
    "inspect": inspect,
    "tasks": tasks,
    "methods": list_methods,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code.

    Args:
        arguments: words behind `goalrelay`; None: those of this process, which ends then.
    """
    if arguments is not None:
        return _noted(list(arguments))
    interrupts.interrupt_once()
    try:
        code = _noted(sys.argv[1:])
    except KeyboardInterrupt:  # one more, on the way out
        code = interrupts.INTERRUPTED
    interrupts.leave(code)
    return code


def _noted(words: list[str]) -> int:
    """Run a command; notices are lines."""
    with warnings.catch_warnings():
        notices_as_lines()
        return _run(words)


def _run(words: list[str]) -> int:
    """Run a command; errors are one line."""
    try:
        if not words or words[0] in ("-h", "--help"):
            print(_help())
            return 0
        if words[0] == "--version":
            print(f"goalrelay {goalrelay.__version__}")
            return 0
        if words[0] not in COMMANDS:
            near = suggest(words[0], COMMANDS)
            raise UsageError(f"unknown command '{words[0]}'{near or '; see goalrelay --help'}")
        code = COMMANDS[words[0]](words[1:])
        sys.stdout.flush()  # here, where a closed pipe or a full disk is handled
        return code
    except (UsageError, TaskFailed) as error:
        _say(error)
        return 2
    except (Diverged, RuntimeError) as error:
        _say(error)
        return 1
    except KeyboardInterrupt:
        return interrupts.INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reading end of a pipe is closed
        return 0
    except OSError as error:  # a full disk, a name too long
        _say(": ".join(str(part) for part in (error.filename, error.strerror or error) if part))
        return 2


def _say(text: object) -> None:
    """A line on standard error."""
    print(f"goalrelay: {printable(text)}", file=sys.stderr)


def _help() -> str:
    """The text of `goalrelay --help`."""
    lines = [f"  {name:10} {command.__doc__}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "goalrelay teaches robots long, sparse-reward tasks.",
            "",
            "usage: goalrelay COMMAND ...      goalrelay COMMAND --help says more",
            "",
            *lines,
            "",
            "A first run:  goalrelay train her FetchReach-v4 --until 0.95",
        ]
    )
