"""Relabelling for a stage of several constraints, one step at a time against a slow reference."""

import numpy as np
import pytest

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.data.relabel import GoalRule, innr, relabel, stage_objective
from goalrelay.data.rollout import rollout
from goalrelay.methods.exploration import random_action
from goalrelay.types import Steps
from relay_batches import BLOCKS_TASK, CARRY_TASK, GAMMA, SIMULATOR, blocks, good, of_blocks
from two_blocks import STAGES


@pytest.mark.parametrize("stage", range(4))
@pytest.mark.parametrize("horizon", [1, 3])
def test_every_step_means_what_a_slow_reference_says(stage: int, horizon: int) -> None:
    buffer = blocks()
    steps = buffer.sample(300, np.random.default_rng(1))
    objective = stage_objective(BLOCKS_TASK, STAGES[stage], GAMMA, horizon)
    rule = GoalRule("future", 0.8)
    transitions = relabel(buffer, steps, objective, rule, np.random.default_rng(2))
    hits = 0
    for i, row in enumerate(steps.row):
        end = row - steps.time[i] + steps.length[i]
        after = min(row + horizon, end)
        goal = transitions.goal[i].tolist()
        if transitions.hindsight[i]:
            later = [of_blocks(buffer, stage, r)[0] for r in range(after, end + 1)]
            assert any(np.allclose(goal, reached) for reached in later), "all at one timestep"
        else:
            np.testing.assert_allclose(goal, of_blocks(buffer, stage, row)[1])
        reached = [
            good(stage, of_blocks(buffer, stage, r)[0], goal) for r in range(row + 1, after + 1)
        ]
        hits += reached[-1]
        assert transitions.next_row[i] == after
        assert transitions.reward[i] == -reached.count(False)
        assert transitions.discount[i] == pytest.approx(GAMMA)
    assert 20 < hits < 300


@pytest.mark.parametrize("stage", range(4))
def test_actual_goals_of_a_stage_are_those_that_all_its_constraints_pursued_at_one_step(
    stage: int,
) -> None:
    buffer = blocks()
    steps = buffer.sample(300, np.random.default_rng(1))
    objective = stage_objective(BLOCKS_TASK, STAGES[stage], GAMMA)
    rule = GoalRule("future", 0.8, 1.0)
    transitions = relabel(buffer, steps, objective, rule, np.random.default_rng(2))
    pursued = {tuple(of_blocks(buffer, stage, row)[1]) for row in buffer.steps().row}
    for i, row in enumerate(steps.row):
        goal = transitions.goal[i].tolist()
        assert tuple(goal) in pursued
        there = good(stage, of_blocks(buffer, stage, row + 1)[0], goal)
        assert transitions.reward[i] == (0.0 if there else -1.0)
    assert len({tuple(goal) for goal in transitions.goal.tolist()}) > 20
    np.testing.assert_array_equal(transitions.next_goal, transitions.goal)
    assert not transitions.hindsight.any()


def test_the_share_of_useless_steps_does_not_depend_on_which_steps_come_first() -> None:
    buffer = ReplayBuffer(CARRY_TASK.spec, 1000)
    path = np.zeros((13, 2), np.float32)
    path[7:] += 0.8
    one = rollout(SIMULATOR, lambda rng: lambda _: random_action(CARRY_TASK.spec, rng), 0)
    buffer.add([one._replace(achieved=path)])
    every, objective = (
        buffer.steps(),
        stage_objective(CARRY_TASK, CARRY_TASK.spec.stages[-1], GAMMA),
    )
    for count in (100, 256, 700, 5000):
        some = np.sort(np.random.default_rng(count).integers(0, 12, count))  # useful ones first
        steps = Steps(*(field[some] for field in every[:4]))
        share = innr(buffer, steps, objective, np.ones(count, bool))
        assert share == pytest.approx((some >= 6).mean(), abs=0.01)
