"""MuJoCo's viewer round a Gymnasium environment: a window that shows every moment in real time."""

import importlib
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from goalrelay.errors import UsageError
from goalrelay.report import opengl

CLOSING_SECONDS = 10

Reset = tuple[Any, dict[str, Any]]
Step = tuple[Any, Any, bool, bool, dict[str, Any]]


class Watched(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Shows every moment in a viewer in real time; closing the window ends the episode."""

    def __init__(self, env: gymnasium.Env[Any, Any], data: Any, viewer: Any):
        super().__init__(env)
        self.data, self.viewer = data, viewer
        self.due = 0.0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Reset:
        """Start an episode, and show it."""
        start = self.env.reset(seed=seed, options=options)
        self.due = time.perf_counter()
        self._show(0.0)
        return start

    def step(self, action: Any) -> Step:
        """Make a step, and show it for as long as it lasts in the simulation."""
        before = self.data.time
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._show(max(self.data.time - before, 0.0))
        closed = not self.viewer.is_running()
        return observation, reward, terminated, truncated or closed, info

    def _show(self, seconds: float) -> None:
        # gymnasium-robotics puts the goal marker in its place only when it renders by itself
        getattr(self.env.unwrapped, "_render_callback", lambda: None)()
        self.viewer.sync()
        self.due = max(self.due + seconds, time.perf_counter() - seconds)  # no race to catch up
        time.sleep(max(self.due - time.perf_counter(), 0.0))


def check_display(film: str) -> None:
    """See that a window can be opened: MuJoCo's viewer would wait for ever for one that cannot.

    Args:
        film: a command that does without a window, for the message.

    Raises:
        UsageError: there is no display, or no window on it.
    """
    if sys.platform != "linux":
        return
    if not opengl.has_display():
        raise UsageError(f"play needs a display; use {film}")
    if opengl.complaint("glfw") is not None:
        raise UsageError(f"play cannot open a window on this display; use {film}")


def aim(viewer: Any, env: gymnasium.Env[Any, Any]) -> None:
    """Look from where a task of gymnasium's or gymnasium-robotics' wants to be looked at."""
    renderer = getattr(env.unwrapped, "mujoco_renderer", None)
    with viewer.lock():
        for name, value in (getattr(renderer, "default_cam_config", None) or {}).items():
            if isinstance(value, np.ndarray):
                getattr(viewer.cam, name)[:] = value
            else:
                setattr(viewer.cam, name, value)


@contextmanager
def open_viewer(simulation: tuple[Any, Any], path: Path) -> Iterator[Any]:
    """MuJoCo's viewer on a model and its data; closed, and its thread gone, on the way out.

    Args:
        simulation: MuJoCo's model and data.
        path: of the policy, for the message.

    Raises:
        UsageError: macOS, and not under mjpython.
    """
    before = set(threading.enumerate())
    launch = importlib.import_module("mujoco.viewer").launch_passive
    try:
        viewer = launch(*simulation, show_left_ui=False, show_right_ui=False)
    except RuntimeError as error:  # macOS draws windows from the main thread only
        command = f"mjpython -m goalrelay.cli play {path}"
        raise UsageError(f"MuJoCo's viewer needs mjpython here: {command}") from error
    try:
        yield viewer
    finally:
        viewer.close()
        for thread in set(threading.enumerate()) - before:
            thread.join(CLOSING_SECONDS)  # a process that ends before its window crashes
