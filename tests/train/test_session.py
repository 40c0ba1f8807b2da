"""Runs repeat, resume exactly, survive being killed, and stop with a word when they explode."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import goalrelay
from conftest import SMALL
from corridor_task import CORRIDOR
from goalrelay.errors import Diverged, Notice, UsageError
from goalrelay.files import read_json
from goalrelay.settings import replace_at
from goalrelay.train import config as experiments
from goalrelay.train import session
from goalrelay.train.checkpoint import cycles
from goalrelay.train.evaluate import Evaluation
from goalrelay.train.folder import RunFolder
from goalrelay.train.logbook import read_table
from goalrelay.train.loop import AGAIN, CONFIRM, TEST, Trainer
from relay_task import CARRY

POINT = "goalrelay/PointReach-v0"


def progress(folder: Path) -> str:
    return (folder / "progress.csv").read_text()


def same_parameters(a: Path, b: Path, name: str = "policy-last.safetensors") -> bool:
    return (a / name).read_bytes() == (b / name).read_bytes()


@pytest.mark.parametrize(
    ("method", "task", "more"),
    [
        ("her", POINT, {}),
        ("her", POINT, {"learner": "td3"}),
        ("her", POINT, {"learner": "sac"}),
        ("her", "goalrelay/BitFlip-v0", {"learner": "dqn"}),
        ("flat", "Pendulum-v1", {}),
        ("relay", CARRY, {}),
        ("hierarchy", CORRIDOR, {}),
    ],
)
def test_stop_and_resume_equals_an_unbroken_run(
    tmp_path: Path, method: str, task: str, more: dict[str, Any]
) -> None:
    settings: dict[str, Any] = SMALL | {"collect.episodes": 2, "replay.capacity": 400}
    if method == "flat":
        settings |= {"collect.updates_per": "step", "collect.updates": 0.15}
    if method == "relay":
        settings |= {"method.symmetry_augmentation": ("flip",)}
        settings |= {"method.variant.after": "mixed", "method.guidance.guide": "jump-start"}
        settings |= {"method.variant.jump_start": 6, "method.variant.jump_start_episodes": 20}
        settings |= {"method.exploration.anneal": 1.0, "evaluate.ema_decay": 0.5}
    if method == "hierarchy":
        settings |= {"method.exploration.random_steps": 200, "method.subgoal_steps": 5}
        settings |= {"method.correction": "off-policy", "replay.capacity": 2000}
        settings |= {"collect.updates_per": "step", "collect.updates": 1}
    length = {"Pendulum-v1": 200, POINT: 25, CORRIDOR: 50}.get(task, 12)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    more = more | {"seed": 11, "settings": settings}
    goalrelay.train(method, task, steps=24 * length, out=whole, **more)
    goalrelay.train(method, task, steps=13 * length, out=broken, **more)
    assert progress(broken) != progress(whole)
    goalrelay.resume(broken, steps=24 * length)
    assert progress(broken) == progress(whole)
    assert same_parameters(whole, broken)


def test_a_run_of_relay_logs_its_diagnosis(tmp_path: Path) -> None:
    run = goalrelay.train("relay", CARRY, episodes=10, out=tmp_path / "r", settings=SMALL)
    for row in read_table(run.folder / "progress.csv"):
        for name in ("moved", "reached_reach", "reached_task"):
            assert 0 <= float(row[f"eval_{name}"]) <= 1
            assert 0 <= float(row[f"train_{name}"]) <= 1
        assert 0 < float(row["innr"]) <= 1


def test_the_mean_of_weights_is_as_long_as_asked_for_later() -> None:
    agent = Trainer(experiments.make("her", POINT)).agents[0]
    before, new = agent.average, agent.actor()
    agent.blend(0.75, 26)  # 27 / 36 is 0.75
    for old, now, mean in zip(*map(jax.tree.leaves, (before, new, agent.average)), strict=True):
        np.testing.assert_allclose(mean, 0.75 * old + 0.25 * now, rtol=1e-5, atol=1e-7)


def test_what_is_evaluated_and_exported_is_a_running_mean_of_the_weights() -> None:
    settings = SMALL | {"evaluate.ema_decay": 0.75}
    experiment = experiments.make("her", POINT)
    for name, value in settings.items():
        experiment = replace_at(experiment, name, value)
    trainer = Trainer(experiment)
    mean = new = trainer.agents[0].actor()
    for kept in (1 / 10, 2 / 11, 3 / 12, 4 / 13):  # at first shorter: (1 + n) / (10 + n)
        trainer.cycle()
        new = trainer.agents[0].actor()
        mean = jax.tree.map(lambda old, now, k=kept: k * old + (1 - k) * now, mean, new)
    evaluated = jax.tree.leaves(trainer.policy().actors[0])
    for shown, expected in zip(evaluated, jax.tree.leaves(mean), strict=True):
        np.testing.assert_allclose(shown, expected, rtol=1e-5, atol=1e-7)
    assert any(not np.allclose(a, b) for a, b in zip(mean.weights, new.weights, strict=True))
    trainer.close()


def test_one_seed_gives_one_curve_and_another_seed_another(
    tmp_path: Path, small_run: session.Result
) -> None:
    again = goalrelay.train("her", POINT, episodes=20, seed=3, out=tmp_path / "a", settings=SMALL)
    other = goalrelay.train("her", POINT, episodes=20, seed=4, out=tmp_path / "b", settings=SMALL)
    assert progress(again.folder) == progress(small_run.folder)
    assert same_parameters(again.folder, small_run.folder)
    assert progress(other.folder) != progress(small_run.folder)


def test_the_number_of_threads_changes_nothing(tmp_path: Path) -> None:
    runs = [
        goalrelay.train(
            "her",
            POINT,
            episodes=20,
            out=tmp_path / str(threads),
            settings=SMALL | {"collect.episodes": 4, "collect.threads": threads},
        )
        for threads in (1, 3)
    ]
    assert progress(runs[0].folder) == progress(runs[1].folder)


def test_a_run_folder_holds_what_it_promises(small_run: session.Result) -> None:
    names = {path.name for path in small_run.folder.iterdir()}
    policies = {f"{p}.{s}" for p in ("policy", "policy-last") for s in ("json", "safetensors")}
    assert names == {"config.json", "progress.csv", "timing.csv", "checkpoint"} | policies
    rows = read_table(small_run.folder / "progress.csv")
    assert [int(row["episodes"]) for row in rows] == [5, 10, 15, 20]
    assert [row["cycle"] for row in rows] == [
        row["cycle"] for row in read_table(small_run.folder / "timing.csv")
    ]


def test_the_last_two_checkpoints_are_kept(tmp_path: Path) -> None:
    settings = SMALL | {"save.every": 0}
    run = goalrelay.train("her", POINT, episodes=6, out=tmp_path / "r", settings=settings)
    kept = {path.name for path in (run.folder / "checkpoint").iterdir()}
    assert kept == {"5.safetensors", "6.safetensors"}


def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(tmp_path: Path) -> None:
    settings = SMALL | {"save.every": 0}
    whole = goalrelay.train("her", POINT, episodes=10, out=tmp_path / "a", settings=settings)
    broken = goalrelay.train("her", POINT, episodes=6, out=tmp_path / "b", settings=settings)
    (broken.folder / "checkpoint" / "6.safetensors").write_bytes(b"damage")
    with pytest.warns(Notice, match="cycle 5 before it is used"):
        goalrelay.resume(broken.folder, steps=10 * 25)
    assert progress(broken.folder) == progress(whole.folder)


def test_minutes_end_a_run_and_may_be_added_to(tmp_path: Path) -> None:
    run = goalrelay.train("her", POINT, minutes=0.05, out=tmp_path / "r", settings=SMALL)
    assert run.reason == "budget" and 0.05 * 60 <= run.seconds < 30 and run.evaluation is not None
    more = goalrelay.resume(run.folder, minutes=run.seconds / 60 + 0.03)
    assert more.episodes > run.episodes and more.seconds >= run.seconds + 1.7
    with pytest.raises(UsageError, match=r"minutes.* must be above 0"):
        goalrelay.train("her", POINT, minutes=0, out=tmp_path / "none")


def test_only_damaged_checkpoints_are_an_error_in_one_line(tmp_path: Path) -> None:
    run = goalrelay.train("her", POINT, episodes=5, out=tmp_path / "r", settings=SMALL)
    for checkpoint in (run.folder / "checkpoint").iterdir():
        checkpoint.write_bytes(b"damage")
    with pytest.raises(UsageError, match=r"no checkpoint in .* can be read"):
        goalrelay.resume(run.folder)


def test_a_run_killed_before_its_first_checkpoint_starts_over(tmp_path: Path) -> None:
    reference = goalrelay.train("her", POINT, episodes=5, out=tmp_path / "a", settings=SMALL)
    experiment = reference.folder / "config.json"
    bare = tmp_path / "b"
    bare.mkdir()
    (bare / "config.json").write_bytes(experiment.read_bytes())
    resumed = goalrelay.resume(bare)
    assert progress(resumed.folder) == progress(reference.folder)


ENDLESS = """
import sys, goalrelay
settings = {settings!r} | {{"save.every": 0}}
result = goalrelay.train("her", {task!r}, steps=10**7, out=sys.argv[1], settings=settings)
print(result.reason)
"""


def start_endless(folder: Path) -> subprocess.Popen[str]:
    """A run of its own process, after its third checkpoint."""
    code = ENDLESS.format(settings=SMALL, task=POINT)
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True
    )
    for _ in range(600):
        if any(cycle >= 3 for cycle in cycles(folder / "checkpoint")):
            return process
        time.sleep(0.1)
    process.kill()
    raise AssertionError("no checkpoint appeared in a minute")


def episodes_saved(folder: Path) -> int:
    run = RunFolder.open(folder)
    trainer = Trainer(run.experiment())
    saved = run.restore(trainer.saved())
    assert saved is not None
    trainer.close()
    return int(saved["counters"]["episodes"])


def test_a_killed_run_can_be_resumed(tmp_path: Path) -> None:
    process = start_endless(tmp_path / "r")
    process.send_signal(signal.SIGKILL)
    process.wait()
    saved = episodes_saved(tmp_path / "r")
    assert saved >= 3
    resumed = goalrelay.resume(tmp_path / "r", steps=(saved + 7) * 25)
    assert resumed.episodes == saved + 7
    whole = goalrelay.train(
        "her", POINT, steps=(saved + 7) * 25, out=tmp_path / "whole", settings=SMALL
    )
    assert progress(resumed.folder) == progress(whole.folder)


def test_an_interrupt_stops_after_the_cycle_and_saves(tmp_path: Path) -> None:
    process = start_endless(tmp_path / "r")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert output.strip() == "interrupted"
    assert process.returncode == 0
    assert episodes_saved(tmp_path / "r") >= 3


EXPLOSIVE = """
import gymnasium, numpy as np
from gymnasium import spaces

class Task(gymnasium.Env):
    observation_space = spaces.Box(-1, 1, (2,), np.float32)
    action_space = spaces.Box(-1, 1, (1,), np.float32)
    episodes = 0  # three of them when it is opened
    def __init__(self, render_mode=None): pass
    def reset(self, *, seed=None, options=None):
        self.episodes += 1
        return np.zeros(2, np.float32), {}
    def step(self, action):
        return np.zeros(2, np.float32), 1e8 if self.episodes > 11 else 1.0, False, False, {}

gymnasium.register("Explosive-v0", Task, max_episode_steps=10)
"""


def test_an_explosion_stops_the_run_and_keeps_the_last_good_checkpoint(
    tmp_path: Path, user_module: Path
) -> None:
    (user_module / "explosive.py").write_text(EXPLOSIVE)
    settings = SMALL | {"save.every": 0, "collect.threads": 1, "collect.updates_per": "cycle"}
    settings |= {"evaluate.every": 1000, "method.exploration.random_steps": 0}
    with pytest.raises(
        Diverged, match=r"critic_loss became .* in cycle 9 .*; the checkpoint of cycle 9 is kept in"
    ):
        goalrelay.train(
            "flat", "explosive:Explosive-v0", episodes=50, out=tmp_path / "r", settings=settings
        )
    run = RunFolder.open(tmp_path / "r")
    trainer = Trainer(run.experiment())
    saved = run.restore(trainer.saved())
    assert saved is not None
    assert saved["counters"]["episodes"] == 9
    assert all(np.isfinite(np.asarray(x)).all() for x in jax.tree.leaves(saved["agents"]))
    trainer.close()


def test_until_stops_when_the_success_is_confirmed_twice(tmp_path: Path) -> None:
    settings = SMALL | {"evaluate.every": 20, "evaluate.confirm": 30, "collect.updates": 40}
    run = goalrelay.train(
        "her", POINT, episodes=2000, until=0.9, out=tmp_path / "r", settings=settings
    )
    assert run.reason == "until"
    assert run.evaluation is not None
    assert run.evaluation.episodes == 30
    assert run.evaluation.success >= 0.9


def test_one_lucky_evaluation_does_not_stop_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = iter(
        [0.2, 0.9, 0.7, 0.9, 0.9, 0.8, 0.9, 0.95, 1.0]
    )  # one, two, three and three of them
    asked, evaluate = [], Trainer.evaluate

    def scripted(self: Trainer, policy: Any, episodes: int, stream: int = TEST) -> Evaluation:
        asked.append((self.counters.episodes, episodes, stream))
        return evaluate(self, policy, episodes, stream)._replace(success=next(shares))

    monkeypatch.setattr(Trainer, "evaluate", scripted)
    settings = SMALL | {"evaluate.confirm": 6}
    run = goalrelay.train("her", POINT, until=0.9, out=tmp_path / "r", settings=settings)
    evaluations = (
        [(4, TEST)],
        [(4, TEST), (6, CONFIRM)],
        *[[(4, TEST), (6, CONFIRM), (6, AGAIN)]] * 2,
    )
    assert asked == [(5 * n, *each) for n, made in enumerate(evaluations, 1) for each in made]
    assert run.reason == "until"
    assert run.episodes == 20
    reported = [float(row["eval_success"]) for row in read_table(tmp_path / "r" / "progress.csv")]
    assert reported == [0.2, 0.7, 0.8, 1.0]


def test_a_name_that_train_does_not_know_is_refused(tmp_path: Path) -> None:
    typed: dict[str, Any] = {"step": 100}
    with pytest.raises(UsageError, match="train takes no 'step'; did you mean 'steps'"):
        goalrelay.train("her", POINT, out=tmp_path / "r", **typed)
    assert not (tmp_path / "r").exists()


def test_until_needs_a_task_with_success(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'Pendulum-v1' does not report success"):
        goalrelay.train(
            "flat", "Pendulum-v1", steps=200, until=0.9, out=tmp_path / "r", settings=SMALL
        )


def test_a_second_run_does_not_overwrite_the_first(small_run: session.Result) -> None:
    before = progress(small_run.folder)
    with pytest.raises(UsageError, match="holds a run already"):
        goalrelay.train("her", POINT, episodes=1, out=small_run.folder)
    assert progress(small_run.folder) == before


def test_default_runs_go_to_a_folder_of_task_method_and_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = goalrelay.train("her", POINT, episodes=1, seed=5, settings=SMALL)
    assert run.folder == Path("runs/goalrelay_PointReach-v0/her/seed-5")
    assert run.folder.samefile(tmp_path / run.folder)


def test_the_config_says_versions_and_commit(small_run: session.Result) -> None:
    values = read_json(small_run.folder / "config.json")
    assert {"goalrelay", "jax", "mujoco", "python"} <= set(values["versions"])
    assert values["commit"]
    assert values["learner"]["hidden"] == [32, 32]
