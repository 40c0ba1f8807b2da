"""Films show who acts and what it pursues; several episodes fit into one picture."""

import contextlib
import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import imageio.v2 as imageio
import numpy as np
import pytest

import goalrelay
from goalrelay.data.rollout import rollout
from goalrelay.errors import UsageError
from goalrelay.report import camera, filming, marks, video
from goalrelay.report.acting import Acting
from goalrelay.report.marks import Ball
from goalrelay.tasks.goal_task import open_task
from goalrelay.train.counters import Counters
from goalrelay.train.evaluate import Evaluation
from goalrelay.train.observer import Observer
from goalrelay.train.policy import load
from goalrelay.train.session import Result

pytestmark = pytest.mark.filterwarnings("ignore:os.fork")
GOAL = np.array([1.3, 0.7, 0.5], np.float32)
REACHING = Acting("reach", 0, True, (GOAL,), None)
TASK = Acting("task", 1, False, (GOAL,), None)


def frames(file: Path) -> list[np.ndarray]:
    reader: Any = imageio.get_reader(file)
    with reader:
        return [np.asarray(frame) for frame in reader]


def test_the_text_says_which_stage_acts_whether_it_guides_and_success() -> None:
    assert marks.text(REACHING, succeeds=False) == "stage reach, guides"
    assert marks.text(TASK, succeeds=True) == "stage task   success"
    assert marks.text(Acting("", None, False, (), None), succeeds=False) == ""


def test_a_stage_has_the_same_colour_in_text_and_scene() -> None:
    (ball,) = marks.balls(TASK, task_draws_subgoal=False)
    assert ball.colour == marks.stage_colour(1) != marks.stage_colour(0)
    picture = marks.write(np.zeros((100, 200, 3), np.uint8), "stage task", ball.colour)
    strip = picture[100:]
    assert picture.shape[:2] == (114, 200)
    red, green, blue = (int(ball.colour[i : i + 2], 16) for i in (1, 3, 5))
    assert (strip == (red, green, blue)).all(axis=-1).sum() == 8 * 8


def test_a_subgoal_is_marked_unless_the_task_draws_it() -> None:
    now = Acting("", None, False, (), np.array([3.0, 4.0], np.float32))
    (ball,) = marks.balls(now, task_draws_subgoal=False)
    np.testing.assert_array_equal(ball.position, (3, 4, 0))
    assert marks.balls(now, task_draws_subgoal=True) == []


def test_balls_in_the_viewer_replace_those_before() -> None:
    mujoco: Any = importlib.import_module("mujoco")
    model = mujoco.MjModel.from_xml_string(
        "<mujoco><worldbody><geom size='1'/></worldbody></mujoco>"
    )
    window, said = mujoco.MjvScene(model, 10), list[Any]()
    viewer = SimpleNamespace(user_scn=window, lock=contextlib.nullcontext, set_texts=said.append)
    for count in (3, 1):
        marks.add_to_viewer(viewer, model, [Ball(GOAL, "#ff0000")] * count, "stage reach")
        assert window.ngeom == count
    assert said[-1][2] == "stage reach"
    np.testing.assert_allclose(window.geoms[0].pos, GOAL)
    np.testing.assert_allclose(window.geoms[0].rgba[:3], (1, 0, 0))


def test_a_ball_is_seen_in_the_next_picture_alone(opengl: None) -> None:
    task = open_task("FetchPush-v4", render_mode="rgb_array")
    try:
        task.reset(0)
        before: Any = task.env.render()
        marks.add_to_renderer(task.env, [Ball(GOAL, "#ff00ff")])
        with_ball: Any = task.env.render()
        after: Any = task.env.render()
    finally:
        task.close()
    changed = np.abs(with_ball.astype(int) - before).max(axis=-1) > 40
    assert 20 < changed.sum() < 5000
    red, green, blue = with_ball[changed].mean(axis=0)
    assert red > green < blue
    np.testing.assert_array_equal(before, after)


def test_what_is_shown_changes_nothing_in_the_episode(small_run: Result) -> None:
    policy, shown = load(small_run.folder), list[bool]()
    task = open_task(policy.task)
    plain = rollout(task, lambda _: policy.act(), 5, evaluation=True)
    seen = camera.episode(task, policy, 5, lambda *now: shown.append(now[2]))
    np.testing.assert_array_equal(plain.observation, seen.observation)
    assert len(shown) == plain.length + 1
    assert shown[0] is False
    assert shown[-1] == (plain.success == 1)


def test_a_grid_shows_its_episodes_at_the_same_time(small_run: Result, tmp_path: Path) -> None:
    video.record(small_run.folder, tmp_path / "one.mp4", episodes=1, seed=8)
    single = frames(tmp_path / "one.mp4")
    result = video.record(small_run.folder, tmp_path / "grid.mp4", 3, seed=7, columns=2)
    grid = frames(tmp_path / "grid.mp4")
    assert result.episodes == 3
    assert len(grid) == len(single)
    assert grid[0].shape == (256, 256, 3)
    second = grid[-1][:128, 128:].astype(float)
    assert np.abs(second - single[-1][::2, ::2]).mean() < 12
    assert grid[-1][128:, 128:].max() < 20, "a cell without an episode is black"


def test_films_are_made_while_a_run_trains(tmp_path: Path) -> None:
    lines: list[str] = []

    class Shown(Observer):
        def evaluation(self, counters: Counters, evaluation: Evaluation) -> None:
            lines.append("evaluation")

    small = {"learner.hidden": (8,), "evaluate.every": 5, "evaluate.episodes": 2}
    goalrelay.train(
        "her",
        "goalrelay/PointReach-v0",
        episodes=20,
        out=tmp_path / "run",
        settings={**small, "evaluate.confirm": 2, "collect.updates": 2, "save.tensorboard": True},
        observer=filming.Filming(Shown(), 10),
    )
    names = sorted(path.name for path in (tmp_path / "run" / "films").iterdir())
    assert names == ["episode-00000010.mp4", "episode-00000020.mp4"]
    assert len(lines) == 4


def test_a_run_whose_task_cannot_be_filmed_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise UsageError("no OpenGL here")

    monkeypatch.setattr(filming, "film", refuse)
    with pytest.warns(UserWarning, match="no films of this run: no OpenGL here"):
        result = goalrelay.train(
            "her",
            "goalrelay/PointReach-v0",
            episodes=10,
            out=tmp_path / "run",
            settings={"learner.hidden": (8,), "evaluate.every": 5, "evaluate.confirm": 2},
            observer=filming.Filming(Observer(), 5),
        )
    assert result.reason == "budget"
