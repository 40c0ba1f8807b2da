"""The command that lets a person steer: with a stand-in for the viewer's window, and a real one."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from goalrelay.cli import main as cli
from goalrelay.demos.dataset import read
from goalrelay.demos.teleop.steering import ESCAPE, LEFT, RIGHT, SPACE, UP, Keys
from goalrelay.report.viewer import heard_by
from goalrelay.tasks import opengl
from goalrelay.tasks.goal_task import open_task

TASK = "goalrelay/FetchReach-v0"
SEED = 18
"""Of a start from which two full steps away (y) and two down reach the goal."""


class Window:
    """Stands in for MuJoCo's viewer: presses keys when it shows certain pictures."""

    def __init__(self, script: dict[int, Callable[["Window"], None]]):
        self.script = script
        self.shown = 0
        self.running = True
        self.closed = False
        self.cam = SimpleNamespace(lookat=np.zeros(3), distance=0.0, azimuth=0.0, elevation=0.0)
        self.on_key: Any = None
        self.data: Any = None
        self.markers: list[np.ndarray] = []
        """[3] where the goal was shown, m, in each picture."""

    def launch(self, model: Any, data: Any, key_callback: Any, **panels: bool) -> "Window":
        self.on_key, self.data = key_callback, data
        return self

    def is_running(self) -> bool:
        return self.running

    def sync(self) -> None:
        self.shown += 1
        self.markers.append(self.data.site("target0").xpos.copy())
        if self.shown in self.script:
            self.script[self.shown](self)

    def lock(self) -> Any:
        return nullcontext()

    def close(self) -> None:
        self.closed = True


def closes(window: Window) -> None:
    window.running = False


def interrupts(window: Window) -> None:
    raise KeyboardInterrupt


def presses(*keys: int) -> Callable[[Window], None]:
    def press(window: Window) -> None:
        for key in keys:
            window.on_key(key)

    return press


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch) -> Callable[[Window], Window]:
    """A machine with a display, on which MuJoCo's viewer is this window; time is short."""

    def install(window: Window) -> Window:
        monkeypatch.setenv("DISPLAY", ":0")
        monkeypatch.setattr(opengl, "complaint", lambda _: None)
        viewer = SimpleNamespace(launch_passive=window.launch)
        monkeypatch.setitem(sys.modules, "mujoco.viewer", viewer)
        glfw = SimpleNamespace(get_current_context=lambda: None)  # so no release is told
        monkeypatch.setitem(sys.modules, "glfw", glfw)
        return window

    return install


def command(out: Path, *more: str) -> list[str]:
    words = ["demos", "teleop", TASK, "--out", str(out), "--seed", str(SEED), "--pace", "10"]
    return [*words, "--speed", "0.5", *more]


def crashes(window: Window) -> None:
    raise RuntimeError("the driver is gone")


def test_a_session_that_crashes_has_written_each_episode_that_was_kept(
    tmp_path: Path, show: Callable[[Window], Window]
) -> None:
    show(Window({1: presses(SPACE), 3: presses(LEFT), 5: presses(LEFT), 6: crashes}))
    out = tmp_path / "mine"
    assert cli.main(command(out, "--keep-failures", "--task-options", "max_episode_steps=1")) != 0
    assert [one.seed for one in read(out).demonstrations] == [SEED, SEED + 1]
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("end", [closes, interrupts])
def test_the_command_writes_what_is_kept_and_leaves_nothing_else(
    tmp_path: Path,
    show: Callable[[Window], Window],
    end: Callable[[Window], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    # a key whose release nobody tells is held for some steps here, so the fingers begin; then the
    # time limit ends the first episode, of 2 moments, and the second one ends in its middle
    window = show(Window({1: presses(SPACE), 3: presses(LEFT), 4: end}))
    out = tmp_path / "mine"
    more = ("--keep-failures", "--task-options", "max_episode_steps=1")
    assert cli.main(command(out, *more)) == 0
    assert list(tmp_path.iterdir()) == [out]
    found = read(out)
    assert (found.task, found.about) == (TASK, "a person with keys or a gamepad")
    one = found.demonstrations[0]
    assert one.seed == SEED
    np.testing.assert_allclose(window.markers[:2], one.desired_goal)
    assert window.closed
    assert window.cam.azimuth == 90
    told = capsys.readouterr().out
    assert "Page Up / Page Down" in told
    assert "episode lasts" in told
    assert "start 18: failure, kept (steps: 1; kept so far: 1)" in told


def test_the_first_key_takes_the_keyboard_over_so_that_releases_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[Any] = []
    glfw = SimpleNamespace(
        PRESS=1,
        RELEASE=0,
        get_current_context=lambda: "window",
        set_key_callback=lambda *what: taken.append(what),
    )
    monkeypatch.setitem(sys.modules, "glfw", glfw)
    keys = Keys()
    heard_by(keys)(RIGHT)
    ((window, on_event),) = taken
    assert window == "window"
    assert [keys.held(RIGHT) for _ in range(3)] == [True] * 3
    on_event(window, RIGHT, 0, 2, 0)  # a repeat is no press
    assert keys.presses(RIGHT) == 0
    on_event(window, RIGHT, 0, glfw.RELEASE, 0)
    assert not keys.held(RIGHT)
    on_event(window, UP, 0, glfw.PRESS, 0)
    assert [keys.held(UP) for _ in range(3)] == [True] * 3


def test_without_anything_kept_nothing_is_written(
    tmp_path: Path, show: Callable[[Window], Window], capsys: pytest.CaptureFixture[str]
) -> None:
    window = show(Window({1: presses(ESCAPE)}))
    out = tmp_path / "mine"
    assert cli.main(command(out)) == 2
    assert capsys.readouterr().err == f"goalrelay: no episode was kept, so {out} is not written\n"
    assert not out.exists()
    assert window.closed


@pytest.mark.parametrize(
    ("task", "complaint"),
    [
        ("goalrelay/BitFlip-v0", "task 'goalrelay/BitFlip-v0' has discrete ones"),
        (
            "goalrelay/PointReach-v0",
            "'goalrelay/PointReach-v0' is none; `goalrelay demos generate`",
        ),
        (TASK, "teleop needs a display; `goalrelay demos generate`"),
    ],
)
def test_what_cannot_be_steered_is_refused_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    task: str,
    complaint: str,
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert cli.main(["demos", "teleop", task, "--out", str(tmp_path / "mine")]) == 2
    said = capsys.readouterr().err
    assert complaint in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


# A real window


@pytest.fixture
def display(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A screen of the test's own, on which OpenGL can draw."""
    for tool in ("Xvfb", "xdotool"):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")
    read_end, write_end = os.pipe()
    words = ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "400x300x24"]
    log = (tmp_path / "screen.log").open("w")
    server = subprocess.Popen(
        [*words, "-nolisten", "tcp"], pass_fds=[write_end], stdout=log, stderr=log
    )
    os.close(write_end)
    try:
        number = os.read(read_end, 16).decode().strip()
        if not number:
            pytest.skip("Xvfb does not start here")
        monkeypatch.setenv("DISPLAY", f":{number}")
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        reason = opengl.complaint("glfw")
        if reason is not None:
            pytest.skip(f"no OpenGL under Xvfb: {reason}")
        yield f":{number}"
    finally:
        server.terminate()
        server.wait()
        os.close(read_end)
        log.close()


class Command:
    """The command in a process of its own, and what it says."""

    def __init__(self, words: list[str], log: Path):
        self.log = log
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        with log.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "goalrelay.cli", *words],
                stdout=file,
                stderr=subprocess.STDOUT,
                env=environment,
            )

    def said(self, pattern: str, seconds: float = 60) -> str:
        """Wait until it has said something; returns all that it said."""
        end = time.monotonic() + seconds
        while not re.search(pattern, self.log.read_text()):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, f"no {pattern}: {self.log.read_text()}"
            time.sleep(0.1)
        return self.log.read_text()


def xdotool(*words: str) -> str:
    done = subprocess.run(["xdotool", *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_keys_pressed_in_a_real_window_become_the_actions_of_a_dataset(
    display: str, tmp_path: Path
) -> None:
    words = ["demos", "teleop", TASK, "--out", str(tmp_path / "mine"), "--keep-failures"]
    more = ["--seed", str(SEED), "--speed", "1", "--pace", "0.2", "--task-options"]
    command = Command([*words, *more, "max_episode_steps=20"], tmp_path / "command.log")
    try:
        command.said("mouse turns the view")
        window = xdotool("search", "--sync", "--onlyvisible", "--name", "MuJoCo").split()[0]
        xdotool("windowfocus", "--sync", window)
        for key in ("Up", "Page_Down") * 2:  # a tap is a step; together they reach the goal
            xdotool("key", key)
            time.sleep(0.5)
        command.said("start 18: success, kept")
        # a key that is held pushes until it is released; "w" is none of ours
        xdotool("keydown", "Left")
        time.sleep(1.5)
        xdotool("keyup", "Left")
        xdotool("key", "w")
        command.said("start 19: failure, kept")
        command.process.send_signal(signal.SIGINT)
        assert command.process.wait(60) == 0, command.log.read_text()
    finally:
        command.process.kill()
        command.process.wait()
    solved, failed = read(tmp_path / "mine").demonstrations
    assert (solved.seed, failed.seed) == (SEED, SEED + 1)
    assert solved.success[-1] == 1
    assert not solved.success[0]
    moved = solved.action[solved.action[:, :3].any(axis=1), :3]
    np.testing.assert_array_equal(moved, [[0, 1, 0], [0, 0, -1]] * 2)
    held = failed.action[:, 0]
    pushed = int((held == -1).sum())
    assert 4 <= pushed <= 14, "a second and a half of 20 steps that last four"
    np.testing.assert_array_equal(held, np.repeat([-1.0, 0.0], [pushed, 20 - pushed]))
    assert not failed.action[:, 1:3].any()
    assert failed.achieved_goal[-1, 0] < failed.achieved_goal[0, 0] - 0.05
    task = open_task(TASK)
    for one in (solved, failed):  # the window only looks on
        seen, _ = task.env.reset(seed=one.seed)
        for action, expected in zip(one.action, one.observation, strict=False):
            np.testing.assert_array_equal(seen["observation"], expected)
            seen, *_ = task.env.step(action)
    task.close()
