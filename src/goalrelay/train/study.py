"""The trials of a hyperparameter search, as an Optuna study that several processes share.

A trial has a folder, whose lock its process holds. A trial that runs, as the study says, with a
free lock has lost its process: whoever asks next puts it back into the queue, with its values and
its folder. Optuna's heartbeat does the same only for databases.
"""

import contextlib
import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from goalrelay import install
from goalrelay.errors import UsageError, first_line
from goalrelay.train import lock
from goalrelay.train.tune_file import Choices, Range, Search, label

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

JOURNAL = "study.journal"
TURN = "study.turn"
"""File of the lock under which trials are asked for."""
ABOUT, NUMBER, DEFAULT, REMARK = "search", "number", "default", "remark"
"""Names of attributes: of the study, what decides values; of a trial, its number, whether it has
the default values, and why it has no value of its own."""


class Shown(NamedTuple):
    """A trial, for tables."""

    number: int
    state: str
    """`complete`, `pruned`, `running`, or `stopped`: it goes on at the next start"""
    value: float | None
    """The objective, higher is better; of a pruned trial, what it had so far."""
    values: dict[str, Any]
    """The searched options."""
    is_default: bool
    remark: str


class Studied(NamedTuple):
    """Where the study of a search is."""

    search: Search
    out: Path
    """Folder of the trials."""
    storage: str | None
    """Address of a database; None: a journal in the folder."""

    def open(self) -> "Study":
        """The study; made if it does not exist.

        Raises:
            UsageError: Optuna is missing, or the storage cannot be opened.
        """
        optuna = _optuna()
        try:
            study = optuna.create_study(
                storage=self._storage(),
                study_name=self.out.resolve().name if self.storage else "search",
                direction="maximize",
                load_if_exists=True,
                pruner=_pruner(self.search.pruner),
            )
            number = len(study.get_trials(deepcopy=False))
        except Exception as error:  # of any database, and of its package
            where = f"--storage {self.storage}" if self.storage else str(self.out / JOURNAL)
            raise UsageError(f"{where} cannot be opened: {first_line(error)}") from error
        study.sampler = _sampler(self.search.sampler, number)
        return study

    def _storage(self) -> Any:
        import optuna
        from optuna.storages.journal import JournalFileBackend

        if self.storage is None:
            return optuna.storages.JournalStorage(JournalFileBackend(str(self.out / JOURNAL)))
        return optuna.storages.RDBStorage(self.storage)

    def begin(self) -> list[str]:
        """Make the study, with the default values as its first trial, or check an existing one.

        Returns:
            the options whose default is outside their range.

        Raises:
            UsageError: the folder has the study of another search.
        """
        with lock.turn(self.out / TURN):
            study, about = self.open(), self.search.about()
            known = study.user_attrs.get(ABOUT)
            usual, ranges = self.search.default(), self.search.ranges
            outside = [name for name, value in usual.items() if not ranges[name].holds(value)]
            if known is None:
                study.set_user_attr(ABOUT, about)
                inside = {name: label(usual[name]) for name in usual if name not in outside}
                study.enqueue_trial(inside, {DEFAULT: not outside})
            elif known != about:
                raise UsageError(_difference(self.out, known, about))
        return outside

    @contextmanager
    def next(self) -> Iterator["Trial | None"]:
        """A new trial whose lock is held in the block; None: no more are to be started."""
        with contextlib.ExitStack() as held:
            with lock.turn(self.out / TURN):
                study = self.open()
                self._free_lost(study)
                states = [trial.state.name for trial in study.get_trials(deepcopy=False)]
                taken = sum(state in ("COMPLETE", "PRUNED", "RUNNING") for state in states)
                trial = study.ask() if taken < self.search.trials else None
                if trial is not None:
                    folder = self.folder(trial)
                    folder.mkdir(exist_ok=True)
                    held.enter_context(lock.held(folder))
            yield trial

    def _free_lost(self, study: "Study") -> None:
        """Put the trials whose process is gone back into the queue."""
        from optuna.trial import TrialState

        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            folder = self.folder(trial)
            folder.mkdir(exist_ok=True)
            with contextlib.suppress(UsageError), lock.held(folder):
                attributes = {k: v for k, v in trial.user_attrs.items() if k != REMARK}
                study.tell(trial.number, state=TrialState.FAIL)
                study.enqueue_trial(trial.params, attributes | {NUMBER: number_of(trial)})

    def folder(self, trial: "Trial | FrozenTrial") -> Path:
        """The folder of a trial. A trial that continues another one uses its folder."""
        return self.out / f"trial-{number_of(trial)}"

    def values(self, trial: "Trial") -> dict[str, Any]:
        """The values of a trial for the searched options."""
        return {name: _suggest(trial, name, each) for name, each in self.search.ranges.items()}

    def shown(self) -> list[Shown]:
        """All trials that have begun, in order."""
        found = [self._shown(trial) for trial in self.open().get_trials(deepcopy=False)]
        return sorted((one for one in found if one is not None), key=lambda one: one.number)

    def _shown(self, trial: "FrozenTrial") -> Shown | None:
        state, attributes = trial.state.name.lower(), trial.user_attrs
        waits = state == "waiting" and NUMBER not in attributes
        if waits or state == "fail":  # FAIL: another trial has its number and goes on
            return None
        values = {
            name: each.labels().get(value, value) if isinstance(each, Choices) else value
            for name, each in self.search.ranges.items()
            if (value := trial.params.get(name)) is not None
        }
        return Shown(
            number_of(trial),
            "stopped" if state == "waiting" else state,
            trial.value if trial.state.is_finished() else None,
            values,
            bool(attributes.get(DEFAULT)),
            attributes.get(REMARK, ""),
        )

    def importances(self) -> dict[str, float]:
        """Share of each option in what separates the best tenth of the trials from the others.

        Returns:
            option -> share, the largest first (PED-ANOVA); empty with too few trials.
        """
        import optuna

        study = self.open()
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of few trials
            try:
                return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))
            except (ValueError, RuntimeError):  # of less than two
                return {}


def number_of(trial: "Trial | FrozenTrial") -> int:
    """The number of a trial. A trial that continues another one has its number."""
    return trial.user_attrs.get(NUMBER, trial.number)


def _optuna() -> Any:
    """Optuna, which says nothing below a warning."""
    install.check("optuna", "a hyperparameter search needs", "tune")
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    return optuna


def _sampler(name: str, number: int) -> Any:
    """The sampler of a trial. With a seed of its own, processes do not draw the same values."""
    import optuna

    if name == "random":
        return optuna.samplers.RandomSampler(seed=number)
    return optuna.samplers.TPESampler(seed=number, constant_liar=True)


def _pruner(name: str) -> Any:
    import optuna

    return optuna.pruners.MedianPruner() if name == "median" else optuna.pruners.NopPruner()


def _suggest(trial: "Trial", name: str, each: Range | Choices) -> Any:
    if isinstance(each, Choices):
        labels = each.labels()
        return labels[trial.suggest_categorical(name, list(labels))]
    if each.whole:
        step = int(each.step or 1)
        return trial.suggest_int(name, int(each.low), int(each.high), step=step, log=each.log)
    return trial.suggest_float(name, each.low, each.high, step=each.step, log=each.log)


def _difference(out: Path, known: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """The first entry that differs, in one line."""
    name = next(n for n in [*known, *about] if known.get(n) != about.get(n))
    then, now = (json.dumps(each.get(name)) for each in (known, about))
    return (
        f"{out} holds a search with other values: {name} is {then} there, and {now} in the file; "
        "--out names another folder"
    )
