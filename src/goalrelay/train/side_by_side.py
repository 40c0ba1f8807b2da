"""Several seeds of one experiment in one process: each is a run like any other, in a thread.

The seeds share the imports and one compiled program. Their updates and their physics run at the
same time, since neither holds the interpreter. No result depends on the other seeds, so each curve
is that of the run alone. A learner state with an axis of seeds (`jax.vmap`) would not be faster on
a CPU, and its curves would differ by rounding: see docs/runs.md.
"""

import dataclasses
import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from goalrelay.data.collector import WATCH, Collector
from goalrelay.data.rollout import Simulator
from goalrelay.data.workers import Workers
from goalrelay.errors import Diverged, UsageError
from goalrelay.tasks.goal_task import open_task
from goalrelay.train import config as experiments
from goalrelay.train import session
from goalrelay.train.build import filled_in
from goalrelay.train.config import AnyExperiment
from goalrelay.train.folder import RunFolder, default_folder
from goalrelay.train.loop import Trainer
from goalrelay.train.observer import Observer
from goalrelay.train.sharing import share_state
from goalrelay.train.stopping import interruptible


class Ended(NamedTuple):
    """How the run of a seed ended."""

    seed: int
    folder: Path
    result: session.Result | None
    """None: it failed, or it was finished before."""
    error: Exception | None = None


def train(
    experiment: AnyExperiment,
    seeds: Sequence[int],
    out: Path | None,
    shown: Callable[[int], Observer],
    report: Callable[[Ended], None],
) -> list[Ended]:
    """Train all seeds; one that exists is resumed, and a finished one is left alone.

    A seed that diverges, or whose environment fails, ends alone.

    Args:
        experiment: its seed does not count.
        seeds: all different.
        out: folder of the folders `seed-S`; None: runs/TASK/METHOD.
        shown: the observer of a seed.
        report: called in this thread with each seed that has ended.

    Returns:
        the seeds in the order in which they ended.

    Raises:
        UsageError: an option that cannot work, or a folder that holds another run; nothing ran.
    """
    _check(experiment, seeds)
    _refuse_shared(experiment)
    session.use_compilation_cache()
    of_seed = {seed: dataclasses.replace(experiment, seed=seed) for seed in seeds}
    folders = {s: out / f"seed-{s}" if out else default_folder(of_seed[s]) for s in seeds}
    if any((folder / "config.json").exists() for folder in folders.values()):
        filled = filled_in(experiment)
        for seed, folder in folders.items():
            RunFolder(folder).refuse_other(dataclasses.replace(filled, seed=seed))
    with ExitStack() as opening:  # one after the other: imports are no work for threads
        runs = [_Run(seed, _opened(of_seed[seed], folders[seed]), opening) for seed in seeds]
        opening.pop_all()  # each thread closes its own
    return _run_all(runs, shown, report)


def _check(experiment: AnyExperiment, seeds: Sequence[int]) -> None:
    """Refuse seeds and options that cannot work."""
    for seed in seeds:
        if not 0 <= seed < 2**31:
            raise UsageError(f"--seeds must be at least 0 and at most {2**31 - 1}, got {seed}")
    twice = [seed for number, seed in enumerate(seeds) if seed in seeds[:number]]
    if twice:
        raise UsageError(f"--seeds has {twice[0]} twice")
    experiments.check(experiment)
    if experiment.scale.workers or experiment.scale.listen:
        raise UsageError("--seeds and --scale.workers or --scale.listen exclude each other")
    if experiment.save.track != "none":
        raise UsageError(
            f"--seeds: {experiment.save.track} follows one run in a process; leave --save.track "
            "away, or give one --seed at a time"
        )


def _refuse_shared(experiment: AnyExperiment) -> None:
    """Refuse a task whose environments change each other."""

    def make() -> Simulator:
        return open_task(experiment.task, experiment.task_options)

    with closing(make()) as simulator, closing(Collector(make, 1)) as others:
        if share_state(simulator, others):
            raise UsageError(
                f"--seeds: the environments of '{simulator.id}' share state: a reset of one "
                "changes the others; give one --seed at a time"
            )


@contextmanager
def _opened(experiment: AnyExperiment, path: Path) -> Iterator[tuple[Trainer, RunFolder]]:
    """The run of a seed, new or where it stopped, and its folder."""
    if not (path / "config.json").exists():
        with session.begun(experiment, path) as both:
            yield both
        return
    folder = RunFolder(path)
    with folder.held(), session.continued(folder.resumable(), folder) as trainer:
        yield trainer, folder


class _Run:
    """The run of a seed.

    Args:
        seed: of the run.
        opened: gives its trainer and its folder, and frees them.
        opening: frees them if another seed cannot be opened.
    """

    def __init__(
        self,
        seed: int,
        opened: AbstractContextManager[tuple[Trainer, RunFolder]],
        opening: ExitStack,
    ):
        self.seed, self._opened = seed, ExitStack()
        opening.push(self._opened)
        self._trainer, self._folder = self._opened.enter_context(opened)

    def run(self, observer: Observer, stopping: Callable[[], bool]) -> Ended:
        """Train until the run stops, and free what it holds."""
        seed, folder = self.seed, self._folder
        with self._opened:
            if self._trainer.finished(folder.last_row()):
                return Ended(seed, folder.path, None)
            try:
                result = session.Session(self._trainer, folder, observer).run(stopping)
                return Ended(seed, folder.path, result)
            except (UsageError, Diverged, RuntimeError) as error:
                return Ended(seed, folder.path, None, error)


def _run_all(
    runs: list[_Run], shown: Callable[[int], Observer], report: Callable[[Ended], None]
) -> list[Ended]:
    """Run all, each in a thread; Ctrl-C stops all after their cycles."""
    workers, halted, ended = Workers(len(runs), "seed"), threading.Event(), list[Ended]()
    with interruptible() as interrupted:

        def stopping() -> bool:
            return interrupted() or halted.is_set()

        jobs: set[Future[Ended]] = {
            workers.start(functools.partial(run.run, shown(run.seed), stopping)) for run in runs
        }
        runs.clear()  # the memory of a run that has ended is free
        workers.end()
        try:
            while jobs:
                done, jobs = wait(jobs, WATCH, FIRST_COMPLETED)  # Ctrl-C is answered between
                for job in done:
                    ended.append(job.result())
                    report(ended[-1])
        except KeyboardInterrupt:  # the second Ctrl-C waits for nobody
            raise
        except BaseException:
            halted.set()
            wait(jobs)
            raise
    return ended
