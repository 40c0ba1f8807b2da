"""Episodes as arrays by name, and the arrays of other programs as episodes, after checks."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from goalrelay.types import Episode, Spec

NUMBERS = {"terminal": bool, "success": float, "total_reward": float, "success_ever": float}
"""Fields of an episode that are one number, and their types."""
SIZES = (
    "observation_size",
    "achieved_size",
    "goal_size",
    "action_size",
    "discrete",
    "horizon",
    "image",
)
"""Fields of `Spec` by which two programs see whether they have the same task."""


class Form(NamedTuple):
    """What the episodes of a run look like."""

    horizon: int
    """Most steps."""
    fields: dict[str, tuple[str, tuple[int, ...]]]
    """Of each field that has a row a timestep, or a step: the kind of its numbers (NumPy's), and
    the shape of a row."""


def form_of(spec: Spec, extra_action_size: int) -> Form:
    """What the episodes of a task look like.

    Args:
        spec: of the task.
        extra_action_size: numbers that the method adds to an action.
    """
    sizes = (spec.observation_size, spec.achieved_size, spec.goal_size)
    names = ("observation", "achieved", "desired")
    fields = {name: ("f", (size,)) for name, size in zip(names, sizes, strict=True)}
    actions = ("i", ()) if spec.discrete else ("f", (spec.action_size + extra_action_size,))
    return Form(spec.horizon, fields | {"action": actions, "image": ("u", spec.image or (0,))})


def sizes_of(spec: Spec) -> dict[str, Any]:
    """`SIZES` for JSON."""
    return {n: list(v) if isinstance(v := getattr(spec, n), tuple) else v for n in SIZES}


def to_arrays(episode: Episode) -> dict[str, np.ndarray]:
    """The fields of an episode, by name."""
    return {name: np.asarray(value) for name, value in episode._asdict().items()}


def from_arrays(arrays: Mapping[str, np.ndarray], form: Form) -> Episode:
    """What `to_arrays` gave.

    Raises:
        ValueError: the arrays are no episode of this form.
    """
    if arrays.keys() != set(Episode._fields):
        raise ValueError("its fields are others")
    length = len(arrays["action"]) if arrays["action"].ndim else 0
    if not 1 <= length <= form.horizon:
        raise ValueError(f"it has {length} steps")
    for name, (kind, row) in form.fields.items():
        array, rows = arrays[name], length + (name != "action")
        if array.dtype.kind != kind or array.shape != (rows, *row):
            raise ValueError(f"'{name}' is of type {array.dtype} and shape {array.shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"'{name}' is not finite")
    if any(arrays[name].shape or arrays[name].dtype.kind not in "biuf" for name in NUMBERS):
        raise ValueError("one of its numbers is several, or none")
    if not np.isfinite(arrays["total_reward"]):
        raise ValueError("'total_reward' is not finite")
    numbers = {name: kind(arrays[name].item()) for name, kind in NUMBERS.items()}
    return Episode(**{**arrays, **numbers})
