"""How far a Fetch task on MJX is from MuJoCo under the same actions, and how fast each is.

    python benchmarks/mjx_agreement.py [TASK ...] [--worlds 32]

Both start from the same state after a reset, and get the same 50 actions: random ones, or those of
the task's scripted expert, disturbed a little, which looks at MuJoCo. Printed are mean, median and
maximum over the episodes of the distance between both grips and between both objects:

    1, 2, ... 50   after so many steps; nothing brings the two together again
    one            after one step from MuJoCo's state, over all steps of all episodes

and steps a second: of MuJoCo in one thread, and of MJX with so many worlds on JAX's default device.
"""

import argparse
import importlib
import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from goalrelay.scale.mjx import COMPILER
from goalrelay.scale.mjx_fetch import Fetch, implementation
from goalrelay.tasks.goal_task import open_task

MODULES = {"FetchReach": "reach", "FetchPush": "push", "FetchPickAndPlace": "pick_and_place"}
STEPS, SHOWN = 50, (1, 2, 5, 10, 20, 50)


class Played(NamedTuple):
    """Episodes on MuJoCo."""

    starts: list[Any]
    """[STEPS] the state of all worlds before each step"""
    actions: np.ndarray
    """[STEPS, W, 4]"""
    positions: np.ndarray
    """[STEPS, W, 2, 3] grip and achieved goal after each step, m"""
    speed: float
    """Steps a second."""


def played(simulator: Any, fetch: Fetch, expert: Any, worlds: int) -> Played:
    """Episodes of random actions, or of the expert if there is one."""
    actions = np.random.default_rng(0).uniform(-1, 1, (STEPS, worlds, 4)).astype(np.float32)
    positions, seconds = np.zeros((STEPS, worlds, 2, 3)), 0.0
    starts: list[list[Any]] = [[] for _ in range(STEPS)]
    for world in range(worlds):
        shown, act = simulator.reset(world), expert() if expert else None
        for step in range(STEPS):
            starts[step].append(fetch.start(shown))
            if act is not None:
                seen = {"observation": shown.observation, "achieved_goal": shown.achieved}
                wanted = act({**seen, "desired_goal": shown.desired})
                actions[step, world] = np.clip(wanted + 0.1 * actions[step, world], -1, 1)
            began = time.perf_counter()
            shown = simulator.step(actions[step, world])[0]
            seconds += time.perf_counter() - began
            positions[step, world] = shown.observation[:3], shown.achieved
    stacked = [jax.tree.map(lambda *each: np.stack(each), *each) for each in starts]
    return Played(stacked, actions, positions, worlds * STEPS / seconds)


def distances(fetch: Fetch, step: Any, own: Played, again: bool) -> tuple[np.ndarray, float]:
    """Distances [STEPS, W, 2] of MJX from MuJoCo, mm, and steps a second of MJX.

    Args:
        fetch: the task.
        step: compiled.
        own: episodes on MuJoCo.
        again: whether each step starts from MuJoCo's state.
    """
    begin, shown, seconds = jax.vmap(fetch.begin), [], 0.0
    state = step(begin(own.starts[0]), own.actions[0])[0]  # as later steps have it: one program
    for number, action in enumerate(own.actions):
        if again or not number:
            fresh = begin(own.starts[number])
            state = jax.tree.map(lambda new, old: jnp.asarray(new, old.dtype), fresh, state)
        began = time.perf_counter()
        state, observation, achieved = jax.block_until_ready(step(state, action))
        seconds += time.perf_counter() - began
        shown.append(np.stack((observation[:, :3], achieved), axis=1))
    gaps = 1000 * np.linalg.norm(np.array(shown) - own.positions, axis=-1)
    return gaps, gaps.shape[0] * gaps.shape[1] / seconds


def row(task: str, kind: str, steps: str, gaps: np.ndarray) -> None:
    """Print distances [..., 2] of grips and objects as a row."""
    cells = [
        f"{figure(gaps[..., which]):.2f}"
        for which in (0, 1)
        for figure in (np.mean, np.median, np.max)
    ]
    print(f"| {task} | {kind} | {steps} | {' | '.join(cells)} |", flush=True)


def report(task: str, worlds: int) -> None:
    """Print the rows of a task."""
    simulator = open_task(f"goalrelay/{task}-v0", ())
    fetch = Fetch(simulator.env.unwrapped, worlds)
    expert = importlib.import_module(f"goalrelay.tasks.fetch.{MODULES[task]}").expert
    options = COMPILER if jax.default_backend() == "cpu" else {}
    jitted, compiled = jax.jit(jax.vmap(fetch.step), compiler_options=options), None
    for kind, controller in (("random", None), ("expert", expert)):
        own = played(simulator, fetch, controller, worlds)
        if compiled is None:
            began = time.perf_counter()
            with np.errstate(over="ignore"):
                begun = jax.vmap(fetch.begin)(own.starts[0])
                compiled = jitted.lower(begun, own.actions[0]).compile()
            print(f"  compiled in {time.perf_counter() - began:.0f} s, {implementation()}")
        gaps, speed = distances(fetch, compiled, own, again=False)
        for at in SHOWN:
            row(task, kind, str(at), gaps[at - 1])
        row(task, kind, "one", distances(fetch, compiled, own, again=True)[0])
        print(f"  steps/s: MuJoCo {own.speed:.0f}, MJX {speed:.0f} with {worlds} worlds")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tasks", nargs="*", default=list(MODULES))
    parser.add_argument("--worlds", type=int, default=32)
    given = parser.parse_args()
    print(
        "| task | actions | steps | grip, mean mm | median | max | object, mean mm | median | max |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in given.tasks:
        report(name, given.worlds)
