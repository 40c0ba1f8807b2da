"""Time of a training cycle: of each part alone, then of the cycle in which they overlap.

    python benchmarks/profile_cycle.py [METHOD] [TASK] [--preset baselines] [--cycles 40]

Sampling and relabelling come first. Then the updates run on XLA's threads while an episode is
collected. A cycle that takes about as long as the longer of the two means full overlap.
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
from goalrelay.methods.base import Act
from goalrelay.train import config as experiment
from goalrelay.train.loop import Trainer
from goalrelay.train.session import use_compilation_cache

mujoco: Any = importlib.import_module("mujoco")

WARM_UP = 5


def seconds(action: Callable[[], Any]) -> float:
    """Duration of an action, until its JAX results are computed."""
    start = time.perf_counter()
    jax.block_until_ready(action())
    return time.perf_counter() - start


class Physics:
    """Replaces `mj_step` and adds up the seconds spent in it."""

    def __init__(self) -> None:
        self.total, self.original = 0.0, mujoco.mj_step

    def __call__(self, *arguments: Any, **named: Any) -> None:
        """Step, and add its duration."""
        start = time.perf_counter()
        self.original(*arguments, **named)
        self.total += time.perf_counter() - start


def profile(trainer: Trainer, scan: int, seed: int) -> dict[str, float]:
    """Seconds of each part of a cycle, and of a whole cycle.

    Args:
        trainer: with a filled replay buffer; only the whole cycle changes it.
        scan: updates in one jitted scan.
        seed: of the batches and of the episode.
    """
    task, snapshot = trainer.simulator, trainer._acting().snapshot
    rng, batch = np.random.default_rng(seed), trainer.agents[0].config.batch_size
    parts = {
        f"sample and relabel {scan * batch:,} steps": seconds(
            lambda: trainer._sample(0, snapshot, scan, rng)[0]
        ),
        f"the same, and {scan} updates": seconds(
            lambda: [state for _, state, _ in trainer._start_updates(snapshot, 1, scan)]
        ),
    }

    def begin(rng: np.random.Generator) -> Act:
        return trainer.method.act(snapshot, rng)

    physics = Physics()
    mujoco.mj_step = physics
    parts["collect an episode"] = seconds(lambda: rollout(task, begin, seed))
    mujoco.mj_step = physics.original
    parts["  of it mj_step"] = physics.total
    observation, act = task.reset(seed), begin(rng)
    parts["  of it 50 actions of the policy"] = seconds(
        lambda: [act(observation) for _ in range(50)]
    )
    parts["a whole cycle, overlapped"] = seconds(trainer.cycle)
    return parts


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
    _, scan = trainer._planned()
    parts: dict[str, list[float]] = {}
    for i in range(arguments.cycles):
        for name, value in profile(trainer, scan, i).items():
            parts.setdefault(name, []).append(1e3 * value)
    trainer.close()
    what = f"{arguments.method} on {arguments.task}, preset {arguments.preset}"
    print(f"{what}, {os.cpu_count()} cores; milliseconds")
    print(f"{'':36}{'min':>8}{'median':>8}{'max':>8}")
    for name, values in parts.items():
        low, middle, high = min(values), statistics.median(values), max(values)
        print(f"{name:36}{low:8.1f}{middle:8.1f}{high:8.1f}")


if __name__ == "__main__":
    main()
