"""Displays of a run: a live progress line on a terminal, plain lines elsewhere."""

import math
import time
from collections import deque
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from goalrelay.errors import printable
from goalrelay.train.counters import Counters
from goalrelay.train.evaluate import Evaluation
from goalrelay.train.loop import Trainer
from goalrelay.train.observer import Observer

SPEED_WINDOW = 50
"""Cycles over which speeds are averaged."""


class Lines(Observer):
    """Plain lines, for output that is not a terminal."""

    def __init__(self, console: Console | None = None):
        self.console = console or Console(highlight=False, soft_wrap=True)

    def start(self, trainer: Trainer, folder: Path) -> None:
        """Print the run's settings, its folder and the memory of the replay buffer."""
        experiment, buffer = trainer.experiment, trainer.buffer
        self.say(
            f"{experiment.method_name} + {experiment.learner_name} "
            f"(preset {experiment.preset}) on {experiment.task}, seed {experiment.seed}"
        )
        self.say(
            f"run folder {folder}; replay of {experiment.replay.capacity:,} transitions, "
            f"{buffer.bytes / 1e6:,.0f} MB when full"
        )
        if trainer.remark:
            self.say(trainer.remark)
        self.speed = _Speed()
        if trainer.counters.cycle:
            self.say(f"going on from {_position(trainer.counters)}")

    def note(self, text: str) -> None:
        """Print a line."""
        self.say(f"note: {text}")

    def say(self, text: str) -> None:
        """Print a line as it is: names may hold what looks like markup, or codes."""
        self.console.print(printable(text), markup=False)

    def cycle(self, counters: Counters, spent: float) -> None:
        """Update the speed; only evaluations print."""
        self.speed.add(counters, spent)

    def evaluation(self, counters: Counters, evaluation: Evaluation) -> None:
        """Print a line."""
        speed = self.speed.text()
        self.say(f"{_position(counters)}  {describe(evaluation)}  {speed}")


class LinesOfSeed(Lines):
    """Plain lines that begin with the seed of a run, one of several."""

    def __init__(self, seed: int):
        super().__init__()
        self._seed = seed

    def say(self, text: str) -> None:
        """Print a line."""
        super().say(f"seed {self._seed}: {text}")


class Terminal(Lines):
    """A progress line at the bottom; evaluations scroll above it."""

    def __init__(self, console: Console | None = None):
        super().__init__(console)
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%  {task.fields[status]}"),
            console=self.console,
        )
        self.bar: TaskID | None = None
        self.live = Live(self.progress, console=self.console, refresh_per_second=4)
        self.latest = ""

    def start(self, trainer: Trainer, folder: Path) -> None:
        """Print the heading and start the progress line."""
        super().start(trainer, folder)
        task = trainer.experiment.task
        self.bar = self.progress.add_task(
            escape(printable(task)), total=1.0, status="first cycle ..."
        )
        self.live.start()

    def cycle(self, counters: Counters, spent: float) -> None:
        """Update the progress line."""
        super().cycle(counters, spent)
        if self.bar is None:
            return
        status = (
            f"{counters.episodes:,} episodes  {counters.steps:,} steps  {self.latest}"
            f"{self.speed.text()}  {self.speed.left()}"
        )
        self.progress.update(self.bar, completed=spent, status=status)

    def test(self, done: int, episodes: int) -> None:
        """Show it in the progress line."""
        if self.bar is not None:
            self.progress.update(self.bar, status=f"test: {done} of {episodes} episodes")

    def evaluation(self, counters: Counters, evaluation: Evaluation) -> None:
        """Print a line, and show the success rate in the progress line."""
        super().evaluation(counters, evaluation)
        if not math.isnan(evaluation.success):
            self.latest = (
                f"success {evaluation.success:.2f} ({evaluation.low:.2f}-{evaluation.high:.2f})  "
            )

    def close(self) -> None:
        """End the progress line."""
        self.live.stop()


def describe(evaluation: Evaluation) -> str:
    """An evaluation in words."""
    parts = []
    if math.isnan(evaluation.success):
        parts.append(f"success not measured ({evaluation.episodes} episodes)")
    else:
        parts.append(
            f"success {evaluation.success:.2f} (95% {evaluation.low:.2f}-{evaluation.high:.2f}, "
            f"{evaluation.episodes} episodes)"
        )
    if evaluation.success_ever > evaluation.success:
        parts.append(f"at any step {evaluation.success_ever:.2f}")
    parts.append(f"return {evaluation.mean_return:.1f}")
    if not math.isnan(evaluation.distance):
        parts.append(f"distance {evaluation.distance:.3f}")
    return "  ".join(parts)


def _position(counters: Counters) -> str:
    return f"{counters.seconds:7.1f} s  {counters.episodes:6,} episodes  {counters.steps:9,} steps"


class _Speed:
    """Steps, updates and fraction of the budget per second, over the last cycles."""

    def __init__(self) -> None:
        self.samples: deque[dict[str, float]] = deque(maxlen=SPEED_WINDOW)

    def add(self, counters: Counters, spent: float) -> None:
        now = {"time": time.perf_counter(), "spent": spent}
        self.samples.append(now | {"steps": counters.steps, "updates": counters.updates})

    def rate(self, name: str) -> float:
        if len(self.samples) < 2:
            return 0.0
        first, last = self.samples[0], self.samples[-1]
        return (last[name] - first[name]) / max(last["time"] - first["time"], 1e-9)

    def text(self) -> str:
        return f"{self.rate('updates'):.0f} updates/s  {self.rate('steps'):.0f} steps/s"

    def left(self) -> str:
        if self.rate("spent") <= 0:
            return ""
        seconds = int((1 - self.samples[-1]["spent"]) / self.rate("spent"))
        return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d} left at most"
