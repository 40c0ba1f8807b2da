"""Who acts at a timestep without noise, and which positions it pursues: for films and pages.

now = acting(policy, observation, decision)
f"{now.stage} guides" if now.guides else now.stage
"""

from typing import NamedTuple

import numpy as np

from goalrelay.methods.relay.stages import StageOrder
from goalrelay.train.policy import Policy
from goalrelay.types import GoalConstraint, Observation, Spec


class Acting(NamedTuple):
    """What a policy does at a timestep."""

    stage: str
    """Name of the stage that acts; empty: the policy has no stages."""
    number: int | None
    """Its place in the task's stages, from 0; None: the policy has no stages."""
    guides: bool
    """Whether it brings the robot or an object to where a later stage begins, and no object to its
    goal for good."""
    goals: tuple[np.ndarray, ...]
    """Positions that are pursued, [2] or [3] each, in the task's unit. The first is the stage's
    own. Those of the objects that have to stay at their goals follow. Empty: no positions."""
    subgoal: np.ndarray | None
    """Position [2] or [3] that a hierarchy's sub-goal asks for; None: there is none."""


def acting(
    policy: Policy,
    observation: Observation,
    decision: np.ndarray | None = None,
    stage: int | None = None,
) -> Acting:
    """What a policy does at a timestep.

    Args:
        policy: that acts.
        observation: of the timestep.
        decision: of the policy there, with a hierarchy's sub-goal; None: it has not decided.
        stage: number of the stage that acts, see `Policy.act`; None: as in evaluation.
    """
    subgoal = None if decision is None else policy.subgoal_position(observation, decision)
    staged = policy.evaluated_stage(observation)
    if staged is None:
        return Acting("", None, False, task_goals(policy.spec, observation), subgoal)
    number, stages = staged if stage is None else stage, policy.spec.stages
    goals = tuple(c.desired.of(observation) for c in stages[number].constraints if _position(c))
    guides = not StageOrder(stages).is_goal_stage(number)
    return Acting(stages[number].name, number, guides, goals, subgoal)


def task_goals(spec: Spec, observation: Observation) -> tuple[np.ndarray, ...]:
    """Positions [2] or [3] that the task itself asks for, one for each object; empty: none known.

    They are those of its last stage in the order of the objects, or the goal's position columns.
    """
    if spec.stages:
        own, *earlier = spec.stages[-1].constraints
        ordered = [c.desired for c in (*earlier, own) if _position(c)]
        return tuple(columns.of(observation) for columns in ordered)
    columns = list(spec.goal_position_columns)
    return (observation.desired[columns],) if len(columns) in (2, 3) else ()


def _position(constraint: GoalConstraint) -> bool:
    """Whether a stage's goal has as many numbers as a position; stages are about positions."""
    return len(constraint.desired.columns) in (2, 3)
