"""The run folder: what a run leaves behind, and how it goes on after a stop.

config.json          every value, the versions and the commit
progress.csv         one row an evaluation; timing.csv beside it
tensorboard/         the same as events
policy.safetensors   the best policy, with policy.json; policy-last.* is the newest
checkpoint/          everything needed to go on, written atomically, the last two kept
"""

import importlib.metadata
import logging
import platform
import subprocess
from pathlib import Path
from typing import Any

import jax
import numpy as np

from goalrelay.errors import UsageError
from goalrelay.files import read_json, write_json
from goalrelay.train import config as experiments
from goalrelay.train.config import AnyExperiment

PACKAGES = ("goalrelay", "jax", "mujoco", "gymnasium", "gymnasium-robotics", "numpy", "optax")


class RunFolder:
    """A run's files. Opening it for writing starts orbax, reading its configuration does not."""

    def __init__(self, path: Path):
        self.path = path
        self._manager: Any = None

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
        """Write a checkpoint of arrays atomically; a cycle saved before is left alone."""
        manager = self._checkpoints()
        if manager.latest_step() == cycle:
            return
        import orbax.checkpoint as ocp

        manager.save(cycle, args=ocp.args.PyTreeSave(_flatten(state)))
        manager.wait_until_finished()

    def restore(self, like: dict[str, Any]) -> dict[str, Any] | None:
        """The newest whole checkpoint in the structure of `like`; None when there is none yet.

        Raises:
            UsageError: there are checkpoints, and none of them can be read.
        """
        manager = self._checkpoints()
        steps = sorted(manager.all_steps(), reverse=True)
        import orbax.checkpoint as ocp

        reasons = []
        for step in steps:
            try:
                saved = manager.restore(step, args=ocp.args.PyTreeRestore())
                restored = _unflatten(saved, like)
            except Exception as error:  # whatever a damaged checkpoint raises
                reasons.append(str(error).splitlines()[0][:200])
                continue
            for later in steps[: steps.index(step)]:  # damaged ones would block a new save
                manager.delete(later)
            return restored
        if reasons:
            raise UsageError(f"no checkpoint in {self.path} can be read: {reasons[0]}")
        return None

    def close(self) -> None:
        """Release orbax's threads."""
        if self._manager is not None:
            self._manager.close()

    def _checkpoints(self) -> Any:
        if self._manager is None:
            import orbax.checkpoint as ocp

            logging.getLogger("absl").setLevel(logging.ERROR)
            self._manager = ocp.CheckpointManager(
                (self.path / "checkpoint").resolve(),
                options=ocp.CheckpointManagerOptions(
                    max_to_keep=2, enable_async_checkpointing=False
                ),
            )
        return self._manager


def default_folder(experiment: AnyExperiment) -> Path:
    """runs/TASK/METHOD/seed-S"""
    task = experiment.task.replace("/", "_").replace(":", "_")
    return Path("runs") / task / experiment.method_name / f"seed-{experiment.seed}"


def _flatten(tree: Any) -> dict[str, np.ndarray]:
    """Leaves by their path; empty arrays are left out, since orbax does not store them."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    named = {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}
    return {name: leaf for name, leaf in named.items() if leaf.size}


def _unflatten(saved: dict[str, Any], like: Any) -> Any:
    """The inverse of `_flatten`, in the structure of `like` (sizes may differ)."""

    def leaf(path: Any, old: Any) -> np.ndarray:
        name = jax.tree_util.keystr(path)
        if name not in saved:
            if np.asarray(old).size:
                raise KeyError(f"{name} is missing from the checkpoint")
            return np.asarray(old)
        return np.asarray(saved[name])

    return jax.tree_util.tree_map_with_path(leaf, like)


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
