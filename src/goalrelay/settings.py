"""Configuration as data: a tree of frozen dataclasses.

number                a field for a number, with its bounds
options               all options of a tree, by dotted name
validate              checks all bounds; errors name the option as on the command line
replace_at            a copy of the tree with one other value
to_dict, from_dict    the JSON round trip
"""

import dataclasses
import difflib
import math
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from goalrelay.errors import UsageError
from goalrelay.renamed import hint


def number(
    default: float | tuple[float, ...] | None,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    above: float = -math.inf,
    below: float = math.inf,
) -> Any:
    """A dataclass field for a number, or a tuple of numbers.

    Args:
        default: the default value; None: the option may be absent.
        low: smallest value allowed.
        high: largest value allowed.
        above: values must be larger than this.
        below: values must be smaller than this.
    """
    bounds = {"low": low, "high": high, "above": above, "below": below}
    return dataclasses.field(default=default, metadata=bounds)


def options(config: Any, prefix: str = "") -> Iterable[tuple[str, dataclasses.Field[Any], Any]]:
    """All leaves of a tree of dataclasses: (dotted name, field, value)."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from options(value, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, field, value


def validate(config: Any) -> None:
    """Check all bounded numbers of the tree.

    Raises:
        UsageError: a value is outside its bounds, or is not a number.
    """
    for name, field, value in options(config):
        if not field.metadata:
            if isinstance(value, float) and not math.isfinite(value):
                raise UsageError(f"--{spelled(name)} must be a finite number, got {value}")
            continue
        bounds = field.metadata
        values = value if isinstance(value, tuple) else (value,)
        if field.default and isinstance(value, tuple) and not value:
            raise UsageError(f"--{spelled(name)} must not be empty")
        for v in values:
            if v is None and field.default is None:
                continue
            fits = (
                isinstance(v, int | float)
                and bounds["low"] <= v <= bounds["high"]
                and bounds["above"] < v < bounds["below"]
            )
            if not fits:
                raise UsageError(f"--{spelled(name)} must be {_interval(bounds)}, got {v}")


def _interval(bounds: Mapping[str, float]) -> str:
    """The bounds in words, for error messages."""
    parts = []
    if bounds["low"] > -math.inf:
        parts.append(f"at least {bounds['low']:g}")
    if bounds["above"] > -math.inf:
        parts.append(f"above {bounds['above']:g}")
    if bounds["high"] < math.inf:
        parts.append(f"at most {bounds['high']:g}")
    if bounds["below"] < math.inf:
        parts.append(f"below {bounds['below']:g}")
    return " and ".join(parts) or "a finite number"


def spelled(name: str) -> str:
    """A field's dotted name in the spelling of the command line."""
    return name.replace("_", "-")


def replace_at(config: Any, name: str, value: Any, prefix: str = "") -> Any:
    """A copy of the tree with the option at the dotted name set.

    Raises:
        UsageError: the option does not exist, or the value has another type.
    """
    head, _, rest = name.replace("-", "_").partition(".")
    names = [field.name for field in dataclasses.fields(config)]
    if head not in names:
        existing = [n for n, _, _ in options(config, prefix)]
        near = hint(prefix + name) or suggest(prefix + name, existing)
        raise UsageError(f"unknown option '{prefix}{name}'{near}")
    current = getattr(config, head)
    if rest:
        if not dataclasses.is_dataclass(current):
            raise UsageError(f"option '{prefix}{head}' has no part '{rest}'")
        nested = replace_at(current, rest, value, f"{prefix}{head}.")
        return dataclasses.replace(config, **{head: nested})
    if dataclasses.is_dataclass(current) and not isinstance(value, type(current)):
        raise UsageError(f"option '{prefix}{name}' is a group; name one of its options")
    if isinstance(current, tuple) and isinstance(value, list):
        value = tuple(value)
    expected = typing.get_type_hints(type(config)).get(head, Any)
    if not _is_a(value, expected):
        raise UsageError(f"option '{prefix}{name}' does not take {value!r}")
    return dataclasses.replace(config, **{head: value})


def _is_a(value: Any, expected: Any) -> bool:
    """Whether a value has a field's type; covers the types that options use."""
    if expected is Any or isinstance(expected, typing.TypeVar):
        return True
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if origin is typing.Literal:
        return value in arguments
    if origin is typing.Annotated:
        return _is_a(value, arguments[0])
    if origin is tuple:
        return isinstance(value, tuple) and all(_is_a(v, arguments[0]) for v in value)
    if arguments:
        return any(_is_a(value, a) for a in arguments)
    if expected is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if expected is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, expected)


def to_dict(config: Any) -> dict[str, Any]:
    """The tree as plain dictionaries and lists, for JSON."""
    return dataclasses.asdict(config)


def from_dict(default: Any, values: Mapping[str, Any]) -> Any:
    """The inverse of `to_dict`. Every option must have a value.

    Args:
        default: a tree of the right types; all of its values are replaced.
        values: the result of `to_dict`.

    Raises:
        UsageError: an option is absent or unknown, or a value has another type.
    """
    absent = sorted({name for name, _, _ in options(default)} - set(_leaves(default, values)))
    if absent:
        raise UsageError(f"option '{absent[0]}' is absent")
    config = default
    for name, value in _leaves(default, values).items():
        config = replace_at(config, name, value)
    return config


def _leaves(default: Any, values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values by dotted name; dictionaries are entered where the default is a dataclass."""
    leaves: dict[str, Any] = {}
    for name, value in values.items():
        current = getattr(default, name, None)
        if isinstance(value, Mapping) and dataclasses.is_dataclass(current):
            leaves |= _leaves(current, value, f"{prefix}{name}.")
        else:
            leaves[prefix + name] = value
    return leaves


def suggest(name: str, existing: Iterable[str]) -> str:
    """`; did you mean 'x'?` with the nearest existing name; empty if none is near."""
    near = nearest(name, existing)
    return f"; did you mean '{near}'?" if near else ""


def nearest(name: str, existing: Iterable[str]) -> str | None:
    """The nearest existing name; None if none is near."""
    return next(iter(difflib.get_close_matches(name, list(existing), n=1, cutoff=0.5)), None)
