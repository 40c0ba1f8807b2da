"""Steps a second of the ant and point tasks, beside gymnasium-robotics' ant maze.

    python benchmarks/ant_speed.py [TASK ...] [--rounds 5]

Every round runs 500 random actions in each task, resets included, the tasks in turn, on one thread;
a round's speed is by this thread's processor time, so that other programs matter less. Printed are
the median over the rounds, microseconds a step, and the share of them that `mj_step` takes.
AntMaze_UMaze-v5 has the same shape at half the scale, an ant of its own and the same number of
physics steps (5) of 10 ms; a step of ours covers twice the time. A separate build of HIRO's mazes,
made for comparison, ran 1,100 to 1,600 steps a second on a partly loaded machine.
"""

import argparse
import importlib
import statistics
import time
from typing import Any

import gymnasium
import numpy as np

from goalrelay.tasks.ant import body
from goalrelay.tasks.stock import register_stock

mujoco: Any = importlib.import_module("mujoco")
TASKS = (
    "AntMaze_UMaze-v5",
    *(f"goalrelay/Ant{name}-v0" for name in ("Maze", "Push", "Fall", "Gather")),
    *(f"goalrelay/Point{name}-v0" for name in ("Maze", "Push", "Fall")),
)
STEPS = 500


def play(env: Any, seed: int) -> float:
    """Seconds of processor time of an episode of random actions; it begins again where it ends."""
    low, high = env.action_space.low, env.action_space.high
    actions = np.random.default_rng(seed).uniform(low, high, (STEPS, len(low))).astype(np.float32)
    start = time.thread_time()
    env.reset(seed=seed)
    for action in actions:
        _, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            env.reset()
    return time.thread_time() - start


def physics_share(env: Any) -> float:
    """Share of an episode's processor time that `mj_step` takes."""
    original, late, spent = mujoco.mj_step, body.mujoco, 0.0

    def timed(*arguments: Any, **named: Any) -> None:
        nonlocal spent
        start = time.thread_time()
        original(*arguments, **named)
        spent += time.thread_time() - start

    mujoco.mj_step = late.mj_step = timed
    share = 1.0 / play(env, 0)
    mujoco.mj_step = late.mj_step = original
    return spent * share


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("tasks", nargs="*", default=TASKS, help=f"of {', '.join(TASKS)}")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    register_stock()
    envs: dict[str, Any] = {}
    for name in asked.tasks:
        arguments = {"ends_on_fall": False} if "AntGather" in name else {}
        envs[name] = gymnasium.make(name, disable_env_checker=True, **arguments)
    spent: dict[str, list[float]] = {name: [] for name in envs}
    for seed in range(-1, asked.rounds):  # the first round is a warm-up
        for name, env in envs.items():
            seconds = play(env.unwrapped, seed + 1)
            if seed >= 0:
                spent[name].append(seconds)
    print(f"one thread, MuJoCo {mujoco.__version__}")
    print(f"{'task':28}{'steps/s':>10}{'us/step':>10}{'mj_step':>9}")
    for name, seconds in spent.items():
        middle = statistics.median(seconds) / STEPS
        share = f"{physics_share(envs[name].unwrapped):.0%}" if "Ant" in name else ""
        print(f"{name:28}{1 / middle:10,.0f}{1e6 * middle:10.1f}{share:>9}")


if __name__ == "__main__":
    main()
