"""What a page draws of a model, and which goals it lets people drag."""

import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goalrelay.tasks.goal_task import open_task
from push_task import PUSH_BALL
from random_policies import policy_in

pytest.importorskip("viser", reason="needs goalrelay[web]")
from goalrelay.report import web
from goalrelay.report.acting import Acting
from goalrelay.report.viewer import simulation
from goalrelay.report.web import scene
from goalrelay.report.web.goals import GoalSetter, Place, places
from goalrelay.report.web.markers import Markers


def parts(env: Any) -> dict[tuple[str, tuple[float, ...]], Any]:
    """The meshes of an environment by name of body and colour."""
    model = env.unwrapped.model
    return {(model.body(b).name, c): m for (b, c), m in scene._meshes(model).items()}


def test_each_kind_of_geom_is_a_mesh_of_its_size_in_its_place() -> None:
    drawn = parts(open_task(PUSH_BALL).env)
    half = {key: (mesh.bounds[1] - mesh.bounds[0]) / 2 for key, mesh in drawn.items()}
    middle = {key: mesh.bounds.mean(axis=0) for key, mesh in drawn.items()}
    table, ball = ("world", (0.7, 0.5, 0.3, 1.0)), ("ball", (0.0, 0.8, 0.0, 1.0))
    hand, wedge = ("hand", (0.2, 0.2, 0.8, 1.0)), ("world", (0.0, 0.0, 1.0, 0.5))
    floor = ("world", scene.DEFAULT_RGBA)
    assert set(drawn) == {table, ball, hand, wedge, floor}, "nothing of group 3"
    np.testing.assert_allclose(half[table], (1, 1, 0.05))
    np.testing.assert_allclose(half[ball], 0.1, atol=1e-6)
    np.testing.assert_allclose(half[hand], (0.05, 0.05, 0.11), atol=2e-3)
    np.testing.assert_allclose(middle[hand], (0, 0, 0.01), atol=1e-3)
    np.testing.assert_allclose(half[wedge], 0.05)
    np.testing.assert_allclose(middle[wedge], (-0.75, -0.75, 0.05))
    assert half[floor][0] > 2, "a plane without end is larger than the scene"
    np.testing.assert_allclose(drawn[floor].bounds[1, 2], -0.1, atol=1e-6)


def test_a_texture_is_its_mean_colour() -> None:
    task = open_task("PointMaze_UMaze-v3")
    colours = {colour[:3] for _, colour in parts(task.env)}
    assert colours - {scene.DEFAULT_RGBA[:3]}
    task.close()


@pytest.fixture
def server() -> Iterator[Any]:
    server = web.serve(0)
    yield server
    server.stop()


def test_the_scene_follows_the_simulation_and_does_not_touch_it(server: Any) -> None:
    task = open_task(PUSH_BALL)
    raw: Any = task.env.unwrapped
    task.reset(0)
    shown = scene.Scene(server, raw.model)
    shown.update(raw.data)
    stale = raw.data.xpos.copy()
    raw.data.qpos[2:5] = 0.3, 0.4, 0.5
    shown.update(raw.data)
    np.testing.assert_array_equal(raw.data.xpos, stale)
    ball = raw.model.body("ball").id
    (handle,) = (handle for body, handle in shown._handles if body == ball)
    np.testing.assert_allclose(handle.position, (0.3, 0.4, 0.5))
    raw.model.geom_rgba[:, 0] = 0.9  # a reset may paint
    shown.update(raw.data)
    assert all(h.color[0] == pytest.approx(230, abs=1) for _, h in shown._handles)


@pytest.mark.parametrize(
    ("task_id", "options", "expected"),
    [
        ("FetchReach-v4", (), [(0, 3, "robot0:grip")]),
        ("goalrelay/FetchDoublePush-v0", (), [(0, 3, "object0"), (3, 3, "object1")]),
        ("goalrelay/AntMaze-v0", (), [(0, 2, "torso")]),
        (PUSH_BALL, (), [(0, 3, "ball")]),
        (PUSH_BALL, ("turned=true",), []),
        ("InvertedDoublePendulum-v5", (), []),
    ],
)
def test_goals_are_positions_where_a_body_or_a_site_achieves_them(
    task_id: str, options: tuple[str, ...], expected: list[tuple[int, int, str]]
) -> None:
    task = open_task(task_id, options)
    found = simulation(task.env)
    assert found is not None
    assert [place[:3] for place in places(task, *found)] == expected
    task.close()


def test_a_goal_of_x_and_y_has_the_height_of_its_body() -> None:
    task = open_task("goalrelay/AntMaze-v0")
    (place,) = places(task, *(simulation(task.env) or ()))
    goal = np.array([3.0, 4.0], np.float32)
    np.testing.assert_allclose(place.of(goal), (3, 4, place.height))
    assert place.height > 0.2
    np.testing.assert_array_equal(place.put(goal, np.array([1.0, 2.0, 9.0])), (1, 2))
    task.close()


def test_a_goal_that_is_no_position_has_no_handle_and_the_page_says_so(server: Any) -> None:
    task = open_task(PUSH_BALL, ("turned=true",))
    policy = policy_in(task, "her")
    page = web.Page(server, policy, task, Path("run"))
    page._show()
    assert not page._markers._goals
    content = html.unescape(page._panel._text.content)
    assert "the goal" in content and "cannot be dragged: it is not the position" in content


def test_a_handle_is_moved_by_the_task_but_not_against_the_hand(server: Any) -> None:
    asked: list[tuple[int, np.ndarray]] = []
    place = Place(0, 3, "ball", 0.0)
    markers = Markers(server, [place], 0.1, lambda what: what(), lambda *a: asked.append(a))
    goal, now = np.zeros(3, np.float32), Acting("", None, False, (), None)
    (handle,) = markers._goals
    markers.update(goal + 1, now)
    np.testing.assert_allclose(handle.position, 1)
    handle.position = (2.0, 2.0, 2.0)  # the hand is there; the task knows of nothing yet
    markers.update(goal + 1, now)
    np.testing.assert_allclose(handle.position, 2)
    markers._dragged(0, np.full(3, 2.0))
    assert [number for number, _ in asked] == [0]
    markers.update(goal + 3, now)  # a new episode
    np.testing.assert_allclose(handle.position, 3)


def test_the_environments_own_goal_and_success_follow() -> None:
    task = open_task(PUSH_BALL)
    raw: Any = task.env.unwrapped
    seen = task.reset(0)
    setter = GoalSetter(task)
    assert setter.shown(seen) is seen
    setter.set(seen.achieved)
    np.testing.assert_allclose(raw.goal, seen.achieved)
    after, reward, _, _, info = task.step(np.zeros(2, np.float32))
    assert reward == 0 and info["is_success"]
    assert setter.reached(setter.shown(after), info, reward) is True


def test_without_a_goal_in_the_environment_the_observation_and_the_reward_have_it() -> None:
    task = open_task(PUSH_BALL)
    raw: Any = task.env.unwrapped
    seen = task.reset(0)
    setter = GoalSetter(task)
    raw.goal = tuple(raw.goal)  # cannot be set
    setter.set(seen.achieved)
    shown = setter.shown(seen)
    np.testing.assert_array_equal(shown.desired, seen.achieved)
    assert setter.reached(shown, {"is_success": False}, -1.0) is True
    assert (np.array(raw.goal) != seen.achieved).any()
