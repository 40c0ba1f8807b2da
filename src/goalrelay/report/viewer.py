"""MuJoCo's viewer for a Gymnasium environment, in real time."""

import copy
import importlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import gymnasium
import numpy as np

from goalrelay import install
from goalrelay.data.rollout import Simulator
from goalrelay.errors import UsageError
from goalrelay.tasks import opengl

CLOSING_SECONDS = 10
ASIDE = {"azimuth": 90.0, "elevation": -35.0}
"""Camera for teleoperation, degrees: x to the right, y away from the person, heights visible."""

Reset = tuple[Any, dict[str, Any]]
Step = tuple[Any, Any, bool, bool, dict[str, Any]]


class Keyboard(Protocol):
    """Receives the keys of a window, in the window's thread; keys are GLFW's key codes."""

    def press(self, key: int, release_follows: bool = True) -> None:
        """A key goes down; `release_follows`: whether `release` will be called."""
        ...

    def release(self, key: int) -> None:
        """A key comes up."""
        ...


class Watched(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Shows each timestep in a viewer in real time; closing the window ends the episode.

    Args:
        env: the environment.
        data: its `MjData`.
        viewer: of MuJoCo.
        pace: simulation time per real time.
    """

    def __init__(
        self, env: gymnasium.Env[Any, Any], data: Any, viewer: Any, pace: float = 1.0
    ) -> None:
        super().__init__(env)
        self.data, self.viewer, self.pace = data, viewer, pace
        self.due = 0.0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Reset:
        """Reset, and show the start."""
        start = self.env.reset(seed=seed, options=options)
        self.due = time.perf_counter()
        self._show(0.0)
        return start

    def step(self, action: Any) -> Step:
        """Step, and show the result for the simulated duration of the step."""
        before = self.data.time
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._show(max(self.data.time - before, 0.0) / self.pace)
        closed = not self.viewer.is_running()
        return observation, reward, terminated, truncated or closed, info

    def _show(self, seconds: float) -> None:
        """Update the viewer and wait."""
        # gymnasium-robotics moves the goal marker only in its own rendering
        getattr(self.env.unwrapped, "_render_callback", lambda: None)()
        self.viewer.sync()
        self.due = max(self.due + seconds, time.perf_counter() - seconds)  # at most one step behind
        time.sleep(max(self.due - time.perf_counter(), 0.0))


@contextmanager
def steered(
    task: Simulator, keys: Keyboard, pace: float = 1.0
) -> Iterator[tuple[Simulator, Callable[[], bool]]]:
    """A window for teleoperation of a task.

    Args:
        task: a MuJoCo task; it is not changed.
        keys: receives the keys of the window.
        pace: simulation time per real time.

    Yields:
        the task with a display, and a function that returns whether the window is open.

    Raises:
        UsageError: the task is not a MuJoCo task, or no window can be opened.
    """
    model_and_data = simulation(task.env)
    instead = "`goalrelay demos generate` lets an expert or a policy play without one"
    if model_and_data is None:
        raise UsageError(f"teleop steers MuJoCo tasks, and '{task.id}' is none; {instead}")
    check_display("teleop", instead)
    with open_viewer(model_and_data, f"demos teleop {task.id}", heard_by(keys)) as viewer:
        aim(viewer, task.env)
        with viewer.lock():
            for name, value in ASIDE.items():
                setattr(viewer.cam, name, value)
        shown = copy.copy(task)
        shown.env = Watched(task.env, model_and_data[1], viewer, pace)
        yield shown, viewer.is_running


def simulation(env: gymnasium.Env[Any, Any]) -> tuple[Any, Any] | None:
    """The `MjModel` and `MjData` of an environment; None: it is not a MuJoCo environment."""
    raw: Any = env.unwrapped
    model, data = getattr(raw, "model", None), getattr(raw, "data", None)
    mujoco: Any = sys.modules.get("mujoco")  # an environment with a model has imported it
    if mujoco and isinstance(model, mujoco.MjModel) and isinstance(data, mujoco.MjData):
        return model, data
    return None


def check_display(command: str, instead: str) -> None:
    """Check that a window can be opened; without one, MuJoCo's viewer would wait without end.

    Args:
        command: the command that opens it, for the message.
        instead: alternative without a window, for the message.

    Raises:
        UsageError: no display, or a display on which no window can be opened.
    """
    if not opengl.has_display():
        raise UsageError(f"{command} needs a display; {instead}")
    if sys.platform == "linux" and opengl.complaint("glfw") is not None:
        needs = f"{instead}; windows need: {install.packages('glfw')}"
        raise UsageError(f"{command} cannot open a window on this display; {needs}")


def camera_of(env: gymnasium.Env[Any, Any]) -> dict[str, Any]:
    """The camera that an environment declares, by the names of an `MjvCamera`; may be empty."""
    renderer = getattr(env.unwrapped, "mujoco_renderer", None)
    stock = getattr(renderer, "default_cam_config", None)
    return dict(stock or getattr(env.unwrapped, "camera", None) or {})


def aim(viewer: Any, env: gymnasium.Env[Any, Any]) -> None:
    """Set the viewer's camera to the one of the environment, if it declares one."""
    with viewer.lock():
        for name, value in camera_of(env).items():
            if isinstance(value, np.ndarray):
                getattr(viewer.cam, name)[:] = value
            else:
                setattr(viewer.cam, name, value)


@contextmanager
def open_viewer(
    model_and_data: tuple[Any, Any], command: str, on_key: Callable[[int], None] | None = None
) -> Iterator[Any]:
    """MuJoCo's viewer as a context; at its end the window is closed and its thread has ended.

    Args:
        model_and_data: `MjModel` and `MjData`.
        command: with its arguments, for the message.
        on_key: called in the viewer's thread with each key that goes down.

    Raises:
        UsageError: macOS without mjpython.
    """
    before = set(threading.enumerate())
    launch = importlib.import_module("mujoco.viewer").launch_passive
    panels = {"show_left_ui": False, "show_right_ui": False}
    try:
        viewer = launch(*model_and_data, key_callback=on_key, **panels)
    except RuntimeError as error:  # macOS allows windows only in the main thread
        mjpython = f"mjpython -m goalrelay.cli {command}"
        raise UsageError(f"MuJoCo's viewer needs mjpython here: {mjpython}") from error
    try:
        yield viewer
    finally:
        viewer.close()
        for thread in set(threading.enumerate()) - before:
            thread.join(CLOSING_SECONDS)  # a process that ends before its window would crash


def heard_by(keys: Keyboard) -> Callable[[int], None]:
    """A key callback for the viewer, through which `keys` also receives releases.

    The viewer's own callback has only presses, no releases. So at the first key the window gets a
    new callback. This also disables the viewer's shortcuts, such as the one for wire frames. If the
    window is not found, `keys.press` is called with `release_follows` false.
    """
    glfw = importlib.import_module("glfw")

    def on_event(window: Any, key: int, scancode: int, action: int, modifiers: int) -> None:
        if action == glfw.PRESS:
            keys.press(key)
        elif action == glfw.RELEASE:
            keys.release(key)

    def on_first_key(key: int) -> None:
        window = glfw.get_current_context()  # the viewer's thread has its window as context
        if window:
            glfw.set_key_callback(window, on_event)
        keys.press(key, release_follows=bool(window))

    return on_first_key
