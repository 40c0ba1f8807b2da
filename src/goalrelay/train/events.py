"""TensorBoard's event files, written at once.

The `SummaryWriter` of tensorboardX writes in a thread, where a full disk goes unseen and makes the
run wait for ever.
"""

import contextlib
import importlib
import time
from collections.abc import Mapping
from pathlib import Path


class Events:
    """An event file.

    Args:
        folder: made if it does not exist.
        step: events of this step and later ones, in earlier files, are not shown; 0: none.

    Raises:
        OSError: it cannot be written, here and in `write`.
    """

    def __init__(self, folder: Path, step: int):
        writer, summary, proto = (
            importlib.import_module(f"tensorboardX.{name}")
            for name in ("event_file_writer", "summary", "proto.event_pb2")
        )
        self._event, self._scalar = proto.Event, summary.scalar
        folder.mkdir(parents=True, exist_ok=True)
        self._file = writer.EventsWriter(str(folder / "events"))
        if step:
            self._file.write_event(self._event(step=step, file_version="brain.Event:2"))
            start = proto.SessionLog(status=proto.SessionLog.START)
            self._file.write_event(self._event(step=step, session_log=start))

    def write(self, figures: Mapping[str, float], step: int) -> None:
        """Write figures of a step."""
        for name, value in figures.items():
            summary = self._scalar(name, value)
            self._file.write_event(self._event(wall_time=time.time(), step=step, summary=summary))
        self._file.flush()

    def close(self) -> None:
        """Close the file; `write` leaves nothing to be written."""
        with contextlib.suppress(OSError):
            self._file.close()
