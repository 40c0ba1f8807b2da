"""Gymnasium's spaces -> how they are converted (see `interface`), or why they do not fit."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from gymnasium import spaces

from goalrelay.data.interface import (
    GOAL_KEYS,
    Actions,
    ImagePart,
    Interface,
    Layout,
    Part,
    name_of,
)
from goalrelay.errors import UsageError

MOST_CHOICES = 1000
"""Most combinations of discrete actions, and most categories of a discrete observation."""
MOST_ACTIONS = 1_000_000
"""Most actions of a discrete space of one dimension; a network has an output for each."""
SMALLEST, LARGEST = 16, 256
"""Fewest and most rows and columns of an image."""
WIDEST = 1e9
"""Largest range of an action; wider ones mean that there is none."""


def interface_of(observation_space: Any, action_space: Any) -> Interface:
    """The interface of an environment with these Gymnasium spaces.

    Raises:
        UsageError: a space does not fit; the message says which would.
    """
    if not isinstance(observation_space, spaces.Dict):
        actions, images = actions_of(action_space), images_of(observation_space, ())
        return Interface(actions, (layout_of(observation_space, ()),), images)
    inner = observation_space.spaces
    absent = [key for key in GOAL_KEYS if key not in inner]
    if absent:
        raise UsageError(
            f"has no observation['{absent[0]}']; a goal task needs observation, achieved_goal and "
            "desired_goal"
        )
    layouts = tuple(layout_of(inner[key], (key,)) for key in GOAL_KEYS)
    images = images_of(inner["observation"], ("observation",))
    for key, layout in zip(GOAL_KEYS, layouts, strict=True):
        if not layout and not (images and key == "observation"):
            what = "images" if images_of(inner[key], (key,)) else "nothing"
            raise UsageError(f"has {what} in observation['{key}'], where numbers are needed")
    return Interface(actions_of(action_space), layouts, images)


def images_of(space: Any, path: tuple[str, ...]) -> tuple[ImagePart, ...]:
    """The images of a space at these keys.

    Raises:
        UsageError: they are no images that fit, or differ in size.
    """
    if isinstance(space, spaces.Dict):
        found = tuple(
            part for key, inner in _entries(space, path) for part in images_of(inner, (*path, key))
        )
        if len({part.size[:2] for part in found}) > 1:
            sizes = " and ".join(f"{part.size[0]} x {part.size[1]}" for part in found)
            raise UsageError(f"has images of {sizes}; all need the same size")
        return found
    if not _is_image(space):
        return ()
    if len(space.shape) == 3 and min(space.shape) >= SMALLEST:
        raise UsageError(
            f"has the image {name_of(path)} of shape {space.shape}, whose channels may be first "
            f"or last; an image has fewer than {SMALLEST} channels, usually 1, 3 or 4"
        )
    first = len(space.shape) == 3 and space.shape[0] < min(space.shape[1:])
    part = ImagePart(path, space.shape, first)
    if not all(SMALLEST <= side <= LARGEST for side in part.size[:2]):
        raise UsageError(
            f"has the image {name_of(path)} of {part.size[0]} x {part.size[1]}; images from "
            f"{SMALLEST} x {SMALLEST} to {LARGEST} x {LARGEST} fit "
            "(gymnasium.wrappers.ResizeObservation changes their size)"
        )
    return (part,)


def layout_of(space: Any, path: tuple[str, ...]) -> Layout:
    """The parts of a space at these keys that are no images.

    Raises:
        UsageError: the space has a kind that does not fit.
    """
    if isinstance(space, spaces.Dict):
        return tuple(
            part for key, inner in _entries(space, path) for part in layout_of(inner, (*path, key))
        )
    if _is_image(space):
        return ()
    part = None
    if isinstance(space, spaces.Discrete):
        part = Part(path, (), "int64", (int(space.n),), (int(space.start),))
    elif isinstance(space, spaces.MultiDiscrete):
        counts, first = _counts(space)
        part = Part(path, space.shape, "int64", counts, first)
    elif isinstance(space, spaces.Box | spaces.MultiBinary) and len(space.shape) <= 2:
        part = Part(path, space.shape, str(space.dtype))
    if part is None:
        raise UsageError(
            f"has {Part(path, (), '').name} {_short(space)}; Box spaces of one or two dimensions, "
            "images (uint8 Boxes), MultiBinary, Discrete, MultiDiscrete and Dict of these fit"
        )
    if part.size > MOST_CHOICES and part.choices:
        raise UsageError(
            f"has {part.name} {_short(space)}; at most {MOST_CHOICES:,} categories fit"
        )
    return (part,)


def _entries(space: spaces.Dict, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """The keys and the spaces in a dictionary.

    Raises:
        UsageError: a key is no text.
    """
    for key, inner in space.spaces.items():
        if not isinstance(key, str):
            raise UsageError(f"has the key {key!r} in {name_of(path)}; keys must be texts")
        yield key, inner


def _is_image(space: Any) -> bool:
    if not isinstance(space, spaces.Box) or space.dtype != np.uint8:
        return False
    if len(space.shape) == 2:  # a small board is numbers
        return min(space.shape) >= SMALLEST
    return len(space.shape) == 3


def actions_of(space: Any) -> Actions:
    """The actions of a space.

    Raises:
        UsageError: they have no bounds, are too many, or of a kind that does not fit.
    """
    nothing = np.zeros(0, np.float32)
    if isinstance(space, spaces.Discrete):
        if space.n > MOST_ACTIONS:
            raise UsageError(f"has {space.n:,} discrete actions; at most {MOST_ACTIONS:,} fit")
        return Actions(nothing, nothing, (), (int(space.n),), (int(space.start),))
    if isinstance(space, spaces.MultiDiscrete | spaces.MultiBinary):
        counts, first = _counts(space)
        combinations = math.prod(counts)
        if combinations > MOST_CHOICES:
            raise UsageError(
                f"has actions {_short(space)}, which have {combinations:,} combinations; at most "
                f"{MOST_CHOICES:,} fit"
            )
        return Actions(nothing, nothing, space.shape, counts, first)
    if not isinstance(space, spaces.Box):
        raise UsageError(
            f"has actions {_short(space)}; Box, Discrete, MultiDiscrete and MultiBinary fit"
        )
    low, high = space.low.reshape(-1), space.high.reshape(-1)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise UsageError("has unbounded actions; give the Box a bounded range, such as [-1, 1]")
    with np.errstate(over="ignore"):
        wide = high.astype(float) - low.astype(float) > WIDEST
    if wide.any():
        raise UsageError(
            f"has actions from {low[wide][0]:g} to {high[wide][0]:g}; give the Box a bounded "
            f"range, of at most {WIDEST:g}"
        )
    return Actions(low, high, space.shape)


def _counts(space: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Number of choices, and number of the first choice, of each entry of a discrete space."""
    if isinstance(space, spaces.MultiBinary):
        count = math.prod(space.shape)
        return (2,) * count, (0,) * count
    counts = tuple(int(n) for n in space.nvec.reshape(-1))
    first = np.broadcast_to(getattr(space, "start", 0), space.shape).reshape(-1)
    return counts, tuple(int(n) for n in first)


def _short(space: Any) -> str:
    """A space in a few words."""
    text = " ".join(str(space).split())
    return text if len(text) <= 100 else f"{text[:100]}..."
