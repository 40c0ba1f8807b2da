"""Checkpoints: a tree of arrays <-> one safetensors file with a checksum.

    checkpoint/CYCLE.safetensors    the leaves of the tree by their path, and their SHA-256

The newest two are kept. Writing is atomic, so a killed run leaves complete files. The checksum
detects a damaged file; then the checkpoint before it is read instead.
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
"""Number of checkpoints that are kept."""
FORMAT = "goalrelay checkpoint 1"
ENDING = ".safetensors"


def save(folder: Path, cycle: int, state: Any) -> None:
    """Write a checkpoint and delete old ones; a checkpoint of this cycle is not written again.

    Args:
        folder: of the checkpoints; made if it does not exist.
        cycle: the state is the one at the start of this cycle.
        state: tree of arrays.
    """
    file = folder / f"{cycle}{ENDING}"
    if file.exists():
        return
    folder.mkdir(exist_ok=True)
    for unfinished in folder.glob(f".*{ENDING}"):  # a killed process left it
        unfinished.unlink()
    arrays = flattened(state)
    about = {"format": FORMAT, "sha256": checksum(arrays)}
    write_atomically(file, lambda beside: save_file(arrays, beside, about))
    for old in cycles(folder)[:-KEPT]:
        (folder / f"{old}{ENDING}").unlink()


def restore(folder: Path, like: Any) -> Any | None:
    """The newest checkpoint that can be read; damaged newer ones are deleted.

    Args:
        folder: of the checkpoints.
        like: a tree of the same structure; the sizes of its arrays may differ.

    Returns:
        the saved tree; None if the folder has no checkpoint.

    Raises:
        UsageError: none of the checkpoints can be read.
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
        for file in damaged:  # `save` would not write their cycle again
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
    """The cycles of all checkpoints, ascending."""
    names = [path.stem for path in folder.glob(f"*{ENDING}")]
    return sorted(int(name) for name in names if name.isdigit())


def read(file: Path) -> dict[str, np.ndarray]:
    """The arrays in a file, by name.

    Raises:
        ValueError: the file is not a checkpoint, or its checksum differs.
        SafetensorError: the file is not a safetensors file.
        OSError: the file cannot be read.
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
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def flattened(tree: Any) -> dict[str, np.ndarray]:
    """The leaves of a tree by their path, such as `['buffer']['observation']`."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path): np.asarray(leaf, order="C") for path, leaf in leaves}


def unflattened(arrays: Mapping[str, np.ndarray], like: Any) -> Any:
    """The tree with these leaves and the structure of `like`.

    Raises:
        ValueError: a leaf is missing.
    """

    def leaf(path: Any, _: Any) -> np.ndarray:
        name = jax.tree_util.keystr(path)
        if name not in arrays:
            raise ValueError(f"{name} is missing from the checkpoint")
        return arrays[name]

    return jax.tree_util.tree_map_with_path(leaf, like)
