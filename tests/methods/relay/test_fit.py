"""Options that do not fit a task or each other are refused, in one line that names them."""

from typing import Any

import pytest

from goalrelay.errors import UsageError
from goalrelay.methods.relay.config import Config, GuidanceConfig
from goalrelay.types import Task
from relay_batches import BLOCKS_TASK, CARRY_TASK, changed, relay


def expect_refusal(config: Config, task: Task, complaint: str) -> None:
    with pytest.raises(UsageError) as refused:
        relay(config, task)
    assert complaint in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"priority": "energy"}, "--method.priority energy needs"),
        ({"variant__goal_frame": "world"}, "add --method.no-translation-invariant"),
        (
            {"symmetry_augmentation": ("flop",)},
            "--method.symmetry-augmentation: this task declares flip, diagonal, not flop",
        ),
        ({"symmetry_augmentation": ("flip", "all")}, "flip, diagonal, not all"),
        ({"variant__switch": (0.1, 0.1, 0.1)}, "--method.variant.switch takes one number, or one"),
        ({"variant__switch": (0.1, -0.1)}, "for each of the 2 stages, not below 0"),
        ({"variant__jump_start": 20}, "--method.variant.jump-start needs"),
        (
            {"variant__jump_start_episodes": 9, "guidance__guide": "none"},
            "--method.variant.jump-start-episodes needs --method.guidance.guide jump-start",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, Any], complaint: str) -> None:
    expect_refusal(changed(Config(), **options), CARRY_TASK, complaint)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"variant__goal_frame": "world", "translation_invariant": False},
        {"symmetry_augmentation": ("diagonal",)},
        {"symmetry_augmentation": ()},
        {"variant__switch": (0.1,)},
        {"variant__switch": (0.1, 0.0)},
        {"variant__jump_start": 20, "guidance__guide": "jump-start"},
        {"variant__jump_start_episodes": 9, "guidance__guide": "jump-start"},
        {"guidance__guide": "controller", "guidance__imitation": 0.0},
    ],
)
def test_options_that_fit_are_taken(options: dict[str, Any]) -> None:
    config = changed(Config(), **options)
    taken = relay(config).config
    assert isinstance(taken, Config)
    switch = taken.variant.switch
    assert changed(taken, variant__switch=config.variant.switch, actual=None) == config
    assert taken.actual == 0.4
    assert len(switch) == 2, "what the stages decide is filled in"


def test_switch_distances_are_those_of_the_stages_unless_given() -> None:
    for given, expected in (((), (0.15, 0.3)), ((0.1,), (0.1, 0.1)), ((0.1, 0.2), (0.1, 0.2))):
        taken = relay(changed(Config(), variant__switch=given)).config
        assert isinstance(taken, Config)
        assert taken.variant.switch == expected


def test_goals_in_the_world_frame_fit_a_task_that_hides_nothing() -> None:
    shown = CARRY_TASK._replace(spec=CARRY_TASK.spec._replace(position_columns=()))
    relay(changed(Config(), variant__goal_frame="world"), shown)


def test_a_task_without_symmetries_takes_all_and_no_name() -> None:
    plain = CARRY_TASK._replace(symmetries=())
    relay(Config(), plain)
    expect_refusal(
        changed(Config(), symmetry_augmentation=("flip",)), plain, "this task declares none"
    )


def test_a_task_without_stages_is_refused() -> None:
    without = CARRY_TASK._replace(spec=CARRY_TASK.spec._replace(stages=()))
    expect_refusal(Config(), without, "declares no stages")


CONTROLLER = Config(guidance=GuidanceConfig(guide="controller", imitation=0.0))


def test_a_controller_needs_the_gain_of_every_stage_that_guides() -> None:
    relay(CONTROLLER)  # the last stage never guides and has none
    reach, task = CARRY_TASK.spec.stages
    bare = CARRY_TASK.spec._replace(stages=(reach._replace(gain=None), task))
    complaint = "--method.guidance.guide controller: stage 'reach' declares no gain"
    expect_refusal(CONTROLLER, CARRY_TASK._replace(spec=bare), complaint)
    relay(Config(), CARRY_TASK._replace(spec=bare))
    expect_refusal(CONTROLLER, BLOCKS_TASK, "stage 'reach0' declares no gain")


def test_a_controller_needs_continuous_actions() -> None:
    discrete = CARRY_TASK._replace(spec=CARRY_TASK.spec._replace(discrete=True))
    expect_refusal(CONTROLLER, discrete, "guide controller needs continuous actions")


def test_a_controller_is_not_imitated() -> None:
    config = changed(CONTROLLER, guidance__imitation=0.2)
    expect_refusal(config, CARRY_TASK, "add --method.guidance.imitation 0")
