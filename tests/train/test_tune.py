"""A search of hyperparameters: what it refuses, what a trial is worth, and that none is lost."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from goalrelay.cli.main import main
from goalrelay.errors import UsageError
from goalrelay.train import session, sweep_file, tune_file
from goalrelay.train.logbook import read_table
from goalrelay.train.study import Studied
from goalrelay.train.trial import Curve, Trial
from goalrelay.train.tune import write_best

FILE = """
method = "her"
task = "goalrelay/PointReach-v0"
[options]
episodes = 20
"collect.episodes" = 1
"collect.updates" = 10
"evaluate.every" = 5
"evaluate.episodes" = 4
"evaluate.confirm" = 4
"learner.hidden" = [32, 32]
"learner.batch_size" = 64
"save.tensorboard" = false
"save.every" = 0.0
[search]
"learner.actor_lr" = {low = 1e-4, high = 1e-2, log = true}
"method.exploration.random_steps" = {low = 0, high = 20, step = 5}
"learner.hidden" = {choices = [[32, 32], [8]]}
[tune]
trials = 3
"""
STEPS = "method.exploration.random_steps"
COMMAND = [sys.executable, "-m", "goalrelay.cli", "tune"]


def written(folder: Path, text: str = FILE) -> Path:
    (folder / "some.toml").write_text(text)
    return folder / "some.toml"


def begun(folder: Path, text: str = FILE) -> Studied:
    studied = Studied(tune_file.read(written(folder, text)), folder / "out", None)
    studied.out.mkdir(exist_ok=True)
    studied.begin()
    return studied


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("[options]", "[optionz]", "unknown key 'optionz'; did you mean 'options'"),
        ("learner.actor_lr", "learner.actor_rl", "did you mean 'learner.actor_lr'"),
        ('"learner.actor_lr"', '"learner"', "is a group"),
        ("low = 1e-4", "low = 0.0", "log needs a low above 0, got 0.0"),
        ("high = 1e-2, log = true", "high = 2", "--learner.actor-lr must be above 0 and at most 1"),
        ("low = 1e-4", "low = 1", "low 1 must be below high 0.01"),
        ("low = 1e-4", "low = true", "low cannot be True"),
        ("low = 0, high", "low = 1, high", "steps of 5 do not lead from 1 to 20"),
        ("high = 20, step = 5", "high = 9.5", "the option takes whole numbers"),
        ("log = true", "step = 1e-3, log = true", "log and step exclude each other"),
        ("log = true", "base = 10", "needs low and high (with step or log), or choices"),
        ("[[32, 32], [8]]", "[[32, 32]]", "'choices' must be a list of two values or more"),
        ("[[32, 32], [8]]", "[[32, 32], [-1]]", "--learner.hidden must be at least 1"),
        ("[[32, 32], [8]]", "[[32, 32], {a = 1}]", "does not take {'a': 1}"),
        ('"method.exploration.random_steps"', "episodes", "it decides how trials are measured"),
        ("trials = 3", "trials = 0", "[tune] trials must be a whole number, at least 1, got 0"),
        ("trials = 3", "trails = 3", "[tune] has no 'trails'; did you mean 'trials'"),
        ("trials = 3", 'sampler = "cmaes"', "[tune] sampler must be tpe or random, not 'cmaes'"),
        ("[search]", "[other]", "unknown key 'other'"),
        ("goalrelay/PointReach-v0", "goalrelay/PointRich-v0", "goalrelay/PointRich-v0"),
    ],
)
def test_what_cannot_work_is_refused_before_the_first_trial(
    tmp_path: Path, old: str, new: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, FILE.replace(old, new))
    assert main(["tune", str(file), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert complaint in said and said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_values_between_the_ends_are_tried_too(tmp_path: Path) -> None:
    text = FILE.replace(
        '"learner.hidden" = {ch',
        '"collect.updates" = {low = 10, high = 80}\n"learner.hidden" = {ch',
    )
    with pytest.raises(UsageError, match=r"collect.updates must be a whole number a cycle"):
        tune_file.read(written(tmp_path, text))
    tune_file.read(written(tmp_path, text.replace("high = 80", "high = 80, step = 10")))


def test_without_optuna_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert main(["tune", str(written(tmp_path)), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == (
        "goalrelay: a hyperparameter search needs optuna: pip install 'goalrelay[tune]'\n"
    )


def test_speed_is_the_area_below_the_curve_and_an_early_end_holds_its_level() -> None:
    curve = Curve([0.25, 0.5], [0.0, 1.0])
    assert curve.value("speed") == 0.5 and curve.value("success") == 1.0
    assert curve.completed(0.9).spent == [0.25, 0.5, 0.75, 1.0]
    assert curve.completed(0.9).value("speed") == pytest.approx((0 + 1 + 0.9 + 0.9) / 4)
    assert Curve([0.5, 1.0], [0.0, 1.0]).completed(0.9) == Curve([0.5, 1.0], [0.0, 1.0])
    uneven = Curve([0.1, 1.0], [1.0, 0.0])
    assert uneven.value("speed") == pytest.approx(0.1), "each stands for what it took to get there"
    sooner, later = Curve([0.2], [0.95]), Curve([0.2, 0.4], [0.5, 0.95])
    assert sooner.completed(0.95).value("speed") > later.completed(0.95).value("speed")


def test_the_first_trial_has_the_default_values_and_others_are_drawn(tmp_path: Path) -> None:
    studied = begun(tmp_path)
    with studied.next() as first, studied.next() as second:
        assert first is not None and second is not None
        default, drawn = studied.values(first), studied.values(second)
    assert default == studied.search.default() and default["learner.hidden"] == [32, 32]
    assert drawn != default
    assert 1e-4 <= drawn["learner.actor_lr"] <= 1e-2 and drawn[STEPS] in (0, 5, 10, 15, 20)


def test_a_default_outside_its_range_is_told(tmp_path: Path) -> None:
    text = FILE.replace("low = 1e-4, high = 1e-2", "low = 1e-5, high = 1e-4")
    studied = Studied(tune_file.read(written(tmp_path, text)), tmp_path, None)
    assert studied.begin() == ["learner.actor_lr"]
    with studied.next() as trial:
        assert trial is not None and not trial.user_attrs["default"]
        assert studied.values(trial)["learner.actor_lr"] <= 1e-4


def test_a_trial_that_lost_its_process_goes_on_and_one_that_lives_is_left_alone(
    tmp_path: Path,
) -> None:
    studied = begun(tmp_path, FILE.replace("trials = 3", "trials = 2"))
    lost = studied.open().ask()  # the default; its lock is not held
    values = studied.values(lost)
    with studied.next() as again, studied.next() as other:
        assert again is not None and other is not None
        assert studied.folder(again) == studied.out / "trial-0"
        assert studied.values(again) == values and again.user_attrs["default"]
        assert studied.folder(other) != studied.folder(again)
        studied.values(other)
        with studied.next() as none:
            assert none is None, "two trials run, and two were wanted"
        again.study.tell(again, 0.5)
    states = {trial.number: trial.state for trial in studied.shown()}
    assert states[0] == "complete" and len(states) == 2


def test_another_search_in_the_same_folder_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun(tmp_path)
    begun(tmp_path, FILE.replace("trials = 3", "trials = 30"))
    for old, new, named in (
        ("PointReach-v0", "PointReachImage-v0", "task is"),
        ("high = 20", "high = 10", "search method.exploration.random_steps is"),
        ("episodes = 20", "episodes = 21", "options episodes is 20 there, and 21 in the file"),
    ):
        file = written(tmp_path, FILE.replace(old, new))
        assert main(["tune", str(file), "--out", str(tmp_path / "out")]) == 2
        said = capsys.readouterr().err
        assert named in said and "holds a search with other values" in said
        assert said.count("\n") == 1


def test_a_pruned_run_stops_after_its_test_and_can_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studied = begun(tmp_path)
    studied.open().enqueue_trial({"learner.hidden": "[32, 32]"})
    with studied.next() as default, studied.next() as trial:
        assert default is not None and trial is not None
        monkeypatch.setattr(trial, "should_prune", lambda: True)
        assert Trial(studied, trial).run()
        folder = studied.folder(trial) / "seed-100"
    found = {one.number: one for one in studied.shown()}[trial.number]
    assert found.state == "pruned" and found.value is not None
    rows = read_table(folder / "progress.csv")
    assert [row["episodes"] for row in rows] == ["5"], "the first test in a quarter of the budget"
    assert session.resume(folder).episodes == 20


def test_values_that_do_not_fit_together_are_no_end_of_the_search(tmp_path: Path) -> None:
    text = FILE.replace('"collect.updates" = 10', '"collect.updates" = 20').replace(
        '"method.exploration.random_steps" = {low = 0, high = 20, step = 5}',
        '"learner.policy_delay" = {choices = [2, 5]}\n'
        '"collect.updates" = {low = 16, high = 20, step = 4}',
    )
    studied = begun(tmp_path, text.replace('"her"', '"her"\nlearner = "td3"'))
    studied.open().enqueue_trial({"learner.policy_delay": 5, "collect.updates": 16.0})
    with studied.next() as default, studied.next() as trial:
        assert default is not None and trial is not None
        assert Trial(studied, trial).run()
    pruned = studied.shown()[1]
    assert pruned.state == "pruned"
    assert pruned.remark == "--collect.updates 16 must be a multiple of --learner.policy-delay 5"


def kill_all(process: subprocess.Popen[Any]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_search_that_is_killed_goes_on_and_ends_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = written(tmp_path, FILE.replace("trials = 3", "trials = 2")), tmp_path / "out"
    words = [str(file), "--out", str(out)]
    process = subprocess.Popen([*COMMAND, *words], start_new_session=True)
    begins = time.monotonic()
    while not list(out.glob("trial-1/seed-100/progress.csv")):
        assert process.poll() is None and time.monotonic() < begins + 120
        time.sleep(0.02)
    kill_all(process)

    assert main(["tune", *words]) == 0
    said = capsys.readouterr().out
    rows = read_table(out / "trials.csv")
    assert [row["trial"] for row in rows] == ["0", "1"]
    assert {row["state"] for row in rows} <= {"complete", "pruned"}
    assert rows[0]["default"] == "yes" and rows[0]["learner.hidden"] == "[32, 32]"
    assert "trial 0:" not in said, "it was complete before"
    assert "trial 1: complete" in said and "of 2 complete trials" in said
    assert "best: goalrelay train her goalrelay/PointReach-v0 " in said
    assert (out / "search.html").exists() and (out / "search.png").exists()
    assert main(["tune", *words]) == 0
    assert "trial 1: complete" not in capsys.readouterr().out

    studied = Studied(tune_file.read(file), out, None)
    write_best(studied, studied.shown()[1])
    plan = sweep_file.read(out / "best.toml")
    assert [one.name for one in plan.runs][2:4] == ["default/seed-2", "best/seed-0"]
    best: Any = plan.runs[-1].experiment
    assert str(best.method.exploration.random_steps) == rows[1][STEPS] and best.episodes == 20
