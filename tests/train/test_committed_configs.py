"""Every committed run says all that ran: nothing is read from today's defaults."""

import json
from pathlib import Path
from typing import Any

import pytest

from goalrelay.settings import options
from goalrelay.train import config
from goalrelay.train.formats import FORMAT, upgraded

ROOT = Path(__file__).parent.parent.parent
CONFIGS = sorted((ROOT / "results").rglob("config.json"))


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


def test_there_are_some() -> None:
    assert len(CONFIGS) > 300


THREADS = {
    "workers": 0,
    "address": "",
    "listen": "",
    "staleness": 0,
    "episode_timeout": 300.0,
    "physics": "mujoco",
}
"""How episodes were collected before format 4."""


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_a_committed_configuration_has_every_value_and_is_read_as_it_stands(path: Path) -> None:
    values = json.loads(path.read_text())
    experiment = config.restore(values)
    config.check(experiment)
    now = upgraded(values)
    own = {k: v for k, v in now.items() if k not in ("format", *config.NOT_OPTIONS)}
    assert flat(own).keys() == {name for name, _, _ in options(experiment)}
    assert json.loads(json.dumps(config.to_json(experiment))) == {"format": FORMAT, **own}
    before, after = flat(values), flat(now)
    changed = [name for name, value in before.items() if after.get(name) != value]
    assert len(changed) <= 4, "an upgrade changes few values"


def test_an_option_of_an_earlier_format_is_read_as_what_it_meant_then() -> None:
    values = {
        "format": 1,
        "method_name": "her",
        "method": {"k": 4, "density_cell": 0.05},
        "learner": {"gamma": 0.9, "target_move": "cycle", "clip_input": 200.0},
    }
    assert upgraded(values) == {
        "format": FORMAT,
        "scale": THREADS,
        "method_name": "her",
        "method": {"structure": "none", "goal_frame": "world", "k": 4},
        "learner": {"layer_norm": False, "gamma": 0.9, "target_interval": 0},
    }
    relayed = {"format": 1, "method_name": "relay", "method": {"actual": 0.4}}
    assert upgraded(relayed)["method"] == {"stages": "declared", "actual": 0.4}
    assert upgraded({"format": 2, "collect": {"threads": 2}})["collect"] == {
        "bad_episodes": "stop",
        "step_timeout": None,
        "threads": 2,
    }
    assert upgraded({"format": 5, "x": 1}) == {"format": 5, "x": 1}


def test_an_absent_an_unknown_and_an_old_configuration_are_refused() -> None:
    values = json.loads(CONFIGS[0].read_text())
    absent = {k: v for k, v in values.items() if k != "seed"}
    with pytest.raises(config.UsageError, match="option 'seed' is absent"):
        config.restore(absent)
    with pytest.raises(config.UsageError, match="unknown option 'sede'"):
        config.restore({**values, "sede": 1})
    old = {k: v for k, v in values.items() if k != "format"}
    with pytest.raises(config.UsageError, match="no format number"):
        config.restore(old)


@pytest.mark.parametrize("method", ["her", "relay", "hierarchy", "flat"])
def test_the_defaults_of_a_method_are_its_default_preset(method: str) -> None:
    made = config.make(method, "FetchReach-v4")
    assert made.method == type(made.method)()
    assert not [
        n for n in config.methods.find(method).PRESETS["default"].settings if "method." in n
    ]
