"""The command `goalrelay inspect`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from goalrelay.cli.parsing import PositionalWord, parse
from goalrelay.errors import UsageError
from goalrelay.settings import number, validate
from goalrelay.tasks.goal_task import open_task
from goalrelay.tasks.inspect import found
from goalrelay.tasks.inspect.report import report, text


@dataclass(frozen=True)
class Inspect:
    """Play some hundred steps of a task and say what it is: contract, columns, objects, stages."""

    task: PositionalWord
    """A Gymnasium id, or package.module:TaskId."""
    task_options: tuple[str, ...] = ()
    """name=value arguments for the task's constructor."""
    steps: int = number(found.STEPS, 100, 100_000)
    """Steps of random actions; driving the hand to objects takes some hundreds more."""
    seed: int = number(found.SEED, 0, 2**31 - 1)
    """Seed of everything random."""
    json: bool = False
    """Print JSON."""


def inspect(arguments: Sequence[str]) -> int:
    """Say what a task is, and propose its stages"""
    command = parse(Inspect, arguments, "inspect")
    validate(command)
    simulator = open_task(command.task, command.task_options)
    try:
        if simulator.flat:
            raise UsageError(f"task '{simulator.id}' has no goals; train it with the method flat")
        about = report(simulator, command.steps, command.seed)
    finally:
        simulator.close()
    print(json.dumps(about) if command.json else text(about))
    return 0
