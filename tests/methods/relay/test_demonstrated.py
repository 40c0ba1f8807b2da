"""Which demonstrated steps the policy of a stage may imitate."""

from typing import Any

import numpy as np
import pytest

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.methods.relay.config import Config
from goalrelay.methods.relay.demonstrated import serves_stage
from goalrelay.methods.relay.stage_weights import stage_of_each
from goalrelay.methods.relay.stages import StageOrder
from goalrelay.types import Batch, Observation
from relay_batches import START, WORLD, blocks, changed, good, of_blocks, sampled_blocks
from two_blocks import STAGES

ORDER = StageOrder(STAGES)


STRICT = StageOrder((*STAGES[:2], STAGES[2]._replace(switch=0.05), STAGES[3]))
"""The hand has to be nearer to block 1 than block 0 to its goal."""


def serves(buffer: ReplayBuffer, stage: int, row: int, order: StageOrder = ORDER) -> bool:
    """Whether a step was for a stage: whether the stage would have acted there."""
    fields = buffer.observation[row], buffer.achieved[row], buffer.desired[row]
    acts = order.first_unfinished if order.is_goal_stage(stage) else order.current
    return acts(Observation(*fields)) == stage


@pytest.mark.parametrize("order", [ORDER, STRICT], ids=["alike", "strict"])
@pytest.mark.parametrize("stage", range(4))
def test_a_demonstrated_step_was_for_the_stage_that_would_have_acted(
    stage: int, order: StageOrder
) -> None:
    buffer = blocks()
    rows = buffer.sample(300, np.random.default_rng(1)).row
    served = serves_stage(order, stage, buffer, rows)
    np.testing.assert_array_equal(served, [serves(buffer, stage, row, order) for row in rows])
    assert 0 < served.mean() < 1


def imitated(config: Config, shape: tuple[int, int] = (1, 4000)) -> dict[tuple[int, int], bool]:
    """Whether the step of a row is imitated for a stage; a mirrored step has its action's size."""
    buffer = blocks(demonstrated=True)
    batch: Batch = sampled_blocks(config, shape, buffer)
    rows = {float(abs(buffer.action[row, 0])): int(row) for row in buffer.steps().row}
    assert len(rows) == 240, "every step has an action of its own"
    found: dict[tuple[int, int], bool] = {}
    stages = np.repeat(np.arange(4), shape[1] // 4)
    for stage, action, flag in zip(
        stages, batch.action[0, :, 0], batch.demonstrated[0], strict=True
    ):
        key = (int(stage), rows[float(abs(action))])
        assert found.setdefault(key, bool(flag)) == bool(flag), "it depends on nothing else"
    return found


OWN_GOALS: dict[str, Any] = {"k": 0}
LAST_ACHIEVED: dict[str, Any] = {"k": 1e9, "variant__strategy": "final"}


@pytest.mark.parametrize("goals", [OWN_GOALS, LAST_ACHIEVED], ids=["pursued", "hindsight"])
def test_steps_are_imitated_that_were_for_the_stage_and_led_to_the_goal(
    goals: dict[str, Any],
) -> None:
    buffer = blocks()
    found = imitated(changed(WORLD, **goals))
    assert len(found) > 900, "of four times 240"
    for (stage, row), flag in found.items():
        end = row - row % 9 + 8
        later = [of_blocks(buffer, stage, r)[0] for r in range(row + 1, end + 1)]
        goal = of_blocks(buffer, stage, row)[1] if goals == OWN_GOALS else later[-1]
        led = any(good(stage, achieved, goal) for achieved in later)
        assert flag == (led and serves(buffer, stage, row))
    for stage in range(4):
        assert 0 < np.mean([flag for (s, _), flag in found.items() if s == stage]) < 1


@pytest.mark.parametrize("goals", [OWN_GOALS, LAST_ACHIEVED], ids=["pursued", "hindsight"])
def test_a_mirrored_step_is_imitated_as_what_it_mirrors(goals: dict[str, Any]) -> None:
    plain = imitated(changed(WORLD, **goals))
    mirrored = imitated(changed(WORLD, symmetry_augmentation=("all",), **goals))
    both = plain.keys() & mirrored.keys()
    assert len(both) > 900
    assert all(plain[key] == mirrored[key] for key in both)


def test_of_its_own_steps_none_is_imitated_and_demonstrated_ones_are_for_all_stages() -> None:
    config = changed(WORLD, stage_weights="frontier")
    assert sampled_blocks(config, (3, 40)).demonstrated is None
    beginner = START._replace(reached=(0.9, 0.0, 0.0, 0.0))
    buffer = blocks(demonstrated=True)
    batch = sampled_blocks(config, (3, 40), buffer, beginner)
    flags = [tuple(int(x) for x in row) for row in batch.inputs[..., -3:].reshape(-1, 3)]
    counts = [flags.count(kind) for kind in dict.fromkeys(flags)]
    assert len(counts) == 4
    assert min(counts) >= 30  # a demonstrator has been at the last stage too
    own = sampled_blocks(config, (3, 40), snapshot=beginner)
    flags = [tuple(int(x) for x in row) for row in own.inputs[..., -3:].reshape(-1, 3)]
    assert min(flags.count(kind) for kind in dict.fromkeys(flags)) < 20
    stages = stage_of_each("frontier", ORDER, (1.0,) * 4, (3, 40)).reshape(-1)
    for number in range(4):
        shown = batch.demonstrated.reshape(-1)[stages == number]
        often = serves_stage(ORDER, number, buffer, buffer.steps().row).mean()
        assert shown.mean() == pytest.approx(often, abs=0.25)
