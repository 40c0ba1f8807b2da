"""An edited `config.json`: what cannot go on is refused in one line that names the option."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import goalrelay
from conftest import SMALL
from goalrelay.cli import main as cli
from goalrelay.report.runs import read_runs
from goalrelay.train import session


def resumed(run: Path, name: str, value: Any, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that refuses to resume the run with an option edited."""
    *groups, last = name.split(".")
    values = inner = json.loads((run / "config.json").read_text())
    for group in groups:
        inner = inner[group]
    inner[last] = value
    (run / "config.json").write_text(json.dumps(values))
    before = sorted(path.name for path in run.rglob("*"))
    assert cli.main(["resume", str(run), "--quiet"]) == 2
    assert sorted(path.name for path in run.rglob("*")) == before, "nothing is lost"
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("learner.hidden", [16, 32], "option 'learner.hidden' is [16, 32], and was [32, 32] when"),
        ("learner.hidden", [32], "option 'learner.hidden' is [32], and was [32, 32] when"),
        ("learner.layer_norm", True, "option 'learner.layer_norm' is True, and was False when"),
        ("task", "FetchReach-v4", "the checkpoint is of a task with other sizes: its achieved has"),
        ("format", "3", "'format' is \"3\", and should be a whole number"),
        ("format", True, "'format' is true, and should be a whole number"),
        ("removed", 5, "'removed' is 5, and should be an object"),
        ("removed", ["a"], "'removed' is [\"a\"], and should be an object"),
        ("resumed_at", 5, "'resumed_at' is 5, and should be a list"),
        ("note", {}, "'note' is {}, and should be a text"),
    ],
)
def test_an_option_that_the_checkpoint_does_not_have_is_refused_by_name(
    name: str,
    value: Any,
    complaint: str,
    small_run: session.Result,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(small_run.folder, tmp_path / "r")
    line = resumed(tmp_path / "r", name, value, capsys)
    assert line.startswith(f"goalrelay: {tmp_path}/r/config.json: {complaint}"), line


def test_another_learner_is_refused(
    small_run: session.Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "r"
    shutil.copytree(small_run.folder, run)
    values = json.loads((run / "config.json").read_text())
    assert values["learner_name"] == "sac"
    for name in ("temperature_lr", "target_entropy", "initial_temperature"):
        del values["learner"][name]
    (run / "config.json").write_text(json.dumps(values))
    line = resumed(run, "learner_name", "ddpg", capsys)
    assert "option 'learner_name' is ddpg, and the checkpoint is of another learner" in line


def test_a_capacity_below_what_is_stored_is_refused(
    small_run: session.Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(small_run.folder, tmp_path / "r")
    line = resumed(tmp_path / "r", "replay.capacity", 30, capsys)
    held = "which holds 500 transitions in 20 episodes"
    assert line == f"goalrelay: --replay.capacity 30 is too small for the checkpoint, {held}"


def test_a_run_with_odd_keys_is_not_plotted(small_run: session.Result, tmp_path: Path) -> None:
    shutil.copytree(small_run.folder, tmp_path / "r")
    values = json.loads((tmp_path / "r/config.json").read_text()) | {"removed": "x"}
    (tmp_path / "r/config.json").write_text(json.dumps(values))
    with pytest.raises(session.UsageError, match="'removed' is \"x\", and should be an object"):
        read_runs([tmp_path / "r"])


def test_an_edited_structure_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = SMALL | {"method.structure": "auto"}
    task = "goalrelay/PointReach-v0"
    run = goalrelay.train("her", task, episodes=1, out=tmp_path / "r", settings=settings).folder
    whole = json.loads((run / "structure.json").read_text())
    for name, value, complaint in (
        ("observation_size", 10**12, f"is of a task with other sizes than '{task}'"),
        ("position_columns", [99], "'spec' names column 99 of observation, which is not there"),
        ("stages", [["a"]], "'spec.stages[0].achieved' is missing"),
        ("discrete", "no", "'spec.discrete' is 'no', and should be true or false"),
    ):
        edited = whole | {"spec": whole["spec"] | {name: value}}
        (run / "structure.json").write_text(json.dumps(edited))
        assert cli.main(["resume", str(run), "--steps", "50", "--quiet"]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "structure.json" in line and complaint in line, line
