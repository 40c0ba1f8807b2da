"""What workers cost and give: a model of a cycle with measured times, checked by real runs.

    python benchmarks/cluster_cost.py measure --task FetchPush-v4    # times on this machine
    python benchmarks/cluster_cost.py model                          # 1 to 1,000 workers

A cycle of E episodes by W workers, U updates, weights K cycles old:

    lock-step (K = 0):   max(updates, send + ceil(E / W) * (episode + call))
    K > 0:               max(updates, E * serve, E / W * (episode + call)), on average

`serve` is what the learner's process does for each episode: taking it, storing it, relabelling.
The model runs job by job (`simulate`), with episodes of random length, so that waiting for the
slowest is in it.
"""

import argparse
import heapq
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from goalrelay.methods.acting import Acting
from goalrelay.scale.collector import RemoteCollector
from goalrelay.scale.dispatch import Dispatcher
from goalrelay.scale.ray_pool import RayPool
from goalrelay.train import config as experiments
from goalrelay.train.loop import Trainer
from goalrelay.train.session import use_compilation_cache
from goalrelay.types import Episode

TIMES = Path("results/cluster/times.json")
WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)


class Times(NamedTuple):
    """Measured seconds."""

    episode: float
    """An episode on a worker, mean."""
    spread: float
    """Its standard deviation, as a fraction of the mean."""
    call: float
    """More time until the learner has it: the call, the way back."""
    serve: float
    """Of the learner's process for each episode; no worker helps with it."""
    update: float
    """One update, with the making of its batch."""
    episode_bytes: int
    weights_bytes: int


class Setting(NamedTuple):
    """A way to use workers."""

    episodes: int
    updates: int
    staleness: int


def simulate(times: Times, setting: Setting, workers: int, cycles: int = 60) -> float:
    """Seconds of a cycle, by going through all episodes of some cycles."""
    rng = np.random.default_rng(0)
    free = [0.0] * workers
    heapq.heapify(free)
    asked, ends, now, served = 0, [], 0.0, 0.0
    for cycle in range(cycles):
        while asked <= cycle + setting.staleness:  # ask for the episodes of a cycle
            batch = []
            for _ in range(setting.episodes):
                took = times.episode * max(0.2, 1 + times.spread * rng.standard_normal())
                served = max(served, now) + times.serve  # one by one: one process hands them out
                start = max(heapq.heappop(free), served)
                heapq.heappush(free, start + took + times.call)
                batch.append(start + took + times.call)
            ends.append(batch)
            asked += 1
        learned = now + setting.updates * times.update
        now = max(learned, *ends[cycle])
    return now / cycles


def table(times: Times, settings: Sequence[Setting]) -> str:
    """Markdown: episodes and updates a second against workers."""
    lines = ["| workers | " + " | ".join(_title(s) for s in settings) + " |"]
    lines.append("| --- " * (len(settings) + 1) + "|")
    for workers in WORKERS:
        cells = []
        for setting in settings:
            seconds = simulate(times, setting, workers)
            rates = setting.episodes / seconds, setting.updates / seconds
            cells.append(f"{rates[0]:,.1f}; {rates[1]:,.0f}")
        lines.append(f"| {workers} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _title(setting: Setting) -> str:
    return f"{setting.episodes} episodes, {setting.updates} updates, K = {setting.staleness}"


class Idle:
    """A worker whose episodes take no time: what is left is the way there and back."""

    def __init__(self, episode: Episode):
        self._episode = episode

    def has(self, number: int) -> bool:
        """It needs no weights."""
        return True

    def take(self, number: int, arrays: Any) -> None:
        """It needs no weights."""

    def run(self, number: int, seed: int, evaluation: bool) -> Episode:
        """The same episode each time."""
        return self._episode


def measure(task: str, seconds: float = 20.0) -> Times:
    """Measure on this machine: one worker's episodes, calls, and updates."""
    experiment = experiments.with_options(experiments.make("her", task), {"collect.threads": 1})
    trainer = Trainer(experiment)
    acting: Acting = trainer._acting()
    durations, episodes = [], []
    began = time.perf_counter()
    while time.perf_counter() - began < seconds / 2:
        start = time.perf_counter()
        episodes += trainer.collector.collect(acting, [len(durations)])
        durations.append(time.perf_counter() - start)
    while trainer.counters.updates < 400:  # compiled, and with a buffer to draw from
        trainer.cycle()
    first, start, spent = trainer.counters.updates, time.perf_counter(), 0.0
    while time.perf_counter() - start < seconds / 2:
        before = time.perf_counter()
        scans, scan = trainer._planned()
        for _, state, _ in trainer._start_updates(trainer._acting().snapshot, scans, scan):
            np.asarray(state.actor.weights[0])  # wait for it
        spent += time.perf_counter() - before
        first -= scans * scan
    updates = trainer.counters.updates - first
    trainer.close()
    pool = RayPool(_IdleMaker(episodes[0]), 2)
    collector = RemoteCollector(Dispatcher(pool, 60.0, lambda _: None), print)
    collector.collect(acting, range(50))
    start = time.perf_counter()
    collector.collect(acting, range(1000))
    both = (time.perf_counter() - start) / 1000
    start = time.perf_counter()
    for seed in range(100):
        collector.collect(acting, [seed])
    call = (time.perf_counter() - start) / 100
    collector.close()
    sizes = [sum(np.asarray(field).nbytes for field in episode) for episode in episodes[:20]]
    packed = sum(array.nbytes for array in acting.packed().values())
    mean = float(np.mean(durations))
    return Times(
        mean,
        float(np.std(durations) / mean),
        call,
        both,
        spent / updates,
        int(np.mean(sizes)),
        packed,
    )


class _IdleMaker:
    def __init__(self, episode: Episode):
        self._episode = episode

    def __call__(self) -> Idle:
        return Idle(self._episode)


def main() -> None:
    """Measure, or print the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("measure", "model"))
    parser.add_argument("--task", default="FetchPush-v4")
    given = parser.parse_args()
    use_compilation_cache()
    if given.what == "measure":
        times = measure(given.task)
        TIMES.parent.mkdir(parents=True, exist_ok=True)
        TIMES.write_text(json.dumps({"task": given.task} | times._asdict(), indent=2) + "\n")
        print(TIMES.read_text())
        return
    times = Times(**{k: v for k, v in json.loads(TIMES.read_text()).items() if k != "task"})
    settings = [Setting(2, 80, 0), Setting(38, 80, 0), Setting(38, 80, 1), Setting(1000, 80, 1)]
    print(table(times, settings))


if __name__ == "__main__":
    main()
