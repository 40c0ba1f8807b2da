"""Checkpoints: a tree of arrays <-> one safetensors file, written whole and checked when read.

    checkpoint/CYCLE.safetensors    the leaves of the tree by their path, and their SHA-256

The last two are kept. A file appears in one step, so a run that is killed leaves whole files. A
file that was damaged later is found by its checksum, and the one before it is taken instead.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from goalrelay.errors import UsageError
from goalrelay.files import write_atomically

KEPT = 2
"""The newest ones that are not deleted."""
FORMAT = "goalrelay checkpoint 1"
ENDING = ".safetensors"


def save(folder: Path, cycle: int, state: Any) -> None:
    """Write a checkpoint, and delete all but the newest; a cycle saved before is left alone.

    Args:
        folder: of the checkpoints; made if it does not exist.
        cycle: at whose start the state is this one.
        state: tree of arrays.
    """
    file = folder / f"{cycle}{ENDING}"
    if file.exists():
        return
    folder.mkdir(exist_ok=True)
    for unfinished in folder.glob(f".*{ENDING}"):  # of a process that was killed
        unfinished.unlink()
    arrays = flattened(state)
    about = {"format": FORMAT, "sha256": checksum(arrays)}
    write_atomically(file, lambda beside: save_file(arrays, beside, about))
    for old in cycles(folder)[:-KEPT]:
        (folder / f"{old}{ENDING}").unlink()


def restore(folder: Path, like: Any) -> Any | None:
    """The newest whole checkpoint; damaged ones after it are deleted.

    Args:
        folder: of the checkpoints.
        like: a tree of the structure that was saved; the sizes of its arrays may differ.

    Returns:
        The tree that was saved; None where nothing was saved yet.

    Raises:
        UsageError: there are checkpoints, and none of them can be read.
    """
    reasons, damaged = [], []
    for cycle in reversed(cycles(folder)):
        file = folder / f"{cycle}{ENDING}"
        try:
            restored = unflattened(read(file), like)
        except (SafetensorError, OSError, ValueError) as error:
            reasons.append(str(error).splitlines()[0][:200])
            damaged.append(file)
            continue
        for file in damaged:  # else they would block a new save of their cycle
            file.unlink()
        return restored
    if reasons:
        raise UsageError(f"no checkpoint in {folder.parent} can be read: {reasons[0]}")
    if folder.exists() and any(path.is_dir() for path in folder.iterdir()):
        raise UsageError(
            f"{folder.parent} was saved by an older version, whose checkpoints this one cannot "
            "read; its policies can be used, and `goalrelay train` starts a new run"
        )
    return None


def cycles(folder: Path) -> list[int]:
    """The cycles that were saved, in their order."""
    names = [path.stem for path in folder.glob(f"*{ENDING}")]
    return sorted(int(name) for name in names if name.isdigit())


def read(file: Path) -> dict[str, np.ndarray]:
    """The arrays in a file, by name.

    Raises:
        ValueError: it is not a checkpoint, or its content is not what was written.
        SafetensorError: it is not a safetensors file.
        OSError: it cannot be read.
    """
    with safe_open(file, framework="numpy") as opened:
        about = opened.metadata() or {}
        names = opened.keys()
        arrays = {name: opened.get_tensor(name) for name in names}
    if about.get("format") != FORMAT:
        raise ValueError(f"{file.name} is no checkpoint of this version")
    if about.get("sha256") != checksum(arrays):
        raise ValueError(f"{file.name} is damaged: its checksum is another")
    return arrays


def checksum(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over names, types, shapes and bytes."""
    found = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        found.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        found.update(array.reshape(-1).view(np.uint8).data)
    return found.hexdigest()


def flattened(tree: Any) -> dict[str, np.ndarray]:
    """The leaves of a tree by their path, such as `['replay']['observation']`."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path): np.asarray(leaf, order="C") for path, leaf in leaves}


def unflattened(arrays: Mapping[str, np.ndarray], like: Any) -> Any:
    """The tree of the leaves, in the structure of `like`.

    Raises:
        ValueError: a leaf is missing.
    """

    def leaf(path: Any, _: Any) -> np.ndarray:
        name = jax.tree_util.keystr(path)
        if name not in arrays:
            raise ValueError(f"{name} is missing from the checkpoint")
        return arrays[name]

    return jax.tree_util.tree_map_with_path(leaf, like)
