"""Configuration is data: bounded, named as the command line spells it, and a round trip to JSON."""

import json
from typing import Any

import pytest

from goalrelay import experiment as experiments
from goalrelay import learners, methods
from goalrelay.errors import UsageError
from goalrelay.settings import options, replace_at, validate

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
    experiments.check(experiment)
    again = experiments.restore(json.loads(json.dumps(experiments.to_json(experiment))))
    assert again == experiment


def test_presets_put_their_values_in_place() -> None:
    baselines: Any = experiments.make("her", "FetchPush-v4", preset="baselines")
    assert baselines.learner_name == "ddpg"
    assert baselines.learner.hidden == (256, 256, 256)
    assert (baselines.learner.polyak, baselines.learner.target_move) == (0.95, "cycle")
    assert baselines.method.share == pytest.approx(0.8)
    assert experiments.make("her", "FetchPush-v4", preset="zoo").learner_name == "sac"


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("learner.gamma", 1.0, "--learner.gamma must be at least 0 and below 1, got 1.0"),
        ("learner.batch_size", 0, "--learner.batch-size must be at least 1"),
        ("learner.hidden", (), "--learner.hidden must not be empty"),
        ("learner.hidden", (64, 0), "--learner.hidden must be at least 1"),
        ("until", 0.0, "--until must be above 0 and at most 1, got 0.0"),
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
    ("name", "value", "complaint"),
    [
        ("learner.gama", 0.9, "did you mean 'learner.gamma'"),
        ("learnr.gamma", 0.9, "did you mean 'learner.gamma'"),
        ("seed.x", 1, "option 'seed' has no part 'x'"),
        ("learner.gamma", "high", "option 'learner.gamma' does not take 'high'"),
        ("learner.batch_size", 2.5, "does not take 2.5"),
        ("seed", True, "does not take True"),
        ("learner.target_move", "never", "does not take 'never'"),
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
    assert "learner.delay" in names
    assert "method.exploration.noise" in names
    assert len(names) == len(set(names))
