"""How fast a hierarchy learns: updates a second of both levels, seconds for a million steps.

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/hiro_speed.py [TASK ...] [--cycles 10]

For each task and preset: whole cycles of training, an episode of 500 steps and its updates, after
the first ones; then each level's updates alone, with the sampling (and the correction) that they
need. Published beside it: 6 hours for HRAC and 13 for HIGL for a million steps of Ant Maze.
"""

import argparse
import statistics
import time
from typing import Any

import jax
import numpy as np

from goalrelay.train import config as experiment
from goalrelay.train.loop import SCAN, Trainer
from goalrelay.train.session import use_compilation_cache

TASKS = tuple(
    f"goalrelay/Ant{name}-v0" for name in ("MazeSparse", "PushSparse", "FallSparse", "Gather")
)
PRESETS = ("default", "hiro-paper", "hiro-xy")
WARM_UP = 8
"""Cycles: five of random actions, and some in which everything is compiled."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("tasks", nargs="*", default=TASKS, help=f"of {', '.join(TASKS)}")
    parser.add_argument("--presets", nargs="+", default=PRESETS)
    parser.add_argument("--cycles", type=int, default=10)
    asked = parser.parse_args()
    use_compilation_cache()
    print(f"{'':40}{'low, updates/s':>16}{'high':>8}{'steps/s':>10}{'s a million':>14}")
    for task in asked.tasks:
        for preset in asked.presets:
            trainer = Trainer(experiment.make("hiro", task, preset=preset))
            for _ in range(WARM_UP):
                trainer.cycle()
            before = trainer.counters.steps
            start = time.perf_counter()
            for _ in range(asked.cycles):
                trainer.cycle()
            each = (time.perf_counter() - start) / (trainer.counters.steps - before)
            low, high = (updates_a_second(trainer, number, asked.cycles) for number in range(2))
            trainer.close()
            name = f"{task.removeprefix('goalrelay/')}, {preset}"
            print(f"{name:40}{low:16.0f}{high:8.0f}{1 / each:10.0f}{1e6 * each:14,.0f}", flush=True)


def updates_a_second(trainer: Trainer, number: int, rounds: int) -> float:
    """Of one level alone: the median over so many scans."""
    level: Any = trainer.levels[number]
    networks = trainer.newest().networks
    rules = trainer.rules._replace(below=networks[0], own=networks[number])
    spent = []
    for i in range(rounds):
        start = time.perf_counter()
        rng, shape = np.random.default_rng(i), (SCAN, level.config.batch_size)
        batches, _ = level.part.sample(trainer.experiment.method, rules, trainer.replay, shape, rng)
        jax.block_until_ready(level.update(level.state, batches, jax.random.key(i)))
        spent.append(time.perf_counter() - start)
    return SCAN / statistics.median(spent)


if __name__ == "__main__":
    main()
