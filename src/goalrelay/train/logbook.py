"""The log of a run: `progress.csv`, `timing.csv`, TensorBoard, an experiment tracker.

`progress.csv` depends on the seed alone, so two runs with one seed write the same file. Seconds and
speeds are in `timing.csv`, with the same rows.
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from goalrelay.errors import UsageError
from goalrelay.files import write_text
from goalrelay.train.config import Save
from goalrelay.train.events import Events
from goalrelay.train.films import gif_of
from goalrelay.train.tracker import Tracker

Row = dict[str, Any]


class Table:
    """A small CSV file that is complete on disk after every row.

    Rows from the starting cycle on are dropped, since a resumed run writes them again.
    """

    def __init__(self, path: Path, cycle: int):
        self.path = path
        self.rows: list[Row] = []
        if path.exists():
            try:
                self.rows = [row for row in read_table(path) if int(row["cycle"]) < cycle]
                if any(None in row or None in row.values() for row in self.rows):
                    raise UsageError(f"{path} is damaged: a row does not fit the header")
            except (KeyError, ValueError, TypeError):
                raise UsageError(f"{path} is damaged: a row does not tell its cycle") from None
            self._write()

    def append(self, row: Row) -> None:
        """Add a row and write the file.

        Raises:
            UsageError: the rows before it have other columns.
        """
        if self.rows and self.rows[0].keys() != row.keys():
            other = sorted({str(name) for name in self.rows[0].keys() ^ row.keys()})
            raise UsageError(
                f"{self.path} is damaged, or of another version: it has or lacks {other[0]}"
            )
        self.rows.append({name: _cell(value) for name, value in row.items()})
        self._write()

    def _write(self) -> None:
        write_table(self.path, self.rows)


class Logbook:
    """The files and services of a log.

    Args:
        folder: of the run.
        config: the experiment, for TensorBoard and the tracker.
        save: the options.
        cycle: the run continues from this one; later rows are dropped.
        step: environment steps so far.
    """

    def __init__(self, folder: Path, config: Mapping[str, Any], save: Save, cycle: int, step: int):
        self.progress = Table(folder / "progress.csv", cycle)
        self.timing = Table(folder / "timing.csv", cycle)
        self._events: Events | None = None
        self._tracker: Tracker | None = None
        if save.tensorboard:
            self._events = Events(folder / "tensorboard", step, config)
        if save.track != "none":
            self._tracker = Tracker(save.track, folder, config)

    def write(self, progress: Row, timing: Row) -> None:
        """Write the row of one evaluation to all of them."""
        self.progress.append(progress)
        self.timing.append(timing)
        figures = {
            name: float(value)
            for name, value in (timing | progress).items()
            if isinstance(value, int | float) and math.isfinite(value)
        }
        if self._events is not None:
            self._events.write(figures, progress["steps"])
        if self._tracker is not None:
            self._tracker.log(figures, progress["steps"])

    def film(self, path: Path, step: int) -> None:
        """Give a film, .gif or .mp4, of the policy at a step to TensorBoard and the tracker."""
        if self._events is not None:
            self._events.film("film", gif_of(path), step)
        if self._tracker is not None:
            self._tracker.film(path, step)

    def close(self) -> None:
        """Flush and close."""
        if self._events is not None:
            self._events.close()
        if self._tracker is not None:
            self._tracker.close()


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """Write a CSV file with the column names of the first row; empty without rows."""
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    write_text(path, text.getvalue())


def read_table(path: Path) -> list[Row]:
    """The rows of a CSV file, as strings.

    Raises:
        UsageError: the file is missing or unreadable.
    """
    try:
        with path.open(newline="") as file:
            return list(csv.DictReader(file))
    except FileNotFoundError:
        raise UsageError(f"no such file: {path}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"cannot read {path}: {error}") from error


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
