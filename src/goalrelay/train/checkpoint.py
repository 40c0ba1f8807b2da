"""Checkpoints: a tree of arrays <-> one safetensors file with a checksum.

    checkpoint/CYCLE.safetensors    the leaves of the tree by their path, and their SHA-256

The newest two are kept. Writing is atomic, so a killed run leaves complete files. The checksum
detects a damaged file; then the checkpoint before it is read instead.
"""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from goalrelay.errors import Notice, UsageError, first_line
from goalrelay.files import remove_unfinished
from goalrelay.train import tensors
from goalrelay.train.tensors import CHECKSUM, checksum

Arrays = Mapping[str, np.ndarray]
KEPT = 2
"""Number of checkpoints that are kept."""
FORMAT = "goalrelay checkpoint 1"
ENDING = ".safetensors"
LATER = {"['counters']['dropped']", "['buffer']['failed']"}
"""What checkpoints of earlier versions lack: it is as in a new run."""


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
    remove_unfinished(folder)
    arrays = flattened(state)
    tensors.write(file, arrays, {"format": FORMAT, CHECKSUM: checksum(arrays)})
    for old in cycles(folder)[:-KEPT]:
        (folder / f"{old}{ENDING}").unlink()


def restore(
    folder: Path, like: Any, differs: Callable[[Arrays, Arrays], str] = lambda *_: ""
) -> Any | None:
    """The newest checkpoint that can be read; damaged newer ones are deleted, with a `Notice`.

    Args:
        folder: of the checkpoints.
        like: a tree of the same structure; the sizes of its arrays may differ.
        differs: called with the arrays of a checkpoint that is whole, and with those of `like`;
            why they are not of one run, in words, or nothing.

    Returns:
        the saved tree; None if the folder has no checkpoint.

    Raises:
        UsageError: none of the checkpoints can be read, or they are of another run.
    """
    reasons, damaged = [], []
    for cycle in reversed(cycles(folder)):
        file = folder / f"{cycle}{ENDING}"
        try:
            arrays = read(file)
            other = differs(arrays, flattened(like))
            restored = None if other else unflattened(arrays, like)
        except (MemoryError, PermissionError) as error:  # the file may be whole
            raise UsageError(f"{file} cannot be read now: {first_line(error)}") from error
        except Exception as error:  # of what kind depends on the damage
            reasons.append(first_line(error)[:200])
            damaged.append(file)
            continue
        if other:
            raise UsageError(f"{folder.parent / 'config.json'}: {other}")
        for file in damaged:  # `save` would not write their cycle again
            file.unlink()
        if damaged:
            before = f"the checkpoint of cycle {cycle} before it is used"
            warnings.warn(
                Notice(f"{damaged[0]} cannot be read ({reasons[0]}); {before}"), stacklevel=2
            )
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
        Exception: see `tensors.read`.
    """
    arrays, about = tensors.read(file)
    if about.get("format") != FORMAT:
        raise ValueError(f"{file.name} is no checkpoint of this version")
    if about.get(CHECKSUM) != checksum(arrays):
        raise ValueError(f"{file.name} is damaged: its checksum is another")
    return arrays


def flattened(tree: Any) -> dict[str, np.ndarray]:
    """The leaves of a tree by their path, such as `['buffer']['observation']`."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path): np.asarray(leaf, order="C") for path, leaf in leaves}


def unflattened(arrays: Mapping[str, np.ndarray], like: Any) -> Any:
    """The tree with these leaves and the structure of `like`.

    Raises:
        ValueError: a leaf is missing.
    """

    def leaf(path: Any, new: Any) -> np.ndarray:
        name = jax.tree_util.keystr(path)
        if name in LATER and name not in arrays:
            return new
        if name not in arrays:
            raise ValueError(f"{name} is missing from the checkpoint")
        return arrays[name]

    return jax.tree_util.tree_map_with_path(leaf, like)
