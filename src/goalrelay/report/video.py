"""Films of policies without a display (`record`), and policies in MuJoCo's viewer (`play`).

Both run the deterministic policy like an evaluation (`camera`). Which stage acts, and what it
pursues, is drawn into the pictures (`marks`).

`gymnasium.wrappers.RecordVideo` writes one file per episode, MP4 only, after it has kept all frames
in memory. A film here is one file of all episodes, MP4 or GIF, written frame by frame.
"""

import importlib
import itertools
import math
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from goalrelay import install
from goalrelay.data.rollout import Simulator
from goalrelay.errors import TaskFailed, UsageError, first_line, shell_word
from goalrelay.files import calling_ffmpeg
from goalrelay.report import marks
from goalrelay.report.acting import Acting
from goalrelay.report.camera import Camera, episode
from goalrelay.report.target import write_target
from goalrelay.report.viewer import Watched, aim, check_display, open_viewer, simulation
from goalrelay.tasks import opengl
from goalrelay.train.evaluate import Evaluation, summarize
from goalrelay.train.policy import Policy, load_to_run, open_fitting
from goalrelay.types import Episode

ENDINGS = (".mp4", ".gif")
MOST_FPS = {".mp4": 60, ".gif": 50}
"""A film of a task with more frames per second has every n-th frame, still in real time."""
USUAL_FPS = 30
"""For tasks that do not declare `render_fps`."""


class Shots(NamedTuple):
    """Which episodes a film has, and how."""

    seeds: Sequence[int]
    columns: int = 1
    """1: one episode after the other; more: all at the same time, in so many columns."""


def record(
    path: Path,
    out: Path,
    episodes: int = 3,
    seed: int = 0,
    columns: int = 1,
    trust: bool = False,
) -> Evaluation:
    """Film the deterministic policy off-screen.

    The film has a frame for each timestep (steps + 1 per episode). For a task with more than
    MOST_FPS frames per second it has every n-th frame.

    Args:
        path: run folder (its best policy) or a policy file.
        out: .mp4 (H.264) or .gif; written atomically.
        episodes: number of episodes, at least 1.
        seed: of the first episode; later episodes have the next seeds.
        columns: 1: one episode after the other; more: all at the same time, in so many columns.
        trust: import the module of the task that the policy names, which runs its code.

    Returns:
        the evaluation of the filmed episodes.

    Raises:
        UsageError: a number is out of range, the path has no policy, the task cannot be rendered,
            imageio is missing, or `out` cannot be written.
        TaskFailed: the environment failed in an episode.
    """
    _check_numbers(episodes, seed)
    return film(load_to_run(path, trust), out, Shots(range(seed, seed + episodes), columns))


def film(policy: Policy, out: Path, shots: Shots) -> Evaluation:
    """Film a policy off-screen; see `record`."""
    figures: list[Evaluation] = []
    write_target(out, ENDINGS, lambda file: figures.append(_film(policy, file, shots)))
    return figures[0]


def play(path: Path, episodes: int | None = None, seed: int = 0, trust: bool = False) -> None:
    """Show the deterministic policy in MuJoCo's viewer, in real time.

    Args:
        path: run folder (its best policy) or a policy file.
        episodes: number of episodes; None: until the user closes the window.
        seed: of the first episode; later episodes have the next seeds.
        trust: import the module of the task that the policy names, which runs its code.

    Raises:
        UsageError: a number is out of range, the path has no policy, the task is not a MuJoCo
            task, or no window can be opened.
        TaskFailed: the environment failed in an episode.
    """
    _check_numbers(episodes, seed)
    policy = load_to_run(path, trust)
    task = open_fitting(policy)
    film = f"`goalrelay record {shell_word(path)} --out film.mp4`"
    try:
        model_and_data = simulation(task.env)
        if model_and_data is None:
            raise UsageError(f"play shows MuJoCo tasks, and '{task.id}' is none; use {film}")
        check_display("play", f"use `goalrelay play {shell_word(path)} --web`, or {film}")
        with open_viewer(model_and_data, f"play {path}") as viewer:
            aim(viewer, task.env)
            task.env = Watched(task.env, model_and_data[1], viewer)
            model = model_and_data[0]

            def show(now: Acting, drawn: bool, succeeds: bool) -> None:
                line = marks.text(now, succeeds)
                marks.add_to_viewer(viewer, model, marks.balls(now, drawn), line)

            for i in itertools.count() if episodes is None else range(episodes):
                if not viewer.is_running():
                    break
                episode(task, policy, seed + i, show)
    finally:
        task.close()


def _check_numbers(episodes: int | None, seed: int) -> None:
    for name, value, least in (("episodes", episodes, 1), ("seed", seed, 0)):
        if value is not None and value < least:
            raise UsageError(f"--{name} must be at least {least}, got {value}")


def _film(policy: Policy, file: Path, shots: Shots) -> Evaluation:
    """Run the episodes and write their frames to the file."""
    imageio = check_installed(file.suffix.lower())
    task = open_fitting(policy, "rgb_array")
    try:
        if simulation(task.env) is not None:
            opengl.choose_backend()
        _check_picture(task, shots.seeds[0])
        with task.calling("metadata"):
            fps, every = _pace(task.env.metadata.get("render_fps"), MOST_FPS[file.suffix.lower()])
        writer = imageio.get_writer(file, **_format(file.suffix.lower(), fps))
        with calling_ffmpeg(), writer:
            if shots.columns == 1:
                frames = Every(every, writer.append_data)
                camera = Camera(task, policy, frames.add)
                done = [camera.episode(seed) for seed in shots.seeds]
            else:
                done = _tiled(task, policy, shots, every, writer.append_data)
        return summarize(done, policy.spec)
    finally:
        task.close()


class Every:
    """Hands on every n-th picture, with even sides for H.264."""

    def __init__(self, n: int, take: Callable[[np.ndarray], None]):
        self._n, self._take, self._count = n, take, itertools.count()

    def add(self, picture: np.ndarray) -> None:
        """A picture [H, W, 3]."""
        if next(self._count) % self._n == 0:
            self._take(_even(picture))


def _tiled(
    task: Simulator,
    policy: Policy,
    shots: Shots,
    every: int,
    take: Callable[[np.ndarray], None],
) -> list[Episode]:
    """Episodes at the same time, in a grid; one that has ended keeps its last picture."""
    from PIL import Image

    films: list[list[np.ndarray]] = []
    done: list[Episode] = []
    for seed in shots.seeds:
        pictures: list[np.ndarray] = []

        def shrink(picture: np.ndarray, pictures: list[np.ndarray] = pictures) -> None:
            height, width, _ = picture.shape
            size = max(width // shots.columns, 1), max(height // shots.columns, 1)
            pictures.append(np.asarray(Image.fromarray(picture).resize(size)))

        done.append(Camera(task, policy, Every(every, shrink).add).episode(seed))
        films.append(pictures)
    blank = np.zeros_like(films[0][0])
    films += [[blank]] * (-len(films) % shots.columns)
    for moment in range(max(map(len, films))):
        now = [pictures[min(moment, len(pictures) - 1)] for pictures in films]
        rows = [now[i : i + shots.columns] for i in range(0, len(now), shots.columns)]
        take(_even(np.concatenate([np.concatenate(row, axis=1) for row in rows])))
    return done


def check_installed(ending: str) -> Any:
    """The module imageio; for .mp4, after a check for ffmpeg.

    Raises:
        UsageError: imageio or ffmpeg is missing.
    """
    try:
        imageio = importlib.import_module("imageio.v2")
        ffmpeg = importlib.import_module("imageio_ffmpeg") if ending == ".mp4" else None
    except ImportError:
        raise UsageError(f"recording {ending} needs imageio: {install.extra('viz')}") from None
    if ffmpeg is not None:
        _check_ffmpeg(ffmpeg)
    return imageio


def _check_ffmpeg(imageio_ffmpeg: Any) -> None:
    """Run the ffmpeg that imageio will use: its own, the system's, or IMAGEIO_FFMPEG_EXE."""
    try:
        program = imageio_ffmpeg.get_ffmpeg_exe()
        subprocess.run([program, "-version"], capture_output=True, check=True, timeout=30)
    except (RuntimeError, OSError, subprocess.SubprocessError):
        chosen = os.environ.get("IMAGEIO_FFMPEG_EXE")
        unset = f"unset IMAGEIO_FFMPEG_EXE={chosen}, or: " if chosen else ""
        hint = f"{unset}{install.packages('ffmpeg')}"
        raise UsageError(f"recording .mp4 needs ffmpeg, a .gif does not; {hint}") from None


def _format(ending: str, fps: float) -> dict[str, Any]:
    """Arguments of imageio's writer: H.264 that all players support, or a looping GIF."""
    if ending == ".gif":
        return {"mode": "I", "duration": 1000 / fps, "loop": 0}
    h264 = {"codec": "libx264", "pixelformat": "yuv420p", "quality": 8, "macro_block_size": 1}
    return {"fps": fps, **h264}


def _pace(render_fps: Any, most: int) -> tuple[float, int]:
    """Frames per second of the film, and n: the film has every n-th frame of the task."""
    fps = float(render_fps or USUAL_FPS)
    every = math.ceil(fps / most)
    return fps / every, every


def _even(picture: np.ndarray) -> np.ndarray:
    """A picture [H, W, 3] with even sides, for H.264: the last row or column is repeated."""
    height, width, _ = picture.shape
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _check_picture(task: Simulator, seed: int) -> None:
    """Render once, so that errors come before the first episode.

    Raises:
        UsageError: rendering fails, or gives no picture.
    """
    task.reset(seed)
    try:
        with task.calling("render"):  # a driver or a user's renderer can raise anything
            picture: Any = task.env.render()
    except TaskFailed as error:
        reason = first_line(error.__cause__ or error)
        raise UsageError(f"task '{task.id}' cannot be drawn: {reason}") from error
    if not (
        isinstance(picture, np.ndarray)
        and picture.dtype == np.uint8
        and picture.ndim == 3
        and picture.shape[2] == 3
    ):
        raise UsageError(
            f"task '{task.id}' cannot be filmed: with render_mode='rgb_array', its render() must "
            f"give a picture, [H, W, 3] uint8, and gives {type(picture).__name__}"
        )
