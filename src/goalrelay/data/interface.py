"""How observations and actions are converted: Gymnasium's spaces <-> flat arrays of numbers.

Box, MultiBinary          their numbers, row by row
Discrete, MultiDiscrete   each number one-hot; as actions, one number for each combination
Dict                      its entries one after the other, in the order of the space
images                    stay images, channels last; several become one with all their channels
"""

import math
from typing import Any, NamedTuple

import numpy as np

from goalrelay.errors import UsageError
from goalrelay.types import NO_IMAGE, Observation

GOAL_KEYS = ("observation", "achieved_goal", "desired_goal")


class Part(NamedTuple):
    """An array of an observation, and how it becomes numbers."""

    path: tuple[str, ...]
    """Keys that lead to it."""
    shape: tuple[int, ...]
    dtype: str
    choices: tuple[int, ...] = ()
    """Categories of each of its numbers, which become one-hot; empty: it is numbers already."""
    first: tuple[int, ...] = ()
    """Number of the first category of each."""

    @property
    def size(self) -> int:
        """Numbers that it becomes."""
        return sum(self.choices) or math.prod(self.shape)

    def flat(self, raw: Any, kind: Any = np.float32) -> np.ndarray:
        """The array in an observation as numbers: [size], copied.

        Raises:
            UsageError: the observation is not what the space says.
        """
        given = real(entry(raw, self.path), self.name)
        array = np.array(given, np.int64 if self.choices else kind)
        if array.shape != self.shape and not self._is_reshaped(array):
            raise UsageError(
                f"the environment's {self.name} has shape {array.shape}, its space has {self.shape}"
            )
        return self._one_hot(array.reshape(-1)) if self.choices else array.reshape(-1)

    def _is_reshaped(self, array: np.ndarray) -> bool:
        """Whether an array has the numbers in the order of the space, in another shape.

        One number may come alone or in an array, and numbers in one row. A flat task's array may
        have further dimensions of size 1.
        """
        has, needs = ([n for n in shape if n != 1] for shape in (array.shape, self.shape))
        if has != needs and (array.ndim != 1 or array.size != math.prod(self.shape)):
            return False
        return array.ndim <= max(1, len(self.shape)) or not self.path

    def _one_hot(self, numbers: np.ndarray) -> np.ndarray:
        category = numbers - np.array(self.first)
        if ((category < 0) | (category >= self.choices)).any():
            raise UsageError(f"the environment's {self.name} is {numbers}, outside of its space")
        hot = np.zeros(self.size, np.float32)
        hot[np.cumsum([0, *self.choices[:-1]]) + category] = 1
        return hot

    def native(self, flat: np.ndarray) -> np.ndarray:
        """The inverse for a batch, copied: [..., size] -> [..., *shape] of the space's own type."""
        if self.choices:
            pieces = np.split(flat, np.cumsum(self.choices)[:-1], axis=-1)
            chosen = np.stack([piece.argmax(axis=-1) for piece in pieces], axis=-1)
            flat = chosen + np.array(self.first)
        array = flat.reshape(*flat.shape[:-1], *self.shape)
        # numbers with a point keep the precision in which they are stored
        return np.array(array) if self.dtype.startswith("float") else array.astype(self.dtype)

    @property
    def name(self) -> str:
        """observation['joints'], for messages."""
        return name_of(self.path)


class ImagePart(NamedTuple):
    """An image of an observation, uint8."""

    path: tuple[str, ...]
    """Keys that lead to it."""
    shape: tuple[int, ...]
    """[H, W], [H, W, C], or [C, H, W]"""
    channels_first: bool

    @property
    def size(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        if len(self.shape) == 2:
            return (*self.shape, 1)
        height, width, channels = np.roll(self.shape, -1 if self.channels_first else 0)
        return int(height), int(width), int(channels)

    def of(self, raw: Any) -> np.ndarray:
        """The image in an observation: [H, W, C] uint8.

        Raises:
            UsageError: the observation is not what the space says.
        """
        name, array = name_of(self.path), np.asarray(entry(raw, self.path))
        if array.shape != self.shape or array.dtype != np.uint8:
            raise UsageError(
                f"the environment's {name} is {array.dtype} of shape {array.shape}, its space is "
                f"uint8 of shape {self.shape}"
            )
        return np.moveaxis(array, 0, -1) if self.channels_first else array.reshape(self.size)


Layout = tuple[Part, ...]
"""The parts of an observation, an achieved or a desired goal, in the order of their numbers."""


class Actions(NamedTuple):
    """The actions of a task."""

    low: np.ndarray
    """[A] lowest actions of the environment, of its type; empty for discrete actions"""
    high: np.ndarray
    """[A] highest actions"""
    shape: tuple[int, ...]
    """of the environment's action"""
    choices: tuple[int, ...] = ()
    """number of choices of each discrete action; learners choose one of their combinations"""
    first: tuple[int, ...] = ()
    """number of the first choice of each; learners count from 0"""

    def native(self, decision: np.ndarray) -> Any:
        """The action in the environment's own units, a member of its action space.

        Args:
            decision: a normalised action, [A] in [-1, 1] or [] int. Further numbers, such as the
                sub-goal of a hierarchy, are ignored.
        """
        if self.choices:
            if not self.shape:
                return self.first[0] + int(decision)
            chosen = np.array(np.unravel_index(int(decision), self.choices)) + np.array(self.first)
            return chosen.reshape(self.shape)
        centre, half = self._scale()
        action = centre + half * np.minimum(np.maximum(decision[: len(self.low)], -1), 1)
        if self.low.dtype.kind != "f":
            action = np.rint(action)
        action = np.minimum(np.maximum(action, self.low), self.high)  # against rounding errors
        return action.astype(self.low.dtype).reshape(self.shape)

    def normalized(self, native: np.ndarray) -> np.ndarray:
        """Actions in the learners' units, [..., A] in [-1, 1] or [...] int32 counted from 0.

        Combinations that the task does not have become -1.

        Args:
            native: actions in the environment's own units, [..., *shape].
        """
        if self.choices:
            if not self.shape:
                return (np.asarray(native, np.int64) - self.first[0]).astype(np.int32)
            chosen = self._rows(np.asarray(native, np.int64)) - np.array(self.first)
            known = np.all((chosen >= 0) & (chosen < np.array(self.choices)), axis=-1)
            chosen = np.moveaxis(chosen * known[..., None], -1, 0)
            number = np.ravel_multi_index(tuple(chosen), self.choices)
            return np.where(known, number, -1).astype(np.int32)
        centre, half = self._scale()
        half = np.where(half > 0, half, 1)  # an action that cannot vary
        unit = (self._rows(np.asarray(native, np.float32)) - centre) / half
        return unit.clip(-1, 1).astype(np.float32)

    def _rows(self, native: np.ndarray) -> np.ndarray:
        """[..., *shape] -> [..., A]"""
        leading = native.shape[: native.ndim - len(self.shape)]
        return native.reshape(*leading, math.prod(self.shape))

    def _scale(self) -> tuple[np.ndarray, np.ndarray]:
        """Centre and half of the range of each action: [A], [A]."""
        if self.low.dtype.kind == "f":
            return (self.high + self.low) / 2, (self.high - self.low) / 2
        low, high = self.low.astype(np.float64), self.high.astype(np.float64)
        return (high + low) / 2, (high - low) / 2


class Interface(NamedTuple):
    """How the observations and actions of a task are converted."""

    actions: Actions
    layouts: tuple[Layout, ...]
    """of observation, achieved and desired goal; a flat task has the first only"""
    images: tuple[ImagePart, ...] = ()
    """of the observation, all of one height and width"""

    @property
    def flat(self) -> bool:
        """Whether the task has no goals."""
        return len(self.layouts) == 1

    def observation(self, raw: Any, reward: float = 0.0) -> Observation:
        """The library's observation, float32, copied: environments may overwrite their arrays.

        Args:
            raw: the dictionary of a goal task, or what a flat task shows.
            reward: of the last step, which a flat task stores as its achieved goal.

        Raises:
            UsageError: sizes are not those of the spaces.
        """
        parts, image = self.parts(raw, np.float32), NO_IMAGE
        if self.images:
            image = np.concatenate([part.of(raw) for part in self.images], axis=-1)
        if self.flat:
            parts = [parts[0], np.array([reward], np.float32), np.zeros(0, np.float32)]
        return Observation(parts[0], parts[1], parts[2], image)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Height, width and channels of the image of an observation; empty: none."""
        if not self.images:
            return ()
        height, width, _ = self.images[0].size
        return height, width, sum(part.size[2] for part in self.images)

    def parts(self, raw: Any, kind: Any = None) -> list[np.ndarray]:
        """Observation, achieved and desired goal, flat, of this type; by default of their own."""
        return [_joined([part.flat(raw, kind) for part in layout]) for layout in self.layouts]

    def goals(self, achieved: np.ndarray, desired: np.ndarray) -> tuple[Any, Any]:
        """Goals as the task's functions take them, copied: [B, G], [B, G] -> [B, *shape] twice."""
        return native(self.layouts[1], achieved), native(self.layouts[2], desired)


def native(layout: Layout, flat: np.ndarray) -> Any:
    """A batch [B, size] as an array [B, *shape], or as a dictionary of them."""
    if len(layout) == 1 and len(layout[0].path) == 1:
        return layout[0].native(flat)
    native: dict[str, Any] = {}
    bounds = np.cumsum([part.size for part in layout])[:-1]
    for part, numbers in zip(layout, np.split(flat, bounds, axis=-1), strict=True):
        inner = native
        for key in part.path[1:-1]:
            inner = inner.setdefault(key, {})
        inner[part.path[-1]] = part.native(numbers)
    return native


def entry(raw: Any, path: tuple[str, ...]) -> Any:
    """What an observation has at these keys.

    Raises:
        UsageError: it has none of them.
    """
    try:
        for key in path:
            raw = raw[key]
    except (KeyError, IndexError, TypeError):
        raise UsageError(f"the environment's {name_of(path)} is missing") from None
    return raw


def real(value: Any, name: str) -> Any:
    """A value that is no complex number, nor an array of them.

    Raises:
        UsageError: it is.
    """
    is_array = isinstance(value, np.ndarray | np.generic)  # asked first: that is fast
    if value.dtype.kind == "c" if is_array else np.iscomplexobj(value):
        raise UsageError(f"the environment's {name} is complex, and should be real")
    return value


def name_of(path: tuple[str, ...]) -> str:
    """observation['joints'], for messages."""
    return "observation" + "".join(f"[{key!r}]" for key in path)


def row_of(batch: Any, row: int) -> Any:
    """One of a batch: of each array in a tuple or in a dictionary."""
    if isinstance(batch, tuple):
        return tuple(row_of(one, row) for one in batch)
    if isinstance(batch, dict):
        return {key: row_of(one, row) for key, one in batch.items()}
    return batch[row]


def _joined(pieces: list[np.ndarray]) -> np.ndarray:
    if not pieces:  # all of it is images
        return np.zeros(0, np.float32)
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
