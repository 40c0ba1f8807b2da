"""The page of `play --web` in a browser, and its command."""

import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import browser
from goalrelay.cli.main import main as cli
from goalrelay.tasks.goal_task import open_task
from push_task import PUSH_BALL, STEP
from random_policies import policy_in

web = pytest.importorskip("goalrelay.report.web", reason="needs goalrelay[web]")
SCRIPT = "<script>alert(1)</script>"


class Shown:
    """A page that is served by this process and open in a browser."""

    def __init__(self, page: Any, tab: Any, server: Any, task: Any):
        self.page, self.tab, self.server, self.task = page, tab, server, task
        self.messages: list[str] = []
        tab.on("console", lambda m: m.type == "error" and self.messages.append(m.text))
        tab.on("pageerror", lambda error: self.messages.append(str(error)))
        tab.on("dialog", lambda dialog: self.messages.append(f"dialog: {dialog.message}"))

    @property
    def time(self) -> float:
        """Simulated seconds of the episode."""
        return float(self.task.env.unwrapped.data.time)

    @property
    def goal(self) -> np.ndarray:
        return self.task.env.unwrapped.goal.copy()

    def click(self, name: str) -> None:
        button = self.tab.get_by_role("button", name=name, exact=True, disabled=False)
        button.dispatch_event("click")  # a real click waits for pictures

    def paused(self) -> None:
        """Pause at the start of an episode, which does not end soon then."""
        if not self.page._panel.paused:
            self.click("Pause")
            until(lambda: self.page._panel.paused)
        self.click("New episode")
        until(lambda: self.time == 0)
        time.sleep(0.1)

    def choose_stage(self, name: str) -> None:
        self.tab.get_by_role("combobox", name="Stage").dispatch_event("click")
        self.tab.get_by_role("option", name=name, exact=True).dispatch_event("click")

    def pixel(self, position: np.ndarray) -> np.ndarray:
        """Where a position [3] of the scene is on the tab, [2]."""
        ((_, client),) = self.server.get_clients().items()
        camera = client.camera
        w, x, y, z = camera.wxyz
        rotation = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
                [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
                [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
            ]
        )
        right, down, ahead = rotation.T @ (np.asarray(position) - camera.position)
        box = self.tab.locator("canvas").first.bounding_box()
        scale = box["height"] / 2 / np.tan(camera.fov / 2)
        middle = np.array([box["x"] + box["width"] / 2, box["y"] + box["height"] / 2])
        return middle + scale * np.array([right, down]) / ahead


def until(holds: Callable[[], Any], seconds: float = 10) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def shown(chromium: Any) -> Iterator[Shown]:
    task = open_task(PUSH_BALL)
    server = web.serve(0)
    server.scene.configure_environment_map(None)  # slow without a graphics card
    page = web.Page(server, policy_in(task, "relay"), task, Path(SCRIPT))
    ends = threading.Event()

    def run() -> None:
        while not ends.is_set():
            page.episode(0)  # its goal is in the open

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    tab = chromium.new_page(viewport={"width": 860, "height": 420})
    view = Shown(page, tab, server, task)
    tab.goto(f"http://127.0.0.1:{server.get_port()}?fixedDpr=0.25")  # viser's: pixels per pixel
    tab.get_by_role("button", name="New episode").wait_for()
    yield view
    tab.close()
    ends.set()
    page._panel.request(lambda: setattr(page._panel, "new_episode", True))
    thread.join(10)
    server.stop()


def test_the_scene_is_drawn_and_the_name_of_a_run_is_text(shown: Shown) -> None:
    shown.tab.locator("canvas").first.wait_for()
    until(lambda: shown.time > 2 * STEP)
    assert SCRIPT in shown.tab.inner_text("body")
    green, end = 0, time.monotonic() + 10
    while green < 50 and time.monotonic() < end:  # the ball's pixels
        pixels = picture(shown.tab)
        green = ((pixels[..., 1] > 1.5 * pixels[..., 0]) & (pixels[..., 1] > 60)).sum()
    assert green >= 50
    assert not shown.messages


def picture(tab: Any) -> np.ndarray:
    """What is seen of a tab, [H, W, 3]."""
    imageio = pytest.importorskip("imageio.v2")
    return np.asarray(imageio.imread(tab.screenshot()))[..., :3].astype(float)


def test_a_pause_stops_time_and_a_step_is_one(shown: Shown) -> None:
    shown.paused()
    before = shown.time
    time.sleep(4 * STEP)
    assert shown.time == before
    shown.click("One step")
    until(lambda: shown.time > before)
    time.sleep(4 * STEP)
    assert shown.time == pytest.approx(before + STEP)
    shown.click("Continue")
    until(lambda: shown.time > before + 3 * STEP)


def test_a_stage_that_is_chosen_is_pursued(shown: Shown) -> None:
    shown.paused()
    assert "task" in shown.tab.inner_text("table")
    shown.choose_stage("reach")
    shown.tab.get_by_text("reach, guides").wait_for()
    page, data = shown.page, shown.task.env.unwrapped.data
    seen, now = page._observation, shown.time
    shown.click("One step")
    until(lambda: shown.time > now and page._observation is not seen)
    np.testing.assert_allclose(data.ctrl, page._policy.act(0)(seen), atol=1e-6)
    marker = page._markers._stage
    until(lambda: np.allclose(marker.position, page._observation.achieved, atol=1e-6))
    shown.choose_stage("as in tests")
    until(lambda: page._panel.stage is None)


def test_a_goal_that_is_dragged_by_the_mouse_is_pursued(shown: Shown) -> None:
    shown.paused()
    before, page, mouse = shown.goal, shown.page, shown.tab.mouse
    length = page._markers._goals[0].scale
    at = shown.pixel(before + np.array([0.7 * length, 0, 0]))
    to = shown.pixel(before + np.array([0.7 * length + 0.3, 0, 0]))
    mouse.move(*at)
    time.sleep(0.3)
    mouse.down()
    mouse.move(*((at + to) / 2), steps=4)
    mouse.move(*to, steps=4)
    mouse.up()
    until(lambda: np.abs(shown.goal - before).max() > 0.1)
    time.sleep(0.3)
    moved = shown.goal - before
    assert moved[0] == pytest.approx(0.3, abs=0.05)
    np.testing.assert_allclose(moved[1:], 0, atol=1e-5)
    np.testing.assert_allclose(page._observation.desired, shown.goal, atol=1e-6)
    goal = shown.goal
    shown.click("Continue")
    until(lambda: shown.time > 45 * STEP)  # no time limit any more
    np.testing.assert_allclose(shown.goal, goal, atol=1e-6)


def test_an_object_is_moved_and_a_new_episode_has_its_own_goal(shown: Shown) -> None:
    shown.paused()
    ball = shown.task.env.unwrapped.data.qpos[2:5]
    before, goal = ball.copy(), shown.goal
    shown.click("+y")
    until(lambda: (ball != before).any())
    np.testing.assert_allclose(ball - before, (0, 0.1, 0), atol=1e-6)
    page = shown.page
    page._panel.request(lambda: page._drag(0, goal + 0.1))
    until(lambda: (shown.goal != goal).any())
    shown.click("New episode")
    until(lambda: (shown.goal == goal).all())
    time.sleep(0.1)
    np.testing.assert_allclose(shown.page._observation.desired, shown.goal, atol=1e-6)
    assert not shown.messages


@pytest.mark.parametrize(("ci", "outcome"), [("1", pytest.fail), ("", pytest.skip)])
def test_without_chromium_ci_fails_and_others_skip(
    ci: str, outcome: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(outcome.Exception, match="needs Chromium: apt-get install chromium"):
        browser.executable()


def run_folder(folder: Path, task_id: str) -> Path:
    task = open_task(task_id)
    policy_in(task, "her").save(folder)
    task.close()
    return folder


def test_a_port_that_is_taken_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_folder(tmp_path, PUSH_BALL)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert cli(["play", str(folder), "--web", "--port", str(port)]) == 2
    shown = capsys.readouterr()
    assert shown.err == (
        f"goalrelay: --port {port} cannot be used, perhaps another program has it; try another\n"
    )
    assert not shown.out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--web"], "play --web shows MuJoCo tasks, and 'goalrelay/PointReach-v0' is none; use"),
        (["--web", "--port", "0"], "--port must be at least 1 and at most 65535, got 0"),
        (["--web", "--episodes", "0"], "--episodes must be at least 1, got 0"),
        (["--web", "--seed", "-1"], "--seed must be at least 0, got -1"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_one_line(
    words: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_folder(tmp_path, "goalrelay/PointReach-v0")
    assert cli(["play", str(folder), *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"goalrelay: {complaint}") and error.count("\n") == 1


def test_without_viser_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith("goalrelay.report.web")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("goalrelay.report.web")
    monkeypatch.setitem(sys.modules, "viser", None)
    assert cli(["play", str(tmp_path), "--web"]) == 2
    assert capsys.readouterr().err == (
        "goalrelay: play --web needs viser: pip install 'goalrelay[web]'\n"
    )


def test_no_page_can_ask_to_be_shared(shown: Shown) -> None:
    assert shown.server.request_share_url() is None


def test_ctrl_c_ends_the_page_without_a_word(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, PUSH_BALL)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["-m", "goalrelay.cli", "play", str(folder), "--web", "--port", str(port), "--trust"]
    process = subprocess.Popen(
        [sys.executable, *words],
        cwd=Path(__file__).parent.parent,  # of the task's module
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith(f"http://127.0.0.1:{port} (from another machine: ssh -L {port}:")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}") as answer:
        assert answer.status == 200
    process.send_signal(signal.SIGINT)
    shown, written = process.communicate(timeout=20)
    assert (process.returncode, shown, written) == (130, "", "")
