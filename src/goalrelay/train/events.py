"""TensorBoard's event files, written at once.

The `SummaryWriter` of tensorboardX writes in a thread, where a full disk goes unseen and makes the
run wait for ever.
"""

import contextlib
import importlib
import json
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

COMPARED = ("eval_success", "eval_mean_return", "episodes")
"""Figures beside the options in the tab HParams."""


class Events:
    """An event file.

    Args:
        folder: made if it does not exist.
        step: events of this step and later ones, in earlier files, are not shown.
        options: of the run, nested, for the tab HParams; written in the first file of a folder.

    Raises:
        OSError: it cannot be written, here and in `write`.
    """

    def __init__(self, folder: Path, step: int, options: Mapping[str, Any]):
        writer, summary, proto, images = (
            importlib.import_module(f"tensorboardX.{name}")
            for name in ("event_file_writer", "summary", "proto.event_pb2", "proto.summary_pb2")
        )
        self._event, self._scalar, self._summary = proto.Event, summary.scalar, images.Summary
        folder.mkdir(parents=True, exist_ok=True)
        earlier = len(list(folder.iterdir()))
        # the name has the second: without a number, a second file in it would replace the first
        self._file = writer.EventsWriter(str(folder / "events"), f".{earlier:04}")
        self._file.write_event(self._event(step=step, file_version="brain.Event:2"))
        # TensorBoard takes the first start that it reads for that of the run, and lets only later
        # ones hide events; so the first file has one too
        start = proto.SessionLog(status=proto.SessionLog.START)
        self._file.write_event(self._event(step=step, session_log=start))
        if not earlier:
            values = {name: _value(value) for name, value in _leaves(options)}
            *about, _ = summary.hparams(values, dict.fromkeys(COMPARED))  # without "has ended"
            for one in about:
                self._add(one, 0)

    def write(self, figures: Mapping[str, float], step: int) -> None:
        """Write figures of a step."""
        for name, value in figures.items():
            self._add(self._scalar(name, value), step)
        self._file.flush()

    def film(self, tag: str, gif: bytes, step: int) -> None:
        """Write a film of a step: an image, which TensorBoard shows animated."""
        width, height = struct.unpack_from("<HH", gif, 6)  # after "GIF89a"
        image = self._summary.Image(
            width=width, height=height, colorspace=3, encoded_image_string=gif
        )
        self._add(self._summary(value=[self._summary.Value(tag=tag, image=image)]), step)
        self._file.flush()

    def close(self) -> None:
        """Close the file; `write` leaves nothing to be written."""
        with contextlib.suppress(OSError):
            self._file.close()

    def _add(self, summary: Any, step: int) -> None:
        self._file.write_event(self._event(wall_time=time.time(), step=step, summary=summary))


def _leaves(options: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """The options of nested dictionaries, by dotted name."""
    found: list[tuple[str, Any]] = []
    for name, value in options.items():
        nested = isinstance(value, Mapping)
        found += _leaves(value, f"{before}{name}.") if nested else [(before + name, value)]
    return found


def _value(value: Any) -> str | bool | float:
    """A number, a text or a truth value; all that the tab HParams can show."""
    return value if isinstance(value, str | bool | int | float) else json.dumps(value)
