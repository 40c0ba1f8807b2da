"""Speed of a hierarchy: updates per second of both levels, seconds for a million steps.

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/hierarchy_speed.py [TASK ...] [--cycles 10]

Two measurements for each task and preset. The first is of whole training cycles after a warm-up: an
episode of 500 steps and its updates. The second is of the updates of one level alone, with their
sampling and correction. For comparison: a million steps of Ant Maze take 6 hours with HRAC and 13
with HIGL, as published.
"""

import argparse
import statistics
import time

import jax
import numpy as np

from goalrelay.train import config as experiment
from goalrelay.train.loop import SCAN, Trainer
from goalrelay.train.session import use_compilation_cache

TASKS = tuple(
    f"goalrelay/Ant{name}-v0" for name in ("MazeSparse", "PushSparse", "FallSparse", "Gather")
)
PRESETS = ("default", "hiro", "hiro-xy")
WARM_UP = 8
"""Cycles: five with random actions, and some for compilation."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("tasks", nargs="*", default=TASKS, help=f"of {', '.join(TASKS)}")
    parser.add_argument("--presets", nargs="+", default=PRESETS)
    parser.add_argument("--cycles", type=int, default=10)
    arguments = parser.parse_args()
    use_compilation_cache()
    print(f"{'':40}{'low, updates/s':>16}{'high':>8}{'steps/s':>10}{'s a million':>14}")
    for task in arguments.tasks:
        for preset in arguments.presets:
            trainer = Trainer(experiment.make("hierarchy", task, preset=preset))
            for _ in range(WARM_UP):
                trainer.cycle()
            before = trainer.counters.steps
            start = time.perf_counter()
            for _ in range(arguments.cycles):
                trainer.cycle()
            each = (time.perf_counter() - start) / (trainer.counters.steps - before)
            low, high = (updates_per_second(trainer, n, arguments.cycles) for n in range(2))
            trainer.close()
            name = f"{task.removeprefix('goalrelay/')}, {preset}"
            print(f"{name:40}{low:16.0f}{high:8.0f}{1 / each:10.0f}{1e6 * each:14,.0f}", flush=True)


def updates_per_second(trainer: Trainer, number: int, rounds: int) -> float:
    """Updates per second of one level alone, sampling included: the median over rounds.

    Args:
        trainer: with a filled replay buffer; it is not changed.
        number: of the level.
        rounds: scans that are timed.
    """
    level, agent = trainer.method.levels[number], trainer.agents[number]
    snapshot, shape = trainer._acting().snapshot, (SCAN, agent.config.batch_size)
    seconds = []
    for i in range(rounds):
        start = time.perf_counter()
        batches, _ = level.sample(trainer.buffer, snapshot, shape, np.random.default_rng(i))
        jax.block_until_ready(agent.start_updates(agent.state, batches, jax.random.key(i)))
        seconds.append(time.perf_counter() - start)
    return SCAN / statistics.median(seconds)


if __name__ == "__main__":
    main()
