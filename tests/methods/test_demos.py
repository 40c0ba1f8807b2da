"""The method demos: whose steps are in a batch, what they mean, and what imitation is worth."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import goalrelay
from goalrelay.train import config as experiments
from goalrelay.cli import main as cli
from goalrelay.demos.dataset import write
from goalrelay.demos.generate import Disturbance, generate
from goalrelay.methods import demos, her, relay
from goalrelay.data.buffer import ReplayBuffer
from goalrelay.settings import options, replace_at
from goalrelay.tasks.goal_task import open_task
from goalrelay.train.loop import Trainer

REACH = "goalrelay/PointReach-v0"
CARRY = "relay_task:Carry-v0"
SMALL: dict[str, Any] = {
    "learner.hidden": (32, 32),
    "learner.batch_size": 64,
    "evaluate.every": 10,
    "evaluate.episodes": 20,
    "evaluate.confirm": 20,
    "evaluate.average": 0.0,
    "collect.episodes": 1,
    "save.tensorboard": False,
}


def straight(seen: Any) -> np.ndarray:
    """To the goal at full speed."""
    gap = seen["desired_goal"] - seen["achieved_goal"]
    return (10 * gap).clip(-1, 1)


def dataset(folder: Path, act: Any = straight, episodes: int = 10, task_id: str = REACH) -> str:
    task = open_task(task_id)
    played = list(generate(task, lambda: act, range(1000, 1000 + episodes), Disturbance()))
    write(folder, played, task, "a test")
    task.close()
    return str(folder)


@pytest.fixture(scope="module")
def straight_data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return dataset(tmp_path_factory.mktemp("demos") / "straight")


def make(data: str, preset: str = "default", task: str = REACH, **values: Any) -> Any:
    experiment = experiments.make("demos", task, preset=preset)
    given = {"method.base": "her", "method.data": data, **SMALL}
    for name, value in {**given, **{k.replace("__", "."): v for k, v in values.items()}}.items():
        experiment = replace_at(experiment, name, value)
    return experiment


def test_a_share_of_every_batch_is_demonstrated(straight_data: str) -> None:
    trainer = Trainer(make(straight_data, method__share=0.25))
    for _ in range(2):
        trainer.cycle()
    config, shape = trainer.experiment.method, (3, 64)
    rng = np.random.default_rng(0)
    batch, figures = demos.sample(config, trainer.rules, trainer.replay, shape, rng)
    np.testing.assert_array_equal(batch.demonstrated.sum(axis=1), [16, 16, 16])
    shown = trainer.rules.demonstrations
    assert shown is not None
    known = {row.tobytes() for row in shown.action[shown.steps().row]}
    for action, flag in zip(batch.action.reshape(-1, 2), batch.demonstrated.flat, strict=True):
        assert (action.tobytes() in known) == bool(flag)
    assert np.isfinite(figures["innr"])
    trainer.close()


def test_demonstrations_are_relabelled_like_all_else(straight_data: str) -> None:
    """The share drawn from them is exactly what the method underneath makes of them."""
    trainer = Trainer(make(straight_data, method__share=1.0))
    config, rules = trainer.experiment.method, trainer.rules
    batch, _ = demos.sample(config, rules, trainer.replay, (2, 64), np.random.default_rng(5))
    shown = rules.demonstrations
    assert shown is not None
    expected, _ = her.sample(config.her, rules, shown, (2, 64), np.random.default_rng(5))
    for got, want in zip(batch[:5], expected[:5], strict=True):
        np.testing.assert_array_equal(got, want)
    assert (batch.demonstrated == 1).all()
    goals = {goal.tobytes() for goal in shown.desired}
    changed = [row[2:].tobytes() not in goals for row in batch.inputs.reshape(-1, 4)]
    assert 0.5 < np.mean(changed) < 0.95  # k = 4: four of five
    trainer.close()


def test_only_what_led_to_the_goal_is_imitated(tmp_path: Path) -> None:
    """Half of these demonstrations run away from their goals; in hindsight they are as good."""
    played = itertools.count()

    def either(seen: Any) -> np.ndarray:
        return straight(seen) * (1 if next(played) // 25 % 2 else -1)

    trainer = Trainer(make(dataset(tmp_path / "either", either), method__share=1.0))
    config, rules = trainer.experiment.method, trainer.rules
    shown = rules.demonstrations
    assert shown is not None
    for strategy in ("none", "final"):
        chosen = replace_at(config, "her.strategy", strategy)
        batch, _ = demos.sample(chosen, rules, trainer.replay, (2, 64), np.random.default_rng(5))
        index = shown.sample(128, np.random.default_rng(5))
        led = []
        for row, time, length in zip(index.row, index.time, index.length, strict=True):
            rest = slice(row + 1, row + 1 + length - time)
            goal = batch.inputs.reshape(-1, 4)[len(led), 2:]
            led.append(rules.reward(shown.achieved[rest], goal).max() == 0)
        np.testing.assert_array_equal(batch.demonstrated.reshape(-1), led)
        low, high = (0.3, 0.7) if strategy == "none" else (0.8, 1.0)
        assert low < np.mean(led) <= high
    trainer.close()


def test_without_a_share_the_method_underneath_is_left(straight_data: str) -> None:
    trainer = Trainer(make(straight_data, method__share=0.0))
    trainer.cycle()
    config, rules = trainer.experiment.method, trainer.rules
    batch, _ = demos.sample(config, rules, trainer.replay, (2, 8), np.random.default_rng(5))
    expected, _ = her.sample(config.her, rules, trainer.replay, (2, 8), np.random.default_rng(5))
    for got, want in zip(batch, expected, strict=True):
        np.testing.assert_array_equal(got, want)
    trainer.close()


def test_their_inputs_count_in_the_normalisation_from_the_start(straight_data: str) -> None:
    trainer = Trainer(make(straight_data))
    assert trainer.rules.demonstrations is not None
    assert trainer.levels[0].seen == trainer.rules.demonstrations.transitions == 10 * 25
    trainer.close()


def test_only_so_many_are_used(straight_data: str) -> None:
    trainer = Trainer(make(straight_data, method__episodes=3))
    assert trainer.rules.demonstrations is not None
    assert trainer.rules.demonstrations.episodes == 3
    trainer.close()


def test_relay_underneath_acts_and_sees_as_relay_does(tmp_path: Path) -> None:
    data = dataset(tmp_path / "d", lambda seen: seen["observation"][4:6].clip(-1, 1), 2, CARRY)
    trainer = Trainer(make(data, task=CARRY, method__base="relay"))
    config, spec = trainer.experiment.method, trainer.task.spec
    assert demos.input_size(config, spec) == relay.input_size(config.relay, spec)
    trainer.cycle()
    trainer.cycle()
    assert trainer.counters.updates > 0
    trainer.close()


def test_presets_set_options_that_exist() -> None:
    for name, preset in demos.PRESETS.items():
        experiment = experiments.make("demos", REACH, preset=name)
        found = {option: value for option, _, value in options(experiment)}
        for option, value in preset.settings.items():
            assert found[option] == value, f"{name}: {option}"
    baselines = experiments.make("demos", REACH, preset="baselines-demos")
    cloning = baselines.learner.cloning
    assert (baselines.learner.batch_size * baselines.method.share, cloning.weight) == (128, 0.0078)
    assert (cloning.policy_weight, baselines.method.base) == (0.001, "her")
    assert baselines.method.exploration.noise == 0.1


def test_a_run_goes_on_exactly_where_it_stopped(straight_data: str, tmp_path: Path) -> None:
    whole = goalrelay.train(
        "demos", REACH, episodes=12, out=tmp_path / "whole", settings=settings(straight_data)
    )
    half = goalrelay.train(
        "demos", REACH, steps=150, out=tmp_path / "half", settings=settings(straight_data)
    )
    after = goalrelay.resume(half.folder, steps=300)
    for got, want in zip(
        after.policy.actors[0].weights, whole.policy.actors[0].weights, strict=True
    ):
        np.testing.assert_array_equal(got, want)


def settings(data: str, **more: Any) -> dict[str, Any]:
    return {"method.base": "her", "method.data": data, **SMALL, **more}


def test_cloning_alone_solves_what_is_demonstrated(straight_data: str, tmp_path: Path) -> None:
    result = goalrelay.train(
        "demos",
        REACH,
        preset="cloning",
        episodes=10,
        out=tmp_path / "run",
        settings=settings(straight_data),
    )
    assert result.evaluation is not None
    assert result.evaluation.success >= 0.9


def test_the_q_filter_protects_from_a_bad_demonstrator(tmp_path: Path) -> None:
    """Random actions, imitated, hold the policy back; with the filter they do not."""
    rng = np.random.default_rng(0)
    data = dataset(tmp_path / "bad", lambda _: rng.uniform(-1, 1, 2), 20)
    success = {}
    for q_filter in (True, False):
        result = goalrelay.train(
            "demos",
            REACH,
            episodes=60,
            out=tmp_path / str(q_filter),
            settings=settings(
                data, **{"learner.cloning.q_filter": q_filter, "learner.cloning.weight": 3.0}
            ),
        )
        assert result.evaluation is not None
        success[q_filter] = result.evaluation.success
    assert success[True] >= 0.9
    assert success[False] <= 0.8


def test_mistakes_are_said_in_one_line(
    straight_data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path / "run")]
    for words, said in (
        ([REACH], "--method.data must name a folder"),
        ([REACH, "--method.data", "nowhere"], "nowhere holds no Minari dataset"),
        (["FetchReach-v4", "--method.data", straight_data], "do not fit task 'FetchReach-v4'"),
        ([REACH, "--method.data", straight_data], "declares no stages"),
        ([REACH, "--method.data", straight_data, "--method.share", "2"], "--method.share"),
    ):
        assert cli.main(["train", "demos", *words, *out]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
        assert not (tmp_path / "run").exists()


def test_a_replay_holds_demonstrations_shorter_than_the_horizon(tmp_path: Path) -> None:
    task = open_task(REACH)
    played = list(generate(task, lambda: straight, range(6), Disturbance()))
    cut = [
        one._replace(
            **{name: getattr(one, name)[:4] for name in one._fields[:3]},
            **{name: getattr(one, name)[:3] for name in ("action", "reward", "success")},
        )
        for one in played
    ]
    write(tmp_path / "short", cut, task, "a test")
    trainer = Trainer(make(str(tmp_path / "short")))
    shown = trainer.rules.demonstrations
    assert isinstance(shown, ReplayBuffer)
    assert shown.episodes == 6
    trainer.close()
    task.close()
