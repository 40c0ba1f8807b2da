"""Steps before which the objects of earlier stages are at their goals."""

import numpy as np
import pytest

from goalrelay.methods.relay.earlier_goals import where_earlier_goals_hold
from relay_batches import WORLD, blocks, changed, sampled_blocks
from two_blocks import STAGES


def test_they_are_all_those_and_only_those_at_which_the_others_are_in_place() -> None:
    buffer, rng = blocks(), np.random.default_rng(0)
    steps = buffer.steps()
    held = {
        int(row)
        for row in steps.row
        if abs(buffer.achieved[row, 0] - buffer.desired[row, 0]) <= 0.1
    }
    found = where_earlier_goals_hold(buffer, STAGES[3], 2000, rng)
    assert len(found.row) == 2000
    assert set(found.row.tolist()) == held
    stored = dict(zip(steps.row, zip(steps.time, steps.length, strict=True), strict=True))
    for row, time, length in zip(found.row, found.time, found.length, strict=True):
        assert stored[row] == (time, length)


def test_there_are_none_for_a_stage_that_maintains_nothing_or_where_they_never_hold() -> None:
    buffer, rng = blocks(), np.random.default_rng(0)
    assert not len(where_earlier_goals_hold(buffer, STAGES[1], 100, rng).row)
    nowhere = STAGES[3]._replace(switch=0.0)
    assert not len(where_earlier_goals_hold(buffer, nowhere, 100, rng).row)


@pytest.mark.parametrize("fraction", [0.0, 0.5, 1.0])
def test_a_fraction_of_the_steps_of_stages_that_maintain_others_is_drawn_from_there(
    fraction: float,
) -> None:
    options = {"variant__earlier_goals_hold": fraction, "variant__object_centric": False}
    batch = sampled_blocks(changed(WORLD, k=0, **options), (1, 4000))
    flags, block, goal = batch.inputs[0, :, -3:], batch.inputs[0, :, 1], batch.inputs[0, :, 7]
    move, reach, task = ((flags == f).all(axis=1) for f in ((0, 1, 0), (1, 1, 0), (0, 1, 1)))
    near = np.abs(block - goal) <= 0.1
    usual = near[move].mean()
    assert usual < 0.8
    for stage in (task, reach):
        assert stage.sum() == 1000
        assert near[stage].mean() == pytest.approx(fraction + (1 - fraction) * usual, abs=0.05)
