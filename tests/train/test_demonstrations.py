"""Demonstrations for any method: whose steps are in a batch, and what imitation is worth."""

import itertools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import goalrelay
from goalrelay.data.buffer import ReplayBuffer
from goalrelay.demos.dataset import Demonstration, write
from goalrelay.demos.generate import play
from goalrelay.demos.load import load
from goalrelay.errors import Notice, UsageError
from goalrelay.settings import replace_at
from goalrelay.tasks.goal_task import open_task
from goalrelay.train import config as experiments
from goalrelay.train.config import AnyExperiment
from goalrelay.train.loop import Trainer
from goalrelay.types import Batch

REACH = "goalrelay/PointReach-v0"
CARRY = "relay_task:Carry-v0"
LENGTH = 25
"""Steps of an episode of the point-reacher."""
SMALL: dict[str, Any] = {
    "learner.hidden": (32, 32),
    "learner.batch_size": 64,
    "evaluate.every": 10,
    "evaluate.episodes": 20,
    "evaluate.confirm": 20,
    "collect.episodes": 1,
    "evaluate.ema_decay": 0.0,
    "collect.updates": 80,
    "save.tensorboard": False,
}


def straight(seen: Any) -> np.ndarray:
    """To the goal at full speed."""
    gap = seen["desired_goal"] - seen["achieved_goal"]
    return (10 * gap).clip(-1, 1)


def played(
    act: Callable[[Any], Any] = straight, episodes: int = 10, task_id: str = REACH
) -> list[Demonstration]:
    task = open_task(task_id)
    found = [play(task, act, 1000 + i) for i in range(episodes)]
    task.close()
    return found


def dataset(folder: Path, demonstrations: list[Demonstration], task_id: str = REACH) -> str:
    task = open_task(task_id)
    write(folder, demonstrations, task, "a test")
    task.close()
    return str(folder)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Ten demonstrations that go straight to the goal."""
    return dataset(tmp_path_factory.mktemp("demos") / "straight", played())


def test_demonstrations_of_another_task_are_used_and_that_is_said(data: str) -> None:
    task = open_task(REACH)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(data, task)
    task.id = "Other-v0"
    with pytest.warns(Notice, match=f"are of task '{REACH}', and are used for 'Other-v0'"):
        load(data, task)


def make(data: str, method: str = "her", task: str = REACH, **values: Any) -> AnyExperiment:
    """An experiment with demonstrations; `demos__share=1.0` for `--demos.share 1`."""
    preset = "baselines" if method == "her" else None  # goals as they are
    experiment = experiments.make(method, task, preset=preset)
    given = SMALL | {"demos.data": data}
    for name, value in (given | {k.replace("__", "."): v for k, v in values.items()}).items():
        experiment = replace_at(experiment, name, value)
    return experiment


def demonstrations_of(trainer: Trainer) -> ReplayBuffer:
    assert trainer.demonstrations is not None
    return trainer.demonstrations


def batches(trainer: Trainer, updates: int) -> tuple[Batch, dict[str, float]]:
    """Batches for so many updates, as the loop draws them."""
    return trainer._sample(0, trainer._acting().snapshot, updates, np.random.default_rng(5))


def of_method(trainer: Trainer, buffer: ReplayBuffer, shape: tuple[int, int]) -> Batch:
    """What the method alone makes of a buffer."""
    level, rng = trainer.method.levels[0], np.random.default_rng(5)
    return level.sample(buffer, trainer._acting().snapshot, shape, rng)[0]


def expect_equal(batch: Batch, expected: Batch) -> None:
    for got, want in zip(batch[:5], expected[:5], strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("method", ["her", "flat"])
def test_a_share_of_every_batch_is_demonstrated(data: str, method: str) -> None:
    trainer = Trainer(make(data, method, demos__share=0.25))
    for _ in range(2):
        trainer.cycle()
    batch, figures = batches(trainer, 3)
    shown = demonstrations_of(trainer)
    known = {row.tobytes() for row in shown.action[shown.steps().row]}
    from_them = [action.tobytes() in known for action in batch.action.reshape(-1, 2)]
    np.testing.assert_array_equal(np.reshape(from_them, (3, 64)).sum(axis=1), [16, 16, 16])
    imitated = batch.demonstrated.reshape(-1) == 1
    assert imitated.any()
    assert not (imitated & ~np.array(from_them)).any(), "no step of its own is imitated"
    assert set(figures) == set(trainer.method.FIGURES)
    assert np.isfinite(list(figures.values())).all()
    trainer.close()


def test_the_share_is_rounded_and_at_most_all(data: str) -> None:
    for share, count in ((0.125, 8), (0.13, 8), (0.135, 9), (1.0, 64)):
        trainer = Trainer(make(data, demos__share=share))
        trainer.cycle()
        batch, _ = batches(trainer, 2)
        shown = demonstrations_of(trainer)
        known = {row.tobytes() for row in shown.action[shown.steps().row]}
        from_them = [action.tobytes() in known for action in batch.action.reshape(-1, 2)]
        np.testing.assert_array_equal(np.reshape(from_them, (2, 64)).sum(axis=1), [count] * 2)
        assert batch.inputs.shape == (2, 64, 4)
        trainer.close()


def test_demonstrations_are_relabelled_like_all_else(data: str) -> None:
    """The share drawn from them is exactly what the method makes of them."""
    trainer = Trainer(make(data, demos__share=1.0))
    batch, _ = batches(trainer, 2)
    shown = demonstrations_of(trainer)
    expect_equal(batch, of_method(trainer, shown, (2, 64)))
    assert (batch.demonstrated == 1).all(), "all of them led to their goals"
    goals = {goal.tobytes() for goal in shown.desired}
    relabelled = [row[2:].tobytes() not in goals for row in batch.inputs.reshape(-1, 4)]
    assert 0.5 < np.mean(relabelled) < 0.95  # k = 4: four of five
    trainer.close()


@pytest.mark.parametrize("strategy", ["none", "final"])
def test_only_what_led_to_the_goal_is_imitated(tmp_path: Path, strategy: str) -> None:
    """Half of these demonstrations run away from their goals; in hindsight they are as good."""
    steps = itertools.count()

    def either(seen: Any) -> np.ndarray:
        return straight(seen) * (1 if next(steps) // LENGTH % 2 else -1)

    folder = dataset(tmp_path / "either", played(either))
    trainer = Trainer(make(folder, demos__share=1.0, method__strategy=strategy))
    batch, _ = batches(trainer, 2)
    shown, reward = demonstrations_of(trainer), trainer.method.task.reward
    stored = shown.steps()
    led = []
    for inputs, action in zip(
        batch.inputs.reshape(-1, 4), batch.action.reshape(-1, 2), strict=True
    ):
        seen = (shown.observation[stored.row] == inputs[:2]).all(1)
        rows = np.flatnonzero(seen & (shown.action[stored.row] == action).all(1))
        found = set()  # a point at rest shows the same at many steps, all of one episode
        for row, time in zip(stored.row[rows], stored.time[rows], strict=True):
            rest = slice(row + 1, row + 1 + LENGTH - time)
            found.add(bool(reward(shown.achieved[rest], inputs[2:]).max() == 0))
        assert len(found) == 1
        led.append(found.pop())
    np.testing.assert_array_equal(batch.demonstrated.reshape(-1), led)
    low, high = (0.3, 0.7) if strategy == "none" else (0.8, 1.0)
    assert low < np.mean(led) <= high
    trainer.close()


def test_without_a_share_the_method_is_left_as_it_is(data: str) -> None:
    trainer = Trainer(make(data, demos__share=0.0))
    trainer.cycle()
    batch, _ = batches(trainer, 2)
    expect_equal(batch, of_method(trainer, trainer.buffer, (2, 64)))
    assert not batch.demonstrated.any()
    trainer.close()


def test_without_demonstrations_nothing_is_imitated() -> None:
    trainer = Trainer(make(""))
    trainer.cycle()
    assert trainer.demonstrations is None
    batch, _ = batches(trainer, 2)
    assert batch.demonstrated is None
    expect_equal(batch, of_method(trainer, trainer.buffer, (2, 64)))
    trainer.close()


def test_their_inputs_count_in_the_normalisation_from_the_start(data: str) -> None:
    trainer = Trainer(make(data))
    assert trainer.agents[0].observed == demonstrations_of(trainer).transitions == 10 * LENGTH
    trainer.close()


def test_only_so_many_are_used(data: str) -> None:
    trainer = Trainer(make(data, demos__episodes=3))
    assert demonstrations_of(trainer).episodes == 3
    trainer.close()


def test_relay_learns_from_them_too(tmp_path: Path) -> None:
    demonstrations = played(lambda seen: seen["observation"][4:6].clip(-1, 1), 2, CARRY)
    folder = dataset(tmp_path / "d", demonstrations, CARRY)
    trainer = Trainer(make(folder, "relay", CARRY))
    trainer.cycle()
    trainer.cycle()
    assert trainer.counters.updates > 0
    batch, _ = batches(trainer, 2)
    flags = [tuple(int(x) for x in row) for row in batch.inputs[:, -8:, -2:].reshape(-1, 2)]
    assert set(flags) == {(1, 0), (0, 1)}, "the demonstrated eighth is for all stages"
    assert not batch.demonstrated[:, :-8].any()
    trainer.close()


def test_the_preset_of_baselines_has_the_numbers_of_its_authors() -> None:
    baselines = experiments.make("her", REACH, preset="baselines-demos")
    demos = baselines.demos
    assert (baselines.learner.batch_size * demos.share, demos.weight) == (128, 0.0078)
    assert (demos.policy_weight, demos.q_filter) == (0.001, True)
    assert baselines.method.exploration.noise == 0.1
    assert baselines.method.exploration.random == 0.1


def settings(data: str, **more: Any) -> dict[str, Any]:
    return SMALL | {"demos.data": data} | {k.replace("__", "."): v for k, v in more.items()}


def test_a_run_goes_on_exactly_where_it_stopped(data: str, tmp_path: Path) -> None:
    whole = goalrelay.train(
        "her", REACH, episodes=12, out=tmp_path / "whole", settings=settings(data)
    )
    half = goalrelay.train("her", REACH, steps=150, out=tmp_path / "half", settings=settings(data))
    after = goalrelay.resume(half.folder, steps=300)
    for got, want in zip(
        after.policy.actors[0].weights, whole.policy.actors[0].weights, strict=True
    ):
        np.testing.assert_array_equal(got, want)


def test_cloning_alone_solves_what_is_demonstrated(data: str, tmp_path: Path) -> None:
    cloning = {"demos__share": 1.0, "demos__policy_weight": 0.0, "demos__q_filter": False}
    result = goalrelay.train(
        "her",
        REACH,
        learner="td3",
        episodes=10,
        out=tmp_path / "run",
        settings=settings(data, **cloning),
    )
    assert result.evaluation is not None
    assert result.evaluation.success >= 0.9


def test_the_q_filter_protects_from_a_bad_demonstrator(tmp_path: Path) -> None:
    """Random actions, imitated, hold the policy back; with the filter they do not."""
    rng = np.random.default_rng(0)
    folder = dataset(tmp_path / "bad", played(lambda _: rng.uniform(-1, 1, 2), 20))
    success = {}
    for q_filter in (True, False):
        result = goalrelay.train(
            "her",
            REACH,
            learner="td3",
            episodes=60,
            out=tmp_path / str(q_filter),
            settings=settings(folder, demos__q_filter=q_filter, demos__weight=3.0),
        )
        assert result.evaluation is not None
        success[q_filter] = result.evaluation.success
    assert success[True] >= 0.9
    assert success[False] <= 0.8


@pytest.mark.parametrize(
    ("method", "task", "options", "complaint"),
    [
        ("her", REACH, {"demos__data": "nowhere"}, "nowhere holds no Minari dataset"),
        ("her", "FetchReach-v4", {}, "does not fit task 'FetchReach-v4'"),
        ("relay", REACH, {}, "declares no stages"),
        ("her", REACH, {"demos__share": 2.0}, "--demos.share"),
        ("her", REACH, {"demos__weight": -1.0}, "--demos.weight"),
        ("her", REACH, {"demos__episodes": 0}, "--demos.episodes"),
    ],
)
def test_mistakes_are_said_in_one_line_and_leave_nothing_behind(
    data: str, tmp_path: Path, method: str, task: str, options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(UsageError) as refused:
        goalrelay.train(method, task, out=tmp_path / "run", settings=settings(data, **options))
    assert complaint in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "run").exists()


def test_a_buffer_holds_demonstrations_shorter_than_the_horizon(tmp_path: Path) -> None:
    cut = [
        one._replace(
            **{name: getattr(one, name)[:4] for name in one._fields[:3]},
            **{name: getattr(one, name)[:3] for name in ("action", "reward", "success")},
        )
        for one in played(episodes=6)
    ]
    trainer = Trainer(make(dataset(tmp_path / "short", cut)))
    shown = demonstrations_of(trainer)
    assert (shown.episodes, shown.transitions) == (6, 18)
    trainer.close()
