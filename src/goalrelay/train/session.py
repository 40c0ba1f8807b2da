"""A run with its folder, logs, checkpoints, observer and handling of Ctrl-C.

`train` starts a run, `resume` continues one. The command line and the Python API call these two
functions. The training loop itself is `loop.run_loop`.
"""

import dataclasses
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

import jax
import numpy as np

from goalrelay.data.collector import Collector
from goalrelay.errors import Diverged, Notice, TaskFailed, UsageError, first_line, shell_word
from goalrelay.scale.collector import RemoteCollector
from goalrelay.settings import suggest
from goalrelay.tasks.goal_task import check_trusted, needs_trust
from goalrelay.train import config as experiments
from goalrelay.train.build import finds_structure
from goalrelay.train.config import AnyExperiment
from goalrelay.train.counters import Counters
from goalrelay.train.description import task_to_json
from goalrelay.train.evaluate import Evaluation
from goalrelay.train.evaluate import evaluate as evaluate_policy
from goalrelay.train.folder import RunFolder, default_folder
from goalrelay.train.logbook import Logbook
from goalrelay.train.loop import Trainer
from goalrelay.train.observer import Observer
from goalrelay.train.policy import BEST, LAST, Policy, load_to_run, open_fitting
from goalrelay.train.running import Stop, run_loop
from goalrelay.train.stopping import interruptible
from goalrelay.train.tracker import installed


@dataclasses.dataclass(frozen=True)
class Result:
    """The end of a run."""

    folder: Path
    reason: str
    """`until`, `budget` or `interrupted`"""
    episodes: int
    steps: int
    seconds: float
    """Wall-clock time over all sessions of the run, evaluations included."""
    evaluation: Evaluation | None
    """The last evaluation."""
    policy: Policy = dataclasses.field(repr=False)
    """The newest policy; the best policy is in the folder."""
    resume_needs_trust: bool = False
    """Whether `resume` needs `trust`: for the module of the task, or for a tracker."""


class Options(TypedDict, total=False):
    """What else `train` takes, by name."""

    steps: int | None
    """Environment steps after which to stop (1,000,000 without any budget)."""
    episodes: int | None
    """Training episodes after which to stop."""
    minutes: float | None
    """Wall-clock time after which to stop."""
    seed: int
    """One seed gives one curve; 0 by default."""
    until: float | None
    """Success rate at which to stop."""
    settings: Mapping[str, Any] | None
    """Any other option by dotted name, such as {"learner.gamma": 0.95}."""
    observer: Observer | None
    """What shows the progress; silent by default."""


def train(
    method: str,
    task: str,
    *,
    learner: str | None = None,
    preset: str | None = None,
    out: str | Path | None = None,
    **options: Unpack[Options],
) -> Result:
    """Train a policy for a task.

    Args:
        method: a name from the list of `goalrelay methods`.
        task: a Gymnasium id, or package.module:TaskId.
        learner: ddpg, td3, sac or dqn; the preset's by default.
        preset: a named set of values to start from; `default` by default.
        out: run folder; runs/TASK/METHOD/seed-S by default.
        options: `steps`, `episodes`, `minutes`, `seed`, `until`, `settings`, `observer`; see
            `Options`.

    Raises:
        UsageError: an option that cannot work; the message names it.
        TaskFailed: the environment failed in an episode; the state before it is saved.
        Diverged: learning diverged; the last checkpoint is kept.
    """
    experiment = experiments.make(method, task, learner, preset)
    for name in options:
        if name not in Options.__annotations__:
            raise UsageError(f"train takes no '{name}'{suggest(name, Options.__annotations__)}")
    settings, observer = options.pop("settings", None), options.pop("observer", None)
    experiment = experiments.with_options(experiment, {**options, **(settings or {})})
    return start(experiment, Path(out) if out else None, observer or Observer())


def start(experiment: AnyExperiment, out: Path | None, observer: Observer) -> Result:
    """Start a run of an experiment in a new folder."""
    experiments.check(experiment)
    use_compilation_cache()
    if experiment.save.track != "none":
        installed(experiment.save.track)
    with begun(experiment, out or default_folder(experiment)) as (trainer, folder):
        return Session(trainer, folder, observer).run()


@contextmanager
def begun(experiment: AnyExperiment, out: Path) -> Iterator[tuple[Trainer, RunFolder]]:
    """A new run and its folder, until the end of the block."""
    with closing(Trainer(experiment)) as trainer:  # first: a refused task leaves no folder
        experiment = trainer.experiment  # with the values that depend on the task
        folder = RunFolder(out)
        with folder.held():
            folder.begin(experiment)
            if finds_structure(experiment):
                folder.set_structure(task_to_json(trainer.method.task))
            yield trainer, folder


def resume(
    run: str | Path,
    *,
    steps: int | None = None,
    minutes: float | None = None,
    until: float | None = None,
    observer: Observer | None = None,
    trust: bool = False,
) -> Result:
    """Continue a run from its newest checkpoint; its curve is the one of an unbroken run.

    Args:
        run: the run folder.
        steps: a new total budget of environment steps.
        minutes: a new total budget of minutes.
        until: a new success rate at which the run stops.
        observer: receives the progress; silent by default.
        trust: import the module of the task that the run names, which runs its code.

    Raises:
        UsageError: the folder is not a run folder, none of its checkpoints can be read, or its
            task is of a module that is not imported yet and not trusted.
        Diverged: learning diverged.
    """
    use_compilation_cache()
    folder = RunFolder.open(Path(run))
    with folder.held():
        same = steps is minutes is until is None
        experiment = _extended(folder.resumable(), steps, minutes, until)
        check_trusted(experiment.task, run, trust)
        if experiment.save.track != "none" and not trust:
            raise UsageError(
                f"{run} sends its figures to {experiment.save.track}, under your account there; "
                "if you trust it, add --trust"
            )
        with continued(experiment, folder) as trainer:
            if same and trainer.finished(folder.last_row()):
                more = "--steps N or --minutes M gives it a new budget"
                warnings.warn(
                    Notice(f"{run} is finished, so only its last test is repeated; {more}"),
                    stacklevel=2,
                )
            return Session(trainer, folder, observer or Observer()).run()


@contextmanager
def continued(experiment: AnyExperiment, folder: RunFolder) -> Iterator[Trainer]:
    """A run where its newest checkpoint is, until the end of the block; the folder is held.

    Args:
        experiment: the run's, with the new budget.
        folder: of the run.
    """
    with closing(Trainer(experiment, folder.structure())) as trainer:
        saved = folder.restore(trainer.saved())
        if saved is not None:
            trainer.restore(saved)
        folder.set_experiment(trainer.experiment)
        yield trainer


def _resume_needs_trust(experiment: AnyExperiment) -> bool:
    return needs_trust(experiment.task) or experiment.save.track != "none"


def _extended(
    experiment: AnyExperiment, steps: int | None, minutes: float | None, until: float | None
) -> AnyExperiment:
    """The experiment with another budget; see `resume`."""
    if steps is not None or minutes is not None:
        experiment = dataclasses.replace(experiment, steps=steps, episodes=None, minutes=minutes)
    if until is not None:
        experiment = dataclasses.replace(experiment, until=until)
    experiments.check(experiment)
    return experiment


def evaluate(
    path: str | Path,
    *,
    episodes: int = 100,
    seed: int = 0,
    threads: int = 2,
    trust: bool = False,
    bad_episodes: Literal["stop", "drop"] = "stop",
) -> Evaluation:
    """Evaluate a saved policy without noise.

    Args:
        path: run folder (its best policy) or a policy file.
        episodes: number of episodes.
        seed: of the episodes.
        threads: environments that run at the same time.
        trust: import the module of the task that the policy names, which runs its code.
        bad_episodes: whether an episode that the environment breaks off stops the evaluation, or
            counts as failed.

    Raises:
        UsageError: the path has no policy, its task is not installed or has other sizes now, or is
            of a module that is not imported yet and not trusted.
        TaskFailed: the environment failed in an episode; in each, if they are dropped.
    """
    policy, bad = load_to_run(path, trust), list[TaskFailed]()
    collector = Collector(lambda: open_fitting(policy), threads)
    try:
        sequence = np.random.SeedSequence([seed, 2**16])  # distinct from the seeds of training
        seeds = [int(s) >> 1 for s in sequence.generate_state(episodes)]
        failed = bad.append if bad_episodes == "drop" else None
        found = evaluate_policy(collector, policy, seeds, failed=failed)
    except TaskFailed as error:
        more = "" if bad else "; --bad-episodes drop counts such episodes as failed, and goes on"
        raise TaskFailed(f"{error}{more}") from error
    finally:
        collector.close()
    if bad:
        message = f"{len(bad)} of {episodes} episodes count as failed, the first: {bad[0]}"
        warnings.warn(Notice(message), stacklevel=2)
    return found


class Session:
    """A trainer with its folder, log and observer, in one process."""

    def __init__(self, trainer: Trainer, folder: RunFolder, observer: Observer):
        self.trainer, self.folder, self.observer = trainer, folder, observer
        experiment, counters = trainer.experiment, trainer.counters
        config = experiments.to_json(experiment)
        start = counters.cycle, counters.steps
        self.logbook = Logbook(folder.path, config, experiment.save, *start)
        self.last_save = time.monotonic()
        self.last_row = counters

    def run(self, stopping: Callable[[], bool] | None = None) -> Result:
        """Train until the run stops; the folder can be resumed.

        Args:
            stopping: whether the run is to stop; None: Ctrl-C and the like stop it.
        """
        try:
            return self._run(stopping)
        except ConnectionError:  # of a pipe that is read no more
            raise
        except OSError as error:  # of the folder: those of an environment are of an episode
            where = error.filename or self.folder.path
            reason = error.strerror or first_line(error)
            raise UsageError(
                f"{where} cannot be written: {reason}; the run stops, {self.folder.kept()}"
            ) from error

    def _run(self, stopping: Callable[[], bool] | None) -> Result:
        trainer = self.trainer
        self.observer.start(trainer, self.folder.path)
        self._tell()
        if isinstance(trainer.collector, RemoteCollector):
            trainer.collector.waiting = self._tell
        try:
            if not self.folder.has_checkpoint():  # so that a run can be resumed from the start on
                self._save()
            with interruptible() if stopping is None else nullcontext(stopping) as interrupted:
                stop = run_loop(
                    trainer,
                    lambda: interrupted() or self.observer.stops(),
                    self._evaluated,
                    self._cycled,
                    self.observer.test,
                )
                trainer.policy().save(self.folder.path, LAST)
                # a run that is resumed repeats the evaluation of the cycle in which it stopped
                self._save(repeat_evaluation=trainer.evaluated)
                if isinstance(trainer.collector, RemoteCollector):
                    trainer.collector.over = stop.reason != "interrupted"
        except TaskFailed as error:  # the cycle has changed nothing yet, but for an evaluation
            self._save(repeat_evaluation=trainer.evaluated)
            trust = " --trust" if _resume_needs_trust(trainer.experiment) else ""
            raise TaskFailed(
                f"{error}; the state before is saved: goalrelay resume "
                f"{shell_word(self.folder.path)}{trust}"
            ) from error
        except Diverged as error:
            raise Diverged(f"learning diverged: {error}; {self.folder.kept()}") from None
        finally:
            self.observer.close()
            self.logbook.close()
        return self._result(stop)

    def _result(self, stop: Stop) -> Result:
        counters = self.trainer.counters
        return Result(
            self.folder.path,
            stop.reason,
            counters.episodes,
            counters.steps,
            counters.seconds,
            stop.evaluation,
            self.trainer.policy(),
            _resume_needs_trust(self.trainer.experiment),
        )

    def _evaluated(self, policy: Policy, evaluation: Evaluation) -> None:
        counters = self.trainer.counters
        is_best, means = self.trainer.take_evaluation(evaluation)
        position = {name: getattr(counters, name) for name in ("cycle", "episodes", "steps")}
        progress = position | {"updates": counters.updates}
        if self.trainer.experiment.collect.bad_episodes == "drop":
            progress["dropped"] = counters.dropped
        staleness = self.trainer.experiment.scale.staleness
        if staleness:  # the first cycles ask for episodes of the initial policy
            progress["staleness"] = min(staleness, counters.cycle)
        figures = evaluation._asdict()
        figures |= figures.pop("diagnosis")
        del figures["success_ever"]  # the curve is of the last step
        progress |= {f"eval_{name}": value for name, value in figures.items()}
        self.logbook.write(progress | means, position | self._speeds(counters))
        if is_best:
            policy.save(self.folder.path, BEST)
        self.observer.evaluation(counters, evaluation)
        film = self.observer.film(policy, counters)
        if film is not None:
            self.logbook.film(film, counters.steps)

    def _speeds(self, now: Counters) -> dict[str, float]:
        """Seconds of the run, and rates since the last row."""
        before, self.last_row = self.last_row, now
        span = max(now.seconds - before.seconds, 1e-9)
        return {
            "seconds": now.seconds,
            "steps_per_second": (now.steps - before.steps) / span,
            "updates_per_second": (now.updates - before.updates) / span,
        }

    def _cycled(self) -> None:
        self._tell()
        self.observer.cycle(self.trainer.counters, self.trainer.budget_fraction())
        if time.monotonic() - self.last_save >= self.trainer.experiment.save.every:
            self._save()

    def _tell(self) -> None:
        for line in self.trainer.notes.new():
            self.observer.note(line)

    def _save(self, repeat_evaluation: bool = False) -> None:
        saved = self.trainer.saved(repeat_evaluation)
        self.folder.save(int(saved["counters"]["cycle"]), saved)
        self.last_save = time.monotonic()


def use_compilation_cache() -> None:
    """Keep compiled programs on disk, so that the next start is fast."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    jax.config.update("jax_compilation_cache_dir", str(Path(home) / "goalrelay" / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
