"""Configuration is data: bounded, named as the command line spells it, and a round trip to JSON."""

import dataclasses
import json
import math
from typing import Any

import pytest

from goalrelay import learners, methods
from goalrelay.errors import UsageError
from goalrelay.settings import options, replace_at, spelled, validate
from goalrelay.train import config as experiments

EVERY = [
    (method, learner, preset)
    for method in methods.names()
    for learner in learners.names()
    for preset in methods.find(method).PRESETS
]


@pytest.mark.parametrize(("method", "learner", "preset"), EVERY)
def test_every_composition_is_valid_and_survives_json(
    method: str, learner: str, preset: str
) -> None:
    experiment = experiments.make(method, "FetchReach-v4", learner, preset)
    if preset == "baselines-demos":
        with pytest.raises(UsageError, match=r"need --demos\.data"):
            experiments.check(experiment)
        experiment = replace_at(experiment, "demos.data", "somewhere")
    experiments.check(experiment)
    again = experiments.restore(json.loads(json.dumps(experiments.to_json(experiment))))
    assert again == experiment


CHANGED: dict[str, Any] = {
    "method.strategy": "final",
    "method.k": 2.5,
    "method.subgoal_steps": 7,
    "method.exploration.noise": 0.7,
    "method.variant.actual": 0.25,
    "method.variant.switch": (0.1, 0.2),
    "demos.data": "somewhere",
    "demos.share": 0.3,
    "learner.hidden": (7, 5),
    "learner.init": "fan_in",
    "learner.gamma": 0.5,
    "learner.normalize": False,
    "learner.policy_delay": 3,
    "learner.target_entropy": -2.5,
    "collect.updates": 6,
    "replay.capacity": 5000,
    "save.track": "wandb",
    "task_options": ("n=3", "hard=true"),
    "seed": 11,
    "steps": 900,
    "until": 0.5,
}


@pytest.mark.parametrize("method", methods.names())
@pytest.mark.parametrize("learner", learners.names())
def test_options_that_were_changed_survive_json(method: str, learner: str) -> None:
    experiment = experiments.make(method, "FetchReach-v4", learner)
    known = {name for name, _, _ in options(experiment)}
    changed = {name: value for name, value in CHANGED.items() if name in known}
    assert len(changed) >= 14
    for name, value in changed.items():
        experiment = replace_at(experiment, name, value)
    experiments.check(experiment)
    again = experiments.restore(json.loads(json.dumps(experiments.to_json(experiment))))
    assert again == experiment
    held = {name: value for name, _, value in options(again)}
    assert {name: held[name] for name in changed} == changed


def test_a_config_with_an_option_of_another_version_is_refused() -> None:
    values = experiments.to_json(experiments.make("her", "FetchReach-v4"))
    values["learner"]["gama"] = 0.5
    with pytest.raises(
        UsageError, match=r"unknown option 'learner\.gama'; did you mean 'learner.gamma'\?"
    ):
        experiments.restore(values)


@pytest.mark.parametrize("name", ["seed", "collect.updates", "learner.gamma", "method.k"])
def test_a_config_without_an_option_is_refused(name: str) -> None:
    values = experiments.to_json(experiments.make("her", "FetchReach-v4"))
    *groups, last = name.split(".")
    part = values
    for group in groups:
        part = part[group]
    del part[last]
    with pytest.raises(UsageError, match=f"option '{name}' is absent"):
        experiments.restore(values)


@pytest.mark.parametrize(("found", "complaint"), [(None, "no format number"), (0, "format 0")])
def test_a_config_of_another_format_is_refused(found: int | None, complaint: str) -> None:
    values = experiments.to_json(experiments.make("her", "FetchReach-v4"))
    if found is None:
        del values["format"]
    else:
        values["format"] = found
    with pytest.raises(UsageError, match=f"it has {complaint}, this version reads format 4"):
        experiments.restore(values)


@pytest.mark.parametrize("method", methods.names())
def test_the_defaults_of_a_methods_options_are_its_default_preset(method: str) -> None:
    preset = methods.find(method).PRESETS["default"]
    assert not [name for name in preset.settings if name.startswith("method.")]
    assert experiments.make(method, "FetchReach-v4").method == methods.find(method).Config()


def test_a_config_whose_names_are_not_names_is_refused() -> None:
    values = experiments.to_json(experiments.make("her", "FetchReach-v4"))
    with pytest.raises(UsageError, match="must be names"):
        experiments.restore(values | {"learner_name": ["ddpg"]})


def test_a_million_steps_end_a_run_without_a_budget_of_its_own() -> None:
    base, inf = experiments.make("her", "FetchReach-v4"), float("inf")
    assert experiments.budget(base) == (1_000_000, inf, inf)
    assert experiments.budget(replace_at(base, "episodes", 5)) == (inf, 5, inf)
    assert experiments.budget(replace_at(base, "minutes", 0.5)) == (inf, inf, 0.5)
    both = replace_at(replace_at(base, "episodes", 5), "steps", 70)
    assert experiments.budget(both) == (70, 5, inf)


def test_presets_put_their_values_in_place() -> None:
    baselines: Any = experiments.make("her", "FetchPush-v4", preset="baselines")
    assert baselines.learner_name == "ddpg"
    assert baselines.learner.hidden == (256, 256, 256)
    assert (baselines.learner.polyak, baselines.learner.target_interval) == (0.95, 0)
    assert (baselines.method.strategy, baselines.method.k) == ("future", 4)
    assert experiments.make("her", "FetchPush-v4", preset="zoo").learner_name == "sac"


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("learner.gamma", 1.0, "--learner.gamma must be at least 0 and below 1, got 1.0"),
        ("learner.batch_size", 0, "--learner.batch-size must be at least 1"),
        ("learner.hidden", (), "--learner.hidden must not be empty"),
        ("learner.hidden", (64, 0), "--learner.hidden must be at least 1"),
        (
            "learner.batch_size",
            1_000_001,
            "--learner.batch-size must be at least 1 and at most 1e+06",
        ),
        ("learner.gamma", float("nan"), "--learner.gamma must be at least 0 and below 1, got nan"),
        ("method.exploration.random", 1.5, "--method.exploration.random must be at least 0"),
        ("method.exploration.random_steps", -1, "--method.exploration.random-steps must be"),
        ("until", 0.0, "--until must be above 0 and at most 1, got 0.0"),
        ("seed", 2**31, "--seed must be at least 0"),
    ],
)
def test_a_value_out_of_range_is_named_as_the_command_line_spells_it(
    name: str, value: Any, complaint: str
) -> None:
    experiment = replace_at(experiments.make("her", "FetchReach-v4"), name, value)
    with pytest.raises(UsageError) as refused:
        validate(experiment)
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learner.gamma", 0),
        ("learner.action_l2", 0.0),
        ("learner.critic_lr", 1.0),
        ("method.k", 0),
        ("method.actual", 1.0),
        ("demos.episodes", None),
        ("until", 1.0),
        ("until", None),
        ("seed", 2**31 - 1),
        ("save.every", 0.0),
    ],
)
def test_a_value_at_its_bound_is_taken(name: str, value: Any) -> None:
    experiment = replace_at(experiments.make("her", "FetchReach-v4"), name, value)
    validate(experiment)
    assert {n: v for n, _, v in options(experiment)}[name] == value


@pytest.mark.parametrize("value", [None, "high", ("high",)])
def test_a_bounded_value_that_is_no_number_is_refused_in_words(value: Any) -> None:
    experiment = experiments.make("her", "FetchReach-v4")
    learner = dataclasses.replace(experiment.learner, gamma=value)
    with pytest.raises(UsageError, match=r"--learner\.gamma must be") as refused:
        validate(dataclasses.replace(experiment, learner=learner))
    assert "got" in str(refused.value)


def test_an_option_may_be_named_as_the_command_line_spells_it() -> None:
    experiment = experiments.make("her", "FetchReach-v4")
    other: Any = replace_at(experiment, "learner.batch-size", 32)
    assert other.learner.batch_size == 32
    assert other == replace_at(experiment, "learner.batch_size", 32)
    assert replace_at(experiment, "learner.hidden", [8, 8]).learner.hidden == (8, 8)
    assert experiment.learner.batch_size == 256  # the experiment itself is left alone


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("learner.gama", 0.9, "did you mean 'learner.gamma'"),
        ("learnr.gamma", 0.9, "did you mean 'learner.gamma'"),
        ("method.exploration.nois", 0.1, "did you mean 'method.exploration.noise'"),
        ("quite.another.thing", 1, "unknown option 'quite.another.thing'"),
        ("seed.x", 1, "option 'seed' has no part 'x'"),
        ("learner.gamma", "high", "option 'learner.gamma' does not take 'high'"),
        ("learner.batch_size", 2.5, "does not take 2.5"),
        ("seed", True, "does not take True"),
        ("learner.gamma", True, "does not take True"),
        ("learner.hidden", (64, 2.5), "does not take (64, 2.5)"),
        ("learner.normalize", 1, "does not take 1"),
        ("learner_name", 5, "option 'learner_name' does not take 5"),
        ("collect", 5, "option 'collect' is a group"),
        ("learner.init", "never", "does not take 'never'"),
        ("until", "soon", "does not take 'soon'"),
        ("task_options", (1,), "does not take"),
    ],
)
def test_a_setting_that_does_not_exist_or_fit_is_refused(
    name: str, value: Any, complaint: str
) -> None:
    with pytest.raises(UsageError) as refused:
        replace_at(experiments.make("her", "FetchReach-v4"), name, value)
    assert complaint in str(refused.value)


def test_every_option_says_what_it_is_in_the_type_that_the_command_line_reads() -> None:
    experiment = experiments.make("her", "FetchReach-v4", "td3")
    names = [name for name, _, _ in options(experiment)]
    assert "learner.policy_delay" in names
    assert "method.exploration.noise" in names
    assert len(names) == len(set(names))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_option_of_any_method_or_learner_takes_a_number_that_is_not_finite(value: float) -> None:
    for method in methods.names():
        for learner in learners.names():
            experiment = experiments.make(method, "FetchReach-v4", learner)
            kinds = {name: field.type for name, field, _ in options(experiment)}
            for name in (name for name, kind in kinds.items() if kind in (float, float | None)):
                with pytest.raises(UsageError, match=f"--{spelled(name)} must be"):
                    validate(replace_at(experiment, name, value))
