"""The training loop on one page.

    for each cycle c, with learner state S_c and its policy P_c:
        if an evaluation is due: test P_c
        start   S_{c+1} = updates(S_c, batches relabelled from the replay)    (runs on its own)
        collect episodes with P_c + exploration                               (meanwhile)
        wait for S_{c+1}; add the episodes to the replay and to the input statistics

So collection lags the updates by one cycle, always by exactly one: nothing depends on timing.
Every random number comes from the seed, a stream and a counter, so there is no generator state to
save: a run resumed from a checkpoint goes on as if it had never stopped.
"""

import dataclasses
import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from goalrelay import experiment as experiments
from goalrelay import learners, methods
from goalrelay.collect import Begin, Collector
from goalrelay.demos.load import load
from goalrelay.errors import Diverged, UsageError
from goalrelay.evaluation import Evaluation, evaluate
from goalrelay.experiment import AnyExperiment
from goalrelay.goals import Progress
from goalrelay.level import Level
from goalrelay.networks import MLP
from goalrelay.policy import Policy
from goalrelay.priority import WEIGHTS
from goalrelay.relabel import Rules, reached, whole
from goalrelay.replay import Replay
from goalrelay.tasks.gym_task import open_task
from goalrelay.types import Array, Episode, Index
from goalrelay.window import Window

TRAIN, TEST, CONFIRM, SAMPLE, STATISTICS, AGAIN = range(6)
"""Streams of random numbers."""
SCAN = 50
"""Updates in one jitted scan (rounded up to whole strides) when updates are counted per step."""
ABSURD = 1e12
"""A loss or a mean value beyond this has exploded."""


class Counters(NamedTuple):
    """Where the run stands at the start of a cycle; saved with the checkpoint."""

    cycle: int = 0
    episodes: int = 0
    steps: int = 0
    updates: int = 0
    owed: float = 0.0
    """Updates earned by environment steps and not made yet."""
    best: float = -math.inf
    """Score of the best policy so far."""
    last: float = -math.inf
    """Score of the last test."""
    seconds: float = 0.0


@dataclasses.dataclass(frozen=True)
class Stop:
    """How a training ended."""

    reason: str
    """`until`, `budget` or `interrupted`"""
    evaluation: Evaluation | None
    """The last evaluation made."""


class Trainer:
    """A run in progress: the state of learning, and the simulators it learns from."""

    def __init__(self, experiment: AnyExperiment):
        self.experiment = experiment
        self.method = methods.find(experiment.method_name)
        self.learner = learners.find(experiment.learner_name)
        self.task = open_task(experiment.task, experiment.task_options)
        self._check_fit()
        self.key = jax.random.key(experiment.seed)
        self.rules = Rules(
            self.task.spec,
            self.task.reward,
            self.task.terminal,
            experiment.learner.gamma,
            self.task.symmetries,
        )
        if self.method.DEMONSTRATED and experiment.method.data:
            self.rules = self.rules._replace(demonstrations=self._demonstrations())
        self.method.check(experiment.method, self.rules)
        self.levels = self._levels()
        beside = sum(level.decides for level in self.levels[1:])
        self.replay = Replay(self.task.spec, experiment.replay.capacity, beside)
        self.counters = Counters()
        if self.rules.demonstrations is not None:
            self._observe(self.rules.demonstrations, self.rules.demonstrations.steps())
        self.window = Window(self.task.spec, (*self._metrics(), *self.method.FIGURES))
        self.reached = np.zeros(len(self.task.spec.stages))  # shares of the last test's episodes
        self.collector = Collector(
            lambda: open_task(experiment.task, experiment.task_options),
            experiment.collect.threads,
        )

    def close(self) -> None:
        """Free simulators and threads."""
        self.collector.close()
        self.task.close()

    def policy(self) -> Policy:
        """The policy to test and export: a running mean of the weights (evaluate.average)."""
        return self._policy([level.average for level in self.levels])

    def newest(self) -> Policy:
        """The policy of the newest weights, which collects."""
        return self._policy([level.actor() for level in self.levels])

    def due(self) -> bool:
        """Whether the policy is to be tested before this cycle."""
        every, now = self.experiment.evaluate.every, self.counters.episodes
        return now // every > (now - self.experiment.collect.episodes) // every and now > 0

    def spent(self) -> float:
        """Share of the budget that is spent: 1 or more when the run is over."""
        budget = experiments.budget(self.experiment)
        done = self.counters.steps, self.counters.episodes, self.counters.seconds / 60
        return max(so_far / most for so_far, most in zip(done, budget, strict=True))

    def test(self, policy: Policy, episodes: int, stream: int = TEST) -> Evaluation:
        """Evaluate on seeds that belong to this moment of this run alone."""
        first = self.counters.cycle * 1_000_003  # moments do not share seeds
        seeds = [self._seed(stream, first + i) for i in range(episodes)]
        return evaluate(self.collector, policy, seeds)

    def cycle(self) -> None:
        """Updates and collection side by side, then the books.

        Raises:
            Diverged: a loss or a value is not finite, or absurd.
        """
        started = time.perf_counter()
        policy = self.newest()  # of before the updates: they run while it collects
        scans, scan = self._planned()
        updated = self._start_updates(scans, scan)
        episodes = self.collector.collect(self._explorer(policy), self._episode_seeds())
        for level, state, metrics in updated:
            level.state = state
            self._watch({name: float(value) for name, value in metrics.items()})
        for level in self.levels:
            level.blend(self.experiment.evaluate.average)
        self._observe(self.replay, self._store(self.replay, episodes))
        self._count(episodes, scans * scan, time.perf_counter() - started)

    def saved(self) -> dict[str, Any]:
        """Everything needed to go on, as a pytree of arrays."""
        return {
            "levels": [level.saved() for level in self.levels],
            "replay": self.replay.save(),
            "counters": {k: np.float64(v) for k, v in self.counters._asdict().items()},
            "reached": self.reached,
            "window": {k: np.float64(v) for k, v in self.window.saved().items()},
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Become the run that was saved."""
        for level, state in zip(self.levels, saved["levels"], strict=True):
            level.restore(state)
        self.replay.restore(saved["replay"])
        self.reached = np.asarray(saved["reached"], float)
        kinds = {name: type(value) for name, value in Counters()._asdict().items()}
        self.counters = Counters(**{k: kinds[k](v) for k, v in saved["counters"].items()})
        self.window.restore(saved["window"])

    def judged(self, evaluation: Evaluation) -> bool:
        """Take in what a test showed; whether the policy is as good as the best so far."""
        names = [f"reached_{stage.name}" for stage in self.task.spec.stages]
        self.reached = np.array([evaluation.diagnosis[name] for name in names])
        best = max(evaluation.score, self.counters.best)
        self.counters = self.counters._replace(best=best, last=evaluation.score)
        return evaluation.score >= best

    def take_window(self) -> dict[str, float]:
        """Means since the last evaluation, and a fresh start of them."""
        done, self.window = self.window, self.window.fresh()
        return done.means()

    def _check_fit(self) -> None:
        if self.method.NEEDS_GOALS and self.task.flat:
            raise UsageError(
                f"task '{self.task.id}' has no goals for hindsight; use the method flat"
            )
        cloning = getattr(self.experiment.learner, "cloning", None)
        if cloning is not None and cloning.weight and not self.method.DEMONSTRATED:
            raise UsageError(
                "--learner.cloning.weight needs demonstrations, which the method "
                f"{self.experiment.method_name} does not take; the method demos does"
            )
        if self.task.spec.discrete == self.learner.CONTINUOUS:
            kind = "discrete" if self.task.spec.discrete else "continuous"
            fitting = [
                n for n in learners.names() if (kind != "discrete") == learners.find(n).CONTINUOUS
            ]
            raise UsageError(
                f"--learner {self.experiment.learner_name} does not fit the {kind} actions of "
                f"'{self.task.id}'; use {' or '.join(fitting)}"
            )

    def _demonstrations(self) -> Replay:
        """A replay of its own for what a demonstrator did."""
        method = self.experiment.method
        episodes = load(method.data, self.task, method.episodes)
        rows = sum(episode.length + 1 for episode in episodes)
        replay = Replay(self.task.spec, max(rows, self.task.spec.horizon))
        self._store(replay, episodes)
        return replay

    def _store(self, replay: Replay, episodes: list[Episode]) -> Index:
        """Add episodes with the weights that the method's priority gives their steps."""
        weigh = WEIGHTS[self.experiment.method.priority]
        there = reached(whole(self.task.spec), self.rules)
        return replay.add(episodes, [weigh(e, there) for e in episodes])

    def _observe(self, replay: Replay, index: Index) -> None:
        """Count the inputs of these steps in the normalisation."""
        for level in self.levels:
            if level.config.normalize:
                rng, method = self._rng(STATISTICS, self.counters.cycle), self.experiment.method
                level.observe(level.part.observed(method, self.rules, replay, index, rng))

    def _metrics(self) -> list[str]:
        return [name for level in self.levels for name in level.metrics]

    def _start_updates(self, scans: int, scan: int) -> list[tuple[Level, Any, dict[str, Array]]]:
        """Dispatch this cycle's scans; returns states and metrics that are being computed."""
        before, pending = self.counters.updates, []
        networks, reached = self.newest().networks, tuple(self.reached.tolist())
        for number, level in enumerate(self.levels):
            if not level.part.learns(self.experiment.method, self.counters.steps):
                continue
            every = level.part.every(self.experiment.method)
            done, due = before // (every * scan), (before + scans * scan) // (every * scan)
            below = networks[number - 1] if number else None
            rules = self.rules._replace(reached=reached, below=below, own=networks[number])
            state = level.state
            for i in range(done, due):
                stream = (number, i * scan) if number else (i * scan,)
                drawn = self._rng(SAMPLE, *stream)
                shape = (scan, level.config.batch_size)
                method = self.experiment.method
                batches, figures = level.part.sample(method, rules, self.replay, shape, drawn)
                key = self.key
                for part in stream:
                    key = jax.random.fold_in(key, part)
                state, metrics = level.update(state, batches, key)
                pending.append((level, state, metrics | figures))
        return pending

    def _planned(self) -> tuple[int, int]:
        """How many scans this cycle, and updates in each."""
        collect = self.experiment.collect
        if not self.replay.transitions or self._exploring():
            return 0, SCAN
        if collect.updates_per == "cycle":
            return 1, int(collect.updates)
        stride = self.levels[0].stride()
        scan = -(-SCAN // stride) * stride
        return int(self.counters.owed // scan), scan

    def _exploring(self) -> bool:
        """Whether actions are still purely random."""
        return self.counters.steps < self.experiment.method.exploration.random_steps

    def _explorer(self, policy: Policy) -> Begin:
        shares = tuple(self.reached.tolist())
        counters, random = self.counters, self._exploring()
        progress = Progress(counters.episodes, counters.last, shares, counters.best, random)
        return lambda rng: policy.begin(progress, rng)

    def _count(self, episodes: list[Episode], updates: int, seconds: float) -> None:
        steps, old = sum(e.length for e in episodes), self.counters
        owed = 0.0
        if self.experiment.collect.updates_per == "step" and not self._exploring():
            owed = old.owed - updates + steps * self.experiment.collect.updates
        self.counters = Counters(
            old.cycle + 1,
            old.episodes + len(episodes),
            old.steps + steps,
            old.updates + updates,
            owed,
            old.best,
            old.last,
            old.seconds + seconds,
        )
        self.window.add_episodes(episodes)

    def _watch(self, metrics: dict[str, float]) -> None:
        for name, value in metrics.items():
            if not abs(value) < ABSURD and name in self._metrics():
                raise Diverged(
                    f"{name} became {value:g} in cycle {self.counters.cycle} "
                    f"(after {self.counters.episodes} episodes)"
                )
        self.window.add_scan(metrics)

    def _levels(self) -> tuple[Level, ...]:
        """A learner for each level of the method; they start apart."""
        experiment = self.experiment
        return tuple(
            Level(
                part,
                experiment.method,
                self.learner,
                experiment.learner,
                self.task.spec,
                jax.random.fold_in(self.key, number) if number else self.key,
            )
            for number, part in enumerate(methods.parts(self.method))
        )

    def _policy(self, actors: list[MLP]) -> Policy:
        """A policy of these networks and of the statistics as they are."""
        box: Any = self.task.env.action_space
        unbounded = np.zeros(0, np.float32)
        low, high = (unbounded, unbounded) if self.task.spec.discrete else (box.low, box.high)
        return Policy(
            self.experiment.task,
            self.experiment.task_options,
            self.experiment.method_name,
            self.experiment.method,
            self.experiment.learner_name,
            self.task.spec,
            low,
            high,
            tuple(actors),
            tuple(level.moments() for level in self.levels),
            self.task.first_action,
        )

    def _rng(self, stream: int, *counters: int) -> np.random.Generator:
        return np.random.default_rng([self.experiment.seed, stream, *counters])

    def _seed(self, stream: int, counter: int) -> int:
        sequence = np.random.SeedSequence([self.experiment.seed, stream, counter])
        return int(sequence.generate_state(1)[0] >> 1)  # 31 bits fit every environment

    def _episode_seeds(self) -> list[int]:
        first = self.counters.episodes
        return [self._seed(TRAIN, first + i) for i in range(self.experiment.collect.episodes)]


def run_loop(
    trainer: Trainer,
    stopping: Callable[[], bool],
    on_evaluation: Callable[[Policy, Evaluation], None],
    on_cycle: Callable[[], None],
) -> Stop:
    """Cycle until the budget is spent, `until` is confirmed twice, or `stopping` says so.

    Raises:
        Diverged: learning exploded; the trainer is then not to be saved.
        UsageError: `until` is asked of a task that has no success.
    """
    wanted, evaluation = trainer.experiment.until, None
    goal, settings = math.inf if wanted is None else wanted, trainer.experiment.evaluate
    while not stopping():
        finished = trainer.spent() >= 1
        if trainer.due() or finished:
            policy = trainer.policy()
            evaluation = trainer.test(policy, settings.confirm if finished else settings.episodes)
            if wanted is not None and math.isnan(evaluation.success):
                raise UsageError(f"--until: task '{trainer.task.id}' does not report success")
            # of many tests some are lucky: a second one, of other episodes, tells how good it is
            for stream in () if finished else (CONFIRM, AGAIN):
                if evaluation.success >= goal:
                    evaluation = trainer.test(policy, settings.confirm, stream)
            on_evaluation(policy, evaluation)
            if evaluation.success >= goal:
                return Stop("until", evaluation)
        if finished:
            return Stop("budget", evaluation)
        trainer.cycle()
        on_cycle()
    return Stop("interrupted", evaluation)
