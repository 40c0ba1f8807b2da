"""Pictures of the point's maze from above, with NumPy alone: fast, without a graphics driver."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from goalrelay.tasks.ant import scene
from goalrelay.tasks.ant.layout import Layout

if TYPE_CHECKING:
    from goalrelay.tasks.ant.rolling import Point

COLOURS = {".rM": scene.GROUND, "~": scene.PIT}
"""Colours of kinds of cells; all other cells are walls."""


def draw(layout: Layout, scale: float, point: Point, size: tuple[int, int]) -> np.ndarray:
    """A picture [height, width, 3] uint8: walls grey, chasm dark, block orange, point blue.

    The target is a green dot, in a pale disc within which it counts as reached. A sub-goal is a
    pink dot. A small dot in front of the point shows its heading.

    Args:
        layout: of the maze.
        scale: width of a cell, m.
        point: the environment.
        size: width and height of the picture, pixels.
    """
    x, y = _pixel_positions(layout, scale, size)
    image = np.empty((len(y), len(x), 3))
    image[:] = scene.WALL[:3]

    def paint(mask: np.ndarray, colour: tuple[float, ...], opacity: float = 1.0) -> None:
        image[mask] += opacity * (np.array(colour[:3]) - image[mask])

    def square(at: tuple[float, float], half: float) -> np.ndarray:
        return (np.abs(x - at[0]) <= half) & (np.abs(y - at[1]) <= half)

    def disc(at: tuple[float, float], radius: float) -> np.ndarray:
        return np.hypot(x - at[0], y - at[1]) < radius

    for kinds, colour in COLOURS.items():
        for cell in layout.cells(kinds):
            paint(square((scale * cell[0], scale * cell[1]), scale / 2), colour)
    if point.block is not None:
        half = layout.shrink * scale / 2
        paint(square(point.block, half), scene.BLOCK, 0.55 if point.sunk else 1.0)
    target = (float(point.goal[0]), float(point.goal[1]))
    paint(disc(target, point.distance_threshold), scene.TARGET, scene.SHADE)
    paint(disc(target, 0.1 * scale), scene.TARGET)
    if point.subgoal is not None:
        paint(disc(point.subgoal, 0.08 * scale), scene.SUBGOAL)
    nose = (
        point.position[0] + 0.12 * scale * math.cos(point.heading),
        point.position[1] + 0.12 * scale * math.sin(point.heading),
    )
    paint(disc(point.position, 0.1 * scale), scene.ANT)
    paint(disc(nose, 0.05 * scale), scene.ANT)
    return (255 * image).round().astype(np.uint8)


def _pixel_positions(
    layout: Layout, scale: float, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the pixels, m: x [width], y [height, 1]. The picture shows the whole plan."""
    width, height = size
    step = scale * max((len(layout.plan[0]) - 1) / width, (len(layout.plan) - 1) / height)
    middle = scale * layout.middle
    x = middle[0] + step * (np.arange(width) + 0.5 - width / 2)
    y = middle[1] - step * (np.arange(height)[:, None] + 0.5 - height / 2)
    return x, y
