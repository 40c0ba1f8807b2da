"""What learning costs with 1 to 6 objects: memory, seconds an episode, milliseconds an update.

    python benchmarks/cost.py [--rounds 3] [--out results/cost.csv]

Relay with its default options, on goalrelay/FetchPushN-v0. Every round measures each number of
objects once, in turn, in a process of its own on one core (Linux). Times are processor time: work
beside it counts only through what it does to the caches and the clock of the core. So compare
within a round. The tables, medians and fits are those of docs/cost.md (`tables_of_cost`).
"""

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

OBJECTS = range(1, 7)
TASK = "goalrelay/FetchPushN-v0"
WARM_UP, EPISODES, SCANS = 3, 6, 4
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
}
OUT = Path(__file__).parent.parent / "results/cost.csv"


def seconds(action: Callable[[], Any]) -> float:
    """Processor time of an action, of all threads, until its JAX results are computed."""
    import jax

    start = time.process_time()
    jax.block_until_ready(action())
    return time.process_time() - start


def size(tree: Any) -> int:
    """Bytes of all arrays of a tree."""
    import jax

    return sum(leaf.nbytes for leaf in jax.tree.leaves(tree) if hasattr(leaf, "nbytes"))


def measure(objects: int) -> dict[str, float]:
    """The figures of one number of objects, in this process."""
    from goalrelay.data.rollout import rollout
    from goalrelay.train import config
    from goalrelay.train.loop import Trainer

    settings = {"task_options": (f"objects={objects}",), "collect.threads": 1}
    trainer = Trainer(config.with_options(config.make("relay", TASK), settings))
    for _ in range(WARM_UP):
        trainer.cycle()
    snapshot, (_, updates) = trainer._acting().snapshot, trainer._planned()

    def episode(number: int) -> Any:
        return rollout(trainer.simulator, lambda rng: trainer.method.act(snapshot, rng), number)

    def scan() -> Any:
        return [state for _, state, _ in trainer._start_updates(snapshot, 1, updates)]

    def batches() -> Any:
        return trainer._sample(0, snapshot, updates, trainer._rng(0))[0]

    seconds(scan)
    collecting = seconds(lambda: [episode(number) for number in range(EPISODES)])
    updating = seconds(lambda: [scan() for _ in range(SCANS)])
    sampling = seconds(lambda: [batches() for _ in range(SCANS)])
    spec, stored = trainer.simulator.spec, trainer.buffer
    figures = {
        "objects": objects,
        "stages": len(spec.stages),
        "observation": spec.observation_size,
        "steps": spec.horizon,
        "buffer_bytes": size(stored.save()) / stored.episodes,
        "network_bytes": size([agent.saved() for agent in trainer.agents]),
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "episode_seconds": collecting / EPISODES,
        "update_milliseconds": 1e3 * updating / (SCANS * updates),
        "sampling_milliseconds": 1e3 * sampling / (SCANS * updates),
        "load": os.getloadavg()[0],
    }
    trainer.close()
    return figures


def in_a_process(objects: int, core: int) -> dict[str, float]:
    """The figures of one number of objects, of a new process on one core."""
    command = [sys.executable, __file__, "--one", str(objects)]
    done = subprocess.run(
        command,
        env=os.environ | ONE_THREAD,
        stdout=subprocess.PIPE,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure, write the table, print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=OUT, help="all figures, CSV")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measure(asked.one)))
        return
    core = max(os.sched_getaffinity(0))
    rows = []
    for number in range(asked.rounds):
        for objects in OBJECTS:
            rows.append({"round": number, **in_a_process(objects, core)})
            print(f"round {number}, {objects} objects", file=sys.stderr, flush=True)
    with asked.out.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows({k: f"{v:.6g}" for k, v in row.items()} for row in rows)
    import tables_of_cost  # beside this file

    print(tables_of_cost.table_of_cost(asked.out))
    print()
    print(tables_of_cost.table_of_fits(asked.out))


if __name__ == "__main__":
    main()
