"""How far a Fetch task on MJX is from MuJoCo under the same actions, and how fast each is.

    python benchmarks/mjx_agreement.py [TASK ...] [--worlds 32]

Both start from the same state after a reset, and get the same 50 actions: random ones, or those of
the task's scripted expert, which looks at MuJoCo. Printed are mean and maximum over the episodes of
the distance between both grips and between both objects, and steps a second: of MuJoCo in one
thread, and of MJX with so many worlds on JAX's default device.
"""

import argparse
import importlib
import time
from typing import Any

import jax
import numpy as np

from goalrelay.scale.mjx import COMPILER
from goalrelay.scale.mjx_fetch import Fetch, implementation
from goalrelay.tasks.goal_task import open_task

MODULES = {"FetchReach": "reach", "FetchPush": "push", "FetchPickAndPlace": "pick_and_place"}
STEPS, SHOWN = 50, (1, 2, 5, 10, 20, 50)


def mujoco_side(
    simulator: Any, fetch: Fetch, expert: Any, worlds: int
) -> tuple[Any, np.ndarray, np.ndarray, float]:
    """Starts, actions [STEPS, W, 4], positions [STEPS, W, 2, 3] and steps a second of MuJoCo.

    The expert, if there is one, acts with small random disturbances.
    """
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (STEPS, worlds, 4)).astype(np.float32)
    positions, starts, seconds = np.zeros((STEPS, worlds, 2, 3)), [], 0.0
    for world in range(worlds):
        shown = simulator.reset(world)
        starts.append(fetch.start(shown))
        act = expert() if expert else None
        for step in range(STEPS):
            if act is not None:
                seen = {"observation": shown.observation, "achieved_goal": shown.achieved}
                wanted = act({**seen, "desired_goal": shown.desired})
                actions[step, world] = np.clip(wanted + 0.1 * actions[step, world], -1, 1)
            began = time.perf_counter()
            shown = simulator.step(actions[step, world])[0]
            seconds += time.perf_counter() - began
            positions[step, world] = shown.observation[:3], shown.achieved
    stacked = jax.tree.map(lambda *each: np.stack(each), *starts)
    return stacked, actions, positions, worlds * STEPS / seconds


def mjx_side(fetch: Fetch, step: Any, starts: Any, actions: np.ndarray) -> tuple[np.ndarray, float]:
    """Positions [STEPS, W, 2, 3] and steps a second of MJX."""
    state, shown = jax.vmap(fetch.begin)(starts), []
    began = time.perf_counter()
    for action in actions:
        state, observation, achieved = step(state, action)
        shown.append(np.stack((observation[:, :3], achieved), axis=1))
    return np.array(shown), actions.shape[0] * actions.shape[1] / (time.perf_counter() - began)


def report(task: str, worlds: int) -> None:
    """Print the rows of a task."""
    simulator = open_task(f"goalrelay/{task}-v0", ())
    fetch = Fetch(simulator.env.unwrapped, worlds)
    expert = importlib.import_module(f"goalrelay.tasks.fetch.{MODULES[task]}").expert
    options = COMPILER if jax.default_backend() == "cpu" else {}
    step, compiled = jax.jit(jax.vmap(fetch.step), compiler_options=options), 0.0
    for kind, controller in (("random", None), ("expert", expert)):
        starts, actions, ours, speed = mujoco_side(simulator, fetch, controller, worlds)
        if not compiled:
            began = time.perf_counter()
            with np.errstate(over="ignore"):
                mjx_side(fetch, step, starts, actions[:1])
            compiled = time.perf_counter() - began
            mjx_side(fetch, step, starts, actions[:2])  # the state after a step has its own program
        theirs, fast = mjx_side(fetch, step, starts, actions)
        gaps = 1000 * np.linalg.norm(ours - theirs, axis=-1)
        for at in SHOWN:
            grip, thing = gaps[at - 1, :, 0], gaps[at - 1, :, 1]
            print(
                f"| {task} | {kind} | {at} | {grip.mean():.2f} | {grip.max():.2f} "
                f"| {thing.mean():.2f} | {thing.max():.2f} |",
                flush=True,
            )
        print(f"  steps/s: MuJoCo {speed:.0f}, MJX {fast:.0f} with {worlds} worlds")
    print(f"  first call, with compilation: {compiled:.0f} s; {implementation()}, {jax.devices()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tasks", nargs="*", default=list(MODULES))
    parser.add_argument("--worlds", type=int, default=32)
    given = parser.parse_args()
    print("| task | actions | step | grip mean, mm | max | object mean, mm | max |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in given.tasks:
        report(name, given.worlds)
