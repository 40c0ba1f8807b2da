"""Numbers that cannot be learned from, or acted on: NaN, infinite, or of absurd size."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from goalrelay.data.interface import GOAL_KEYS, Interface, Part, entry
from goalrelay.errors import UsageError
from goalrelay.types import Observation, Spec

LARGEST = 1e15
"""The largest magnitude of a number of an environment: the squares of some 300 million such numbers
can be summed in float32."""
SQUARED = LARGEST**2
NUMBERS = "fiub"
"""NumPy's letters for kinds of numbers: with a point, with a sign, without, and true or false."""


def bad(numbers: np.ndarray) -> np.ndarray:
    """Which of the numbers are NaN, infinite or above LARGEST: bool of the same shape."""
    return ~(np.abs(numbers) <= LARGEST)


def first_bad(
    fields: Sequence[np.ndarray], rewards: Sequence[float], spec: Spec
) -> tuple[str, int]:
    """The first number of an episode that is NaN, infinite or above LARGEST.

    Args:
        fields: observation, achieved and desired goal, each [L + 1, .].
        rewards: of the L steps.
        spec: of the task.

    Returns:
        the number in words, empty if there is none; and its step.
    """
    for name, field in zip(GOAL_KEYS, fields, strict=True):
        broken = np.argwhere(bad(field))
        if len(broken):
            step, column = broken[0]
            what = f"{name}[{column}]"
            if name == GOAL_KEYS[1] and column >= spec.goal_size:  # what rewards need lies behind
                what = "a number of info" if spec.goal_size else "the reward"
            return f"{what} became {field[step, column]:g}", int(step)
    for step, reward in enumerate(rewards, 1):
        if not abs(reward) <= LARGEST:
            return f"the reward became {reward:g}", step
    return "", 0


def observed(interface: Interface, raw: Any) -> Observation:
    """An observation that somebody else made, as the library's; see `Interface.observation`.

    Raises:
        UsageError: a part is missing, has another shape, or is not of finite numbers.
    """
    for layout in interface.layouts:  # this runs at every step, and takes some microseconds
        for part in layout:
            value = entry(raw, part.path)
            if type(value) is not np.ndarray or value.dtype.kind not in NUMBERS:
                _check_numbers(part, value)
    seen = interface.observation(raw)
    now, achieved, desired, _ = seen
    if not now.dot(now) + achieved.dot(achieved) + desired.dot(desired) <= SQUARED:
        for what in _bad_numbers(interface, raw):
            raise UsageError(f"{what}, and should be a number of at most {LARGEST:g}")
    return seen


def _check_numbers(part: Part, value: Any) -> None:
    """Refuse what is no array of numbers, nor a list of them."""
    try:
        kind = np.asarray(value).dtype.kind
    except ValueError:  # lists of different lengths
        kind = ""
    if not kind or kind not in NUMBERS:
        shown = " ".join(repr(value).split())
        raise UsageError(f"{part.name} is {shown[:60]}, and should be numbers")


def _bad_numbers(interface: Interface, raw: Any) -> Iterator[str]:
    """Numbers that are NaN, infinite or above LARGEST, in words."""
    for layout in interface.layouts:
        for part in layout:
            numbers = np.asarray(entry(raw, part.path), float).reshape(-1)
            for column in np.flatnonzero(bad(numbers)):
                yield f"{part.name}[{column}] is {numbers[column]:g}"
