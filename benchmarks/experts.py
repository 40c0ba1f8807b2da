"""How well the scripted experts do: every task of ours that has one, over many seeds.

    python benchmarks/experts.py [TASK ...] [--seeds 100]

Success is that of the last step. `mean steps` counts the steps until the goal holds for good, over
the episodes that succeed.
"""

import argparse
from types import ModuleType

import gymnasium
import numpy as np

from goalrelay.tasks import own_tasks


def play(env: gymnasium.Env, module: ModuleType, seed: int) -> int | None:
    """Steps until the goal holds to the end of the episode of a seed; None where it does not."""
    seen, _ = env.reset(seed=seed)
    act = module.expert()
    held, steps, over = 0, 0, False
    while not over:
        seen, _, terminated, truncated, info = env.step(act(seen))
        over = terminated or truncated
        steps += 1
        held = held + 1 if info["is_success"] else 0
    return steps - held + 1 if held else None


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("tasks", nargs="*", help="parts of ids; all tasks where none is given")
    parser.add_argument("--seeds", type=int, default=100)
    arguments = parser.parse_args()
    print(f"{'task':36}{'successes':>12}{'mean steps':>12}  seeds that fail")
    for task_id, module in own_tasks().items():
        wanted = not arguments.tasks or any(name in task_id for name in arguments.tasks)
        if not hasattr(module, "expert") or "Dense" in task_id or not wanted:
            continue
        env = gymnasium.make(task_id)
        steps = [play(env, module, seed) for seed in range(arguments.seeds)]
        env.close()
        good = [count for count in steps if count is not None]
        mean = f"{np.mean(good):.1f}" if good else ""
        failed = " ".join(str(seed) for seed, count in enumerate(steps) if count is None)
        print(f"{task_id:36}{len(good):>5} of {len(steps):<3}{mean:>12}  {failed}", flush=True)


if __name__ == "__main__":
    main()
