"""Packages that are missing, or of another version, are named before the run."""

import importlib.metadata

import pytest

from goalrelay.errors import UsageError
from goalrelay.scale.versions import check_mjx
from goalrelay.train import config as experiments
from goalrelay.train.loop import Trainer


def test_another_version_of_mjx_is_refused(monkeypatch) -> None:
    versions = {"mujoco": "3.9.0", "mujoco-mjx": "3.8.1"}
    monkeypatch.setattr(importlib.metadata, "version", versions.get)
    message = r"of mujoco 3.9.0, found 3.8.1: pip install 'mujoco-mjx==3.9.\*'"
    with pytest.raises(UsageError, match=message):
        check_mjx()
    versions["mujoco-mjx"] = "3.9.1"
    check_mjx()


def test_it_is_found_missing_before_the_run(monkeypatch) -> None:
    version = importlib.metadata.version

    def without(name: str) -> str:
        if name == "mujoco-mjx":
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", without)
    experiment = experiments.make("her", "goalrelay/FetchReach-v0", "td3")
    message = r"^--scale.physics mjx needs mujoco-mjx: pip install 'goalrelay\[mjx\]'$"
    with pytest.raises(UsageError, match=message):
        Trainer(experiments.with_options(experiment, {"scale.physics": "mjx"}))
