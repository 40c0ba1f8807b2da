"""The low level: reach a sub-goal.

reward    -|s + g - s'|            in the sub-goal's columns; or that reward shaped by the distance
inputs    the observation without its position, and g; in the robot's frame, where a task has one
next g    the same position, though a new one may be due (`Variant.subgoal_transition`)
end       a terminal state is absorbing, so ending an episode is never rewarded

Sub-goals are relabelled in hindsight with positions that were reached while the sub-goal stood.
"""

import numpy as np

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.data.relabel import GoalRule, Objective, ends_as_it_did, relabel
from goalrelay.methods.base import Level, in_cycle
from goalrelay.methods.hierarchy.config import Config
from goalrelay.methods.hierarchy.subgoals import SubgoalSpace
from goalrelay.tasks.symmetry import half, of_columns
from goalrelay.types import Batch, Columns, Snapshot, Spec, Stage, Steps, Transitions


class LowLevel(Level):
    """Acts at every step; its reward is the distance to the sub-goal."""

    name = "low_"

    def __init__(self, config: Config, space: SubgoalSpace, spec: Spec):
        self._config, self._space = config, space
        self.spec = spec._replace(reward_range=None)  # distances have no bound
        self.normalized = np.ones(space.low_size(), bool)
        self._gamma = config.variant.low_gamma
        columns = tuple(space.columns)
        self._subgoal = Columns("subgoal", columns)
        stage = Stage("sub-goal", Columns("observation", columns), self._subgoal)
        self._objective = Objective(stage, _reward, _reached, ends_as_it_did, self._gamma)
        self._rule = GoalRule("future", config.hindsight)

    def sample(
        self,
        buffer: ReplayBuffer,
        snapshot: Snapshot,
        shape: tuple[int, int],
        rng: np.random.Generator,
    ) -> tuple[Batch, dict[str, float]]:
        """A cycle of batches [updates, B], some of the sub-goals in hindsight."""
        space, size = self._space, self.spec.action_size
        steps = buffer.sample(shape[0] * shape[1], rng)
        transitions = relabel(
            buffer, self._while_it_stands(steps), self._objective, self._rule, rng
        )
        now, after = buffer.observation[steps.row], buffer.observation[transitions.next_row]
        subgoal = transitions.goal - now[:, space.columns]
        next_subgoal = transitions.next_goal - after[:, space.columns]
        if self._config.variant.subgoal_transition == "resampled":
            # After the last step of an episode there is no decision, so the sub-goal stays.
            stays = transitions.hindsight | (steps.time + 1 == steps.length)
            new = buffer.read(self._subgoal, transitions.next_row) - after[:, space.columns]
            next_subgoal = np.where(stays[:, None], next_subgoal, new)
        reward = self._shaped(transitions, subgoal, next_subgoal)
        action = buffer.action[steps.row][:, :size]
        for symmetry in space.mirrors():
            positions = of_columns(symmetry.observation, self.spec.position_columns)
            changes = (symmetry.observation,) * 2 + (positions,) * 2 + (symmetry.action,)
            half((now, after, subgoal, next_subgoal, action), changes, rng)
        batch = Batch(
            space.low_input(now, subgoal),
            action,
            reward.astype(np.float32),
            transitions.discount,
            space.low_input(after, next_subgoal),
            np.ones(len(steps.row), np.float32) if buffer.demonstrated else None,
        )
        kept = ~transitions.hindsight
        distance = -float(transitions.reward[kept].mean()) if kept.any() else float("nan")
        return in_cycle(batch, shape), {"low_level_distance": distance}

    def inputs(self, buffer: ReplayBuffer, steps: Steps, rng: np.random.Generator) -> np.ndarray:
        """The inputs of steps [N], with the sub-goals that they had."""
        subgoal = buffer.action[steps.row][:, self.spec.action_size :]
        return self._space.low_input(buffer.observation[steps.row], subgoal)

    def _while_it_stands(self, steps: Steps) -> Steps:
        """The steps as if their episode ended where their sub-goal is replaced by the next one."""
        period = self._config.subgoal_steps
        left = np.minimum(period - steps.time % period, steps.length - steps.time)
        end = steps.time + left
        return steps._replace(length=end, last_terminal=steps.last_terminal & (end == steps.length))

    def _shaped(
        self, transitions: Transitions, subgoal: np.ndarray, next_subgoal: np.ndarray
    ) -> np.ndarray:
        """Rewards [B]: the negative distance, or that reward shaped (Ng et al. 1999).

        The potential is -|g| / (1 - gamma). The result is scaled to the units of distances again.

        In a terminal state the distance would be paid for ever. With shaping, staying anywhere is
        worth nothing, so nothing is added there.
        """
        distance, gamma = -transitions.reward, self._gamma
        if self._config.variant.potential_shaping:
            before, after = (np.linalg.norm(g, axis=1) for g in (subgoal, next_subgoal))
            return before - gamma * after - (1 - gamma) * distance
        return -distance * np.where(transitions.discount == 0, 1 / (1 - gamma), 1)


def _reward(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
    """The negative distance [B] of positions [B, K]."""
    return -np.linalg.norm(desired - achieved, axis=-1)


def _reached(achieved: np.ndarray, desired: np.ndarray) -> np.ndarray:
    return _reward(achieved, desired) >= 0
