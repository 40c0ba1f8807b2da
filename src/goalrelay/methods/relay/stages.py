"""The order of a task's stages: which are goal stages, which approach an object, which is current.

A goal stage brings an object to its goal, where it has to stay. Other stages prepare the goal stage
after them: the gripper at an object; the object at its goal whatever happens to the others.
"""

from collections.abc import Sequence

import numpy as np

from goalrelay.types import GoalConstraint, Observation, Stage


class StageOrder:
    """Questions about the stages of a task.

    Args:
        stages: in order; the last one is the task itself.
        switch: distance within which each stage counts as reached; one number stands for all; none
            for the stages' own.
    """

    def __init__(self, stages: Sequence[Stage], switch: Sequence[float] = ()):
        self.stages = tuple(stages)
        self.last = len(self.stages) - 1
        own = tuple(stage.switch for stage in stages)
        self.switch = tuple(switch) * len(own) if len(switch) == 1 else tuple(switch) or own
        """Distance within which each stage counts as reached when the robot acts."""
        first = [stage.constraints[0] for stage in self.stages]
        self._moves = [c in self.stages[-1].constraints for c in first]
        self._is_goal = [
            moves and first[n] not in first[n + 1 :] for n, moves in enumerate(self._moves)
        ]

    def moves_object(self, number: int) -> bool:
        """Whether a stage brings something to one of the task's goals."""
        return self._moves[number]

    def is_goal_stage(self, number: int) -> bool:
        """Whether a stage is one of the task's final goals, which must hold to the last."""
        return self._is_goal[number]

    def preparing(self, number: int) -> range:
        """The stages that prepare one: those before it, back to the goal stage before them."""
        first = number
        while first and not self._is_goal[first - 1]:
            first -= 1
        return range(first, number)

    def guided_by(self, number: int) -> int:
        """The stage to which a preparing stage guides.

        It is the next one. A stage that moves an object guides to that object's goal stage.
        """
        following = range(number + 1, self.last + 1)
        return next(n for n in following if self._is_goal[n] or not self._moves[n])

    def first_unfinished(self, observation: Observation) -> int:
        """The first goal stage that is not reached; the last stage when all before it are."""
        for number in range(self.last):
            if self._is_goal[number] and not self._reached(number, observation):
                return number
        return self.last

    def current(self, observation: Observation) -> int:
        """The first stage that is not reached.

        It is the first unfinished goal stage, or one of those that prepare it.
        """
        goal_stage = self.first_unfinished(observation)
        for number in self.preparing(goal_stage):
            if not self._reached(number, observation, alone=True):
                return number
        return goal_stage

    def _reached(self, number: int, observation: Observation, alone: bool = False) -> bool:
        """Whether a stage's constraints hold; alone, only that of its own object."""
        stage = self.stages[number]
        constraints = stage.constraints[:1] if alone else stage.constraints
        within = self.switch[number]
        return all(_gap(observation, c) <= within for c in constraints)


def _gap(observation: Observation, constraint: GoalConstraint) -> np.floating:
    return np.linalg.norm(constraint.desired.of(observation) - constraint.achieved.of(observation))
