"""How many steps of a batch are for each stage."""

from typing import Any

import numpy as np
import pytest

from goalrelay.methods.relay.stage_weights import frontier, stage_of_each
from goalrelay.methods.relay.stages import StageOrder
from relay_batches import RELATIVE, STAGES, START, WORLD, changed, sampled, sampled_blocks
from two_blocks import STAGES as BLOCKS

ORDER = StageOrder(BLOCKS)


@pytest.mark.parametrize(("size", "first"), [(20, 10), (5, 2)])
def test_every_batch_holds_as_many_steps_for_each_stage(size: int, first: int) -> None:
    batch = sampled(WORLD, (3, size))
    stages = np.argmax(batch.inputs[..., -STAGES:], axis=-1)
    np.testing.assert_array_equal(stages, np.tile([0] * first + [1] * (size - first), (3, 1)))


def test_batches_take_turns_as_in_the_paper() -> None:
    batch = sampled(changed(WORLD, stage_weights="turns"), (5, 8))
    stages = np.argmax(batch.inputs[..., -STAGES:], axis=-1)
    np.testing.assert_array_equal(stages, np.tile([[0], [1], [0], [1], [0]], (1, 8)))


@pytest.mark.parametrize(
    ("reached", "weights"),
    [
        ((), [0.6, 0.6, 0.1, 0.1]),  # all of the first block: 1 + 0.2; 0.2 for the second
        ((0.9, 0.0, 0.0, 0.0), [0.6, 0.6, 0.1, 0.1]),  # the gripper's stage only prepares
        ((1.0, 0.7, 0.3, 0.2), [0.25, 0.25, 0.35, 0.35]),  # 0.3 + 0.2; 0.5 + 0.2
        ((1.0, 1.0, 1.0, 1.0), [0.1, 0.1, 0.1, 0.1]),
        ((1.0, 0.2, 0.0, 0.3), [0.5, 0.5, 0.1, 0.1]),  # the second counts where the first is done
    ],
)
def test_the_frontier_is_where_evaluations_stop_succeeding(
    reached: Any, weights: list[float]
) -> None:
    np.testing.assert_allclose(frontier(ORDER, reached), weights)
    size = 240
    stages = stage_of_each("frontier", ORDER, reached, (2, size))
    counts = [np.bincount(row, minlength=4) for row in stages]
    np.testing.assert_allclose(
        counts, np.tile(size * np.array(weights) / sum(weights), (2, 1)), atol=1
    )


def test_two_stages_that_prepare_the_same_goal_stage_share_a_half() -> None:
    order = StageOrder((*BLOCKS[:3], BLOCKS[2], BLOCKS[3]))
    weights = frontier(order, (1.0, 1.0, 0.0, 0.0, 0.0))
    np.testing.assert_allclose(weights, [0.1, 0.1, 0.3, 0.3, 0.6])


def test_sampling_follows_the_last_evaluation() -> None:
    options = {"variant__goal_frame": "world", "variant__object_centric": False}
    config = changed(RELATIVE, translation_invariant=False, **options)
    snapshot = START._replace(reached=(1.0, 1.0, 0.0, 0.0))
    for weights, count in (("frontier", 10), ("equal", 35)):  # 0.1 of 1.4; a quarter
        batch = sampled_blocks(changed(config, stage_weights=weights), (2, 140), snapshot=snapshot)
        first = (batch.inputs[..., -3:] == (0, 1, 0)).all(axis=-1)
        assert (first.sum(axis=1) == count).all()
