"""Values of JSON -> the named tuples that they were; every type is checked.

    typed(Columns, ["observation", [0, 1]], "achieved") == Columns("observation", (0, 1))

A named tuple is a list of its fields in JSON, or an object with their names.
"""

import functools
import types
import typing
from typing import Any

from goalrelay.errors import UsageError

_WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
_WORDS |= {dict: "an object", tuple: "a list"}
LONGEST = 60
"""Characters of a value that a message shows."""


def typed(kind: Any, value: Any, name: str) -> Any:
    """A value of JSON as this type.

    Args:
        kind: a plain type, a named tuple, a tuple, a literal, or one of these or None.
        value: as JSON gives it.
        name: of the value, for messages.

    Raises:
        UsageError: the value is of another type; the message names the part of it.
    """
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        (other,) = (one for one in inner if one is not types.NoneType)
        return None if value is None else typed(other, value, name)
    if origin is typing.Literal:
        if not isinstance(value, str) or value not in inner:
            raise _wrong(name, value, " or ".join(inner))
        return value
    if origin is tuple:
        return _tuple(inner, value, name)
    if isinstance(kind, type) and issubclass(kind, tuple):
        return _named_tuple(kind, value, name)
    kind = origin or kind  # a dictionary may hold anything
    fits = isinstance(value, int | float if kind is float else kind)
    if not fits or (isinstance(value, bool) and kind is not bool):
        raise _wrong(name, value, _WORDS[kind])
    return value


def _tuple(inner: tuple[Any, ...], value: Any, name: str) -> tuple[Any, ...]:
    """A list as a tuple, of any length or of a fixed one."""
    if not isinstance(value, list | tuple):
        raise _wrong(name, value, "a list")
    kinds = [inner[0]] * len(value) if inner[-1] is ... else inner
    if len(kinds) != len(value):
        raise _wrong(name, value, f"a list of {len(kinds)}")
    parts = zip(kinds, value, strict=True)
    return tuple(typed(kind, one, f"{name}[{i}]") for i, (kind, one) in enumerate(parts))


def _named_tuple(kind: Any, value: Any, name: str) -> Any:
    """A list or an object as a named tuple."""
    if isinstance(value, list | tuple) and len(value) <= len(kind._fields):
        value = dict(zip(kind._fields, value, strict=False))
    if not isinstance(value, dict):
        raise _wrong(name, value, f"its {', '.join(kind._fields)}")
    hints, inside = _hints(kind), f"{name}." if name else ""
    for key in value:
        if key not in hints:
            raise UsageError(f"'{inside}{key}' is unknown")
    for key in hints:
        if key not in value and key not in kind._field_defaults:
            raise UsageError(f"'{inside}{key}' is missing")
    return kind(**{key: typed(hints[key], one, inside + key) for key, one in value.items()})


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _wrong(name: str, value: Any, needed: str) -> UsageError:
    shown = repr(value)
    shown = shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}..."
    return UsageError(f"'{name}' is {shown}, and should be {needed}")
