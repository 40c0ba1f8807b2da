"""Steps a second of the Fetch tasks: stock, ours, and EnvPool's where it is installed.

    python benchmarks/fetch_speed.py [TASK ...] [--rounds 10] [--threads 1 2]

Every round runs one episode of 50 random actions in each environment, resets included, the sides in
turn; a round's speed is that of its episodes by wall-clock. Printed are the median over the rounds,
the median of the ratios to the stock task, and for one thread the share of its processor time that
`mj_step` takes.
Stock and ours run one environment a thread, as training does; EnvPool has as many environments as
threads, its own. Threads are not pinned. On a busy machine only the ratios mean something.
"""

import argparse
import importlib
import importlib.util
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gymnasium
import numpy as np

from goalrelay.tasks import late
from goalrelay.tasks.stock import register_stock

mujoco: Any = importlib.import_module("mujoco")
TASKS = ("FetchReach", "FetchPush", "FetchPickAndPlace", "FetchSlide")
STEPS = 50
Round = Callable[[int], None]


def actions(seed: int, count: int) -> np.ndarray:
    """Random actions of an episode: [STEPS, count, 4] in [-1, 1]."""
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (STEPS, count, 4)).astype(np.float32)


def in_threads(task_id: str, threads: int) -> Round:
    """A round in which each thread runs an episode of its own environment."""
    envs: list[Any] = [gymnasium.make(task_id).unwrapped for _ in range(threads)]
    pool = ThreadPoolExecutor(threads)

    def episode(number: int, seed: int) -> None:
        env = envs[number]
        env.reset(seed=seed)
        for action in actions(seed, 1)[:, 0]:
            env.step(action)

    def run(seed: int) -> None:
        if threads == 1:
            episode(0, seed)
        else:
            list(pool.map(lambda number: episode(number, seed + number), range(threads)))

    return run


def in_envpool(name: str, threads: int) -> Round:
    """A round in which EnvPool runs as many episodes as threads."""
    envpool: Any = importlib.import_module("envpool")
    pool = envpool.make_gymnasium(f"{name}-v4", num_envs=threads, num_threads=threads)

    def run(seed: int) -> None:
        pool.reset()
        for action in actions(seed, threads):
            pool.step(action)

    return run


def physics_share(run: Round) -> float:
    """Share of this thread's processor time that `mj_step` takes, over five rounds."""
    original, spent = mujoco.mj_step, 0.0

    def timed(*arguments: Any, **named: Any) -> None:
        nonlocal spent
        start = time.thread_time()
        original(*arguments, **named)
        spent += time.thread_time() - start

    mujoco.mj_step = late.mujoco.mj_step = timed
    start = time.thread_time()
    for seed in range(5):
        run(seed)
    share = spent / (time.thread_time() - start)
    mujoco.mj_step = late.mujoco.mj_step = original
    return share


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("tasks", nargs="*", default=TASKS, help=f"of {', '.join(TASKS)}")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, nargs="+", default=(1, 2))
    asked = parser.parse_args()
    register_stock()
    sides: dict[str, Callable[[str, int], Round]] = {
        "stock": lambda name, threads: in_threads(f"{name}-v4", threads),
        "ours": lambda name, threads: in_threads(f"goalrelay/{name}-v0", threads),
    }
    if importlib.util.find_spec("envpool"):
        sides["EnvPool"] = in_envpool
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"{cores} cores, threads not pinned, MuJoCo {mujoco.__version__}")
    print(f"{'task':20}{'threads':>8}{'side':>9}{'steps/s':>9}{'of stock':>9}{'mj_step':>9}")
    for name in asked.tasks:
        for threads in asked.threads:
            rounds = {side: make(name, threads) for side, make in sides.items()}
            speeds: dict[str, list[float]] = {side: [] for side in rounds}
            for seed in range(-1, asked.rounds):  # the first round is a warm-up
                for side, run in rounds.items():
                    start = time.perf_counter()
                    run(seed + 1)
                    if seed >= 0:
                        speeds[side].append(STEPS * threads / (time.perf_counter() - start))
            for side, speed in speeds.items():
                pairs = zip(speed, speeds["stock"], strict=True)
                ratio = statistics.median(one / other for one, other in pairs)
                share = ""
                if threads == 1 and side != "EnvPool":
                    share = f"{physics_share(rounds[side]):.0%}"
                middle = statistics.median(speed)
                print(f"{name:20}{threads:8}{side:>9}{middle:9.0f}{ratio:9.2f}{share:>9}")


if __name__ == "__main__":
    main()
