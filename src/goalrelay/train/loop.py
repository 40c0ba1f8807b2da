"""One cycle of training, and the state of a run (`running` makes cycles until the run ends).

    for each cycle c, with learner state S_c and its policy P_c:
        if an evaluation is due: evaluate P_c
        start   S_{c+1} = updates(S_c, batches relabelled from the replay buffer)  (asynchronous)
        collect episodes with P_c + exploration                               (at the same time)
        wait for S_{c+1}; add the episodes to the buffer and to the input statistics

So collection is always exactly one cycle behind the updates, and no result depends on timing. Every
random number comes from the seed, a stream and a counter, so there is no generator state to save. A
run that is resumed from a checkpoint gives the curve of an unbroken run.
"""

import contextlib
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.data.collector import Collecting
from goalrelay.errors import Diverged
from goalrelay.learners.agent import Agent
from goalrelay.learners.networks import MLP
from goalrelay.methods.acting import Acting
from goalrelay.methods.base import combine
from goalrelay.train import config as experiments
from goalrelay.train.build import Parts, build, store
from goalrelay.train.collection import Collection
from goalrelay.train.config import AnyExperiment
from goalrelay.train.counters import Counters, EndsAtGoal
from goalrelay.train.description import TaskAbout
from goalrelay.train.evaluate import Evaluation, evaluate
from goalrelay.train.failures import Failures
from goalrelay.train.metrics import Metrics, Progress
from goalrelay.train.notes import Notes
from goalrelay.train.policy import Policy
from goalrelay.types import Array, Batch, Episode, Snapshot, Steps

TRAIN, TEST, CONFIRM, SAMPLE, STATISTICS, AGAIN = range(6)
"""Streams of random numbers."""
SCAN = 50
"""Updates in one jitted scan (rounded up to whole strides) when updates are counted per step."""
LATE = 10
"""Seconds that an evaluation may go on after the minutes of the run are used."""
ABSURD = 1e12
"""A loss or a mean value above this has diverged."""


class Trainer:
    """A run: learning state, replay buffer, counters, simulators.

    Args:
        experiment: all options.
        found: what a run that is resumed has found about its task.
    """

    def __init__(self, experiment: AnyExperiment, found: TaskAbout | None = None):
        parts: Parts = build(experiment, found)
        self.experiment, self.remark = parts.experiment, parts.remark
        self.simulator, self.method = parts.simulator, parts.method
        self.agents: tuple[Agent, ...] = parts.agents
        self.buffer: ReplayBuffer = parts.buffer
        self.demonstrations: ReplayBuffer | None = parts.demonstrations
        self.collector: Collecting = parts.collector
        self._ends_at_goal = EndsAtGoal(self.simulator, self.method.task)
        self.stopping: Callable[[], bool] = lambda: False
        self.on_test: Callable[[int, int], None] = lambda *_: None
        self.notes = Notes(self.simulator, self.method.failure_lasts, parts.lines)
        self._failures = Failures(experiment, self.notes)
        self._collection = Collection(
            experiment,
            parts.collector,
            self._failures,
            lambda number: self._seed(TRAIN, number),
            lambda: self.stopping(),
        )
        self.key = jax.random.key(experiment.seed)
        names = [name for agent in self.agents for name in agent.metrics]
        self._watched = frozenset(names)
        metrics = Metrics(self.method.task.spec, (*names, *self.method.FIGURES))
        stages = len(self.method.task.spec.stages)
        self._now = Progress(Counters(), metrics, np.zeros(stages))
        self._before_evaluation = self._now
        self._began = time.perf_counter()
        self._earlier_seconds = 0.0
        if self.demonstrations is not None:
            self._observe(self.demonstrations, self.demonstrations.steps())
        self._collection.begin(self._acting())

    @property
    def counters(self) -> Counters:
        """The counters, with the seconds until now over all sessions."""
        seconds = self._earlier_seconds + time.perf_counter() - self._began
        return self._now.counters._replace(seconds=seconds)

    @property
    def evaluated(self) -> bool:
        """Whether there was an evaluation in this cycle."""
        return self._before_evaluation.counters.cycle == self._now.counters.cycle

    def close(self) -> None:
        """Free simulators and threads."""
        if self.collector.close():
            self.simulator.close()

    def policy(self) -> Policy:
        """The policy for evaluation and export: a running mean of the weights."""
        return self._policy([agent.average for agent in self.agents])

    def evaluation_due(self) -> bool:
        """Whether an evaluation is due before this cycle."""
        every, now = self.experiment.evaluate.every, self._now.counters.episodes
        return now // every > (now - self.experiment.collect.episodes) // every and now > 0

    def budget_fraction(self) -> float:
        """Used fraction of the budget; 1 or more: the run is complete."""
        counters, budget = self.counters, experiments.budget(self.experiment)
        done = counters.steps, counters.episodes, counters.seconds / 60
        return max(so_far / most for so_far, most in zip(done, budget, strict=True))

    def finished(self, last: Mapping[str, str]) -> bool:
        """Whether the run has ended, and the last row of `progress.csv` is of its last test."""
        aim, tested = self.experiment.until, last.get("cycle") == str(self._now.counters.cycle)
        with contextlib.suppress(ValueError, TypeError):  # of a damaged table
            reached = aim is not None and float(last.get("eval_success") or "nan") >= aim
            return tested and (reached or self.budget_fraction() >= 1)
        return False

    def evaluate(self, policy: Policy, episodes: int, stream: int = TEST) -> Evaluation:
        """Evaluate on seeds that only this cycle of this run uses.

        There are fewer episodes if the run is stopped, or LATE seconds after its minutes are used.
        """
        minutes, now = self.experiment.minutes, self.counters.seconds
        latest = math.inf if minutes is None else max(now, 60 * minutes) + LATE

        def going(done: int) -> bool:
            self.on_test(done, episodes)
            return not done or not (self.stopping() or self.counters.seconds > latest)

        first = self._now.counters.cycle * 1_000_003  # cycles do not share seeds
        seeds = [self._seed(stream, first + i) for i in range(episodes)]
        return evaluate(self.collector, policy, seeds, going, self._failures.dropped)

    def take_evaluation(self, evaluation: Evaluation) -> tuple[bool, dict[str, float]]:
        """Update the state by an evaluation.

        Returns:
            whether the score is the highest so far (or equal), and the means of the metrics since
            the last evaluation.
        """
        self._before_evaluation = now = self._now
        names = [f"reached_{stage.name}" for stage in self.method.task.spec.stages]
        reached = np.array([evaluation.diagnosis[name] for name in names])
        best = max(evaluation.score, now.counters.best)
        counters = now.counters._replace(best=best, success=evaluation.success)
        self._now = Progress(counters, now.metrics.fresh(), reached)
        return evaluation.score >= best, now.metrics.means()

    def cycle(self) -> bool:
        """Updates and collection at the same time; then storing and counting.

        Returns:
            whether it was done; else the run is stopping, and nothing has changed.

        Raises:
            Diverged: a loss or a value is NaN, infinite or huge.
            TaskFailed: the environment failed; nothing has changed.
        """
        acting = self._acting()  # before the updates: they run during collection
        scans, scan = self._planned()
        pending = self._start_updates(acting.snapshot, scans, scan)
        collected = self._collection.collect(acting, self._now.counters)
        if collected is None:
            return False
        episodes, dropped = collected
        self.notes.look(episodes)  # what asks the task comes before any change: it can fail
        counters = self._counted(episodes, scans * scan, dropped)
        stored = store(self.buffer, self.method, episodes)
        for agent, state, metrics in pending:
            agent.state = state
            self._watch({name: float(value) for name, value in metrics.items()})
        for agent in self.agents:
            agent.blend(self.experiment.evaluate.ema_decay, self.counters.cycle)
        self._observe(self.buffer, stored)
        self._now.metrics.add_episodes(episodes)
        self._now = self._now._replace(counters=counters)
        return True

    def saved(self, repeat_evaluation: bool = False) -> dict[str, Any]:
        """The whole state as a pytree of arrays.

        Args:
            repeat_evaluation: the state before the last evaluation, so that a resumed run repeats
                it.
        """
        progress = self._before_evaluation if repeat_evaluation else self._now
        counters = progress.counters._replace(seconds=self.counters.seconds)
        return {
            "agents": [agent.saved() for agent in self.agents],
            "buffer": self.buffer.save(),
            "counters": {k: np.float64(v) for k, v in counters._asdict().items()},
            "reached": progress.reached,
            "metrics": {k: np.float64(v) for k, v in progress.metrics.saved().items()},
            "asked": self._collection.saved(),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over a saved state."""
        self.buffer.restore(saved["buffer"])  # first: it sees whether the task has other sizes
        for agent, state in zip(self.agents, saved["agents"], strict=True):
            agent.restore(state)
        kinds = {name: type(value) for name, value in Counters()._asdict().items()}
        counters = Counters(**{k: kinds[k](v) for k, v in saved["counters"].items()})
        metrics = self._now.metrics.fresh()
        metrics.restore(saved["metrics"])
        self._now = Progress(counters, metrics, np.asarray(saved["reached"], float))
        self._collection.restore(saved["asked"])
        self._before_evaluation = self._now
        self._earlier_seconds = counters.seconds

    def _acting(self) -> Acting:
        """Who acts in this cycle, with the state that acting and sampling may read."""
        counters = self._now.counters
        if counters.ends_at_goal:
            self.notes.ends_at_goal()
        known = not math.isnan(counters.success)
        policy = self._policy([agent.actor() for agent in self.agents])
        state = Snapshot(
            (),
            counters.episodes,
            counters.steps < self.experiment.method.exploration.random_steps,
            counters.success if known else None,
            counters.best if known else None,
            tuple(self._now.reached.tolist()),
            counters.ends_at_goal,
        )
        return Acting(self.method, policy.weights, state)

    def _planned(self) -> tuple[int, int]:
        """Number of scans in this cycle, and updates in each scan."""
        collect, counters = self.experiment.collect, self._now.counters
        random = counters.steps < self.experiment.method.exploration.random_steps
        if not self.buffer.transitions or random:
            return 0, SCAN
        if collect.updates_per == "cycle":
            return 1, int(collect.updates)
        stride = self.agents[0].stride()
        scan = -(-SCAN // stride) * stride
        return int(counters.owed // scan), scan

    def _start_updates(
        self, snapshot: Snapshot, scans: int, scan: int
    ) -> list[tuple[Agent, Any, dict[str, Array]]]:
        """Dispatch this cycle's scans.

        Returns:
            agent, new state and metrics of each scan; the arrays are still being computed.
        """
        before, pending = self._now.counters.updates, []
        for number, (level, agent) in enumerate(zip(self.method.levels, self.agents, strict=True)):
            every = level.interval * scan
            state = agent.state
            for i in range(before // every, (before + scans * scan) // every):
                stream = (number, i * scan) if number else (i * scan,)
                rng = self._rng(SAMPLE, *stream)
                batches, figures = self._sample(number, snapshot, scan, rng)
                key = self.key
                for part in stream:
                    key = jax.random.fold_in(key, part)
                state, metrics = agent.start_updates(state, batches, key)
                pending.append((agent, state, metrics | figures))
        return pending

    def _sample(
        self, number: int, snapshot: Snapshot, scan: int, rng: np.random.Generator
    ) -> tuple[Batch, dict[str, float]]:
        """A scan of batches for a level; in each, demonstrated steps follow the run's own."""
        level, size = self.method.levels[number], self.agents[number].config.batch_size
        demonstrations = self.demonstrations
        if demonstrations is None:
            return level.sample(self.buffer, snapshot, (scan, size), rng)
        share = round(self.experiment.demos.share * size)
        figures: dict[str, float] = {}
        pieces: list[Batch] = []
        if share < size:
            own, figures = level.sample(self.buffer, snapshot, (scan, size - share), rng)
            nothing = np.zeros(own.reward.shape, np.float32)
            pieces.append(own._replace(demonstrated=nothing))
        if share:
            pieces.append(level.sample(demonstrations, snapshot, (scan, share), rng)[0])
        return combine(pieces, lambda arrays: np.concatenate(arrays, axis=1)), figures

    def _observe(self, buffer: ReplayBuffer, steps: Steps) -> None:
        """Add the inputs of these steps to the statistics of the normalisation."""
        for level, agent in zip(self.method.levels, self.agents, strict=True):
            if agent.config.normalize:
                rng = self._rng(STATISTICS, self._now.counters.cycle)
                agent.observe(level.inputs(buffer, steps, rng))

    def _counted(self, episodes: list[Episode], updates: int, dropped: int) -> Counters:
        """The counters after this cycle."""
        steps, old = sum(e.length for e in episodes), self._now.counters
        random = old.steps < self.experiment.method.exploration.random_steps
        owed = 0.0
        if self.experiment.collect.updates_per == "step" and not random:
            owed = old.owed - updates + steps * self.experiment.collect.updates
        after = old.after(episodes, updates, owed, dropped)
        return self._ends_at_goal.count(after, episodes)

    def _watch(self, metrics: dict[str, float]) -> None:
        """Add metrics of a scan; raise if the learner diverged."""
        counters = self._now.counters
        for name, value in metrics.items():
            if not abs(value) < ABSURD and name in self._watched:
                raise Diverged(
                    f"{name} became {value:g} in cycle {counters.cycle} "
                    f"(after {counters.episodes} episodes)"
                )
        self._now.metrics.add_updates(metrics)

    def _policy(self, actors: list[MLP]) -> Policy:
        """A policy with these networks and the present input statistics."""
        moments = tuple(agent.moments() for agent in self.agents)
        return Policy(
            self.experiment.task,
            self.experiment.task_options,
            self.experiment.method_name,
            self.method,
            self.experiment.learner_name,
            self.simulator.interface,
            tuple(actors),
            moments,
        )

    def _rng(self, stream: int, *counters: int) -> np.random.Generator:
        return np.random.default_rng([self.experiment.seed, stream, *counters])

    def _seed(self, stream: int, counter: int) -> int:
        sequence = np.random.SeedSequence([self.experiment.seed, stream, counter])
        return int(sequence.generate_state(1)[0] >> 1)  # 31 bits fit every environment
