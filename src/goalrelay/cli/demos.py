"""The commands `goalrelay demos COMMAND ...`."""

import shlex
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
from goalrelay.demos.load import fitted_all, not_finite, succeeded
from goalrelay.demos.teleop.gamepad import first as first_gamepad
from goalrelay.demos.teleop.session import Wish, describe, session
from goalrelay.demos.teleop.steering import Hand, Keys
from goalrelay.errors import UsageError, printable
from goalrelay.settings import number, suggest, validate
from goalrelay.tasks.goal_task import check_trusted, open_task
from goalrelay.train.description import difference
from goalrelay.train.evaluate import wilson
from goalrelay.train.policy import load as load_policy


@dataclass(frozen=True)
class Generate:
    """Write demonstrations of a scripted expert or of a trained policy as a Minari dataset."""

    task: PositionalWord
    """A task with goals: a Gymnasium id or package.module:TaskId."""
    out: Path
    """Folder to write."""
    episodes: int = number(100, 1)
    """Number of episodes."""
    policy: Path | None = None
    """Run folder or policy file that acts, instead of the scripted expert."""
    disturbance: Annotated[Disturbance, tyro.conf.arg(name="")] = field(default_factory=Disturbance)
    """Imperfections."""
    only_successes: bool = False
    """Keep only the episodes that succeed."""
    seed: int = number(0, 0, 2**31 - 1)
    """Seed of the first episode; later episodes have the next seeds."""
    task_options: tuple[str, ...] = ()
    """name=value arguments for the task's constructor."""


@dataclass(frozen=True)
class Teleop:
    """Steer a task's robot yourself; successful episodes become a Minari dataset."""

    task: PositionalWord
    """A MuJoCo task with goals: a Gymnasium id or package.module:TaskId."""
    out: Path
    """Folder to write."""
    episodes: int = number(10, 1)
    """Number of episodes to keep; Escape ends the session earlier."""
    keep_failures: bool = False
    """Also keep episodes that reach the time limit without success."""
    speed: float = number(0.5, above=0, high=1)
    """Magnitude of a key's action, as a fraction of the largest action."""
    pace: float = number(1.0, above=0, high=10)
    """Simulation time per real time: 0.25 is four times slower."""
    seed: int = number(0, 0, 2**31 - 1)
    """Seed of the first start; later starts have the next seeds."""
    task_options: tuple[str, ...] = ()
    """name=value arguments for the task's constructor; max_episode_steps=200 gives more steps."""


@dataclass(frozen=True)
class Import:
    """Convert a file of OpenAI Baselines (.npz), or a Minari dataset with goals, to our format."""

    source: PositionalPath
    """The file, or the folder of a Minari dataset."""
    out: Path
    """Folder to write."""
    task: str | None = None
    """Their task; a Minari dataset may name it itself."""
    trusted: bool = False
    """The .npz file comes from someone you trust: reading it can run any code that is in it."""


@dataclass(frozen=True)
class Show:
    """Summarise demonstrations and plot their trajectories."""

    data: PositionalPath
    """Folder of demonstrations."""
    out: Path | None = None
    """Picture, .png, .svg or .pdf (default: trajectories.png in the folder)."""


def generate(arguments: Sequence[str]) -> int:
    """Generate demonstrations with a scripted expert or a policy"""
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
    successes = [succeeded(one, task) for one in kept]
    if command.only_successes:
        kept = [one for one, success in zip(kept, successes, strict=True) if success > 0]
    dataset.write(command.out, kept, task, about)
    task.close()
    print(_rate(successes))
    print(printable(f"{command.out}: {len(kept)} episodes by {about}"))
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
    print(f"{printable(command.out)}: {kept} episodes by a person")
    return 0


def import_(arguments: Sequence[str]) -> int:
    """Read a file of OpenAI Baselines, or any Minari dataset"""
    command = parse(Import, arguments, "demos import")
    dataset.check_new(command.out)
    if command.source.is_dir():
        read = dataset.read(command.source)
        task = _goal_task(_named(command, read.task))
        source, about = read.demonstrations, read.about
    else:
        task = _goal_task(_named(command, None))
        source = baselines.read(command.source, command.trusted)
        about = "a file of OpenAI Baselines"
    episodes = fitted_all(command.source, source, task)
    dataset.write(command.out, source, task, about)
    task.close()
    print(_rate([episode.success for episode in episodes]))
    print(printable(f"{command.out}: {len(source)} episodes by {about}"))
    return 0


def show(arguments: Sequence[str]) -> int:
    """Summarise and plot"""
    from goalrelay.report import trajectories

    command = parse(Show, arguments, "demos show")
    read = dataset.read(command.data)
    steps = [one.length for one in read.demonstrations]
    print(printable(f"{read.task or 'unknown task'}: {len(steps)} episodes by {read.about}"))
    print(f"steps: {sum(steps):,} in all, {min(steps)} to {max(steps)} an episode")
    print(_rate([float(one.success[-1]) for one in read.demonstrations]))
    for i, one in enumerate(read.demonstrations):
        if not_finite(one):
            print(f"episode {i} has {not_finite(one)}")
    out = command.out or command.data / "trajectories.png"
    trajectories.draw(read.demonstrations, out)
    print(printable(out))
    return 0


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "generate": generate,
    "teleop": teleop,
    "import": import_,
    "show": show,
}
RENAMED = {"record": "generate"}
"""Command of an earlier version -> its present name."""


def run(arguments: Sequence[str]) -> int:
    """Run one of the commands; returns the exit code."""
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
    """The demonstrator, and a description of it."""
    if command.policy is None:
        return expert_of(task), "its scripted expert"
    policy = load_policy(command.policy)
    other = difference(policy.interface, task.interface)
    if other is not None:
        raise UsageError(
            f"--policy {command.policy} was trained on '{policy.task}' with {other[0]}; it does "
            f"not fit '{task.id}', which has {other[1]}"
        )
    return policy.episode, f"a policy trained with {policy.method_name}"


def _named(command: Import, stored: str | None) -> str:
    """The task's id: the user's, else the stored one."""
    if command.task is None and stored is None:
        raise UsageError(f"--task must say of which task the episodes in {command.source} are")
    if command.task is None and stored is not None:
        check_trusted(stored, command.source, False, f"say --task {shlex.quote(stored)}")
    return command.task or stored or ""


def _goal_task(name: str, options: tuple[str, ...] = ()) -> Simulator:
    """A task with goals."""
    task = open_task(name, options)
    if task.flat:
        raise UsageError(f"task '{name}' has no goals, and demonstrations are for tasks with goals")
    if task.spec.image:
        raise UsageError(f"task '{name}' shows images, which demonstrations do not hold")
    return task


def _rate(successes: Sequence[float]) -> str:
    """The success rate with its 95% interval, in words."""
    if np.isnan(successes).any():
        return "success: not known"
    total, episodes = int(np.sum(successes)), len(successes)
    low, high = wilson(total, episodes)
    rate = total / episodes
    return f"success: {total} of {episodes}, {rate:.2f} (95% {low:.2f}-{high:.2f})"
