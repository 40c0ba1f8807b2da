"""The high level: c steps of the task are one of its own, and a sub-goal is its action.

    reward      the task's, summed over the c steps, scaled
    action      the sub-goal that was set, as a fraction of its range; or the corrected one
                (`correction`)

Its actor can be drawn to sub-goals on a planned path (`planner`), or to those of successful
episodes (`self_imitation`). The desired goal is relabelled in hindsight with one that was achieved
at the end of the c steps or later.
"""

import numpy as np

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.data.relabel import GoalRule, achieved_later, relabel, stage_objective, whole
from goalrelay.methods.base import Level, in_cycle
from goalrelay.methods.hierarchy.cells import shifted
from goalrelay.methods.hierarchy.config import Config
from goalrelay.methods.hierarchy.correction import correct
from goalrelay.methods.hierarchy.planner import Planner
from goalrelay.methods.hierarchy.self_imitation import SelfImitation
from goalrelay.methods.hierarchy.subgoals import SubgoalSpace
from goalrelay.types import ActionTarget, Batch, Snapshot, Spec, Steps, Task


class HighLevel(Level):
    """Sets a sub-goal every c steps."""

    name = "high_"

    def __init__(self, config: Config, space: SubgoalSpace, task: Task, gamma: float):
        self._config, self._space = config, space
        self.spec = _spec(config, task.spec, len(space.columns))
        self.interval = config.variant.high_update_interval
        self.normalized = np.ones(space.high_size(), bool)
        self._low_action_size = task.spec.action_size
        self._objective = stage_objective(task, whole(task.spec), gamma, config.subgoal_steps)
        strategy = "future" if task.spec.goal_size else "none"
        self._rule = GoalRule(strategy, config.high_hindsight, config.variant.actual)
        self._planner = self._imitation = None
        if config.planner_weight and space.goal_is_position:
            columns = list(task.spec.goal_position_columns)
            self._planner = Planner(config.subgoal_steps, config.planner_weight, space, columns)
            if config.self_imitation and task.spec.reward_range is not None:  # sparse rewards
                self._imitation = SelfImitation(
                    config.subgoal_steps, config.planner_weight, space, columns, self._objective
                )

    def sample(
        self,
        buffer: ReplayBuffer,
        snapshot: Snapshot,
        shape: tuple[int, int],
        rng: np.random.Generator,
    ) -> tuple[Batch, dict[str, float]]:
        """A cycle of batches [updates, B]; the last transition of an episode can be shorter."""
        space, config = self._space, self._config
        drawn = buffer.sample(shape[0] * shape[1], rng)
        start = shifted(drawn, -(drawn.time % config.subgoal_steps))  # where the sub-goal was set
        subgoal = buffer.action[start.row][:, self._low_action_size :]
        figures = {"relabelled_subgoal_fraction": 0.0, "imitated_fraction": 0.0}
        if config.correction == "off-policy":
            old, subgoal = subgoal, self._corrected(buffer, snapshot, start, rng)
            changed = np.abs(old - subgoal).max(axis=1) > 0
            figures["relabelled_subgoal_fraction"] = float(changed.mean())
        transitions = relabel(buffer, start, self._objective, self._rule, rng)
        now, after = buffer.observation[start.row], buffer.observation[transitions.next_row]
        target = None
        if self._planner is not None:
            target = self._planner.subgoal_targets(buffer, start, transitions.goal, rng)
        if self._imitation is not None and target is not None:
            shown = self._imitation.subgoal_targets(buffer, start, transitions.goal, rng)
            imitated = shown.weight > 0
            target = ActionTarget(
                np.where(imitated[:, None], shown.action, target.action),
                np.where(imitated, shown.weight, target.weight),
            )
            figures["imitated_fraction"] = float(imitated.mean())
        batch = Batch(
            space.high_input(now, transitions.goal),
            space.encode(now, subgoal),
            (config.variant.reward_scale * transitions.reward).astype(np.float32),
            transitions.discount,
            space.high_input(after, transitions.next_goal),
            self._demonstrated(buffer, start, transitions.goal),
            action_target=target,
        )
        return in_cycle(batch, shape), figures

    def inputs(self, buffer: ReplayBuffer, steps: Steps, rng: np.random.Generator) -> np.ndarray:
        """The inputs of steps [N]."""
        return self._space.high_input(buffer.observation[steps.row], buffer.desired[steps.row])

    def _demonstrated(
        self, buffer: ReplayBuffer, start: Steps, goal: np.ndarray
    ) -> np.ndarray | None:
        """Where a demonstrator went on to reach the goal [B], 1 or 0; None of the agent's steps."""
        if not buffer.demonstrated:
            return None
        return achieved_later(buffer, start, self._objective, goal).astype(np.float32)

    def _corrected(
        self, buffer: ReplayBuffer, snapshot: Snapshot, start: Steps, rng: np.random.Generator
    ) -> np.ndarray:
        """Corrected sub-goals [B, K] of those that were set at these steps."""
        period = self._config.subgoal_steps
        span = np.minimum(period, start.length - start.time)
        rows = start.row[:, None] + np.minimum(np.arange(period), span[:, None] - 1)  # [B, c]
        valid = np.arange(period) < span[:, None]
        return correct(self._space, buffer, snapshot.policies[0], rows, valid, rng)


def _spec(config: Config, spec: Spec, columns: int) -> Spec:
    """Its actions are sub-goals; its rewards are sums, bounded where the task's are."""
    sums = None
    if spec.reward_range is not None:
        scale = config.variant.reward_scale * config.subgoal_steps
        low, high = (scale * reward for reward in spec.reward_range)
        sums = min(low, 0.0), max(high, 0.0)  # the last transition of an episode can be shorter
    return spec._replace(reward_range=sums, action_size=columns)
