"""Films show the episodes that they report; where nothing can be drawn, one line says why."""

import importlib
import os
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import imageio.v2 as imageio
import numpy as np
import pytest

from goalrelay import methods
from goalrelay.data.rollout import rollout
from goalrelay.errors import UsageError
from goalrelay.learners import normalizer
from goalrelay.learners.networks import MLP
from goalrelay.report import video
from goalrelay.report.viewer import simulation
from goalrelay.tasks import opengl
from goalrelay.tasks.goal_task import open_task
from goalrelay.train.policy import Policy, load
from goalrelay.train.session import Result

pytestmark = pytest.mark.filterwarnings("ignore:os.fork")  # imageio's reader starts ffmpeg
MOMENTS = 26
"""Of an episode of the point-reacher: 25 steps, and the start."""
ODD = """
import gymnasium, numpy as np
from gymnasium import spaces

class Odd(gymnasium.Env):
    metadata = {"render_modes": ["rgb_array"], "render_fps": 150}
    observation_space, action_space = spaces.Box(0, 1, (1,)), spaces.Box(-1, 1, (1,))
    def __init__(self, render_mode=None, shape=(33, 35, 3)):
        self.render_mode, self.shape = render_mode, shape
    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(1, np.float32), {}
    def step(self, action):
        return np.zeros(1, np.float32), 1.0, False, False, {}
    def render(self):
        return np.full(self.shape, 200, np.uint8) if self.shape else None

gymnasium.register("Odd-v0", Odd, max_episode_steps=19)
gymnasium.register("Blank-v0", Odd, max_episode_steps=19, kwargs={"shape": None})
"""
OWN_RENDERER = """
import gymnasium, mujoco, numpy as np
from gymnasium import spaces

XML = "<mujoco><worldbody><light pos='0 0 3'/><geom size='.3'/></worldbody></mujoco>"

class Ball(gymnasium.Env):
    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}
    observation_space, action_space = spaces.Box(0, 1, (1,)), spaces.Box(-1, 1, (1,))
    def __init__(self, render_mode=None):
        self.render_mode, self.renderer = render_mode, None
        self.model = mujoco.MjModel.from_xml_string(XML)
        self.data = mujoco.MjData(self.model)
        mujoco.mj_forward(self.model, self.data)
    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(1, np.float32), {}
    def step(self, action):
        return np.zeros(1, np.float32), 1.0, False, False, {}
    def render(self):
        self.renderer = self.renderer or mujoco.Renderer(self.model, 64, 64)
        self.renderer.update_scene(self.data)
        return self.renderer.render()
    def close(self):
        if self.renderer:
            self.renderer.close()

gymnasium.register("Ball-v0", Ball, max_episode_steps=3)
"""


def untrained(folder: Path, task_id: str) -> Path:
    """A policy that does nothing, for any task with continuous actions."""
    task = open_task(task_id)
    name = "flat" if task.flat else "her"
    kind = methods.find(name)
    method = kind(kind.Config(), task.task, 0.98)
    inputs, actions = len(method.levels[0].normalized), task.spec.action_size
    policy = Policy(
        task_id,
        (),
        name,
        method,
        "ddpg",
        task.interface,
        (MLP((np.zeros((inputs, actions), np.float32),), (np.zeros(actions, np.float32),)),),
        (normalizer.moments(normalizer.empty(inputs), np.inf, np.ones(inputs, bool)),),
    )
    task.close()
    policy.save(folder)
    return folder


def opened(file: Path) -> Any:
    return imageio.get_reader(file)


def always(value: Any) -> Any:
    """A function that gives the value, whatever it is asked."""
    return lambda *_, **__: value


def frames(file: Path) -> list[np.ndarray]:
    with opened(file) as reader:
        return [np.asarray(frame) for frame in reader]  # list() believes its length, infinity


def about(file: Path) -> dict[str, Any]:
    with opened(file) as reader:
        return dict(reader.get_meta_data())


@pytest.fixture
def no_choice() -> Iterator[None]:
    """No OpenGL has been chosen, and none stays chosen."""
    names = ("MUJOCO_GL", "PYOPENGL_PLATFORM")
    before = {name: os.environ.pop(name, None) for name in names}
    yield
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


def expect_film_or_reason(policy: Path, out: Path, count: int, shape: tuple[int, int]) -> None:
    """A film where this machine has an OpenGL that needs no window, else the clear refusal."""
    if opengl.complaint("egl") is None or opengl.complaint("osmesa") is None:
        result = video.record(policy, out, episodes=1)
        pictures = frames(out)
        assert result.episodes == 1
        assert len(pictures) == count
        assert pictures[0].shape == (*shape, 3)
        assert pictures[0].std() > 5, "something is to be seen"
    else:
        with pytest.raises(UsageError, match=r"needs EGL or OSMesa.* works here: ."):
            video.record(policy, out, episodes=1)
        assert not out.exists()


def test_a_film_has_a_frame_for_each_moment(small_run: Result, tmp_path: Path) -> None:
    out = tmp_path / "films" / "out.mp4"
    video.record(small_run.folder, out, episodes=2, seed=7)
    pictures = frames(out)
    assert len(pictures) == 2 * MOMENTS
    assert pictures[0].shape == (256, 256, 3)
    assert about(out)["codec"] == "h264"
    assert about(out)["pix_fmt"].startswith("yuv420p")
    assert about(out)["fps"] == 10
    assert [path.name for path in out.parent.iterdir()] == ["out.mp4"]


def test_a_film_shows_the_episodes_that_it_reports(small_run: Result, tmp_path: Path) -> None:
    result = video.record(small_run.folder, tmp_path / "out.mp4", episodes=2, seed=7)
    policy = load(small_run.folder)
    task = open_task(policy.task, render_mode="rgb_array")
    episodes = [rollout(task, lambda _: policy.act(), seed) for seed in (7, 8)]
    gaps = [np.linalg.norm(e.achieved[-1] - e.desired[-1]) for e in episodes]
    assert result.episodes == 2
    assert result.distance == pytest.approx(np.mean(gaps))
    last: Any = task.env.render()
    difference = np.abs(frames(tmp_path / "out.mp4")[-1].astype(float) - last)
    assert difference.mean() < 3, "the last frame is the last moment, but for compression"


def test_a_gif_repeats_for_ever_in_real_time(small_run: Result, tmp_path: Path) -> None:
    out = tmp_path / "out.gif"
    video.record(small_run.folder, out, episodes=1)
    seconds = 0.0
    with opened(out) as reader:
        for i in range(len(reader)):  # moments that look alike are one frame, shown for longer
            seconds += reader.get_meta_data(i)["duration"] / 1000
        assert reader.get_meta_data(0)["loop"] == 0
    assert seconds == pytest.approx(MOMENTS / 10, abs=0.01)


def test_fast_tasks_keep_their_pace_and_odd_sides_become_even(user_module: Path) -> None:
    (user_module / "odd_task.py").write_text(ODD)
    out = user_module / "out.mp4"
    video.record(untrained(user_module, "odd_task:Odd-v0"), out, episodes=1)
    assert len(frames(out)) == 7, "every third of 20 moments"
    assert about(out)["fps"] == 50
    assert frames(out)[0].shape == (34, 36, 3)


def test_a_task_that_draws_nothing_is_refused(user_module: Path) -> None:
    (user_module / "odd_task.py").write_text(ODD)
    folder = untrained(user_module, "odd_task:Blank-v0")
    with pytest.raises(
        UsageError, match=r"'odd_task:Blank-v0' cannot be filmed: .* render\(\) must"
    ):
        video.record(folder, user_module / "out.mp4")
    assert not (user_module / "out.mp4").exists()


@pytest.mark.parametrize(
    ("out", "more", "complaint"),
    [
        ("out.avi", {}, r"out\.avi must end in \.mp4 or \.gif"),
        ("out", {}, r"out must end in \.mp4 or \.gif"),
        ("policy.json/out.mp4", {}, r"out\.mp4 cannot be written"),
        ("out.mp4", {"episodes": 0}, "--episodes must be at least 1, got 0"),
        ("out.mp4", {"seed": -1}, "--seed must be at least 0, got -1"),
    ],
)
def test_what_cannot_be_filmed_is_refused_in_one_line(
    small_run: Result, tmp_path: Path, out: str, more: dict[str, Any], complaint: str
) -> None:
    (tmp_path / "policy.json").write_text("{}")
    with pytest.raises(UsageError, match=complaint):
        video.record(small_run.folder, tmp_path / out, **more)
    assert [path.name for path in tmp_path.iterdir()] == ["policy.json"]


@pytest.mark.parametrize(
    ("missing", "ending"),
    [("imageio.v2", "mp4"), ("imageio.v2", "gif"), ("imageio_ffmpeg", "mp4")],
)
def test_without_imageio_recording_says_what_to_install(
    small_run: Result,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    missing: str,
    ending: str,
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UsageError, match=rf"{ending} needs .*pip install 'goalrelay\[viz\]'"):
        video.record(small_run.folder, tmp_path / f"out.{ending}")
    assert not list(tmp_path.iterdir())


def test_a_robot_is_filmed_off_screen(no_choice: None, tmp_path: Path) -> None:
    policy = untrained(tmp_path, "FetchReach-v4")
    expect_film_or_reason(policy, tmp_path / "out.mp4", 51, (510, 480))  # text below


def test_a_renderer_of_mujocos_own_gets_the_choice_late(no_choice: None, user_module: Path) -> None:
    (user_module / "ball_task.py").write_text(OWN_RENDERER)
    policy = untrained(user_module, "ball_task:Ball-v0")
    expect_film_or_reason(policy, user_module / "out.mp4", 4, (64, 64))


def test_without_opengl_nothing_is_recorded(
    no_choice: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = untrained(tmp_path, "FetchReach-v4")
    monkeypatch.setattr(opengl, "complaint", lambda backend: f"no {backend}")
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(UsageError, match=r"needs EGL or OSMesa.* works here: ."):
        video.record(policy, tmp_path / "out.mp4")
    os.environ["MUJOCO_GL"] = "egl"
    with pytest.raises(UsageError, match=r"^MUJOCO_GL=egl cannot draw here \(no egl\); unset"):
        video.record(policy, tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def test_toy_tasks_need_no_opengl(
    small_run: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opengl, "complaint", always("nothing works"))
    video.record(small_run.folder, tmp_path / "out.mp4", episodes=1)
    assert (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize(
    ("asked", "working", "used"),
    [
        (None, {"egl", "osmesa", "glfw"}, "egl"),
        (None, {"osmesa", "glfw"}, "osmesa"),
        (None, {"glfw"}, "glfw"),
        ("osmesa", {"egl", "osmesa"}, "osmesa"),
    ],
)
def test_the_users_choice_comes_first_then_the_first_that_works(
    no_choice: None,
    monkeypatch: pytest.MonkeyPatch,
    asked: str | None,
    working: set[str],
    used: str,
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(opengl, "complaint", lambda name: None if name in working else "broken")
    monkeypatch.setattr(importlib, "reload", lambda module: module)  # drivers may not be here
    if asked:
        os.environ["MUJOCO_GL"] = asked
    opengl.choose_backend()
    assert os.environ["MUJOCO_GL"] == used
    assert os.environ.get("PYOPENGL_PLATFORM") == (None if used == "glfw" else used)


@pytest.mark.parametrize("task", ["AntMaze", "AntFallSparse", "AntGather", "FetchPush"])
def test_viewers_and_the_choice_of_a_backend_find_the_simulation_of_our_tasks(task: str) -> None:
    env = open_task(f"goalrelay/{task}-v0").env
    assert simulation(env) is not None
    assert {"distance", "lookat"} <= set(getattr(env.unwrapped, "camera", {}))
    env.close()


def test_the_probe_says_what_is_wrong() -> None:
    reason = opengl.complaint("nonsense")
    assert reason is not None
    assert "nonsense" in reason
    assert "\n" not in reason


class Window:
    """Stands in for MuJoCo's viewer: open for so many pictures."""

    def __init__(self, pictures: int):
        self.left = pictures
        self.cam = SimpleNamespace(lookat=np.zeros(3), distance=0.0, azimuth=0.0, elevation=0.0)
        self.closed = False
        self.user_scn = importlib.import_module("mujoco").MjvScene()

    def set_texts(self, texts: Any) -> None:
        self.texts = texts

    def is_running(self) -> bool:
        return self.left > 0

    def sync(self) -> None:
        self.left -= 1

    def lock(self) -> AbstractContextManager[None]:
        return nullcontext()

    def close(self) -> None:
        self.closed = True


def show(monkeypatch: pytest.MonkeyPatch, launch: Any) -> None:
    """A machine with a display, on which MuJoCo's viewer is this function."""
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(opengl, "complaint", always(None))
    viewer = SimpleNamespace(launch_passive=launch)
    monkeypatch.setitem(sys.modules, "mujoco.viewer", viewer)


def test_play_shows_every_moment_in_real_time_until_the_window_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = Window(pictures=11)
    show(monkeypatch, always(window))
    policy = untrained(tmp_path, "FetchReach-v4")
    began = time.perf_counter()
    video.play(policy)
    assert time.perf_counter() - began > 10 * 0.04
    assert window.left == 0
    assert window.closed
    assert window.cam.distance == 2.5, "it looks from where the task wants to be seen"


def test_play_ends_after_the_episodes_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = Window(pictures=1000)
    show(monkeypatch, always(window))
    monkeypatch.setattr(time, "sleep", always(None))
    video.play(untrained(tmp_path, "FetchReach-v4"), episodes=2)
    assert window.left == 1000 - 2 * 51


def test_play_without_a_display_points_to_the_browser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = untrained(tmp_path, "FetchReach-v4")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(UsageError, match=f"a display; use `goalrelay play {policy} --web`"):
        video.play(policy)
    monkeypatch.setenv("DISPLAY", ":77")
    monkeypatch.setattr(opengl, "complaint", always("no such screen"))
    with pytest.raises(UsageError, match="cannot open a window on this display"):
        video.play(policy)


def test_play_on_a_mac_names_mjpython(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def launch(model: Any, data: Any, **panels: bool) -> None:
        raise RuntimeError("`launch_passive` requires mjpython")

    show(monkeypatch, launch)
    policy = untrained(tmp_path, "FetchReach-v4")
    with pytest.raises(UsageError, match=r"mjpython -m goalrelay\.cli play"):
        video.play(policy)


def test_play_shows_mujoco_tasks_only(small_run: Result) -> None:
    with pytest.raises(UsageError, match="'goalrelay/PointReach-v0' is none; use `goalrelay rec"):
        video.play(small_run.folder)
