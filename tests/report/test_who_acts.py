"""What films and pages say of who acts is what acts."""

from typing import Any

import numpy as np
import pytest

from goalrelay import methods
from goalrelay.data.rollout import Simulator
from goalrelay.methods.relay.config import Config as RelayConfig
from goalrelay.methods.relay.config import Variant
from goalrelay.report.acting import acting, task_goals
from goalrelay.tasks.goal_task import open_task
from goalrelay.train.policy import Policy
from goalrelay.types import Observation
from random_policies import policy_in


def relay(task: Simulator, evaluated: Any) -> Policy:
    return policy_in(task, "relay", RelayConfig(variant=Variant(evaluated=evaluated)))


def at(now: Observation, block: np.ndarray) -> Observation:
    """FetchPush with the block at a place."""
    seen = now.observation.copy()
    seen[3:6] = block
    return now._replace(observation=seen, achieved=block)


@pytest.mark.parametrize("stage", [None, 0, 1])
def test_the_stage_that_is_named_is_the_one_that_acts(stage: int | None) -> None:
    task = open_task("FetchPush-v4")
    policy, now = relay(task, "relay"), task.reset(0)
    at_hand = at(now, now.observation[:3])
    for seen, expected in ((now, 0), (at_hand, 1)):
        expected = expected if stage is None else stage
        said = acting(policy, seen, stage=stage)
        assert (said.number, said.stage) == (expected, ("reach", "task")[expected])
        assert said.guides == (expected == 0)
        own = (seen.achieved, seen.desired)[expected]
        np.testing.assert_array_equal(said.goals, [own])
        np.testing.assert_array_equal(policy.act(stage)(seen), policy.act(expected)(seen))
    assert (policy.act(0)(now) != policy.act(1)(now)).all()


@pytest.mark.parametrize(("evaluated", "guides"), [("unfinished", False), ("relay", True)])
def test_whether_a_stage_guides_in_tests_is_the_options_choice(
    evaluated: str, guides: bool
) -> None:
    task = open_task("FetchPush-v4")
    assert acting(relay(task, evaluated), task.reset(0)).guides == guides


def test_of_several_objects_the_stages_own_goal_comes_first_then_those_to_keep() -> None:
    task = open_task("goalrelay/FetchDoublePush-v0")
    policy, now = relay(task, "unfinished"), task.reset(0)
    first, second = now.desired[:3], now.desired[3:]
    assert acting(policy, now).stage == "move0"
    np.testing.assert_array_equal(acting(policy, now).goals, [first])
    one_done = now._replace(achieved=np.concatenate([first, now.achieved[3:]]))
    said = acting(policy, one_done)
    assert (said.stage, said.guides) == ("task", False)
    np.testing.assert_array_equal(said.goals, [second, first])
    np.testing.assert_array_equal(task_goals(policy.spec, now), [first, second])


def test_without_stages_the_tasks_own_goal_is_pursued() -> None:
    task = open_task("FetchPush-v4")
    now = task.reset(0)
    said = acting(policy_in(task, "her"), now)
    assert (said.stage, said.number, said.guides, said.subgoal) == ("", None, False, None)
    np.testing.assert_array_equal(said.goals, [now.desired])


def test_a_hierarchys_subgoal_is_the_position_that_it_asks_for() -> None:
    task = open_task("goalrelay/PointMaze-v0")
    policy, now = policy_in(task, "hierarchy"), task.reset(0)
    decision = policy.act()(now)
    said = acting(policy, now, decision)
    np.testing.assert_array_equal(said.goals, [now.desired])
    assert said.subgoal is not None
    asked = decision[task.spec.action_size :][: len(said.subgoal)]
    np.testing.assert_allclose(said.subgoal, now.observation[:2] + asked, rtol=1e-6)
    assert acting(policy, now).subgoal is None


def test_a_goal_that_is_no_position_has_none() -> None:
    task = open_task("goalrelay/BitFlip-v0")
    method = methods.find("her")
    policy = Policy(
        task.id,
        (),
        "her",
        method(method.Config(), task.task, 0.98),
        "dqn",
        task.interface,
        (),
        (),
    )
    assert acting(policy, task.reset(0)).goals == ()
