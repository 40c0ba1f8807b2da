"""Success on FetchPush-v4 against minutes of training: goalrelay's `her` beside Stable-Baselines3.

    pip install torch --index-url https://download.pytorch.org/whl/cpu
    pip install stable-baselines3 sb3-contrib
    python benchmarks/her_curve_vs_sb3.py --minutes 12

| side | what it is |
| --- | --- |
| `goalrelay` | `goalrelay train her FetchPush-v4`, all defaults |
| `sb3-tqc` | TQC + HER with the values of RL-Baselines3-Zoo for FetchPush (its tqc.yml) |
| `sb3-sac` | SAC + HER with the values of the example in Stable-Baselines3's documentation |

One side runs after the other, in a process of its own, on one core (Linux) with one thread. All use
the same environment. The clock of a side counts the processor time of all that it does: imports,
building, compilation, simulation and updates. That is the wall-clock time of a core that does
nothing else, so other work on the machine favours no side. The clock stands still during tests. A
test is 50 episodes without noise; the n-th test of each side has the same episodes.

goalrelay's `her` uses what the library knows about the task (mirrors, differences between
positions). Stable-Baselines3 has nothing of the kind.
"""

import argparse
import importlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from her_curve_picture import EPISODES, LABELS, TASK, Row, draw, merged, read, write
from her_vs_sb3 import THREAD_VARIABLES, processor

ROOT = Path(__file__).parent.parent
CHUNK = 10
"""Steps of Stable-Baselines3 between two looks at the clock."""
HINDSIGHT = {"goal_selection_strategy": "future", "n_sampled_goal": 4}
SB3: dict[str, tuple[str, str, dict[str, Any]]] = {
    "sb3-tqc": (
        "sb3_contrib",
        "TQC",
        {
            "buffer_size": 1_000_000,
            "batch_size": 2048,
            "gamma": 0.95,
            "learning_rate": 1e-3,
            "tau": 0.05,
            "policy_kwargs": {"net_arch": [512, 512, 512], "n_critics": 2},
        },
    ),
    "sb3-sac": (
        "stable_baselines3",
        "SAC",
        {
            "buffer_size": 1_000_000,
            "batch_size": 256,
            "gamma": 0.95,
            "learning_rate": 1e-3,
            "policy_kwargs": {"net_arch": [256, 256, 256]},
        },
    ),
}
"""Package, algorithm and published values."""
Policy = Callable[[dict[str, Any]], Any]
"""An observation -> an action, without noise."""


class Side(NamedTuple):
    """One of the two libraries, ready to learn."""

    learn: Callable[[], object]
    """Learn for a short while."""
    steps: Callable[[], int]
    """Environment steps until now."""
    policy: Callable[[], Policy]
    """The policy of now."""
    settings: dict[str, Any]


def goalrelay_side(seed: int) -> Side:
    """`goalrelay train her FetchPush-v4`."""
    from goalrelay.settings import to_dict
    from goalrelay.train import config as experiment
    from goalrelay.train.loop import Trainer

    setup = experiment.with_options(experiment.make("her", TASK), {"seed": seed})
    trainer = Trainer(setup)
    return Side(
        trainer.cycle,
        lambda: trainer.counters.steps,
        trainer.policy,  # the running mean of the weights, which the tests of a run use too
        to_dict(trainer.experiment),
    )


def sb3_side(name: str, seed: int) -> Side:
    """Stable-Baselines3 with published values."""
    package, algorithm, values = SB3[name]
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(1)
    sb3: Any = importlib.import_module("stable_baselines3")
    model = getattr(importlib.import_module(package), algorithm)(
        "MultiInputPolicy",
        environment(),
        replay_buffer_class=sb3.HerReplayBuffer,
        replay_buffer_kwargs=HINDSIGHT,
        seed=seed,
        device="cpu",
        **values,
    )

    def learn() -> None:
        model.learn(CHUNK, log_interval=None, reset_num_timesteps=False)

    def policy() -> Policy:
        return lambda observation: model.predict(observation, deterministic=True)[0]

    settings = values | {"algorithm": algorithm, "replay_buffer_kwargs": HINDSIGHT}
    return Side(learn, lambda: model.num_timesteps, policy, settings)


def environment() -> Any:
    """The task as gymnasium-robotics has it, which goalrelay trains too."""
    import gymnasium

    from goalrelay.tasks.stock import register_stock

    register_stock()
    return gymnasium.make(TASK, disable_env_checker=True)


def success_rate(env: Any, policy: Policy, seeds: Sequence[int]) -> float:
    """Fraction of the episodes that end in success."""
    successes = 0.0
    for seed in seeds:
        observation, info = env.reset(seed=seed)
        over = False
        while not over:
            observation, _, terminated, truncated, info = env.step(policy(observation))
            over = terminated or truncated
        successes += float(info["is_success"])
    return successes / len(seeds)


def curve(
    side: Side,
    test: Callable[[int], float],
    spent: float,
    seconds: float,
    every: float,
    clock: Callable[[], float] = time.process_time,
) -> list[tuple[float, int, float]]:
    """Learn, and test every so many seconds of learning, at the start and at the end.

    Args:
        side: that learns.
        test: number of the test -> success.
        spent: seconds that the start took.
        seconds: of learning, with the start.
        every: seconds of learning between tests.
        clock: in seconds.

    Returns:
        seconds of learning without the tests, environment steps and success of each test.
    """
    rows, due = [], spent
    while True:
        if spent >= min(due, seconds):
            rows.append((spent, side.steps(), test(len(rows))))
            due = (spent // every + 1) * every
        if spent >= seconds:
            return rows
        before = clock()
        side.learn()
        spent += clock() - before


def run_here(name: str, seed: int, seconds: float, every: float) -> dict[str, Any]:
    """The curve of a side, and what ran; in a process of its own."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    side = goalrelay_side(seed) if name == "goalrelay" else sb3_side(name, seed)
    env = environment()

    def test(number: int) -> float:
        first = 1_000_000 + number * EPISODES  # episodes that no training seed gives
        success = success_rate(env, side.policy(), range(first, first + EPISODES))
        print(f"{name}: {side.steps():,} steps, success {success:.2f}", file=sys.stderr, flush=True)
        return success

    rows = curve(side, test, time.process_time(), seconds, every)
    return {"rows": rows, "settings": side.settings, "versions": versions()}


def run_apart(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run a side in a process of its own, with one thread."""
    command = [sys.executable, __file__, "--side", name, "--seed", str(arguments.seed)]
    command += ["--minutes", str(arguments.minutes), "--every", str(arguments.every)]
    threads = os.environ | dict.fromkeys(THREAD_VARIABLES, "1")
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=threads)
    if done.returncode:
        sys.exit(f"{name} failed; its message is above")
    return json.loads(done.stdout.splitlines()[-1])


def versions() -> dict[str, str]:
    """Of the packages that learn."""
    packages = ("goalrelay", "jax", "stable-baselines3", "sb3-contrib", "torch", "mujoco")
    own = {name: importlib.metadata.version(name) for name in packages}
    return own | {"python": platform.python_version()}


def commit() -> str:
    """Of this repository; `unknown` outside one."""
    command = ["git", "rev-parse", "HEAD"]
    return (
        subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()
        or "unknown"
    )


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=12, help="of learning, each side (12)")
    parser.add_argument("--every", type=float, default=30, help="seconds between tests (30)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sides", nargs="+", choices=list(LABELS), default=list(LABELS))
    parser.add_argument("--out", type=Path, default=ROOT / "results/her_beside_sb3")
    parser.add_argument("--picture", type=Path, default=ROOT / "docs/her_beside_sb3.png")
    parser.add_argument("--draw", action="store_true", help="only draw what is there")
    parser.add_argument("--side", choices=list(LABELS), help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Run the sides one after the other; write curves, what ran, and the picture."""
    arguments = parsed()
    if arguments.side:
        seconds = 60 * arguments.minutes
        print(json.dumps(run_here(arguments.side, arguments.seed, seconds, arguments.every)))
        return
    curves, about_file = arguments.out / "curves.csv", arguments.out / "about.json"
    if not arguments.draw:
        if importlib.util.find_spec("sb3_contrib") is None:
            sys.exit("this benchmark needs sb3-contrib and PyTorch; its first lines say how")
        for name in arguments.sides:
            ran = run_apart(name, arguments)
            rows = [Row(name, *row) for row in ran.pop("rows")]
            write(curves, merged(read(curves), rows))
            about = json.loads(about_file.read_text()) if about_file.exists() else {}
            about[name] = {
                "minutes": arguments.minutes,
                "every": arguments.every,
                "episodes": EPISODES,
                "seed": arguments.seed,
                "processor": processor(),
                "commit": commit(),
                **ran,
            }
            about_file.write_text(json.dumps(about, indent=2) + "\n")
    draw(read(curves), arguments.picture)


if __name__ == "__main__":
    main()
