"""What older weights gain in seconds, on a task that waits as a real arm does.

    python benchmarks/paced.py [--cycles 40] [--staleness 0 1 4]

The task is FetchReach-v4, but a step takes 20 ms, and somebody puts things back for 0 to 1 second
before each episode. Two workers make three episodes a cycle. In lock-step one of them waits while
the other one makes the third. It prints a Markdown table. A waiting worker needs no processor, so
other work beside it matters little.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import gymnasium as gym
import gymnasium_robotics

STEP = 0.02
"""Seconds of a step."""
PAUSE = 1.0
"""Longest pause before an episode, seconds."""
WORKERS, EPISODES = 2, 3
QUIET = ("--evaluate.episodes", "1", "--evaluate.confirm", "1", "--quiet")


class Paced(gym.Wrapper[Any, Any, Any, Any]):
    """A task that takes its time."""

    def reset(self, **options: Any) -> Any:
        """Wait for a time that depends on the goal alone, so that a seed always takes as long."""
        shown, info = self.env.reset(**options)
        time.sleep(PAUSE * (abs(float(shown["desired_goal"].sum())) * 1000 % 1))
        self._due = time.perf_counter()
        return shown, info

    def step(self, action: Any) -> Any:
        """Wait until the step is over."""
        result = self.env.step(action)
        self._due = max(self._due + STEP, time.perf_counter())
        time.sleep(max(0.0, self._due - time.perf_counter()))
        return result


def make(**options: Any) -> gym.Env[Any, Any]:
    """The task."""
    gym.register_envs(gymnasium_robotics)
    return Paced(gym.make("FetchReach-v4", **options))


gym.register("PacedReach-v0", make)


def episodes_a_second(staleness: int, cycles: int) -> float:
    """Of the second half of a run, in which everything has started."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["train", "her", "paced:PacedReach-v0", "--out", folder, *QUIET]
        options = {
            "scale.workers": WORKERS,
            "scale.staleness": staleness,
            "collect.episodes": EPISODES,
            "collect.updates": 40,
            "episodes": EPISODES * cycles,
            "evaluate.every": EPISODES * (cycles // 2),
        }
        words += [word for name, value in options.items() for word in (f"--{name}", str(value))]
        here = {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
        command = [sys.executable, "-m", "goalrelay.cli", *words]
        subprocess.run(command, check=True, env=os.environ | here)
        with (Path(folder) / "timing.csv").open() as file:
            half, end = list(csv.DictReader(file))[-2:]
        with (Path(folder) / "progress.csv").open() as file:
            before, after = list(csv.DictReader(file))[-2:]
    seconds = float(end["seconds"]) - float(half["seconds"])
    episodes = int(after["episodes"]) - int(before["episodes"])
    return episodes / seconds


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cycles", type=int, default=40)
    parser.add_argument("--staleness", type=int, nargs="+", default=[0, 1, 4])
    args = parser.parse_args()
    print("| weights, cycles old | episodes a second | seconds a cycle |\n| --- | --- | --- |")
    for staleness in args.staleness:
        rate = episodes_a_second(staleness, args.cycles)
        print(f"| {staleness} | {rate:.2f} | {EPISODES / rate:.2f} |", flush=True)


if __name__ == "__main__":
    main()
