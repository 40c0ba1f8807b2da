"""The network sees where things are relative to each other, whatever the observation holds."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from goalrelay.errors import UsageError
from goalrelay.methods.relay.config import Config, Variant
from goalrelay.methods.relay.inputs import StageInputs
from goalrelay.tasks.differences import check_hidden
from goalrelay.tasks.goal_task import open_task
from goalrelay.tasks.structure import columns, signed_permutation
from goalrelay.tasks.symmetry import StepArrays, mirror
from goalrelay.types import Difference, Observation, Spec, Stage, Symmetry
from relay_task import CARRY, Carry
from two_blocks import BLOCK, HAND, SPEC, STAGES

BLOCK_PLACE, HAND_PLACE = columns("achieved_goal", 0, 2), columns("observation", 0, 2)


class Apart(Carry):
    """Carry as panda-gym would show it: where things are, and no difference."""

    position_columns = (0, 1, 2, 3)
    size = 4
    symmetries = (
        Symmetry(
            "flip",
            signed_permutation(4, (1, 3)),
            signed_permutation(2, (1,)),
            signed_permutation(2, (1,)),
        ),
    )

    def __init__(self, render_mode: str | None = None):
        super().__init__(render_mode)
        goal = spaces.Box(-1, 1, (2,), np.float32)
        seen = spaces.Box(-2, 2, (self.size,), np.float32)
        self.observation_space = spaces.Dict(
            observation=seen, achieved_goal=goal, desired_goal=goal
        )

    def look(self) -> dict[str, np.ndarray]:
        shown = super().look()
        return shown | {"observation": shown["observation"][: self.size]}


class Lamp(Apart):
    """A fifth column: a lamp, no stage is about it."""

    size = 5
    position_columns = (0, 1, 2, 3, 4)
    symmetries = ()

    def look(self) -> dict[str, np.ndarray]:
        shown = super().look()
        shown["observation"][4] = np.sin(9 * self.block[0])
        return shown


class Line(Apart):
    """A hand with x and y reaches an x, and carries a block of x and y."""

    symmetries = ()
    stages = (
        Stage("reach", columns("observation", 0, 1), columns("observation", 2, 3), 0.2),
        Carry.stages[1],
    )


class Whole(Apart):
    """One stage, the task: nothing says that the hand is a position."""

    symmetries = ()
    stages = (Carry.stages[1],)


class Hiding(Carry):
    """Carry, whose difference is hidden with the places."""

    position_columns = (0, 1, 2, 3, 4, 5)


for kind in ("Apart", "Lamp", "Line", "Whole", "Hiding"):
    gymnasium.register(f"{kind}Table-v0", f"{__name__}:{kind}", max_episode_steps=12)


def inputs(spec: Spec, hide: bool = True, **changes: Any) -> StageInputs:
    config = Config(translation_invariant=hide, variant=Variant(**changes))
    return StageInputs(config, spec)


def timestep(observation: Any, achieved: Any) -> Observation:
    achieved = np.array(achieved, np.float32)
    return Observation(np.array(observation, np.float32), achieved, np.zeros_like(achieved))


@pytest.mark.parametrize("name", ["FetchPush-v4", "goalrelay/FetchTripleStack-v0", CARRY])
def test_what_the_observation_holds_is_not_shown_twice(name: str) -> None:
    assert open_task(name).spec.differences == ()


def test_what_it_lacks_is_found() -> None:
    assert open_task("ApartTable-v0").spec.differences == (Difference(HAND_PLACE, BLOCK_PLACE),)


def test_a_difference_that_is_hidden_is_lacking() -> None:
    assert open_task("HidingTable-v0").spec.differences == (Difference(HAND_PLACE, BLOCK_PLACE),)


def test_a_column_that_nothing_else_tells_of_may_not_be_hidden() -> None:
    with pytest.raises(
        UsageError, match="position_columns hides column 4 of the observation, which is"
    ):
        open_task("LampTable-v0")


def test_a_hand_that_no_stage_is_about_may_not_be_hidden() -> None:
    with pytest.raises(
        UsageError, match="position_columns hides column 0 of the observation, which is"
    ):
        open_task("WholeTable-v0")


def test_places_of_different_sizes_may_not_both_be_hidden() -> None:
    with pytest.raises(UsageError, match="hides observation 0 and achieved_goal 0, 1, which have"):
        open_task("LineTable-v0")


def test_a_part_of_a_place_may_be_hidden_with_the_place() -> None:
    place, goal = np.random.default_rng(0).uniform(-1, 1, (2, 4, 2))
    half = Stage("half", columns("observation", 0, 1), columns("desired_goal", 0, 1), 0.1)
    whole = Stage("task", columns("achieved_goal", 0, 2), columns("desired_goal", 0, 2))
    check_hidden((half, whole), (0, 1), Observation(place, place, goal), "the task")


@pytest.mark.parametrize("stage", [0, 1])
@pytest.mark.parametrize("hide", [False, True])
def test_every_stage_sees_where_the_hand_is_relative_to_the_block(stage: int, hide: bool) -> None:
    of = inputs(open_task("ApartTable-v0").spec, hide)
    now = timestep([0.5, 0.1, -0.2, 0.3], [-0.2, 0.3])
    goal = np.array([[-0.2, 0.3], [0.8, 0.8]][stage], "f")  # the block; its goal
    first = 0 if hide else 4
    shown = of.encode(now, goal, stage)[first : first + 2]
    np.testing.assert_allclose(shown, [0.7, -0.2], rtol=1e-6)
    assert of.normalized[first : first + 2].all()


def test_the_published_inputs_show_no_differences() -> None:
    of = inputs(open_task("ApartTable-v0").spec, goal_frame="world")
    shown = of.encode(timestep(np.zeros(4), np.zeros(2)), np.zeros(2, "f"), 1)
    assert len(shown) == 4 - 4 + 4 + 2  # nothing of the observation, two slots, two flags


def test_differences_are_those_of_what_is_seen_in_their_place() -> None:
    between = (Difference(HAND, BLOCK[0]), Difference(BLOCK[0], BLOCK[1]))
    of = inputs(SPEC._replace(differences=between), hide=False)
    now = timestep(np.full(6, 0.7), [0.2, -0.1])
    for number, expected in ((1, [0.5, 0.3]), (3, [0.8, -0.3])):  # block 1 comes first in the last
        goal = np.zeros(len(STAGES[number].constraints), "f")
        np.testing.assert_allclose(of.encode(now, goal, number)[6:8], expected, rtol=1e-5)


def test_in_a_mirror_image_differences_are_those_of_the_image() -> None:
    simulator = open_task("ApartTable-v0")
    rng = np.random.default_rng(0)
    hand, block, goal = rng.uniform(-1, 1, (3, 40, 2)).astype("f")
    still = np.zeros((40, 2), "f")
    observation = np.hstack([hand, block])
    arrays = (observation, observation, block, block, goal, goal, still, still)
    steps = StepArrays(*(array.copy() for array in arrays))
    mirror(steps, simulator.spec.stages[1], simulator.symmetries, np.random.default_rng(0))
    now = Observation(steps.observation, steps.achieved, steps.goal)
    shown = inputs(simulator.spec).encode(now, steps.goal, 1)
    flipped = steps.goal[:, 1] != goal[:, 1]
    assert 5 < flipped.sum() < 35
    sign = np.where(flipped, -1, 1)
    np.testing.assert_allclose(shown[:, 0], hand[:, 0] - block[:, 0], atol=1e-6)
    np.testing.assert_allclose(shown[:, 1], sign * (hand[:, 1] - block[:, 1]), atol=1e-6)
