"""Configurations of earlier formats, read as what they meant then.

Each format has one frozen table: options that were renamed, options that came later with the value
that stands for what ran before, and options that are gone. Nothing is read from today's defaults.
"""

from collections.abc import Mapping
from typing import Any

FORMAT = 2
"""Format of `config.json`; it changes when the options change."""

_INTERVAL = {"update": 1, "cycle": 0}
_HER_1 = {"structure": "none", "goal_frame": "world"}
"""What methods of format 1 did that format 2 asks about: by method name."""
_ADDED_1: dict[str, dict[str, Any]] = {"her": _HER_1, "relay": {}, "hierarchy": {}, "flat": {}}


def upgraded(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a `config.json` in today's format; those of an unknown format as they are.

    Args:
        values: as read, with their format number.
    """
    return _from_1(values) if values.get("format") == 1 else dict(values)


def _from_1(values: Mapping[str, Any]) -> dict[str, Any]:
    """Format 1 -> 2: 0.2.0 as released.

    Raw inputs were clipped to +-`learner.clip_input` (200), which no committed run came near.
    """
    new = {**values, "format": 2}
    learner, method = values.get("learner"), values.get("method")
    if isinstance(learner, Mapping):
        learner = {k: v for k, v in learner.items() if k not in ("clip_input", "target_move")}
        move = values["learner"].get("target_move")
        if move in _INTERVAL:
            learner["target_interval"] = _INTERVAL[move]
        new["learner"] = {"layer_norm": False, **learner}
    if isinstance(method, Mapping):
        name = str(values.get("method_name"))
        gone = ("density_cell",) if name == "her" else ()
        kept = {k: v for k, v in method.items() if k not in gone}
        new["method"] = {**_ADDED_1.get(name, {}), **kept}
    return new
