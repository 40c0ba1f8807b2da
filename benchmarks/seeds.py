"""Seconds of several seeds: separate runs, and `--seeds` in one process.

    python benchmarks/seeds.py FetchReach-v4 [--episodes 20] [--counts 1 2 4 8] [--rounds 1]

It prints a Markdown table with three columns of seconds: separate runs one at a time on one core,
separate runs two at a time with a core each, and one process with all seeds on both cores. Each has
the wall-clock time, and the processor time of all its processes. Programs are compiled before the
measurement, as on a machine that has trained before. With rounds, the table has the medians.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

TESTS = ("--evaluate.every", "1000000", "--evaluate.episodes", "1", "--evaluate.confirm", "1")


class Setting(NamedTuple):
    """What is run."""

    task: str
    episodes: int
    cores: tuple[int, int]

    def run(self, out: Path, cores: Sequence[int], *seeds: str) -> None:
        """A command of its own process, on these cores."""
        words = ["train", "her", self.task, "--episodes", str(self.episodes), *TESTS, "--quiet"]
        command = [sys.executable, "-m", "goalrelay.cli", *words, "--out", str(out), *seeds]
        pinned = ["taskset", "-c", ",".join(map(str, cores)), *command]
        subprocess.run(pinned, check=True)

    def one_at_a_time(self, out: Path, count: int) -> None:
        """Separate runs on one core."""
        for seed in range(count):
            self.run(out / str(seed), self.cores[:1], "--seed", str(seed))

    def two_at_a_time(self, out: Path, count: int) -> None:
        """Separate runs, a core for each of two."""
        free = list(self.cores)

        def run(seed: int) -> None:
            core = free.pop()
            self.run(out / str(seed), [core], "--seed", str(seed))
            free.append(core)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(run, range(count)))

    def together(self, out: Path, count: int) -> None:
        """One process, both cores."""
        self.run(out, self.cores, "--seeds", *map(str, range(count)))


def seconds(run: Callable[[Path, int], None], count: int) -> tuple[float, float]:
    """Wall-clock and processor time of a way to run so many seeds."""
    with tempfile.TemporaryDirectory() as out:
        before, start = processor(), time.perf_counter()
        run(Path(out), count)
        return time.perf_counter() - start, processor() - before


def processor() -> float:
    """Processor time of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("task")
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    first, second, *_ = sorted(os.sched_getaffinity(0))
    setting = Setting(given.task, given.episodes, (first, second))
    ways = (setting.one_at_a_time, setting.two_at_a_time, setting.together)
    for way in ways:
        seconds(way, 1)
    before = os.getloadavg()[0]
    print("| seeds | one at a time | two at a time | one process | of two at a time |")
    print("| --- " * 5 + "|")
    for count in given.counts:
        rounds = [[seconds(way, count) for way in ways] for _ in range(given.rounds)]
        walls, used = ([[s[k] for s in times] for times in rounds] for k in (0, 1))
        cells = [
            f"{statistics.median(w[i] for w in walls):.0f} s "
            f"({statistics.median(u[i] for u in used):.0f})"
            for i in range(len(ways))
        ]
        share = statistics.median(w[2] / w[1] for w in walls)
        processors = statistics.median(u[2] / u[1] for u in used)
        cells.append(f"{share:.2f} ({processors:.2f})")
        print(f"| {count} | {' | '.join(cells)} |", flush=True)
    print(f"\nLoad of the machine: {before:.1f} before, {os.getloadavg()[0]:.1f} after.")


if __name__ == "__main__":
    main()
