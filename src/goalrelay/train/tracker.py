"""An experiment tracker: wandb or trackio, which have the same functions.

The run folder keeps which run of the tracker is the one of the folder (`tracker.json`), so a
resumed run continues it. A tracker that fails does not end a run: a `Notice` says it once, and the
run goes on without the tracker.
"""

import contextlib
import importlib
import secrets
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from goalrelay import install
from goalrelay.errors import Notice, UsageError, first_line
from goalrelay.files import read_json, write_json

PROJECT = "goalrelay"
FILE = "tracker.json"


class Tracker:
    """A run of a tracker.

    Args:
        name: wandb or trackio.
        folder: of our run.
        config: the experiment.

    Raises:
        UsageError: it is not installed.
    """

    def __init__(self, name: str, folder: Path, config: Mapping[str, Any]):
        self._name, self._file = name, folder / FILE
        self._about: dict[str, Any] = {}
        self._sent = -1
        """Steps that an earlier session has sent; a resumed run repeats some of its rows."""
        self._module: Any = installed(name)
        with self._forgiven():
            known = self._known()
            self._about = known or _new(name, folder)
            self._sent = self._about["step"]
            of_run = {"name": self._about["name"], "resume": "allow" if known else "never"}
            if name == "wandb":  # it finds a run by its id, trackio by its name
                of_run |= {"id": self._about["id"], "resume": "allow"}
            self._module.init(project=PROJECT, config=dict(config), **of_run)
            write_json(self._file, self._about)

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """Send figures of a step."""
        self._send(dict(figures), step)

    def film(self, path: Path, step: int) -> None:
        """Send a film, .gif or .mp4, of the policy at a step."""
        with self._forgiven():
            if self._module is not None:
                self._send({"film": self._module.Video(str(path), format=path.suffix[1:])}, step)

    def close(self) -> None:
        """Wait until all is sent."""
        with self._forgiven():
            if self._module is not None:
                self._module.finish()

    def _send(self, values: dict[str, Any], step: int) -> None:
        with self._forgiven():
            if self._module is not None and step > self._sent:
                self._module.log(values, step=step)
                self._about["step"] = step
                write_json(self._file, self._about)

    def _known(self) -> dict[str, Any] | None:
        """The tracker's run of an earlier session; None: there is none."""
        if not self._file.exists():
            return None
        about = read_json(self._file)
        kinds = {"tracker": str, "id": str, "name": str, "step": int}
        if any(not isinstance(about.get(key), kind) for key, kind in kinds.items()):
            raise UsageError(f"{self._file} is damaged")
        return about if about["tracker"] == self._name else None

    @contextlib.contextmanager
    def _forgiven(self) -> Iterator[None]:
        """A failure in this block ends the use of the tracker, and nothing else."""
        try:
            yield
        except (Exception, SystemExit) as error:
            self._module = None
            text = f"{self._name} failed ({first_line(error)}); the run goes on without it"
            warnings.warn(Notice(text), stacklevel=2)


def _new(name: str, folder: Path) -> dict[str, Any]:
    """A new run of a tracker; its name is that of no other run, and no path."""
    number = secrets.token_hex(4)
    named = "-".join([*folder.resolve().parts[1:][-3:], number])
    return {"tracker": name, "id": number, "name": named, "step": -1}


def installed(name: str) -> Any:
    """The module wandb or trackio.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise UsageError(f"--save.track {name} needs it: {install.extra('track')}") from None
