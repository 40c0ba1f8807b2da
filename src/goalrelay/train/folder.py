"""The run folder: files of a run.

config.json          all options, versions of packages, the commit
structure.json       what was found about the task (option `auto`)
progress.csv         one row for each evaluation; timing.csv has the same rows
tensorboard/         the same figures as events, the options, films
tracker.json         which run of wandb or trackio it is
policy.safetensors   the best policy, with policy.json; policy-last.* is the newest
checkpoint/          state from which the run can be resumed; see `checkpoint`
lock                 which process writes here; see `lock`
"""

import functools
import importlib.metadata
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from goalrelay.errors import UsageError, shell_word
from goalrelay.files import read_json, remove_unfinished, write_json
from goalrelay.train import checkpoint, lock
from goalrelay.train import config as experiments
from goalrelay.train.config import AnyExperiment
from goalrelay.train.description import TaskAbout, task_from_json
from goalrelay.train.logbook import read_table
from goalrelay.train.same_run import other_option

PACKAGES = ("goalrelay", "jax", "mujoco", "gymnasium", "gymnasium-robotics", "numpy", "optax")
CHECKPOINT = "checkpoint"
STRUCTURE = "structure.json"


class RunFolder:
    """A run's files."""

    def __init__(self, path: Path):
        self.path = path

    @staticmethod
    def open(path: Path) -> "RunFolder":
        """An existing run folder.

        Raises:
            UsageError: the folder is not a run folder.
        """
        if not (path / "config.json").exists():
            raise UsageError(f"{path} is not a run folder: it has no config.json")
        return RunFolder(path)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Only this process writes in the folder, which is made if it does not exist.

        Raises:
            UsageError: another process does, or the folder cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--out {self.path} cannot be written: {error.strerror}") from error
        with lock.held(self.path):
            remove_unfinished(self.path, self.path / CHECKPOINT)
            yield

    def begin(self, experiment: AnyExperiment) -> None:
        """Write the `config.json` of a new run.

        Raises:
            UsageError: the folder has a run already, or it cannot be written.
        """
        if (self.path / "config.json").exists():
            raise UsageError(
                f"{self.path} holds a run already; `goalrelay resume {shell_word(self.path)}` goes "
                "on with it, --out names another folder"
            )
        try:
            write_json(self.path / "config.json", experiments.to_json(experiment) | _provenance())
        except OSError as error:
            raise UsageError(f"--out {self.path} cannot be written: {error.strerror}") from error

    def experiment(self) -> AnyExperiment:
        """The experiment of `config.json`.

        Raises:
            UsageError: the file is damaged, or of another version.
        """
        try:
            return experiments.restore(self._values())
        except UsageError as error:
            raise UsageError(f"{self.path / 'config.json'}: {error}") from None

    def refuse_other(self, experiment: AnyExperiment) -> None:
        """Refuse an experiment that is not the one of the run in this folder, if it has one.

        Args:
            experiment: with the values that depend on the task.

        Raises:
            UsageError: an option is another.
        """
        if not (self.path / "config.json").exists():
            return
        saved = experiments.to_json(self.experiment())
        for name, value in experiments.to_json(experiment).items():
            if saved[name] != value:
                raise UsageError(
                    f"{self.path} was begun with other options ({name}); --out names another folder"
                )

    def removed(self) -> dict[str, Any]:
        """Options that the run had and this version does not have, with their values."""
        return dict(self._values().get("removed", {}))

    def note(self) -> str:
        """What `config.json` says of the code that ran, where it was not that of a commit."""
        return str(self._values().get("note", ""))

    def resumable(self) -> AnyExperiment:
        """The experiment of a run that this version can resume.

        Raises:
            UsageError: the run has an option that this version lacks, or it has no checkpoint.
        """
        experiment = self.experiment()
        try:
            experiments.check(experiment)
        except UsageError as error:
            raise UsageError(f"{self.path / 'config.json'}: {error}") from None
        for name, value in self.removed().items():
            raise UsageError(
                f"{self.path} ran with {name} {value}, which this version does not have; it can be "
                "plotted, but only the version of its commit can resume it"
            )
        if (self.path / "progress.csv").exists() and not self.has_checkpoint():
            raise UsageError(
                f"{self.path} has results but no checkpoint, so it cannot be resumed; a new run "
                "needs another folder"
            )
        return experiment

    def set_structure(self, about: dict[str, Any]) -> None:
        """Keep what was found about the task, for when the run is resumed."""
        write_json(self.path / STRUCTURE, about)

    def structure(self) -> TaskAbout | None:
        """What was found about the task; None: nothing was.

        Raises:
            UsageError: the file is damaged.
        """
        file = self.path / STRUCTURE
        if not file.exists():
            return None
        try:
            return task_from_json(read_json(file))
        except UsageError as error:
            where = "" if str(file) in str(error) else f"{file}: "
            raise UsageError(f"{where}{error}") from None

    def has_checkpoint(self) -> bool:
        """Whether there is a checkpoint, whole or not."""
        return (self.path / CHECKPOINT).exists()

    def last_row(self) -> dict[str, str]:
        """The last row of `progress.csv`; empty without one."""
        file = self.path / "progress.csv"
        rows = read_table(file) if file.exists() else []
        return rows[-1] if rows else {}

    def kept(self) -> str:
        """Which checkpoint there is after a run broke off, in words."""
        cycles = checkpoint.cycles(self.path / CHECKPOINT)
        if not cycles:
            return f"{self.path} has no checkpoint"
        return f"the checkpoint of cycle {cycles[-1]} is kept in {self.path / CHECKPOINT}"

    def set_experiment(self, experiment: AnyExperiment) -> None:
        """Replace `config.json` when a run is resumed; versions and first commit are kept."""
        old, now = self._values(), _provenance()
        kept = {name: old.get(name, now[name]) for name in now}
        commits = old.get("resumed_at", [])
        if now["commit"] != [old.get("commit"), *commits][-1]:
            commits = [*commits, now["commit"]]
        resumed = {name: old[name] for name in ("note", "removed") if name in old}
        if commits:
            resumed["resumed_at"] = commits
        write_json(self.path / "config.json", experiments.to_json(experiment) | kept | resumed)

    def _values(self) -> dict[str, Any]:
        return read_json(self.path / "config.json")

    def save(self, cycle: int, state: dict[str, Any]) -> None:
        """Write a checkpoint of arrays; see `checkpoint.save`."""
        checkpoint.save(self.path / CHECKPOINT, cycle, state)

    def restore(self, like: dict[str, Any]) -> dict[str, Any] | None:
        """The newest readable checkpoint in the structure of `like`; see `checkpoint.restore`.

        Args:
            like: the state of a new run with the options in `config.json`.

        Raises:
            UsageError: none of the checkpoints can be read, or an option was changed since that
                decides which arrays there are.
        """
        differs = functools.partial(other_option, learner=self.experiment().learner_name)
        return checkpoint.restore(self.path / CHECKPOINT, like, differs)


def default_folder(experiment: AnyExperiment) -> Path:
    """runs/TASK/METHOD/seed-S"""
    task = experiment.task.replace("/", "_").replace(":", "_")
    return Path("runs") / task / experiment.method_name / f"seed-{experiment.seed}"


def _provenance() -> dict[str, Any]:
    """Versions of the packages that a run depends on, and the commit of the source if known."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        commit = ""
    return {"versions": versions, "commit": commit or "unknown"}
