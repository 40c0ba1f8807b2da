"""Whether a checkpoint is of the run that the options describe: its names and shapes tell."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

Arrays = Mapping[str, np.ndarray]
COMPARED = ("['agents']", "['metrics']", "['reached']")
"""Beginnings of the names of what task, method and learner decide."""
STORED = "['buffer']['"
"""Beginning of the names of what the replay buffer holds: rows of the sizes of the task."""
NETWORK = re.escape("['agents'][0]['average']")
"""Beginning of the names of the first level's policy network."""
STATE = re.escape("['agents'][0]['state']")


def other_option(saved: Arrays, now: Arrays, learner: str) -> str:
    """Which option is not that of the checkpoint, in words; empty: none is.

    Args:
        saved: the arrays of the checkpoint, by name.
        now: those of a new run with the options.
        learner: name of the learner among the options.
    """
    then, here = (len(set(_indices(re.escape("['asked'][") + r"(\d+)", of))) for of in (saved, now))
    if then != here:
        return f"option 'scale.staleness' is {here}, and was {then} when the checkpoint was saved"
    then_shapes, shapes = _compared(saved), _compared(now)
    if then_shapes == shapes:
        return ""
    then, here = _of_learner(then_shapes), _of_learner(shapes)
    for name, value in here.items():
        if then[name] != value:
            return f"option '{name}' is {value}, and was {then[name]} when the checkpoint was saved"
    parts, parts_now = (set(_indices(rf"{STATE}\.(\w+)", of)) for of in (then_shapes, shapes))
    if parts != parts_now:
        return f"option 'learner_name' is {learner}, and the checkpoint is of another learner"
    for name in sorted(now.keys() & saved.keys()):
        if name.startswith(STORED) and saved[name].shape[1:] != now[name].shape[1:]:
            return (
                f"the checkpoint is of a task with other sizes: its {name[len(STORED) : -2]} has "
                f"shape {saved[name].shape[1:]}, the task's now has {now[name].shape[1:]}"
            )
    return "the task or the method is not that of the checkpoint: their options were changed"


def _compared(arrays: Arrays) -> dict[str, tuple[int, ...]]:
    """The shapes of what is compared, by name."""
    return {name: array.shape for name, array in arrays.items() if name.startswith(COMPARED)}


def _of_learner(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Options of the learner that decide shapes, as the shapes tell them."""
    layers = sorted(map(int, _indices(rf"{NETWORK}\.biases\[(\d+)\]", shapes)))
    biases = [shapes[f"['agents'][0]['average'].biases[{layer}]"] for layer in layers]
    return {
        "learner.hidden": [size for shape in biases[:-1] for size in shape],
        "learner.layer_norm": bool(_indices(rf"{NETWORK}\.gains\[(\d+)\]", shapes)),
    }


def _indices(pattern: str, shapes: Mapping[str, Any]) -> list[str]:
    """What the group of a pattern matches at the beginning of the names."""
    return [match[1] for name in shapes if (match := re.match(pattern, name))]
