"""The command line as a newcomer types it: what it prints, and one line when something is wrong."""

import json
import shutil
from pathlib import Path

import pytest

from goalrelay.cli import demos as cli_demos
from goalrelay.cli import main as cli
from goalrelay.train import session
from relay_task import CARRY

POINT = "goalrelay/PointReach-v0"
QUICK = ["--episodes", "5", "--learner.hidden", "16", "16", "--evaluate.every", "5"]
QUICK += ["--evaluate.confirm", "4", "--collect.updates", "4", "--save.no-tensorboard"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["trian"], "unknown command 'trian'; did you mean 'train'?"),
        (["train"], "train needs a method and a task"),
        (["train", "her"], "train needs a method and a task"),
        (["train", "hr", POINT], "unknown method 'hr'; did you mean 'her'?"),
        (["train", "her", "FetchPsh-v4"], "did you mean 'FetchPush-v4'?"),
        (["train", "her", "PandaPush-v3"], "another package needs its module"),
        (["train", "her", POINT, "--preset", "zo"], "did you mean 'zoo'?"),
        (["train", "her", POINT, "--steps", "5", "--preset"], "--preset takes a word"),
        (["train", "--seed", "3", "her", POINT], "METHOD and TASK come before --seed"),
        (["train", "her", POINT, "--learner", "dppg"], "unknown learner 'dppg'; did you mean"),
        (["train", "her", POINT, "--learner", "dqn"], "use ddpg or sac or td3"),
        (["train", "her", POINT, "--learner.gama", "1"], "did you mean --learner.gamma?"),
        (["train", "her", POINT, "--learner.gamma", "x"], "--learner.gamma"),
        (["train", "her", POINT, "--learner.gamma", "1"], "--learner.gamma must be at least 0"),
        (["train", "her", POINT, "--learner.gamma", "nan"], "--learner.gamma must be"),
        (["train", "her", POINT, "--learner.polyak", "-1"], "--learner.polyak must be"),
        (["train", "her", POINT, "--learner.critic-lr", "0"], "--learner.critic-lr must be"),
        (["train", "her", POINT, "--learner.batch-size", "0"], "--learner.batch-size must be"),
        (["train", "her", POINT, "--learner.hidden", "0"], "--learner.hidden must be"),
        (["train", "her", POINT, "--learner.init", "zero"], "--learner.init"),
        (["train", "her", POINT, "--method.k", "-1"], "--method.k must be at least 0"),
        (["train", "her", POINT, "--method.strategy", "past"], "--method.strategy"),
        (["train", "her", POINT, "--method.exploration.noise", "-1"], "exploration.noise must"),
        (["train", "her", POINT, "--collect.episodes", "0"], "--collect.episodes must be"),
        (["train", "her", POINT, "--collect.threads", "0"], "--collect.threads must be"),
        (["train", "her", POINT, "--collect.updates", "0.5"], "must be a whole number a cycle"),
        (
            ["train", "her", POINT, "--learner", "td3", "--collect.updates", "3"],
            "must be a multiple of --learner.policy-delay 2",
        ),
        (
            ["train", "her", POINT, "--learner", "td3", "--learner.cloning.weight", "1"],
            "unknown option --learner.cloning.weight; it is called demos.weight now",
        ),
        (["train", "her", POINT, "--replay.capacity", "3"], "--replay.capacity must hold one"),
        (["train", "her", POINT, "--replay.capacity", "9" * 14], "does not fit in memory"),
        (["train", "her", POINT, "--replay.capacity", "9" * 18], "does not fit in memory"),
        (["train", "her", POINT, "--evaluate.episodes", "0"], "--evaluate.episodes must be"),
        (["train", "her", POINT, "--save.every", "-1"], "--save.every must be at least 0"),
        (["train", "her", POINT, "--until", "2"], "--until must be above 0 and at most 1"),
        (["train", "her", POINT, "--seed", "-1"], "--seed must be at least 0"),
        (["train", "her", POINT, "--steps", "0"], "--steps must be at least 1"),
        (["train", "her", POINT, "--episodes", "0"], "--episodes must be at least 1"),
        (["train", "her", POINT, "--task-options", "n"], "--task-options takes name=value"),
        (
            ["train", "her", "Pendulum-v1", "--until", "0.9"],
            "has no goals for hindsight; use the method flat",
        ),
        (["train", "relay", POINT], "this task declares no stages, which relay needs"),
        (["train", "relay", "goalrelay/BitFlip-v0", "--learner", "dqn"], "declares no stages"),
        (["train", "relay", "Pendulum-v1"], "has no goals for hindsight; use the method flat"),
        (["train", "rely", CARRY], "unknown method 'rely'; did you mean 'relay'?"),
        (
            ["train", "relay", CARRY, "--method.shares", "1"],
            "it is gone: method.stage_weights says it",
        ),
        (
            ["train", "relay", CARRY, "--method.guidance.lead", "1"],
            "unknown option --method.guidance.lead; it is called method.guidance.imitation now",
        ),
        (["train", "demos", CARRY], "demonstrations are options of every method"),
        (
            ["train", "relay", CARRY, "--method.symmetry-augmentation", "flop"],
            "--method.symmetry-augmentation: this",
        ),
        (["train", "relay", CARRY, "--method.priority", "energy"], "--method.priority energy"),
        (
            ["train", "relay", CARRY, "--method.variant.switch", "-1"],
            "--method.variant.switch must be at least 0",
        ),
        (["train", "relay", CARRY, "--method.guidance.guide", "both"], "--method.guidance.guide"),
        (
            ["train", "relay", CARRY, "--method.variant.stop-at", "2"],
            "--method.variant.stop-at must be",
        ),
        (
            ["train", "relay", CARRY, "--method.exploration.anneal", "1.5"],
            "--method.exploration.anneal must be",
        ),
        (["resume", "nowhere"], "nowhere is not a run folder"),
        (["evaluate", "nowhere"], "no such run or policy: nowhere"),
        (["evaluate", "nowhere", "--episodes", "0"], "--episodes must be at least 1"),
        (["evaluate", "nowhere", "--seed", "-1"], "--seed must be at least 0"),
        (["record", "nowhere", "--out", "a.mp4"], "no such run or policy: nowhere"),
        (["play", "nowhere"], "nowhere"),
        (["plot", "nowhere", "--out", "a.png"], "nowhere"),
        (["plot", "--out", "a.png"], "plot needs at least one run"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    words: list[str],
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(words) == 2
    output = capsys.readouterr()
    assert complaint in output.err
    assert len(output.err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_train_resume_evaluate_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(tmp_path / "run")
    assert cli.main(["train", "her", POINT, *QUICK, "--out", run, "--seed", "2"]) == 0
    output = capsys.readouterr().out
    assert "her + sac (preset default) on goalrelay/PointReach-v0, seed 2" in output
    assert "MB when full" in output
    assert "6 episodes" in output
    assert f"goalrelay evaluate {run}" in output
    assert cli.main(["resume", run, "--steps", "200", "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert cli.main(["evaluate", run, "--episodes", "7", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["episodes"] == 7
    assert 0 <= figures["low"] <= figures["success"] <= figures["high"] <= 1
    assert cli.main(["evaluate", run, "--episodes", "7"]) == 0
    assert "success" in capsys.readouterr().out


def test_evaluation_repeats_with_its_seed(small_run: session.Result) -> None:
    first, again, other = (
        session.evaluate(small_run.folder, episodes=5, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first.distance != other.distance


def test_options_of_every_nested_setting_are_in_the_help(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["train", "her", POINT, "--learner", "td3", "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for option in (
        "--learner.policy-delay",
        "--learner.gamma",
        "--method.exploration.noise",
        "--collect.updates-per",
        "--until",
        "--out",
    ):
        assert option in text


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    general = capsys.readouterr().out
    assert all(command in general for command in cli.COMMANDS)
    assert cli.main(["demos", "--help"]) == 0
    demos = capsys.readouterr().out
    assert all(command in demos for command in cli_demos.COMMANDS)
    alone = [[command] for command in cli.COMMANDS if command != "demos"]
    for words in (*alone, *(["demos", command] for command in cli_demos.COMMANDS)):
        with pytest.raises(SystemExit) as stop:
            cli.main([*words, "--help"])
        assert stop.value.code == 0
        assert capsys.readouterr().out.strip()


def test_version_tasks_and_methods(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("goalrelay 0.")
    assert cli.main(["tasks"]) == 0
    assert "FetchPush-v4" in capsys.readouterr().out
    assert cli.main(["methods"]) == 0
    listed = capsys.readouterr().out
    for name in ("her", "flat", "relay", "baselines", "zoo", "rher-paper"):
        assert name in listed


@pytest.mark.parametrize(
    ("command", "file", "content", "complaint"),
    [
        ("resume", "config.json", b"{", "cannot read"),
        ("resume", "config.json", b"[]", "does not hold a JSON object"),
        ("resume", "config.json", b"{}", "it has no format number"),
        ("resume", "config.json", b'{"format": 1, "method_name": 5}', "config.json"),
        ("resume", "progress.csv", b"a,b\n1,2\n", "a row does not tell its cycle"),
        ("resume", "progress.csv", b"cycle,b\nx,2\n", "a row does not tell its cycle"),
        ("evaluate", "policy.safetensors", b"no", "cannot read the policy"),
        ("evaluate", "policy.safetensors", b"", "cannot read the policy"),
        ("evaluate", "policy.json", b"{}", "is not a goalrelay policy"),
        ("evaluate", "policy.json", b'{"format": 5}', "is damaged: the checksum"),
        ("evaluate", "policy.json", b"\xff", "cannot read"),
    ],
)
def test_a_damaged_file_of_a_run_is_named(
    command: str,
    file: str,
    content: bytes,
    complaint: str,
    tmp_path: Path,
    small_run: session.Result,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("config.json", "policy.json", "policy.safetensors"):
        (tmp_path / name).write_bytes((small_run.folder / name).read_bytes())
    shutil.copytree(small_run.folder / "checkpoint", tmp_path / "checkpoint")
    (tmp_path / file).write_bytes(content)
    assert cli.main([command, str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert str(tmp_path) in error
    assert len(error.strip().splitlines()) == 1


def test_what_is_passed_over_is_said_in_one_line(
    tmp_path: Path, small_run: session.Result, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "r"
    shutil.copytree(small_run.folder, run)
    for name in ("policy.json", "policy.safetensors"):
        (run / name).unlink()
    assert cli.main(["evaluate", str(run), "--episodes", "1"]) == 0
    said = f"goalrelay: {run} has no best policy, its newest is used\n"
    assert capsys.readouterr().err == said
    newest = max((run / "checkpoint").iterdir(), key=lambda file: int(file.stem))
    (run / "checkpoint" / "99.safetensors").write_bytes(newest.read_bytes()[:-1])
    assert cli.main(["resume", str(run), "--steps", "600", "--quiet"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"goalrelay: {run}/checkpoint/99.safetensors cannot be read (")
    assert lines[0].endswith("; the checkpoint of cycle 20 before it is used")


def test_errors_are_one_line_without_codes_of_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["evaluate", str(tmp_path / "a\n\x1b[31m\u202e")]) == 2
    assert capsys.readouterr().err == (
        f"goalrelay: no such run or policy: {tmp_path}/a\\n\\x1b[31m\\u202e\n"
    )
    assert cli.main(["train", "her", "goalrelay/PointReach-v0", "--out", "x" * 300]) == 2
    assert capsys.readouterr().err.endswith(": File name too long\n")
