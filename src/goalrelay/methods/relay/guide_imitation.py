"""Guide imitation loss: an auxiliary loss that draws a stage's policy towards its guide's.

In evaluation nobody guides. The policy of an object's goal stage must bring the gripper to the
object itself. It learns that late: the critic's values near the goal say little about the way to
the object. So the actor's loss has, besides -Q,

    weight * |mu(s, g) - guide(s)|^2    at steps s before which a preparing stage is not reached

with the policy of the first such stage as the guide, as in self-guided exploration. The weight
shrinks as evaluations reach the stage. The loss decides where Q is flat, and hardly matters where
it is not.
"""

import numpy as np

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.data.relabel import distance
from goalrelay.methods.relay.config import GuidanceConfig
from goalrelay.methods.relay.inputs import StageInputs
from goalrelay.methods.relay.stages import StageOrder
from goalrelay.types import ActionTarget, GoalConstraint, Observation, Snapshot


class GuideImitation:
    """Action targets for the steps of a stage.

    Args:
        config: the weight, and how it shrinks.
        order: the task's stages.
        inputs: what the network sees.
        action_size: dimensions of an action.
    """

    def __init__(
        self, config: GuidanceConfig, order: StageOrder, inputs: StageInputs, action_size: int
    ):
        self._config, self._order, self._inputs = config, order, inputs
        self._action_size = action_size

    def targets(
        self,
        buffer: ReplayBuffer,
        snapshot: Snapshot,
        stage: int,
        rows: np.ndarray,
        goal: np.ndarray,
    ) -> ActionTarget:
        """The guides' actions [B, A] and weights [B]; 0 where nobody guides.

        Args:
            buffer: what happened.
            snapshot: with the newest policy, and the success rates of stages.
            stage: whose guides.
            rows: [B] of the steps.
            goal: [B, G] the goals of all constraints of the stage at these steps, relabelled.
        """
        order, (policy,) = self._order, snapshot.policies
        actions = np.zeros((len(rows), self._action_size), np.float32)
        guided = np.zeros(len(rows), bool)
        constraints = order.stages[stage].constraints
        bounds = np.cumsum([len(c.desired.columns) for c in constraints])[:-1]
        given = dict(zip(constraints, np.split(goal, bounds, axis=1), strict=True))

        def goal_of(constraint: GoalConstraint) -> np.ndarray:
            """The goal [B, .] that a guide pursues: the relabelled one where they share it."""
            if constraint in given:
                return given[constraint]
            return buffer.read(constraint.desired, rows)

        for number in order.preparing(stage):
            if order.moves_object(number):
                continue
            preparing = order.stages[number]
            own = preparing.constraints[0]  # what else it maintains does not matter here
            away = distance(buffer, own, rows) > order.switch[number]
            some = ~guided & away
            if some.any():
                chosen = rows[some]
                goals = np.concatenate([goal_of(c)[some] for c in preparing.constraints], axis=1)
                timestep = Observation(buffer.observation[chosen], buffer.achieved[chosen], goals)
                inputs = self._inputs.encode(timestep, goals, number)
                actions[some] = policy(inputs, None, buffer.images(chosen))
                guided |= some
        known = snapshot.reached[stage] if snapshot.reached else 0.0
        weight = self._config.imitation * (1 - self._config.anneal * known)
        return ActionTarget(actions, np.float32(weight) * guided)
