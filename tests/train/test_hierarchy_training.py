"""A hierarchy has what other methods have: runs, resuming, policies, evaluation, films."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import goalrelay
from conftest import SMALL
from goalrelay.data.rollout import rollout
from goalrelay.errors import UsageError
from goalrelay.learners.agent import Agent
from goalrelay.report.video import record
from goalrelay.tasks.ant import scene
from goalrelay.tasks.goal_task import open_task
from goalrelay.train.folder import RunFolder
from goalrelay.train.logbook import read_table
from goalrelay.train.session import Result
from goalrelay.types import Observation

MAZE = "goalrelay/PointMaze-v0"
SETTINGS: dict[str, Any] = SMALL | {
    "collect.updates": 1.0,
    "evaluate.every": 2,
    "evaluate.episodes": 2,
    "evaluate.confirm": 2,
    "learner.batch_size": 16,
    "method.exploration.random_steps": 200,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Result:
    out = tmp_path_factory.mktemp("hierarchy") / "run"
    return goalrelay.train("hierarchy", MAZE, episodes=6, out=out, settings=SETTINGS)


def test_both_levels_learn_and_are_logged(run: Result) -> None:
    rows = read_table(run.folder / "progress.csv")
    for level in ("low_", "high_"):
        for name in ("critic_loss", "actor_loss", "q"):
            assert any(np.isfinite(float(row[level + name])) for row in rows), level + name
    assert float(rows[-1]["low_level_distance"]) > 0
    assert float(rows[-1]["relabelled_subgoal_fraction"]) == 0
    assert 0 <= float(rows[-1]["imitated_fraction"]) <= 1


@pytest.mark.parametrize(("preset", "high"), [("default", 500), ("hiro", 200)])
def test_the_high_level_makes_an_update_for_so_many_of_the_low_one(
    preset: str, high: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made: dict[str, int] = {}
    start = Agent.start_updates

    def count(self: Agent, state: Any, batches: Any, key: Any) -> Any:
        state, metrics = start(self, state, batches, key)
        level = next(iter(metrics)).partition("_")[0]
        made[level] = made.get(level, 0) + len(batches.reward)
        return state, metrics

    monkeypatch.setattr(Agent, "start_updates", count)
    settings = SETTINGS | {"method.exploration.random_steps": 0}
    if preset == "hiro":  # the point has no joints
        settings |= {"method.subgoal_columns": (0, 1), "method.subgoal_range": (5.0,)}
        settings |= {"method.variant.subgoal_noise": (0.1,)}
    out = tmp_path / "r"
    goalrelay.train("hierarchy", MAZE, preset=preset, episodes=11, out=out, settings=settings)
    assert made == {"low": 2000, "high": high}
    logged = [float(row["relabelled_subgoal_fraction"]) for row in read_table(out / "progress.csv")]
    assert (np.nanmax(logged) > 0) == (preset == "hiro")  # the paper's correction


def test_a_stopped_hierarchy_goes_on_as_if_it_had_not(run: Result, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    goalrelay.train("hierarchy", MAZE, episodes=3, out=broken, settings=SETTINGS)
    goalrelay.resume(broken, steps=1200)
    name = "progress.csv"
    assert (broken / name).read_text() == (run.folder / name).read_text()
    name = "policy-last.safetensors"
    if (run.folder / name).exists():
        assert (broken / name).read_bytes() == (run.folder / name).read_bytes()


def test_a_hierarchical_policy_acts_an_episode_at_a_time(run: Result) -> None:
    policy = goalrelay.load(run.folder)
    env = gymnasium.make(MAZE)
    seen, _ = env.reset(seed=0)
    with pytest.raises(UsageError, match=r"policy\.episode\(\)"):
        policy(seen)
    act, over = policy.episode(), False
    while not over:
        action = act(seen)
        assert env.action_space.contains(action)
        seen, _, _, over, _ = env.step(action)


def test_evaluation_has_the_goal_by_which_the_task_is_judged(run: Result) -> None:
    task, policy = open_task(MAZE), goalrelay.load(run.folder)
    goals = {
        judged: {
            tuple(rollout(task, lambda _: policy.act(), seed, judged).desired[0].tolist())
            for seed in range(3)
        }
        for judged in (True, False)
    }
    assert goals[True] == {(0.0, 8.0)}
    assert len(goals[False]) == 3


def test_what_a_film_shows_is_where_the_sub_goal_is(run: Result) -> None:
    policy = goalrelay.load(run.folder)
    seen = np.array([1.0, 2.0, 0, 1, 0], "f")
    observation = Observation(seen, seen[:2], np.zeros(2, "f"))
    decision = np.array([0.5, 0.5, -3.0, 4.0], "f")
    position = policy.subgoal_position(observation, decision)
    assert position is not None
    np.testing.assert_array_equal(position, [-2.0, 6.0])


def test_a_film_shows_sub_goals(run: Result, tmp_path: Path) -> None:
    record(run.folder, tmp_path / "film.gif", episodes=1)
    imageio = pytest.importorskip("imageio.v2")
    pictures = imageio.mimread(tmp_path / "film.gif", memtest=False)
    pink = np.round(255 * np.array(scene.SUBGOAL[:3]))
    shown = [(np.abs(p[..., :3] - pink).max(axis=-1) < 12).sum() for p in pictures]
    assert np.mean([n > 5 for n in shown]) > 0.5  # some lie outside of the picture


@pytest.mark.parametrize("task", ["goalrelay/AntGather-v0", "goalrelay/PointFallSparse-v0"])
def test_hierarchies_start_on_every_kind_of_ant_task(task: str, tmp_path: Path) -> None:
    goalrelay.train("hierarchy", task, episodes=2, out=tmp_path / "r", settings=SETTINGS)
    assert goalrelay.load(tmp_path / "r").spec == open_task(task).spec


def test_a_task_without_positions_is_told_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--method\.subgoal-columns and --method\.subgoal-range"):
        goalrelay.train("hierarchy", "Pendulum-v1", episodes=1, out=tmp_path / "r")


def test_what_the_task_decides_is_in_the_runs_configuration(run: Result) -> None:
    config = RunFolder.open(run.folder).experiment().method
    assert config.subgoal_columns == (0, 1)
    assert config.subgoal_range == open_task(MAZE).spec.subgoal_range
    assert run.policy.method.config == config
