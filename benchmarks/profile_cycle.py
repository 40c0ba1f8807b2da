"""Where the time of a training cycle goes: each part alone, then the cycle in which they overlap.

    python benchmarks/profile_cycle.py [METHOD] [TASK] [--preset baselines] [--cycles 40]

Sampling and relabelling come first, then the updates run on XLA's threads while an episode is
collected; a cycle near the longer of the two means that the other is hidden behind it.
"""

import argparse
import importlib
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from goalrelay.data.rollout import rollout
from goalrelay.train import config as experiment
from goalrelay.train.loop import Trainer
from goalrelay.train.session import use_compilation_cache

mujoco: Any = importlib.import_module("mujoco")

WARM_UP = 5


def seconds(action: Callable[[], Any]) -> float:
    """How long an action takes, its JAX results included."""
    start = time.perf_counter()
    jax.block_until_ready(action())
    return time.perf_counter() - start


class Physics:
    """Adds up the seconds spent in `mj_step` while it is in place."""

    def __init__(self) -> None:
        self.total, self.original = 0.0, mujoco.mj_step

    def __call__(self, *arguments: Any, **named: Any) -> None:
        """Step, and remember how long it took."""
        start = time.perf_counter()
        self.original(*arguments, **named)
        self.total += time.perf_counter() - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("method", nargs="?", default="her")
    parser.add_argument("task", nargs="?", default="FetchPush-v4")
    parser.add_argument("--preset", default="baselines")
    parser.add_argument("--cycles", type=int, default=40)
    arguments = parser.parse_args()
    use_compilation_cache()
    trainer = Trainer(experiment.make(arguments.method, arguments.task, preset=arguments.preset))
    for _ in range(WARM_UP):
        trainer.cycle()
    policy, task = trainer.newest(), trainer.task
    updates = int(trainer.experiment.collect.updates)
    shape = (updates, trainer.levels[0].config.batch_size)
    parts: dict[str, list[float]] = {}
    physics = Physics()
    for i in range(arguments.cycles):
        rng = np.random.default_rng(i)

        def relabel(rng: np.random.Generator = rng) -> Any:
            settings = trainer.experiment.method
            return trainer.method.sample(settings, trainer.rules, trainer.replay, shape, rng)[0]

        def record(name: str, value: float) -> None:
            parts.setdefault(name, []).append(1e3 * value)

        record(f"sample and relabel {shape[0] * shape[1]:,} steps", seconds(relabel))
        record(
            f"the same, and {updates} updates",
            seconds(lambda: trainer._start_updates(*trainer._planned())),
        )
        start = physics.total
        mujoco.mj_step = physics
        begin = trainer._explorer(policy)
        record("collect an episode", seconds(lambda i=i, begin=begin: rollout(task, begin, i)))
        mujoco.mj_step = physics.original
        record("  of it mj_step", physics.total - start)
        moment = task.reset(i)
        act = begin(rng)
        acting = seconds(lambda m=moment, act=act: [act(m) for _ in range(50)])
        record("  of it 50 actions of the policy", acting)
        record("a whole cycle, overlapped", seconds(trainer.cycle))
    trainer.close()
    what = f"{arguments.method} on {arguments.task}, preset {arguments.preset}"
    print(f"{what}, {os.cpu_count()} cores; milliseconds")
    print(f"{'':36}{'min':>8}{'median':>8}{'max':>8}")
    for name, values in parts.items():
        low, middle, high = min(values), statistics.median(values), max(values)
        print(f"{name:36}{low:8.1f}{middle:8.1f}{high:8.1f}")


if __name__ == "__main__":
    main()
