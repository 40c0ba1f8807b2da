"""Configuration is data: frozen dataclasses whose numbers carry their own bounds.

`number` declares a bounded field, `validate` checks a whole tree of dataclasses and names the
offending option as the command line spells it (`--learner.gamma`), `replace_at` sets one value by
that dotted name, `to_dict` / `from_dict` are the JSON round trip.
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
    default: float | tuple[int, ...] | None,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    above: float = -math.inf,
    below: float = math.inf,
) -> Any:
    """A dataclass field for a number in [low, high] and in the open interval (above, below)."""
    bounds = {"low": low, "high": high, "above": above, "below": below}
    return dataclasses.field(default=default, metadata=bounds)


def options(config: Any, prefix: str = "") -> Iterable[tuple[str, dataclasses.Field[Any], Any]]:
    """Every leaf of a tree of dataclasses: (dotted name, field, value)."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from options(value, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, field, value


def validate(config: Any) -> None:
    """Check every bounded number of the tree.

    Raises:
        UsageError: a value is out of its bounds, or not a number at all.
    """
    for name, field, value in options(config):
        if not field.metadata:
            continue
        bounds = field.metadata
        values = value if isinstance(value, tuple) else (value,)
        if field.default is not None and isinstance(value, tuple) and not value:
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
    """A field's dotted name as the command line spells it."""
    return name.replace("_", "-")


def replace_at(config: Any, name: str, value: Any, prefix: str = "") -> Any:
    """A copy of the tree with the option at the dotted name set.

    Raises:
        UsageError: there is no such option, or the value is not of its type.
    """
    head, _, rest = name.replace("-", "_").partition(".")
    names = [field.name for field in dataclasses.fields(config)]
    if head not in names:
        every = [n for n, _, _ in options(config, prefix)]
        near = hint(prefix + name) or suggest(prefix + name, every)
        raise UsageError(f"unknown option '{prefix}{name}'{near}")
    current = getattr(config, head)
    if rest:
        if not dataclasses.is_dataclass(current):
            raise UsageError(f"option '{prefix}{head}' has no part '{rest}'")
        nested = replace_at(current, rest, value, f"{prefix}{head}.")
        return dataclasses.replace(config, **{head: nested})
    if isinstance(current, tuple) and isinstance(value, list):
        value = tuple(value)
    expected = typing.get_type_hints(type(config)).get(head, Any)
    if not _is_a(value, expected):
        raise UsageError(f"option '{prefix}{name}' does not take {value!r}")
    return dataclasses.replace(config, **{head: value})


def _is_a(value: Any, expected: Any) -> bool:
    """Whether a value fits a field's type: the few kinds of type that our options use."""
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
    """The inverse of `to_dict`: every option must be there.

    Args:
        default: a tree of the right types; none of its values is kept.
        values: what `to_dict` gave.

    Raises:
        UsageError: an option is absent, unknown, or not of its type.
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
    found: dict[str, Any] = {}
    for name, value in values.items():
        current = getattr(default, name, None)
        if isinstance(value, Mapping) and dataclasses.is_dataclass(current):
            found |= _leaves(current, value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


def suggest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` when something known is near, else an empty string."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else ""
