"""Training episodes with the physics of MJX on JAX's device; those of evaluation stay on MuJoCo.

    1  the ordinary task is reset by each seed; its start states go to the device, once a chunk
    2  one compiled program runs a chunk of worlds to the horizon: acting, noise, physics
    3  what happened comes back, once a chunk, and becomes the same `Episode`s

A chunk has as many worlds as a cycle has episodes; one with fewer episodes is filled up. So the
program is compiled once. An episode depends on its seed and the policy alone, as far as XLA rounds
alike for each number of worlds. The reported success is that of the real task, since evaluation
runs there.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import jax
import numpy as np

from goalrelay.data.collector import Collector
from goalrelay.data.rollout import Simulator, check_numbers
from goalrelay.errors import TaskFailed
from goalrelay.methods.base import Method
from goalrelay.scale.mjx_acting import DeviceActing, Parameters, Weights
from goalrelay.scale.mjx_fetch import Fetch, Start
from goalrelay.types import Array, Episode, Observation, Snapshot

COMPILER = {"xla_cpu_use_fusion_emitters": False}
"""Options of XLA on a CPU. With its default the positions of a chain of bodies are computed again
for each that follows: 400 times the time of a step."""


class Acts(Protocol):
    """The part of `train.acting.Acting` that is read."""

    @property
    def weights(self) -> Weights:
        """Networks and the statistics of their inputs."""
        ...

    @property
    def state(self) -> Snapshot:
        """What acting may read."""
        ...


class MjxCollector:
    """Episodes of training on a device, those of evaluation by another collector.

    Args:
        simulator: of the task; this collector resets it.
        method: that acts.
        learner_name: of its learner.
        worlds: that are simulated at the same time.
        ordinary: runs episodes of evaluation.

    Raises:
        UsageError: the task or the method does not run on a device.
    """

    def __init__(
        self,
        simulator: Simulator,
        method: Method,
        learner_name: str,
        worlds: int,
        ordinary: Collector,
    ):
        self._simulator, self._ordinary, self._worlds = simulator, ordinary, worlds
        self._fetch = Fetch(simulator.env.unwrapped, worlds)
        self._acting = DeviceActing(method, learner_name)
        options = COMPILER if jax.default_backend() == "cpu" else {}
        self._run = jax.jit(self._episodes, compiler_options=options)

    def collect(
        self,
        begin: Any,
        seeds: Sequence[int],
        evaluation: bool = False,
        going: Callable[[int], bool] = lambda _: True,
        failed: Callable[[TaskFailed], None] | None = None,
    ) -> list[Episode]:
        """One episode a seed, in the order of the seeds; see `Collector.collect`.

        Args:
            begin: an `Acting`; in training it always explores.
            seeds: of the episodes.
            evaluation: whether they are of evaluation.
            going: called before each chunk.
            failed: see `Collector.collect`.

        Raises:
            TaskFailed: an episode has a number that is not finite.
        """
        if evaluation:
            return self._ordinary.collect(begin, seeds, evaluation, going, failed)
        episodes: list[Episode] = []
        for first in range(0, len(seeds), self._worlds):
            if not going(first):
                break
            for seed, episode in self._chunk(begin, seeds[first : first + self._worlds]):
                try:
                    episodes.append(self._finished(seed, episode))
                except TaskFailed as error:
                    if failed is None:
                        raise
                    failed(error)
        return episodes

    def close(self) -> bool:
        """See `Collector.close`."""
        return self._ordinary.close()

    def _chunk(self, begin: Acts, seeds: Sequence[int]) -> list[tuple[int, tuple[np.ndarray, ...]]]:
        """Seeds, and observation [L + 1, O], achieved [L + 1, G], desired and action of each."""
        starts = [self._fetch.start(self._simulator.reset(seed)) for seed in seeds]
        starts += starts[-1:] * (self._worlds - len(starts))
        start: Start = jax.tree.map(lambda *each: np.stack(each), *starts)
        keys = np.resize(np.array(seeds, np.uint32), self._worlds)
        given = self._acting.parameters(begin.weights, begin.state)
        with np.errstate(over="ignore"):  # MJX has constants of float64
            steps = jax.device_get(self._run(given, start, keys))
        shown = start.shown
        observation, achieved = (
            np.concatenate((first[:, None], later), axis=1)
            for first, later in zip((shown.observation, shown.achieved), steps[:2], strict=True)
        )
        desired = np.repeat(shown.desired[:, None], observation.shape[1], axis=1)
        happened = zip(observation, achieved, desired, steps[2], strict=True)
        return list(zip(seeds, happened, strict=False))  # without the worlds that fill up

    def _finished(self, seed: int, fields: tuple[np.ndarray, ...]) -> Episode:
        """The episode of what happened, copied out of its chunk.

        Raises:
            TaskFailed: a number is not finite.
        """
        observation, achieved, desired, action = (np.array(field) for field in fields)
        fits = np.isfinite(achieved[1:]).all()
        rewards = self._simulator.reward(achieved[1:], desired[1:]) if fits else np.zeros(0)
        check_numbers(self._simulator, (observation, achieved, desired), rewards.tolist(), seed)
        reached = self._fetch.reached(achieved[1:], desired[1:])
        return Episode(
            observation,
            achieved,
            desired,
            action,
            terminal=False,
            success=float(reached[-1]),
            total_reward=float(rewards.sum()),
            success_ever=float(reached.any()),
        )

    def _episodes(self, given: Parameters, starts: Start, seeds: Array) -> tuple[Array, ...]:
        """Worlds to the horizon: observation [W, L, O], achieved [W, L, G], action [W, L, A]."""
        times = np.arange(self._simulator.spec.horizon)

        def world(start: Start, seed: Array) -> tuple[Array, ...]:
            key = jax.random.key(seed)

            def step(now: tuple[Any, Observation], time: Array) -> tuple[Any, tuple[Array, ...]]:
                state, shown = now
                action = self._acting.act(given, shown, jax.random.fold_in(key, time))
                state, observation, achieved = self._fetch.step(state, action)
                shown = shown._replace(observation=observation, achieved=achieved)
                return (state, shown), (observation, achieved, action)

            begun = (self._fetch.begin(start), start.shown)
            return jax.lax.scan(step, begun, times)[1]

        return jax.vmap(world)(starts, seeds)
