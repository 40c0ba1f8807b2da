"""Policies to look at: a film that needs no display (`record`), or MuJoCo's viewer (`play`).

Both run the deterministic policy through `collect.rollout`, as an evaluation does; a wrapper round
the environment takes a picture, or shows one (`viewer`), at every moment.
"""

import importlib
import itertools
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from goalrelay.data.rollout import Simulator, rollout
from goalrelay.errors import UsageError
from goalrelay.report import opengl
from goalrelay.report.target import write_target
from goalrelay.report.viewer import Watched, aim, check_display, open_viewer, simulation
from goalrelay.tasks.goal_task import open_task
from goalrelay.train.evaluate import Evaluation, summarize
from goalrelay.train.policy import Policy, load
from goalrelay.types import Episode, Observation

ENDINGS = (".mp4", ".gif")
MOST_FPS = {".mp4": 60, ".gif": 50}
"""Tasks with more frames a second show every second, third, ... one, so that time stays real."""
USUAL_FPS = 30

Reset = tuple[Any, dict[str, Any]]
Step = tuple[Any, Any, bool, bool, dict[str, Any]]


class Filmed(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Hands a picture of every moment to `take`."""

    def __init__(self, env: gymnasium.Env[Any, Any], take: Callable[[Any], None]):
        super().__init__(env)
        self.take = take

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Reset:
        """Start an episode, and take its first picture."""
        start = self.env.reset(seed=seed, options=options)
        self.take(self.env.render())
        return start

    def step(self, action: Any) -> Step:
        """Make a step, and take a picture of what it brought about."""
        outcome = self.env.step(action)
        self.take(self.env.render())
        return outcome


def record(path: Path, out: Path, episodes: int = 3, seed: int = 0) -> Evaluation:
    """Film the deterministic policy off-screen.

    The film has a frame for each moment (steps + 1 an episode), one episode after the other; of
    tasks with more frames a second than players show, every second, third, ... one.

    Args:
        path: run folder (its best policy) or a policy file.
        out: .mp4 (H.264, plays everywhere) or .gif; it appears whole or not at all.
        episodes: how many, at least 1.
        seed: of the first episode; the others count on from it.

    Returns:
        The figures of the filmed episodes.

    Raises:
        UsageError: a number is out of range, no policy there, the task cannot be drawn here,
            imageio is missing, or `out` cannot be written.
        RuntimeError: the environment failed in an episode.
    """
    _check_numbers(episodes, seed)
    policy = load(path)
    figures: list[Evaluation] = []
    write_target(out, ENDINGS, lambda file: figures.append(_film(policy, file, episodes, seed)))
    return figures[0]


def play(path: Path, episodes: int | None = None, seed: int = 0) -> None:
    """Show the deterministic policy in MuJoCo's viewer, in real time, until it is closed.

    Args:
        path: run folder (its best policy) or a policy file.
        episodes: after how many to close the window; None goes on until the user closes it.
        seed: of the first episode; the others count on from it.

    Raises:
        UsageError: a number is out of range, no policy there, its task is not MuJoCo's, or no
            window can be opened.
        RuntimeError: the environment failed in an episode.
    """
    _check_numbers(episodes, seed)
    policy = load(path)
    task = open_task(policy.task, policy.task_options)
    film = f"`goalrelay record {path} --out film.mp4`"
    try:
        found = simulation(task.env)
        if found is None:
            raise UsageError(f"play shows MuJoCo tasks, and '{task.id}' is none; use {film}")
        check_display("play", f"use {film}")
        with open_viewer(found, f"play {path}") as viewer:
            aim(viewer, task.env)
            task.env = Watched(task.env, found[1], viewer)
            for i in itertools.count() if episodes is None else range(episodes):
                if not viewer.is_running():
                    break
                _episode(task, policy, seed + i)
    finally:
        task.close()


def _check_numbers(episodes: int | None, seed: int) -> None:
    for name, value, least in (("episodes", episodes, 1), ("seed", seed, 0)):
        if value is not None and value < least:
            raise UsageError(f"--{name} must be at least {least}, got {value}")


def _film(policy: Policy, file: Path, episodes: int, seed: int) -> Evaluation:
    """Run the episodes and write their pictures, one at a time, into the file."""
    imageio = _imageio(file.suffix.lower())
    task = open_task(policy.task, policy.task_options, render_mode="rgb_array")
    try:
        if simulation(task.env) is not None:
            opengl.choose_backend()
        _check_picture(task, seed)
        fps, every = _pace(task.env.metadata.get("render_fps"), MOST_FPS[file.suffix.lower()])
        moment = itertools.count()
        film = imageio.get_writer(file, **_format(file.suffix.lower(), fps))
        with warnings.catch_warnings(), film:
            # JAX warns of its threads, but ffmpeg's process becomes another program at once
            warnings.filterwarnings("ignore", r"os\.fork\(\)", RuntimeWarning)

            def take(picture: np.ndarray) -> None:
                if next(moment) % every == 0:
                    film.append_data(_even(picture))

            task.env = Filmed(task.env, take)
            return summarize(
                [_episode(task, policy, seed + i) for i in range(episodes)], policy.spec
            )
    finally:
        task.close()


def _episode(task: Simulator, policy: Policy, seed: int) -> Episode:
    """One episode without noise; a hierarchy's sub-goals are shown where the task can draw them."""

    def begin(_: np.random.Generator) -> Callable[[Observation], np.ndarray]:
        act = policy.act()

        def step(observation: Observation) -> np.ndarray:
            decision = act(observation)
            place = policy.subgoal_position(observation, decision)
            if place is not None:
                task.show(place)
            return decision

        return step

    return rollout(task, begin, seed, evaluation=True)


def _imageio(ending: str) -> Any:
    """imageio, with an ffmpeg where the ending needs it."""
    try:
        if ending == ".mp4":
            importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe()
        return importlib.import_module("imageio.v2")
    except (ImportError, RuntimeError):
        needs = "imageio and ffmpeg: pip install 'goalrelay[viz]'"
        raise UsageError(f"recording {ending} needs {needs}") from None


def _format(ending: str, fps: float) -> dict[str, Any]:
    """How imageio shall write: H.264 that every player knows, or an endless GIF."""
    if ending == ".gif":
        return {"mode": "I", "duration": 1000 / fps, "loop": 0}
    h264 = {"codec": "libx264", "pixelformat": "yuv420p", "quality": 8, "macro_block_size": 1}
    return {"fps": fps, **h264}


def _pace(render_fps: Any, most: int) -> tuple[float, int]:
    """Frames a second of the film, and which of the task's frames it shows: every n-th."""
    fps = float(render_fps or USUAL_FPS)
    every = math.ceil(fps / most)
    return fps / every, every


def _even(picture: np.ndarray) -> np.ndarray:
    """[H, W, 3] -> the same with even sides, as H.264 wants them: the last line is doubled."""
    height, width, _ = picture.shape
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _check_picture(task: Simulator, seed: int) -> None:
    """Draw once, so that what is wrong is said before any episode runs."""
    try:
        task.reset(seed)
        picture: Any = task.env.render()
    except Exception as error:  # whatever a driver or a stranger's renderer raises
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UsageError(f"task '{task.id}' cannot be drawn: {reason}") from error
    if not (
        isinstance(picture, np.ndarray)
        and picture.dtype == np.uint8
        and picture.ndim == 3
        and picture.shape[2] == 3
    ):
        raise UsageError(f"task '{task.id}' cannot be filmed: render() gives no [H, W, 3] uint8")
