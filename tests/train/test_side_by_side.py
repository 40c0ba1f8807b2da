"""Several seeds in one process: each is the run that it would be alone, and ends alone."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium
import pytest

import goalrelay
import stranger_tasks as strangers
from conftest import SMALL
from corridor_task import CORRIDOR
from goalrelay.cli.main import main
from goalrelay.errors import Diverged, TaskFailed, UsageError
from goalrelay.train import config as experiments
from goalrelay.train import side_by_side
from goalrelay.train.config import AnyExperiment
from goalrelay.train.counters import Counters
from goalrelay.train.evaluate import Evaluation
from goalrelay.train.logbook import read_table
from goalrelay.train.loop import TEST, Trainer
from goalrelay.train.observer import Observer
from goalrelay.train.side_by_side import Ended

POINT = "goalrelay/PointReach-v0"
WORDS = (
    *("train", "her", POINT, "--episodes", "10", "--save.no-tensorboard"),
    *("--learner.hidden", "32", "32", "--learner.batch-size", "64", "--collect.updates", "10"),
    *("--evaluate.every", "5", "--evaluate.episodes", "4", "--evaluate.confirm", "4"),
    *("--collect.episodes", "1"),
)
"""`SMALL` as words."""
HIERARCHY = SMALL | {
    "method.exploration.random_steps": 100,
    "method.subgoal_steps": 5,
    "collect.updates_per": "step",
    "collect.updates": 1,
}


def experiment_of(method: str, task: str, settings: dict[str, Any]) -> AnyExperiment:
    return experiments.with_options(experiments.make(method, task), settings)


def trained(experiment: AnyExperiment, seeds: list[int], out: Path) -> list[Ended]:
    told = list[Ended]()
    ended = side_by_side.train(experiment, seeds, out, lambda _: Observer(), told.append)
    assert told == ended
    return ended


def files(folder: Path) -> list[bytes]:
    """What does not depend on the clock."""
    return [(folder / name).read_bytes() for name in ("progress.csv", "policy-last.safetensors")]


@pytest.mark.parametrize(
    ("method", "task", "settings"),
    [
        ("her", POINT, SMALL | {"episodes": 15}),
        ("her", POINT, SMALL | {"episodes": 15, "method.structure": "auto"}),
        ("hierarchy", CORRIDOR, HIERARCHY | {"episodes": 10}),
    ],
)
def test_each_seed_is_the_run_that_it_would_be_alone(
    method: str, task: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    ended = trained(experiment_of(method, task, settings), [3, 5], tmp_path / "both")
    assert {run.seed for run in ended} == {3, 5} and all(run.result for run in ended)
    for seed in (3, 5):
        alone = tmp_path / f"alone-{seed}"
        goalrelay.train(method, task, seed=seed, out=alone, settings=settings)
        assert files(tmp_path / "both" / f"seed-{seed}") == files(alone)
    assert files(tmp_path / "alone-3") != files(tmp_path / "alone-5")


def test_a_seed_that_reaches_its_aim_ends_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate = Trainer.evaluate

    def lucky(self: Trainer, policy: Any, episodes: int, stream: int = TEST) -> Evaluation:
        found = evaluate(self, policy, episodes, stream)
        return found._replace(success=1.0 if self.experiment.seed == 1 else 0.0)

    monkeypatch.setattr(Trainer, "evaluate", lucky)
    settings = SMALL | {"episodes": 15, "until": 0.9}
    ended = trained(experiment_of("her", POINT, settings), [0, 1, 2], tmp_path)
    reasons = {run.seed: (run.result.reason, run.result.episodes) for run in ended if run.result}
    assert reasons == {0: ("budget", 15), 1: ("until", 5), 2: ("budget", 15)}
    assert ended[0].seed == 1


@pytest.mark.parametrize(("kind", "code"), [(Diverged, 1), (TaskFailed, 2)])
def test_a_seed_that_fails_ends_alone_and_the_same_command_goes_on_with_it(
    kind: type[Exception],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [*WORDS, "--seeds", "0", "1", "--out", str(tmp_path)]
    cycle = Trainer.cycle

    def failing(self: Trainer) -> bool:
        if self.experiment.seed == 1 and self.counters.cycle == 7:
            raise kind("no more")
        return cycle(self)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "cycle", failing)
        assert main(words) == code
    shown = capsys.readouterr()
    said = {Diverged: "learning diverged: no more; ", TaskFailed: "no more; the state before"}[kind]
    assert shown.err.startswith(f"goalrelay: seed 1: {said}") and shown.err.count("\n") == 1
    assert "seed 0: done: " in shown.out and "seed 1: done: " not in shown.out

    assert main(words) == 0
    shown = capsys.readouterr()
    first = f"seed 0: finished before; everything is in {tmp_path}/seed-0\n"
    assert first in shown.out and "seed 1: done: " in shown.out and not shown.err
    goalrelay.train("her", POINT, episodes=10, seed=1, out=tmp_path / "alone", settings=SMALL)
    assert files(tmp_path / "seed-1") == files(tmp_path / "alone")

    assert main([*words, "--learner.gamma", "0.9"]) == 2
    assert capsys.readouterr().err == (
        f"goalrelay: {tmp_path}/seed-0 was begun with other options (learner); --out names another "
        "folder\n"
    )


def test_each_line_names_its_seed_and_each_test_has_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*WORDS, "--seeds", "4", "6", "--out", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith(("seed 4: ", "seed 6: ")) for line in lines)
    for seed in (4, 6):
        tests = [line for line in lines if f"seed {seed}: " in line and "updates/s" in line]
        assert len(tests) == len(read_table(tmp_path / f"seed-{seed}/progress.csv")) == 2
    assert main([*WORDS, "--seeds", "8", "--out", str(tmp_path), "--quiet"]) == 0
    assert not capsys.readouterr().out


def test_what_is_no_failure_of_a_run_stops_all_and_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Observer):
        def evaluation(self, counters: Counters, evaluation: Evaluation) -> None:
            raise KeyError("a mistake")

    experiment = experiment_of("her", POINT, SMALL | {"steps": 10**7})
    with pytest.raises(KeyError, match="a mistake"):
        side_by_side.train(
            experiment, [0, 1], tmp_path, lambda s: Broken() if s else Observer(), lambda _: None
        )
    rest = goalrelay.resume(tmp_path / "seed-0", steps=1)
    assert 0 < rest.episodes < 1000


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--seeds", "1", "2", "1"], "--seeds has 1 twice"),
        (["--seeds", "0", "-1"], "--seeds must be at least 0 and at most 2147483647, got -1"),
        (["--seeds"], "--seeds needs at least one seed"),
        (["--seeds", "a"], "--seeds takes a whole number, or several, not 'a'"),
        (
            ["--seed", "0", "--seeds", "1"],
            "--seed and --seeds are both given; --seeds names all seeds",
        ),
        (
            ["--seeds", "0", "1", "--film-every", "5"],
            "--film-every films one run; with --seeds leave it away",
        ),
        (
            ["--seeds", "0", "1", "--save.track", "trackio"],
            "--seeds: trackio follows one run in a process; leave --save.track away, or give one "
            "--seed at a time",
        ),
    ],
)
def test_seeds_that_cannot_work_are_refused_in_one_line(
    words: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*WORDS, *words, "--out", str(tmp_path / "r")]) == 2
    assert capsys.readouterr().err == f"goalrelay: {complaint}\n"
    assert not (tmp_path / "r").exists()


def test_environments_that_share_state_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    class Shared(strangers.Line):
        places: dict[str, Any] = {}
        place = property(lambda self: self.places["it"], lambda self, x: self.places.update(it=x))

    kind: Any = Shared
    gymnasium.register("Shared-v0", kind, max_episode_steps=6)
    try:
        with pytest.raises(UsageError, match="--seeds: the environments of 'Shared-v0' share"):
            settings = SMALL | {"episodes": 1, "collect.threads": 1}
            trained(experiment_of("her", "Shared-v0", settings), [0, 1], tmp_path / "r")
    finally:
        gymnasium.registry.pop("Shared-v0")
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_stops_all_and_all_can_be_resumed(presses: int, tmp_path: Path) -> None:
    endless = [word if word != "10" else "1000000" for word in WORDS]
    words = [*endless, "--collect.updates", "10", "--save.every", "0", "--out", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "goalrelay.cli", *words, "--seeds", "0", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    waiting = {"seed 0: ", "seed 1: "}
    while waiting:
        line = process.stdout.readline()
        assert line
        waiting -= {line[:8]} if "updates/s" in line else set()
    for _ in range(presses):
        process.send_signal(signal.SIGINT)
    shown, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and not errors
    if presses == 1:
        for seed in (0, 1):
            assert f"seed {seed}: go on with: goalrelay resume {tmp_path}/seed-{seed}\n" in shown
        assert shown.endswith("the same command goes on with all seeds\n")
    for seed in (0, 1):
        assert goalrelay.resume(tmp_path / f"seed-{seed}", steps=1).episodes >= 5
