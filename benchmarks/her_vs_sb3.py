"""Seconds an episode of DDPG + HER on FetchPush-v4: goalrelay beside Stable-Baselines3.

Like for like: networks 3x256, batches of 256, 40 updates an episode, future strategy with k = 4,
the same environment, one process at a time with both cores. Each round runs one side, then the
other, in a fresh process: a warm-up (compilation, first episodes), then the timed episodes. The
ratio is taken round by round, since machines drift.

    pip install stable-baselines3     # a CPU build of PyTorch suffices
    python benchmarks/her_vs_sb3.py --rounds 3 --episodes 60
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
from pathlib import Path
from typing import Any

TASK, WARM_UP, UPDATES = "FetchPush-v4", 10, 40


def time_goalrelay(episodes: int) -> float:
    """Seconds an episode, after the warm-up."""
    from goalrelay import experiment
    from goalrelay.trainer import Trainer

    trainer = Trainer(experiment.make("her", TASK, preset="baselines"))
    for _ in range(WARM_UP):
        trainer.cycle(trainer.policy())
    start = time.perf_counter()
    for _ in range(episodes):
        trainer.cycle(trainer.policy())
    seconds = time.perf_counter() - start
    trainer.close()
    return seconds / episodes


def time_sb3(episodes: int) -> float:
    """Seconds an episode, after the warm-up."""
    import gymnasium
    import numpy as np

    from goalrelay.tasks.gym_task import register_stock

    register_stock()
    sb3: Any = importlib.import_module("stable_baselines3")
    noise: Any = importlib.import_module("stable_baselines3.common.noise")
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(os.cpu_count() or 1)
    env = gymnasium.make(TASK)
    size = env.action_space.shape or (1,)
    model = sb3.DDPG(
        "MultiInputPolicy",
        env,
        replay_buffer_class=sb3.HerReplayBuffer,
        replay_buffer_kwargs={"n_sampled_goal": 4, "goal_selection_strategy": "future"},
        learning_starts=50,
        batch_size=256,
        train_freq=(1, "episode"),
        gradient_steps=UPDATES,
        gamma=0.98,
        buffer_size=1_000_000,
        policy_kwargs={"net_arch": [256, 256, 256]},
        action_noise=noise.NormalActionNoise(np.zeros(size), 0.2 * np.ones(size)),
    )
    model.learn(WARM_UP * 50)
    start = time.perf_counter()
    model.learn(episodes * 50, reset_num_timesteps=False)
    return (time.perf_counter() - start) / episodes


SIDES = {"goalrelay": time_goalrelay, "sb3": time_sb3}


def run_side(side: str, episodes: int) -> float:
    """Time one side in a process of its own."""
    command = [sys.executable, __file__, "--side", side, "--episodes", str(episodes)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return float(output.strip().splitlines()[-1])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3, help="pairs of timings")
    parser.add_argument("--episodes", type=int, default=60, help="timed episodes each")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--side", choices=list(SIDES), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        print(SIDES[arguments.side](arguments.episodes))
        return
    if importlib.util.find_spec("stable_baselines3") is None:
        sys.exit("this benchmark needs stable-baselines3: pip install stable-baselines3")
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    for _ in range(arguments.rounds):
        for side in SIDES:
            seconds[side].append(run_side(side, arguments.episodes))
    ratios = [b / a for a, b in zip(seconds["goalrelay"], seconds["sb3"], strict=True)]
    packages = ("goalrelay", "jax", "stable-baselines3", "torch", "mujoco")
    versions = {name: importlib.metadata.version(name) for name in packages}
    print(f"{TASK}, 3x256, batch 256, {UPDATES} updates an episode, {os.cpu_count()} cores")
    print(f"{platform.machine()}  " + "  ".join(f"{k} {v}" for k, v in versions.items()))
    print(f"{'seconds an episode':22}{'min':>8}{'median':>8}{'max':>8}")
    for name, values in (*seconds.items(), ("sb3 / goalrelay", ratios)):
        low, middle, high = min(values), statistics.median(values), max(values)
        print(f"{name:22}{low:8.3f}{middle:8.3f}{high:8.3f}")
    if arguments.json:
        figures = {"seconds": seconds, "ratios": ratios, "versions": versions}
        arguments.json.write_text(json.dumps(figures | {"cores": os.cpu_count()}, indent=2) + "\n")


if __name__ == "__main__":
    main()
