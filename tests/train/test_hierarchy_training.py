"""A hierarchy has what other methods have: runs, resuming, policies, tests, films."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import goalrelay
from conftest import SMALL
from goalrelay.data.rollout import rollout
from goalrelay.errors import UsageError
from goalrelay.train.logbook import read_table
from goalrelay.report.video import record
from goalrelay.train.session import Result
from goalrelay.tasks.ant import scene
from goalrelay.tasks.goal_task import open_task
from goalrelay.types import Observation

MAZE = "goalrelay/PointMaze-v0"
HIRO: dict[str, Any] = SMALL | {
    "collect.updates": 1.0,
    "evaluate.every": 2,
    "evaluate.episodes": 2,
    "evaluate.confirm": 2,
    "learner.batch_size": 16,
    "method.exploration.random_steps": 200,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Result:
    out = tmp_path_factory.mktemp("hiro") / "run"
    return goalrelay.train("hiro", MAZE, episodes=6, out=out, settings=HIRO)


def test_both_levels_learn_and_are_logged(run: Result) -> None:
    rows = read_table(run.folder / "progress.csv")
    for level in ("low_", "high_"):
        for name in ("critic_loss", "actor_loss", "q"):
            assert any(np.isfinite(float(row[level + name])) for row in rows), level + name
    assert float(rows[-1]["missed"]) > 0
    assert 0 <= float(rows[-1]["corrected"]) <= 1


@pytest.mark.parametrize(("every", "high"), [(None, 200), (4, 500)])
def test_the_high_level_makes_an_update_for_so_many_of_the_low_one(
    every: int | None, high: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from goalrelay.learners import agent as level

    made: dict[str, int] = {}
    update = level.Level.update

    def count(self: level.Level, state: Any, batches: Any, key: Any) -> Any:
        made[self.part.name] = made.get(self.part.name, 0) + len(batches.reward)
        return update(self, state, batches, key)

    monkeypatch.setattr(level.Level, "update", count)
    settings = HIRO | {"method.every": every, "method.exploration.random_steps": 0}
    goalrelay.train("hiro", MAZE, episodes=11, out=tmp_path / "r", settings=settings)
    assert made == {"low_": 2000, "high_": high}


def test_a_frozen_low_level_learns_no_more_and_the_high_one_does(tmp_path: Path) -> None:
    settings = HIRO | {"method.exploration.random_steps": 0, "method.every": 1}
    settings |= {"evaluate.average": 0.0}
    actors = []
    for episodes in (3, 5):
        out = tmp_path / str(episodes)
        frozen = settings | {"method.freeze": 400}
        run = goalrelay.train("hiro", MAZE, episodes=episodes, out=out, settings=frozen)
        actors.append(run.policy.actors)
    short, long = actors
    np.testing.assert_array_equal(short[0].weights[0], long[0].weights[0])
    assert not np.array_equal(short[1].weights[0], long[1].weights[0])


def test_a_stopped_hierarchy_goes_on_as_if_it_had_not(run: Result, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    goalrelay.train("hiro", MAZE, episodes=3, out=broken, settings=HIRO)
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


def test_tests_are_of_the_target_by_which_the_task_is_judged(run: Result) -> None:
    task, policy = open_task(MAZE), goalrelay.load(run.folder)
    goals = {
        judged: {
            tuple(rollout(task, lambda _: policy.play(), seed, judged).desired[0].tolist())
            for seed in range(3)
        }
        for judged in (True, False)
    }
    assert goals[True] == {(0.0, 8.0)}
    assert len(goals[False]) == 3


def test_what_a_film_shows_is_where_the_sub_goal_is(run: Result) -> None:
    policy = goalrelay.load(run.folder)
    seen = np.array([1.0, 2.0, 0, 1, 0], "f")
    moment = Observation(seen, seen[:2], np.zeros(2, "f"))
    decision = np.array([0.5, 0.5, -3.0, 4.0], "f")
    np.testing.assert_array_equal(policy.wanted(moment, decision), [-2.0, 6.0])


def test_a_film_shows_sub_goals(run: Result, tmp_path: Path) -> None:
    record(run.folder, tmp_path / "film.gif", episodes=1)
    imageio = pytest.importorskip("imageio.v2")
    pictures = imageio.mimread(tmp_path / "film.gif", memtest=False)
    pink = np.round(255 * np.array(scene.SUBGOAL[:3]))
    shown = [(np.abs(p[..., :3] - pink).max(axis=-1) < 12).sum() for p in pictures]
    assert shown[0] == 0  # nothing is decided yet
    assert np.mean([n > 5 for n in shown[1:]]) > 0.5  # some lie outside of the picture


@pytest.mark.parametrize("task", ["goalrelay/AntGather-v0", "goalrelay/PointFallSparse-v0"])
def test_hierarchies_start_on_every_kind_of_ant_task(task: str, tmp_path: Path) -> None:
    settings = HIRO | {"method.adjacency": 1.0, "method.landmarks": 0.0}
    goalrelay.train("hiro", task, episodes=2, out=tmp_path / "r", settings=settings)
    assert goalrelay.load(tmp_path / "r").spec == open_task(task).spec


def test_a_task_without_places_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--method\.columns and --method\.reach"):
        goalrelay.train("hiro", "Pendulum-v1", episodes=1, out=tmp_path / "r")
