"""A film as an animated GIF, which TensorBoard shows as an image."""

import importlib
import math
from pathlib import Path
from typing import Any

from goalrelay.files import calling_ffmpeg

MOST_SIDE, MOST_FPS = 240, 10
"""Pixels and frames a second of a film that was not a GIF: an event file is not compressed."""


def gif_of(film: Path) -> bytes:
    """The bytes of a GIF; another film is made one, with fewer and smaller frames.

    Args:
        film: .gif, or a file that imageio reads, such as .mp4.
    """
    if film.suffix.lower() == ".gif":
        return film.read_bytes()
    imageio: Any = importlib.import_module("imageio.v2")
    with calling_ffmpeg(), imageio.get_reader(film) as reader:
        about = reader.get_meta_data()
        every = math.ceil(about["fps"] / MOST_FPS)
        stride = math.ceil(max(about["size"]) / MOST_SIDE)
        frames = [picture[::stride, ::stride] for i, picture in enumerate(reader) if i % every == 0]
    duration = 1000 * every / about["fps"]  # of a frame, in ms
    return imageio.mimwrite(imageio.RETURN_BYTES, frames, "GIF", duration=duration, loop=0)
