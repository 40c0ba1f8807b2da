"""Pickles planted where data is read are refused, and what is in them does not run."""

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goalrelay.cli import main as cli
from goalrelay.train import session

POINT = "goalrelay/PointReach-v0"


class Trap:
    """It leaves a file where it is unpickled."""

    def __reduce__(self) -> Any:
        return Path.touch, (Path("sprung"),)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of a command that refuses; the trap is not sprung."""
    assert cli.main(words) == 2
    line = capsys.readouterr().err
    assert line.startswith("goalrelay: ") and line.count("\n") == 1
    assert not Path("sprung").exists()
    return line


@pytest.mark.parametrize("name", ["policy.safetensors", "policy.json"])
@pytest.mark.parametrize("command", ["evaluate", "record", "play"])
def test_a_pickle_in_a_policy(
    name: str,
    command: str,
    here: Path,
    small_run: session.Result,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(small_run.folder, here / "r")
    (here / "r" / name).write_bytes(pickle.dumps(Trap()))
    more = ["--out", "film.gif"] if command == "record" else []
    assert "cannot read" in refused([command, "r", *more], capsys)


@pytest.mark.parametrize("name", ["checkpoint", "config.json"])
def test_a_pickle_in_a_run(
    name: str, here: Path, small_run: session.Result, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(small_run.folder, here / "r")
    files = list((here / "r").rglob(f"{name}/*")) or [here / "r" / name]
    for file in files:
        file.write_bytes(pickle.dumps(Trap()))
    assert "can be read" in refused(["resume", "r"], capsys) or name == "config.json"


def test_a_pickle_in_a_file_of_baselines(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    objects: Any = np.array([Trap()], object)
    arrays: dict[str, Any] = dict.fromkeys(("obs", "acs", "info"), objects)
    np.savez(here / "data.npz", **arrays)
    words = ["demos", "import", "data.npz", "--out", "d", "--task", POINT]
    assert "--trusted" in refused(words, capsys)
    assert "is damaged" not in refused(["train", "her", POINT, "--demos.data", "data.npz"], capsys)


def test_a_pickle_in_a_folder_of_demonstrations(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("minari")
    words = ["demos", "generate", POINT, "--out", "d", "--episodes", "2", "--policy"]
    made = session.train(
        "her",
        POINT,
        episodes=1,
        out="r",
        settings={"save.tensorboard": False, "evaluate.confirm": 1, "learner.hidden": (8,)},
    )
    assert cli.main([*words, str(made.folder)]) == 0
    capsys.readouterr()
    for file in Path("d").rglob("*.hdf5"):
        file.write_bytes(pickle.dumps(Trap()))
    assert "cannot read the demonstrations" in refused(["demos", "show", "d"], capsys)
    for file in Path("d").rglob("metadata.json"):
        about = json.loads(file.read_text())
        file.write_text(json.dumps(about | {"observation_space": pickle.dumps(Trap(), 0).decode()}))
    assert "cannot read the demonstrations" in refused(["demos", "show", "d"], capsys)
