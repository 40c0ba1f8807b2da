"""Configurations of earlier formats, read with the values that they had at that time.

Each format has one frozen table: options that were renamed, options that came later with the value
that stands for what ran before, and options that are gone. Nothing is read from today's defaults.
"""

from collections.abc import Mapping
from typing import Any

FORMAT = 4
"""Format of `config.json`; it changes when the options change."""

_INTERVAL = {"update": 1, "cycle": 0}


def upgraded(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a `config.json` in today's format; those of an unknown format as they are.

    Args:
        values: as read, with their format number.
    """
    if values.get("format") == 1:
        values = _from_1(values)
    if values.get("format") == 2:
        values = _from_2(values)
    return _from_3(values) if values.get("format") == 3 else dict(values)


def _from_1(values: Mapping[str, Any]) -> dict[str, Any]:
    """Format 1 (commits up to 624df18) -> 2.

    Raw inputs were clipped to +-`learner.clip_input` (200), which no committed run came near.
    """
    new = {**values, "format": 2}
    learner, method = values.get("learner"), values.get("method")
    if isinstance(learner, Mapping):
        move = learner.get("target_move")
        new["learner"] = {"layer_norm": False, **_without(learner, "clip_input", "target_move")}
        if move in _INTERVAL:
            new["learner"]["target_interval"] = _INTERVAL[move]
    if isinstance(method, Mapping) and values.get("method_name") == "her":
        kept = _without(method, "density_cell")
        new["method"] = {"structure": "none", "goal_frame": "world", **kept}
    if isinstance(method, Mapping) and values.get("method_name") == "relay":
        new["method"] = {"stages": "declared", **method}
    return new


def _from_2(values: Mapping[str, Any]) -> dict[str, Any]:
    """Format 2 (commits up to 82d21d5) -> 3: an episode that failed stopped the run."""
    new = {**values, "format": 3}
    collect = values.get("collect")
    if isinstance(collect, Mapping):
        new["collect"] = {"bad_episodes": "stop", "step_timeout": None, **collect}
    return new


def _from_3(values: Mapping[str, Any]) -> dict[str, Any]:
    """Format 3 (commits up to de3552d) -> 4: threads collected the episodes, with MuJoCo."""
    threads = {"workers": 0, "address": "", "listen": "", "staleness": 0, "episode_timeout": 300.0}
    return {"scale": {**threads, "physics": "mujoco"}, **values, "format": 4}


def _without(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}
