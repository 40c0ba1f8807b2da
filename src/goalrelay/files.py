"""Atomic writing of files: a file appears whole or not at all."""

import json
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from goalrelay.errors import UsageError

OURS = ".goalrelay-"
"""Beginning of the names of the folders in which files are written before they are renamed."""
UNFINISHED = re.compile(rf"{re.escape(OURS)}\w{{8}}")
EARLIER = re.compile(
    r"\.(config|structure|progress|timing|table|others|policy|policy-last|\d+)"
    r"\.\d+\.(json|csv|safetensors)"
)
"""Names of temporary files of earlier versions."""


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a file in a folder of its own beside the path, then rename it to the path.

    The file has the same ending, since some writers choose their format by it. They may write
    temporary files of their own beside it.
    """
    folder = Path(tempfile.mkdtemp(prefix=OURS, dir=path.parent))
    unfinished = folder / f"new{path.suffix}"  # not a name that is looked for in folders
    try:
        write(unfinished)
        unfinished.replace(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_unfinished(*folders: Path) -> None:
    """Remove what killed processes left half written; nobody else may write in the folders."""
    for folder in folders:
        for path in folder.glob(".*"):
            if UNFINISHED.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif EARLIER.fullmatch(path.name) and path.is_file():
                path.unlink(missing_ok=True)


@contextmanager
def calling_ffmpeg() -> Iterator[None]:
    """A block in which imageio starts ffmpeg.

    JAX warns of a fork in a process with threads. This one is safe, since ffmpeg is executed at
    once.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"os\.fork\(\)", RuntimeWarning)
        yield


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""

    def write(temporary: Path) -> None:
        temporary.write_text(text)

    write_atomically(path, write)


def write_json(path: Path, values: Any) -> None:
    """Write a JSON file atomically."""
    write_text(path, json.dumps(values, indent=2) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The dictionary in a JSON file.

    Raises:
        UsageError: the file is missing, unreadable or holds no dictionary.
    """
    try:
        values = json.loads(path.read_text())
    except FileNotFoundError:
        raise UsageError(f"no such file: {path}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
    if not isinstance(values, dict):
        raise UsageError(f"{path} does not hold a JSON object")
    return values
