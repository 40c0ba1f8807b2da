"""The command line's `goalrelay demos COMMAND ...`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.console import Console
from rich.progress import track

from goalrelay.cli.parsing import PositionalPath, PositionalWord, parse
from goalrelay.data.rollout import Simulator
from goalrelay.demos import baselines, dataset
from goalrelay.demos.generate import Begin, Disturbance, expert_of
from goalrelay.demos.generate import generate as play
from goalrelay.demos.load import fitted, succeeded
from goalrelay.demos.teleop.gamepad import first as first_gamepad
from goalrelay.demos.teleop.session import Wish, describe, session
from goalrelay.demos.teleop.steering import Hand, Keys
from goalrelay.errors import UsageError
from goalrelay.settings import number, suggest, validate
from goalrelay.tasks.goal_task import open_task
from goalrelay.train.evaluate import wilson
from goalrelay.train.policy import load as load_policy


@dataclass(frozen=True)
class Generate:
    """Let a task's scripted expert, or a trained policy, play it, and write a Minari dataset."""

    task: PositionalWord
    """A task with goals: a Gymnasium id or package.module:TaskId."""
    out: Path
    """Folder to write."""
    episodes: int = number(100, 1)
    """Episodes to play."""
    policy: Path | None = None
    """Run folder or policy file that plays, instead of the scripted expert."""
    disturbance: Annotated[Disturbance, tyro.conf.arg(name="")] = field(default_factory=Disturbance)
    """What goes wrong."""
    only_successes: bool = False
    """Keep only the episodes that succeed."""
    seed: int = number(0, 0, 2**31 - 1)
    """Seed of the first episode; the others follow."""
    task_options: tuple[str, ...] = ()
    """name=value arguments for the task's constructor."""


@dataclass(frozen=True)
class Teleop:
    """Steer a task's robot yourself, and write the episodes that succeed as a Minari dataset."""

    task: PositionalWord
    """A MuJoCo task with goals: a Gymnasium id or package.module:TaskId."""
    out: Path
    """Folder to write."""
    episodes: int = number(10, 1)
    """Episodes to keep; end sooner with Escape."""
    keep_failures: bool = False
    """Keep the episodes that reach the time limit without success, too."""
    speed: float = number(0.5, above=0, high=1)
    """What a key asks for, as a share of the largest action."""
    pace: float = number(1.0, above=0, high=10)
    """Seconds of the simulation in a second: 0.25 gives you four times as long."""
    seed: int = number(0, 0, 2**31 - 1)
    """Seed of the first start; the others follow."""
    task_options: tuple[str, ...] = ()
    """name=value arguments for the task's constructor; max_episode_steps=200 gives more steps."""


@dataclass(frozen=True)
class Import:
    """Turn a file of OpenAI Baselines (.npz), or any Minari dataset with goals, into ours."""

    source: PositionalPath
    """The file, or the folder of a Minari dataset."""
    out: Path
    """Folder to write."""
    task: str | None = None
    """Of which task they are; a Minari dataset may say so itself."""
    trusted: bool = False
    """The .npz file comes from someone you trust: reading it can run any code that is in it."""


@dataclass(frozen=True)
class Show:
    """Count demonstrations, and draw their trajectories."""

    data: PositionalPath
    """Folder of demonstrations."""
    out: Path | None = None
    """Picture to draw, .png, .svg or .pdf (default: trajectories.png in the folder)."""


def generate(arguments: Sequence[str]) -> int:
    """Let a scripted expert or a policy play"""
    command = parse(Generate, arguments, "demos generate")
    validate(command.disturbance)  # first: its options are spelled without a prefix
    validate(command)
    dataset.check_new(command.out)
    task = _goal_task(command.task, command.task_options)
    begin, about = _demonstrator(command, task)
    seeds = range(command.seed, command.seed + command.episodes)
    played = play(task, begin, seeds, command.disturbance)
    silent = not Console().is_terminal
    kept = list(track(played, "generating", total=len(seeds), transient=True, disable=silent))
    verdicts = [succeeded(one, task) for one in kept]
    if command.only_successes:
        kept = [one for one, verdict in zip(kept, verdicts, strict=True) if verdict > 0]
    dataset.write(command.out, kept, task, about)
    task.close()
    print(_rate(verdicts))
    print(f"{command.out}: {len(kept)} episodes by {about}")
    return 0


def teleop(arguments: Sequence[str]) -> int:
    """Steer the robot yourself, with keys or a gamepad"""
    from goalrelay.report.viewer import steered

    command = parse(Teleop, arguments, "demos teleop")
    validate(command)
    dataset.check_new(command.out)
    task = _goal_task(command.task, command.task_options)
    keys, pad, person = Keys(), first_gamepad(), "a person with keys or a gamepad"
    hand = Hand(task, keys, pad, command.speed)
    wish = Wish(command.episodes, command.keep_failures, command.seed)
    with steered(task, keys, command.pace) as (shown, running):
        print(describe(task, hand, command.pace), flush=True)
        kept = session(
            shown,
            hand,
            running,
            wish,
            lambda some: dataset.write(command.out, some, task, person, instead=True),
        )
    pad.close()
    task.close()
    if not kept:
        raise UsageError(f"no episode was kept, so {command.out} is not written")
    print(f"{command.out}: {kept} episodes by a person")
    return 0


def import_(arguments: Sequence[str]) -> int:
    """Read a file of OpenAI Baselines, or any Minari dataset"""
    command = parse(Import, arguments, "demos import")
    dataset.check_new(command.out)
    if command.source.is_dir():
        found = dataset.read(command.source)
        task = _goal_task(_named(command, found.task))
        source, about = found.demonstrations, found.about
    else:
        task = _goal_task(_named(command, None))
        source = baselines.read(command.source, command.trusted)
        about = "a file of OpenAI Baselines"
    episodes = [fitted(command.source, one, task) for one in source]
    dataset.write(command.out, source, task, about)
    task.close()
    print(_rate([episode.success for episode in episodes]))
    print(f"{command.out}: {len(source)} episodes by {about}")
    return 0


def show(arguments: Sequence[str]) -> int:
    """Count, and draw"""
    from goalrelay.report import trajectories

    command = parse(Show, arguments, "demos show")
    found = dataset.read(command.data)
    steps = [one.length for one in found.demonstrations]
    print(f"{found.task or 'unknown task'}: {len(steps)} episodes by {found.about}")
    print(f"steps: {sum(steps):,} in all, {min(steps)} to {max(steps)} an episode")
    print(_rate([float(one.success[-1]) for one in found.demonstrations]))
    out = command.out or command.data / "trajectories.png"
    trajectories.draw(found.demonstrations, out)
    print(out)
    return 0


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "generate": generate,
    "teleop": teleop,
    "import": import_,
    "show": show,
}
RENAMED = {"record": "generate"}
"""Commands of earlier versions, and what they are called now."""


def run(arguments: Sequence[str]) -> int:
    """One of the commands; returns the exit code."""
    words = list(arguments)
    if not words or words[0] in ("-h", "--help"):
        lines = [f"  {name:10} {command.__doc__}" for name, command in COMMANDS.items()]
        print("\n".join(["usage: goalrelay demos COMMAND ...", "", *lines]))
        return 0
    if words[0] in RENAMED:
        new = RENAMED[words[0]]
        raise UsageError(f"`goalrelay demos {words[0]}` is now `goalrelay demos {new}`")
    if words[0] not in COMMANDS:
        near = suggest(words[0], COMMANDS) or f"; there are {', '.join(COMMANDS)}"
        raise UsageError(f"unknown command 'demos {words[0]}'{near}")
    return COMMANDS[words[0]](words[1:])


def _demonstrator(command: Generate, task: Simulator) -> tuple[Begin, str]:
    """Who plays, and in words."""
    if command.policy is None:
        return expert_of(task), "its scripted expert"
    policy = load_policy(command.policy)
    sizes = [(s.observation_size, s.goal_size, s.action_size) for s in (task.spec, policy.spec)]
    if sizes[0] != sizes[1] or task.interface.first_action != policy.interface.first_action:
        raise UsageError(
            f"--policy {command.policy} was trained on '{policy.task}', which does not fit "
            f"'{task.id}'"
        )
    return policy.episode, f"a policy trained with {policy.method_name}"


def _named(command: Import, known: str | None) -> str:
    if command.task is None and known is None:
        raise UsageError(f"--task must say of which task the episodes in {command.source} are")
    return command.task or known or ""


def _goal_task(name: str, options: tuple[str, ...] = ()) -> Simulator:
    task = open_task(name, options)
    if task.flat:
        raise UsageError(f"task '{name}' has no goals, and demonstrations are for tasks with goals")
    return task


def _rate(verdicts: Sequence[float]) -> str:
    """The success rate in words."""
    if np.isnan(verdicts).any():
        return "success: not known"
    successes, episodes = int(np.sum(verdicts)), len(verdicts)
    low, high = wilson(successes, episodes)
    share = successes / episodes
    return f"success: {successes} of {episodes}, {share:.2f} (95% {low:.2f}-{high:.2f})"
