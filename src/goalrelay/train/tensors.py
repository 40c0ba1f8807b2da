"""Safetensors files, and a checksum that shows whether they are what was written."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from goalrelay.errors import first_line
from goalrelay.files import write_atomically

CHECKSUM = "sha256"
"""Key of the checksum in the metadata of a file."""


def write(file: Path, arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Write a file atomically.

    Raises:
        OSError: it cannot be written.
    """

    def save(beside: Path) -> None:
        try:
            save_file(arrays, beside, metadata)
        except SafetensorError as error:  # of a full disk, among others
            raise OSError(None, first_line(error), str(file)) from error

    write_atomically(file, save)


def read(file: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays of a file by name, and its metadata.

    Raises:
        OSError: the file cannot be read.
        Exception: it is damaged; of what kind depends on the damage.
    """
    with safe_open(file, framework="numpy") as opened:
        names = opened.keys()
        return {name: opened.get_tensor(name) for name in names}, opened.metadata() or {}


def checksum(arrays: Mapping[str, np.ndarray], about: Mapping[str, Any] | None = None) -> str:
    """SHA-256 over names, types, shapes and bytes, and over a description.

    Args:
        arrays: by name.
        about: what JSON can hold; before and after it was in a file it has the same checksum.
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    if about is not None:
        digest.update(json.dumps(about, sort_keys=True).encode())
    return digest.hexdigest()
