"""Seconds an episode of DDPG + HER on FetchPush-v4: goalrelay beside Stable-Baselines3.

Like for like: networks 3x256, batches of 256, 40 updates an episode, future strategy with k = 4, a
replay of a million transitions, the same environment, no evaluation, and both sides allowed the
same cores. Each round runs one side, then the other, in a process of its own: a warm-up
(compilation, first episodes; reported apart), then the timed episodes. The ratio is taken round by
round, since machines drift.

    pip install torch --index-url https://download.pytorch.org/whl/cpu
    pip install stable-baselines3
    python benchmarks/her_vs_sb3.py --rounds 3 --episodes 60

What stays different: goalrelay normalises its inputs and keeps their statistics, and moves its
targets once a cycle (OpenAI Baselines); Stable-Baselines3 does not normalise, moves its targets at
every update, and also feeds the achieved goal to its networks.

How busy the machine was with anything else is measured too (Linux): a row with more than a few
hundredths of a core is no clean measurement.
"""

import argparse
import importlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TASK, HORIZON = "FetchPush-v4", 50
HIDDEN, BATCH, UPDATES, CAPACITY, GAMMA, NOISE = (256, 256, 256), 256, 40, 1_000_000, 0.98, 0.2
WARM_UP = 10
"""Episodes of the warm-up."""
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")
"""What PyTorch, NumPy's BLAS and XLA read the number of their threads from."""

Progress = Callable[[], tuple[int, int]]
"""Environment steps and updates made so far."""


def goalrelay_side() -> tuple[Callable[[int], None], Progress, int]:
    """A way to learn for a number of episodes, its progress, and threads that it computes with."""
    from goalrelay.train import config as experiment
    from goalrelay.train.loop import Trainer

    setup = experiment.make("her", TASK, preset="baselines")
    learner, collect = setup.learner, setup.collect
    same = (learner.hidden, learner.batch_size, collect.updates, setup.replay.capacity)
    if same != (HIDDEN, BATCH, UPDATES, CAPACITY) or collect.episodes != 1:
        raise ValueError(f"the preset is no longer like for like: {same}")
    trainer = Trainer(setup)

    def learn(episodes: int) -> None:
        for _ in range(episodes):
            trainer.cycle()  # what `run_loop` does

    def progress() -> tuple[int, int]:
        return trainer.counters.steps, trainer.counters.updates

    return learn, progress, int(os.environ["NPROC"])


def sb3_side() -> tuple[Callable[[int], None], Progress, int]:
    """A way to learn for a number of episodes, its progress, and threads that it computes with."""
    import gymnasium
    import numpy as np

    from goalrelay.tasks.stock import register_stock

    register_stock()
    sb3: Any = importlib.import_module("stable_baselines3")
    noise: Any = importlib.import_module("stable_baselines3.common.noise")
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    env = gymnasium.make(TASK, disable_env_checker=True)
    size = env.action_space.shape or (1,)
    model = sb3.DDPG(
        "MultiInputPolicy",
        env,
        replay_buffer_class=sb3.HerReplayBuffer,
        replay_buffer_kwargs={"n_sampled_goal": 4, "goal_selection_strategy": "future"},
        learning_rate=1e-3,
        learning_starts=HORIZON,
        batch_size=BATCH,
        train_freq=(1, "episode"),
        gradient_steps=UPDATES,
        gamma=GAMMA,
        buffer_size=CAPACITY,
        policy_kwargs={"net_arch": list(HIDDEN)},
        action_noise=noise.NormalActionNoise(np.zeros(size), NOISE * np.ones(size)),
        device="cpu",
    )

    def learn(episodes: int) -> None:
        model.learn(episodes * HORIZON, reset_num_timesteps=False)

    def progress() -> tuple[int, int]:
        return model.num_timesteps, model._n_updates

    return learn, progress, torch.get_num_threads()


SIDES = {"goalrelay": goalrelay_side, "sb3": sb3_side}


def time_side(side: str, episodes: int) -> dict[str, float]:
    """Warm up, then time; run in a process of its own."""
    start = time.perf_counter()
    learn, progress, threads = SIDES[side]()
    learn(WARM_UP)
    warm = time.perf_counter()
    before, elsewhere = progress(), busy_elsewhere()
    learn(episodes)
    seconds = time.perf_counter() - warm
    steps, updates = (b - a for a, b in zip(before, progress(), strict=True))
    if (steps, updates) != (episodes * HORIZON, episodes * UPDATES):
        raise ValueError(f"{side}: {steps} steps and {updates} updates in {episodes} episodes")
    return {
        "episode": seconds / episodes,
        "warm_up": warm - start,
        "elsewhere": (busy_elsewhere() - elsewhere) / seconds,
        "threads": threads,
    }


def busy_elsewhere() -> float:
    """Seconds of processor time that this machine spent on other processes; 0 if not Linux."""
    if not Path("/proc/stat").exists():
        return 0.0
    # user, nice, system, idle, iowait, irq, softirq, steal, in clock ticks, over all cores
    ticks = [int(n) for n in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    busy = (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
    return busy - time.process_time()


def run_side(side: str, episodes: int, cores: int) -> dict[str, float]:
    """Time one side in a process of its own, with its threads pinned."""
    command = [sys.executable, __file__, "--side", side, "--episodes", str(episodes)]
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(cores))
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
    if done.returncode:
        sys.exit(f"{side} failed; its message is above")
    return json.loads(done.stdout.splitlines()[-1])


def processor() -> str:
    """The processor's name, as the system tells it."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def print_table(results: dict[str, list[dict[str, float]]], ratios: list[float]) -> None:
    """Minimum, median and maximum over the rounds."""
    print(f"{'':32}{'min':>8}{'median':>8}{'max':>8}")
    rows = [
        (f"{side}: {text}", [result[key] for result in results[side]])
        for key, text in (
            ("episode", "seconds an episode"),
            ("warm_up", "start and warm-up, s"),
            ("elsewhere", "cores busy elsewhere"),
        )
        for side in SIDES
    ]
    for name, values in (*rows, ("ratio, sb3 / goalrelay", ratios)):
        low, middle, high = min(values), statistics.median(values), max(values)
        print(f"{name:32}{low:8.3f}{middle:8.3f}{high:8.3f}")
    print("ratios in order: " + ", ".join(f"{ratio:.2f}" for ratio in ratios))


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="pairs of timings (3)")
    parser.add_argument("--episodes", type=int, default=60, help="timed episodes each (60)")
    parser.add_argument("--cores", type=int, default=usable_cores(), help="threads a side (all)")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--side", choices=list(SIDES), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        print(json.dumps(time_side(arguments.side, arguments.episodes)))
        return
    if importlib.util.find_spec("stable_baselines3") is None:
        sys.exit(
            "this benchmark needs stable-baselines3 and a CPU build of PyTorch:\n"
            "  pip install torch --index-url https://download.pytorch.org/whl/cpu\n"
            "  pip install stable-baselines3"
        )
    packages = ("goalrelay", "jax", "numpy", "stable-baselines3", "torch", "mujoco")
    versions = {name: importlib.metadata.version(name) for name in packages}
    versions["python"] = platform.python_version()
    print(f"{TASK}, 3x256, batch {BATCH}, {UPDATES} updates an episode, k = 4 future")
    print(f"{processor()}, {os.cpu_count()} cores; threads a side: {arguments.cores}")
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    print(f"warm-up {WARM_UP} episodes, then {arguments.episodes} timed", flush=True)
    results: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for _ in range(arguments.rounds):
        for side in SIDES:
            results[side].append(run_side(side, arguments.episodes, arguments.cores))
    ours, theirs = results["goalrelay"], results["sb3"]
    ratios = [b["episode"] / a["episode"] for a, b in zip(ours, theirs, strict=True)]
    print_table(results, ratios)
    if arguments.json:
        about = {"processor": processor(), "cores": os.cpu_count(), "threads": arguments.cores}
        figures = {"seconds": results, "ratios": ratios, "versions": versions}
        arguments.json.write_text(json.dumps(figures | about, indent=2) + "\n")


if __name__ == "__main__":
    main()
