"""Rollouts: simulators in threads -> finished episodes.

An episode depends on its seed and the policy alone, not on the environment or the thread that ran
it, so results do not depend on how many threads there are, and a resumed run goes on exactly.
MuJoCo's `mj_step` releases the interpreter lock, so threads suffice.
"""

import queue
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from goalrelay.tasks.goal_task import Simulator
from goalrelay.types import Episode, Observation

Begin = Callable[[np.random.Generator], Callable[[Observation], np.ndarray]]
"""Called at the start of an episode with its own random numbers: gives what acts in it."""


def rollout(task: Simulator, begin: Begin, seed: int, evaluation: bool = False) -> Episode:
    """Run one episode to its end; one of evaluation may have goals of its own (`Simulator.reset`).

    Raises:
        RuntimeError: the environment failed; the message names the task and the episode's seed.
    """
    spec = task.spec
    rng = np.random.default_rng([seed, 1])  # not the stream the environment draws from
    steps, actions = [], []
    terminated = truncated = False
    reward = total = 0.0
    info = {}
    act = begin(rng)
    try:
        steps.append(task.reset(seed, evaluation))
        while not (terminated or truncated) and len(actions) < spec.horizon:
            actions.append(act(steps[-1]))
            observation, reward, terminated, truncated, info = task.step(actions[-1])
            total += reward
            steps.append(observation)
    except Exception as error:
        where = f"task '{task.id}' failed in the episode with seed {seed}, step {len(actions)}"
        raise RuntimeError(f"{where}: {error}") from error
    return Episode(
        *(np.stack(field) for field in zip(*steps, strict=True)),
        action=np.stack(actions),
        terminal=terminated,
        success=task.success(info, terminated, reward),
        total_reward=total,
    )


class Collector:
    """Environments that run episodes side by side, one a thread."""

    def __init__(self, make_task: Callable[[], Simulator], threads: int):
        self._free: queue.SimpleQueue[Simulator] = queue.SimpleQueue()
        self._tasks = [make_task() for _ in range(threads)]
        for task in self._tasks:
            self._free.put(task)
        self._pool = ThreadPoolExecutor(threads, "collect")

    def collect(
        self, begin: Begin, seeds: Sequence[int], evaluation: bool = False
    ) -> list[Episode]:
        """One episode a seed, in the order of the seeds; of training or of evaluation."""

        def run(seed: int) -> Episode:
            task = self._free.get()
            try:
                return rollout(task, begin, seed, evaluation)
            finally:
                self._free.put(task)

        return list(self._pool.map(run, seeds))

    def close(self) -> None:
        """Stop the threads and free the simulators."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        for task in self._tasks:
            task.close()
