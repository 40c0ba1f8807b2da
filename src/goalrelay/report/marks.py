"""What a policy pursues, drawn into a picture: balls at goals, and a line of text below.

Balls are added to the scenes of Gymnasium's MuJoCo renderer and of MuJoCo's viewer. Colours are
those of the curves, one for each stage.
"""

import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import gymnasium
import numpy as np

from goalrelay.report.acting import Acting
from goalrelay.report.style import COLOURS

RADIUS = 0.012
"""Of a ball, as a fraction of the extent of the scene."""
ALPHA = 0.6
SUBGOAL_COLOUR = COLOURS[4]
TEXT_HEIGHT = 0.06
"""Of the strip with text, as a fraction of the picture's height."""
PAPER, INK = (24, 24, 24), (240, 240, 240)


class Ball(NamedTuple):
    """A marker in the scene."""

    position: np.ndarray
    """[3], m"""
    colour: str
    """`#rrggbb`"""


def balls(now: Acting, task_draws_subgoal: bool) -> list[Ball]:
    """The markers of a timestep.

    Args:
        now: what the policy does.
        task_draws_subgoal: whether the task itself draws the sub-goal of a hierarchy.
    """
    colour = stage_colour(now.number)
    found = [Ball(_raised(position), colour) for position in now.goals if now.number is not None]
    if now.subgoal is not None and not task_draws_subgoal:
        found.append(Ball(_raised(now.subgoal), SUBGOAL_COLOUR))
    return found


def stage_colour(number: int | None) -> str:
    """Colour of a stage, `#rrggbb`."""
    return COLOURS[(number or 0) % len(COLOURS)]


def text(now: Acting, succeeds: bool) -> str:
    """The line below a picture: who acts, and whether the task is done."""
    guides = ", guides" if now.guides else ""
    stage = f"stage {now.stage}{guides}" if now.stage else ""
    return "   ".join(part for part in (stage, "success" if succeeds else "") if part)


def add_to_renderer(env: gymnasium.Env[Any, Any], found: list[Ball]) -> None:
    """Draw balls in the next picture of Gymnasium's MuJoCo renderer; others draw none."""
    renderer = getattr(env.unwrapped, "mujoco_renderer", None)
    viewer: Any = getattr(renderer, "viewer", None)
    if not hasattr(viewer, "add_marker"):
        return
    for position, radius, rgba in _placed(found, viewer.model):
        viewer.add_marker(pos=position, size=np.full(3, radius), rgba=rgba, type=2, label="")


def add_to_viewer(viewer: Any, model: Any, found: list[Ball], line: str) -> None:
    """Draw balls and a text in MuJoCo's viewer, instead of those of the timestep before."""
    mujoco: Any = sys.modules["mujoco"]  # a viewer has imported it
    scene = viewer.user_scn
    with viewer.lock():
        scene.ngeom = min(len(found), scene.maxgeom)
        placed = list(_placed(found, model))[: scene.ngeom]
        for geom, (position, radius, rgba) in zip(scene.geoms, placed, strict=False):
            kind, size = mujoco.mjtGeom.mjGEOM_SPHERE, np.full(3, radius)
            mujoco.mjv_initGeom(geom, kind, size, position, np.eye(3).ravel(), rgba)
    viewer.set_texts((None, None, line, None))


def _placed(found: list[Ball], model: Any) -> Iterator[tuple[np.ndarray, float, np.ndarray]]:
    """Position [3] m, radius m and colour [4] of each ball."""
    for ball in found:
        rgba = np.array([*_rgb(ball.colour), 255 * ALPHA], np.float32) / 255
        yield ball.position.astype(np.float64), RADIUS * model.stat.extent, rgba


def write(picture: np.ndarray, line: str, colour: str) -> np.ndarray:
    """A picture with a strip of text below it.

    Args:
        picture: [H, W, 3] uint8.
        line: the text; the strip is empty without one.
        colour: of the square before the text, `#rrggbb`.

    Returns:
        [H + strip, W, 3] uint8
    """
    from PIL import Image, ImageDraw, ImageFont

    height, width, _ = picture.shape
    strip = max(round(TEXT_HEIGHT * height), 14)
    canvas = Image.new("RGB", (width, strip), PAPER)
    if line:
        draw = ImageDraw.Draw(canvas)
        side, gap = strip // 2, strip // 4
        draw.rectangle((gap, gap, gap + side, gap + side), fill=_rgb(colour))
        font = ImageFont.load_default(0.6 * strip)
        draw.text((2 * gap + side, strip / 2), line, fill=INK, font=font, anchor="lm")
    return np.concatenate([picture, np.asarray(canvas)])


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _raised(position: np.ndarray) -> np.ndarray:
    """[2] or [3] -> [3]: a position on the floor is drawn on it."""
    return position if len(position) == 3 else np.append(position, 0.0)
