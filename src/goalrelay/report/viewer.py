"""MuJoCo's viewer round a Gymnasium environment: a window that shows every moment in real time."""

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

from goalrelay.data.rollout import Simulator
from goalrelay.errors import UsageError
from goalrelay.report import opengl

CLOSING_SECONDS = 10
ASIDE = {"azimuth": 90.0, "elevation": -35.0}
"""Where a person who steers looks from, degrees: x to the right, y away, heights to be told."""

Reset = tuple[Any, dict[str, Any]]
Step = tuple[Any, Any, bool, bool, dict[str, Any]]


class Keyboard(Protocol):
    """Hears what is pressed in a window, in the window's thread; keys have GLFW's numbers."""

    def press(self, key: int, release_follows: bool = True) -> None:
        """A key goes down; its release may not be told."""
        ...

    def release(self, key: int) -> None:
        """A key comes up."""
        ...


class Watched(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Shows every moment in a viewer in real time; closing the window ends the episode.

    Args:
        env: to be shown.
        data: its simulation's state.
        viewer: MuJoCo's.
        pace: seconds of the simulation in a second.
    """

    def __init__(
        self, env: gymnasium.Env[Any, Any], data: Any, viewer: Any, pace: float = 1.0
    ) -> None:
        super().__init__(env)
        self.data, self.viewer, self.pace = data, viewer, pace
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
        self._show(max(self.data.time - before, 0.0) / self.pace)
        closed = not self.viewer.is_running()
        return observation, reward, terminated, truncated or closed, info

    def _show(self, seconds: float) -> None:
        # gymnasium-robotics puts the goal marker in its place only when it renders by itself
        getattr(self.env.unwrapped, "_render_callback", lambda: None)()
        self.viewer.sync()
        self.due = max(self.due + seconds, time.perf_counter() - seconds)  # no race to catch up
        time.sleep(max(self.due - time.perf_counter(), 0.0))


@contextmanager
def steered(
    task: Simulator, keys: Keyboard, pace: float = 1.0
) -> Iterator[tuple[Simulator, Callable[[], bool]]]:
    """A window on a task for someone who steers it.

    Args:
        task: of MuJoCo's; it stays as it is.
        keys: hears what is pressed in the window.
        pace: seconds of the simulation in a second.

    Yields:
        The task such that it shows itself, and a function that says whether the window is open.

    Raises:
        UsageError: the task is not MuJoCo's, or no window can be opened.
    """
    found = simulation(task.env)
    instead = "`goalrelay demos generate` lets an expert or a policy play without one"
    if found is None:
        raise UsageError(f"teleop steers MuJoCo tasks, and '{task.id}' is none; {instead}")
    check_display("teleop", instead)
    with open_viewer(found, f"demos teleop {task.id}", heard_by(keys)) as viewer:
        aim(viewer, task.env)
        with viewer.lock():
            for name, value in ASIDE.items():
                setattr(viewer.cam, name, value)
        shown = copy.copy(task)
        shown.env = Watched(task.env, found[1], viewer, pace)
        yield shown, viewer.is_running


def simulation(env: gymnasium.Env[Any, Any]) -> tuple[Any, Any] | None:
    """MuJoCo's model and data inside an environment, None where there are none."""
    raw: Any = env.unwrapped
    model, data = getattr(raw, "model", None), getattr(raw, "data", None)
    mujoco: Any = sys.modules.get("mujoco")  # whoever has a model has imported it
    if mujoco and isinstance(model, mujoco.MjModel) and isinstance(data, mujoco.MjData):
        return model, data
    return None


def check_display(command: str, instead: str) -> None:
    """See that a window can be opened: MuJoCo's viewer would wait for ever for one that cannot.

    Args:
        command: that needs it, for the message.
        instead: what to do without a window, for the message.

    Raises:
        UsageError: there is no display, or no window on it.
    """
    if sys.platform != "linux":
        return
    if not opengl.has_display():
        raise UsageError(f"{command} needs a display; {instead}")
    if opengl.complaint("glfw") is not None:
        raise UsageError(f"{command} cannot open a window on this display; {instead}")


def aim(viewer: Any, env: gymnasium.Env[Any, Any]) -> None:
    """Look from where a task, of ours or a stock one, wants to be looked at."""
    renderer = getattr(env.unwrapped, "mujoco_renderer", None)
    stock = getattr(renderer, "default_cam_config", None)
    with viewer.lock():
        for name, value in (stock or getattr(env.unwrapped, "camera", None) or {}).items():
            if isinstance(value, np.ndarray):
                getattr(viewer.cam, name)[:] = value
            else:
                setattr(viewer.cam, name, value)


@contextmanager
def open_viewer(
    found: tuple[Any, Any], command: str, on_key: Callable[[int], None] | None = None
) -> Iterator[Any]:
    """MuJoCo's viewer on a model and its data; closed, and its thread gone, on the way out.

    Args:
        found: MuJoCo's model and data.
        command: with its arguments, for the message.
        on_key: called, in the viewer's thread, with each key that goes down.

    Raises:
        UsageError: macOS, and not under mjpython.
    """
    before = set(threading.enumerate())
    launch = importlib.import_module("mujoco.viewer").launch_passive
    panels = {"show_left_ui": False, "show_right_ui": False}
    try:
        viewer = launch(*found, key_callback=on_key, **panels)
    except RuntimeError as error:  # macOS draws windows from the main thread only
        mjpython = f"mjpython -m goalrelay.cli {command}"
        raise UsageError(f"MuJoCo's viewer needs mjpython here: {mjpython}") from error
    try:
        yield viewer
    finally:
        viewer.close()
        for thread in set(threading.enumerate()) - before:
            thread.join(CLOSING_SECONDS)  # a process that ends before its window crashes


def heard_by(keys: Keyboard) -> Callable[[int], None]:
    """A callback for the viewer, through which `keys` hears releases too.

    The viewer tells which keys go down, and neither releases nor repeats. So the first key takes
    the window's keyboard over from the viewer. Its shortcuts rest from then on, which also keeps a
    slip of the finger from turning the picture into a wire frame. Where the window cannot be found,
    `keys` is told that no releases follow.
    """
    glfw = importlib.import_module("glfw")

    def on_event(window: Any, key: int, scancode: int, action: int, modifiers: int) -> None:
        if action == glfw.PRESS:
            keys.press(key)
        elif action == glfw.RELEASE:
            keys.release(key)

    def on_first_key(key: int) -> None:
        window = glfw.get_current_context()  # this is the thread that draws: the window is its own
        if window:
            glfw.set_key_callback(window, on_event)
        keys.press(key, release_follows=bool(window))

    return on_first_key
