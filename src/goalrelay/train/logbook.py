"""Where a run's figures go: `progress.csv`, `timing.csv`, TensorBoard, an experiment tracker.

`progress.csv` holds only what the seed decides, so that two runs of one seed give the same file;
seconds and speeds are in `timing.csv`, row for row beside it.
"""

import csv
import importlib
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from goalrelay.errors import UsageError
from goalrelay.files import write_text
from goalrelay.train.config import Save

Row = dict[str, Any]


class Table:
    """A small CSV file that is always whole on disk.

    Rows of the cycle it starts from and later ones are forgotten: a resumed run makes them again.
    """

    def __init__(self, path: Path, cycle: int):
        self.path = path
        self.rows: list[Row] = []
        if path.exists():
            try:
                self.rows = [row for row in read_table(path) if int(row["cycle"]) < cycle]
            except (KeyError, ValueError, TypeError):
                raise UsageError(f"{path} is damaged: a row does not tell its cycle") from None
            self._write()

    def append(self, row: Row) -> None:
        """Add a row and put the file in place."""
        self.rows.append({name: _cell(value) for name, value in row.items()})
        self._write()

    def _write(self) -> None:
        write_table(self.path, self.rows)


class Logbook:
    """All the places where figures go, from a cycle and an environment step on."""

    def __init__(self, folder: Path, config: Mapping[str, Any], save: Save, cycle: int, step: int):
        self.progress = Table(folder / "progress.csv", cycle)
        self.timing = Table(folder / "timing.csv", cycle)
        self._events: Any = None
        self._tracker: Any = None
        if save.tensorboard:
            from tensorboardX import SummaryWriter

            self._events = SummaryWriter(str(folder / "tensorboard"), purge_step=step or None)
        if save.track != "none":
            self._tracker = _tracker(save.track)
            self._tracker.init(project="goalrelay", name=str(folder), config=dict(config))

    def write(self, progress: Row, timing: Row) -> None:
        """One evaluation's figures, with the seconds beside them."""
        self.progress.append(progress)
        self.timing.append(timing)
        figures = {
            name: float(value)
            for name, value in (timing | progress).items()
            if isinstance(value, int | float) and math.isfinite(value)
        }
        if self._events is not None:
            for name, value in figures.items():
                self._events.add_scalar(name, value, progress["steps"])
            self._events.flush()
        if self._tracker is not None:
            self._tracker.log(figures, step=progress["steps"])

    def close(self) -> None:
        """Flush and close."""
        if self._events is not None:
            self._events.close()
        if self._tracker is not None:
            self._tracker.finish()


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """Put a CSV file in place, with the names of the first row; empty without rows."""
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    write_text(path, text.getvalue())


def read_table(path: Path) -> list[Row]:
    """The rows of a CSV file, as strings.

    Raises:
        UsageError: missing or unreadable.
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


def _tracker(name: str) -> Any:
    """wandb, or trackio, which answers to the same calls."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise UsageError(
            f"--save.track {name} needs it installed: pip install 'goalrelay[track]'"
        ) from None
