"""A trial of a hyperparameter search: a run for each seed, and what they are worth.

The value is read from the tables of the runs, so that a run which was resumed counts like an
unbroken one.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from goalrelay.errors import Diverged, UsageError
from goalrelay.train import config as experiments
from goalrelay.train import session
from goalrelay.train.config import AnyExperiment
from goalrelay.train.counters import Counters
from goalrelay.train.evaluate import Evaluation
from goalrelay.train.logbook import read_table
from goalrelay.train.observer import Observer
from goalrelay.train.study import DEFAULT, REMARK, Studied

if TYPE_CHECKING:
    import optuna

EARLIEST = 0.25
"""Used fraction of the first run's budget before which no trial is pruned."""
SPACED = 1_000_000
"""Between the first evaluations of two seeds, as the pruner counts evaluations."""


class Curve(NamedTuple):
    """Evaluations of a run."""

    spent: list[float]
    """Used fraction of the budget at each."""
    values: list[float]
    """Success of each, or the return for a task without success."""

    def value(self, objective: str) -> float:
        """The objective so far: the last value, or the area below the curve by its width.

        An evaluation stands for the stretch of the budget before it.
        """
        if objective == "success":
            return self.values[-1]
        before = [0.0, *self.spent[:-1]]
        widths = [now - then for now, then in zip(self.spent, before, strict=True)]
        total = sum(widths) or 1.0
        return sum(v * w for v, w in zip(self.values, widths, strict=True)) / total

    def first(self, count: int) -> "Curve":
        """The first evaluations."""
        return Curve(self.spent[:count], self.values[:count])

    def completed(self, level: float) -> "Curve":
        """As if the rest of the budget had evaluations, as far apart as before, of a value."""
        total = max(round(len(self.spent) / self.spent[-1]), len(self.spent) + 1)
        if self.spent[-1] >= 1:
            return self
        more = [i / total for i in range(len(self.spent) + 1, total)] + [1.0]
        return Curve([*self.spent, *more], [*self.values, *([level] * len(more))])


def curve(folder: Path, experiment: AnyExperiment) -> Curve:
    """The evaluations of a run so far.

    Raises:
        UsageError: a table of the run is damaged.
    """
    budget = experiments.budget(experiment)
    spent, values = list[float](), list[float]()
    try:
        times = read_table(folder / "timing.csv")
        for row, time in zip(read_table(folder / "progress.csv"), times, strict=True):
            done = int(row["steps"]), int(row["episodes"]), float(time["seconds"]) / 60
            spent.append(min(max(d / most for d, most in zip(done, budget, strict=True)), 1.0))
            success = float(row["eval_success"] or "nan")
            values.append(float(row["eval_mean_return"]) if math.isnan(success) else success)
    except (KeyError, ValueError, TypeError):
        raise UsageError(f"{folder / 'progress.csv'} is damaged") from None
    return Curve(spent, values)


class _Watch(Observer):
    """Stops a run after the evaluation at which its trial is to be pruned."""

    def __init__(self, trial: "Trial", folder: Path, experiment: AnyExperiment):
        self._trial, self._folder, self._experiment = trial, folder, experiment
        self._stops = False

    def evaluation(self, counters: Counters, evaluation: Evaluation) -> None:
        """Report the value so far."""
        self._stops = self._trial.report(curve(self._folder, self._experiment))

    def stops(self) -> bool:
        """Whether the trial is to be pruned."""
        return self._stops


class Trial:
    """One trial, whose lock this process holds.

    Args:
        studied: the search.
        trial: that the study has given out.
    """

    def __init__(self, studied: Studied, trial: "optuna.Trial"):
        self._studied, self._trial = studied, trial
        self._done: list[float] = []
        self._reported = 0

    def run(self) -> bool:
        """Make its runs, and tell the study how it ended.

        Returns:
            false if it was interrupted: it goes on later.

        Raises:
            UsageError: a run cannot go on, or its folder cannot be written.
            TaskFailed: the environment failed.
        """
        from optuna.trial import TrialState

        values, remark = self._studied.values(self._trial), ""
        for seed in self._studied.search.seeds:
            try:
                reason = self._seed(values, seed)
            except (Diverged, _Refused) as error:
                reason, remark = "pruned", str(error)
            if reason == "interrupted":
                return False
            if reason == "pruned":
                self._trial.set_user_attr(REMARK, remark)
                self._trial.study.tell(self._trial, state=TrialState.PRUNED)
                return True
        self._trial.study.tell(self._trial, sum(self._done) / len(self._done))
        return True

    def _seed(self, values: dict[str, Any], seed: int) -> str:
        """Start or resume a run; how it ended: `pruned`, or as of a run."""
        folder = self._studied.folder(self._trial) / f"seed-{seed}"
        self._reported = 0
        try:
            experiment = self._studied.search.experiment(values, seed)
            watch = _Watch(self, folder, experiment)
            if (folder / "config.json").exists():
                result = session.resume(folder, trust=True, observer=watch)
            else:
                result = session.start(experiment, folder, watch)
        except UsageError as error:
            if (folder / "config.json").exists():
                raise
            raise _Refused(str(error)) from error  # values that do not fit together or the task
        if result.reason == "interrupted":
            return "pruned" if watch.stops() else "interrupted"
        found = curve(folder, experiment)
        if result.reason == "until":
            found = found.completed(experiment.until or 1.0)
        self.report(found)
        self._done.append(found.value(self._studied.search.objective))
        return result.reason

    def report(self, so_far: Curve) -> bool:
        """Report what the study does not know yet; whether the trial is to be pruned."""
        trial, objective = self._trial, self._studied.search.objective
        for count in range(self._reported, len(so_far.values)):
            values = [*self._done, so_far.first(count + 1).value(objective)]
            trial.report(sum(values) / len(values), SPACED * len(self._done) + count)
        self._reported = len(so_far.values)
        early = not self._done and so_far.spent[-1] < EARLIEST
        whole = so_far.spent[-1] >= 1
        return not (early or whole or trial.user_attrs.get(DEFAULT)) and trial.should_prune()


class _Refused(Exception):
    """Values with which no run can start, and the reason."""
