"""The run folder: what a run leaves behind, and how it goes on after a stop.

config.json          every value, the versions and the commit
progress.csv         one row an evaluation; timing.csv beside it
tensorboard/         the same as events
policy.safetensors   the best policy, with policy.json; policy-last.* is the newest
checkpoint/          everything needed to go on, the last two kept; see `checkpoint`
"""

import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Any

from goalrelay.errors import UsageError
from goalrelay.files import read_json, write_json
from goalrelay.train import checkpoint
from goalrelay.train import config as experiments
from goalrelay.train.config import AnyExperiment

PACKAGES = ("goalrelay", "jax", "mujoco", "gymnasium", "gymnasium-robotics", "numpy", "optax")
CHECKPOINT = "checkpoint"


class RunFolder:
    """A run's files."""

    def __init__(self, path: Path):
        self.path = path

    @staticmethod
    def create(path: Path, experiment: AnyExperiment) -> "RunFolder":
        """A new run folder with its `config.json`.

        Raises:
            UsageError: a run is there already, or the folder cannot be written.
        """
        if (path / "config.json").exists():
            raise UsageError(
                f"{path} holds a run already; `goalrelay resume {path}` goes on with it, "
                "--out names another folder"
            )
        try:
            path.mkdir(parents=True, exist_ok=True)
            write_json(path / "config.json", experiments.to_json(experiment) | _provenance())
        except OSError as error:
            raise UsageError(f"--out {path} cannot be written: {error.strerror}") from error
        return RunFolder(path)

    @staticmethod
    def open(path: Path) -> "RunFolder":
        """An existing run folder.

        Raises:
            UsageError: there is none.
        """
        if not (path / "config.json").exists():
            raise UsageError(f"{path} is not a run folder: it has no config.json")
        return RunFolder(path)

    def experiment(self) -> AnyExperiment:
        """The experiment of `config.json`.

        Raises:
            UsageError: damaged, or of another version.
        """
        values = read_json(self.path / "config.json")
        try:
            return experiments.restore(values)
        except UsageError as error:
            raise UsageError(f"{self.path / 'config.json'}: {error}") from None

    def set_experiment(self, experiment: AnyExperiment) -> None:
        """Replace `config.json`, when a resumed run has a new budget."""
        write_json(self.path / "config.json", experiments.to_json(experiment) | _provenance())

    def save(self, cycle: int, state: dict[str, Any]) -> None:
        """Write a checkpoint of arrays; see `checkpoint.save`."""
        checkpoint.save(self.path / CHECKPOINT, cycle, state)

    def restore(self, like: dict[str, Any]) -> dict[str, Any] | None:
        """The newest whole checkpoint in the structure of `like`; see `checkpoint.restore`.

        Raises:
            UsageError: there are checkpoints, and none of them can be read.
        """
        return checkpoint.restore(self.path / CHECKPOINT, like)


def default_folder(experiment: AnyExperiment) -> Path:
    """runs/TASK/METHOD/seed-S"""
    task = experiment.task.replace("/", "_").replace(":", "_")
    return Path("runs") / task / experiment.method_name / f"seed-{experiment.seed}"


def _provenance() -> dict[str, Any]:
    """Versions of what the run stands on, and the commit of the source where there is one."""
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
