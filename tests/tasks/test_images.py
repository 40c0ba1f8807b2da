"""Images in observations: which fit, what they become, and what the tasks with cameras show."""

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import stranger_tasks as strangers
from goalrelay.data.rollout import Simulator
from goalrelay.errors import UsageError
from goalrelay.tasks.fetch import reach, reach_image
from goalrelay.tasks.goal_task import open_task
from goalrelay.tasks.inspect.report import report, text


def image_space(*shape: int) -> spaces.Box:
    return spaces.Box(0, 255, shape, np.uint8)


def counted(space: spaces.Box) -> np.ndarray:
    """An image whose pixels differ."""
    return (np.arange(int(np.prod(space.shape))) % 251).astype(np.uint8).reshape(space.shape)


def showing(space: Any, look: Callable[[np.ndarray], Any]) -> Simulator:
    """The line whose observation is in this space."""

    class Other(strangers.Line):
        def __init__(self, render_mode: str | None = None):
            goals: dict[str, Any] = dict.fromkeys(strangers.KEYS[1:], strangers.BOX)
            self.observation_space = spaces.Dict(goals | {"observation": space})

        def look(self) -> Any:
            seen = super().look()
            return seen | {"observation": look(seen["observation"])}

    return opened(Other)


def opened(kind: Any) -> Simulator:
    """A task of this kind, registered for the moment only."""
    gymnasium.register("Camera-v0", kind, max_episode_steps=6)
    try:
        return open_task("Camera-v0")
    finally:
        gymnasium.registry.pop("Camera-v0")


def test_an_image_alone_leaves_no_numbers() -> None:
    space = image_space(20, 30, 3)
    task = showing(space, lambda _: counted(space))
    assert task.spec.image == (20, 30, 3)
    assert task.spec.observation_size == 0
    seen = task.reset(0)
    np.testing.assert_array_equal(seen.image, counted(space))
    assert seen.image.dtype == np.uint8
    assert seen.observation.shape == (0,)


def test_several_images_become_one_beside_the_numbers() -> None:
    first, grey = image_space(3, 24, 16), image_space(24, 16)
    space = spaces.Dict({"top": first, "joints": strangers.BOX, "side": grey})
    task = showing(space, lambda x: {"top": counted(first), "joints": x, "side": counted(grey)})
    assert task.spec.image == (24, 16, 4)
    assert task.spec.observation_size == 1
    seen = task.reset(0)
    assert seen.observation[0] == seen.achieved[0]
    np.testing.assert_array_equal(seen.image[..., 0], counted(grey))  # keys are sorted
    np.testing.assert_array_equal(seen.image[..., 1:], np.moveaxis(counted(first), 0, -1))


@pytest.mark.parametrize(
    ("space", "complaint"),
    [
        (image_space(8, 64, 3), "16 x 16"),
        (image_space(300, 64, 3), "300 x 64"),
        (spaces.Dict({"a": image_space(16, 16, 3), "b": image_space(32, 16, 3)}), "same size"),
        (spaces.Box(0, 1, (32, 32, 3), np.float32), "uint8"),
        (image_space(2, 16, 16, 3), "uint8"),
        (image_space(20, 32, 32), "channels may be first or last; an image has fewer than 16 chan"),
    ],
)
def test_images_that_do_not_fit_are_refused_in_one_line(space: Any, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        showing(space, lambda _: _)


def test_frames_that_are_stacked_are_channels_first_or_last() -> None:
    for shape in ((9, 24, 16), (24, 16, 9)):
        space = image_space(*shape)
        assert showing(space, lambda _, space=space: counted(space)).spec.image == (24, 16, 9)


def test_goals_that_are_images_are_refused() -> None:
    class Shown(strangers.Line):
        def __init__(self, render_mode: str | None = None):
            goals: dict[str, Any] = dict.fromkeys(strangers.KEYS, image_space(16, 16, 3))
            self.observation_space = spaces.Dict(goals)

    with pytest.raises(UsageError, match=r"images in observation\['achieved_goal'\]"):
        opened(Shown)


def test_an_image_of_another_type_than_its_space_is_one_line() -> None:
    space = image_space(16, 16, 3)
    with pytest.raises(UsageError, match=r"float32 of shape .* uint8"):
        showing(space, lambda _: counted(space).astype(np.float32))


def test_an_image_that_the_environment_reuses_is_copied() -> None:
    space, frame = image_space(16, 16, 3), np.zeros((16, 16, 3), np.uint8)

    def look(_: np.ndarray) -> np.ndarray:
        frame[:] += 1
        return frame

    task = showing(space, look)
    before = task.reset(0)
    kept = before.image.copy()
    task.step(np.zeros(task.spec.action_size, np.float32))
    np.testing.assert_array_equal(before.image, kept)


def test_the_camera_sees_the_arm_and_not_the_goal(opengl: None) -> None:
    task = open_task("goalrelay/FetchReachImage-v0")
    one, again = task.reset(3), task.reset(3)
    np.testing.assert_array_equal(one.image, again.image)
    other = task.reset(4)
    assert not np.array_equal(one.desired, other.desired)
    assert np.array_equal(one.image, other.image), "the arm starts in one place"
    across = np.array([0.0, 1.0, 0.0, 0.0], np.float32)
    moved = [task.step(across)[0] for _ in range(8)][-1]
    changed = (moved.image != other.image).any(axis=-1)
    assert 0.02 < changed.mean() < 0.5
    task.close()


def test_the_point_is_where_it_is_seen() -> None:
    task = open_task("goalrelay/PointReachImage-v0")
    for seed in range(5):
        seen = task.reset(seed)
        rows, columns = np.nonzero((seen.image != 245).any(axis=-1))
        side = seen.image.shape[0] - 1
        place = np.array([2 * columns.mean() / side - 1, 1 - 2 * rows.mean() / side])
        np.testing.assert_allclose(place, seen.achieved, atol=0.1)
    task.close()


def test_inspect_says_that_there_is_an_image() -> None:
    about = report(open_task("goalrelay/PointReachImage-v0"), 100, 0)
    assert about["observation"] == [{"name": "image", "fact": "32 x 32 x 3"}]
    assert not about["module"] and "use her, with --preset images" in text(about)
    assert "hierarchy" not in text(about)


def test_a_small_board_is_numbers() -> None:
    board = image_space(4, 5)
    task = showing(board, lambda _: counted(board))
    assert not task.spec.image
    np.testing.assert_array_equal(task.reset(0).observation, counted(board).reshape(-1))


def test_a_camera_is_freed_while_nobody_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    freed: list[bool] = []

    class Camera:
        def close(self) -> None:
            freed.append(reach_image.DRAWING.locked())

    env: Any = reach_image.Environment.__new__(reach_image.Environment)
    env._camera = Camera()
    monkeypatch.setattr(reach.Environment, "close", lambda _: None)
    env.close()
    assert freed == [True] and not reach_image.DRAWING.locked()
