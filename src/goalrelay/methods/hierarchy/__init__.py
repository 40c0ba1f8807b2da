"""Goal-conditioned hierarchy: a high level sets sub-goals, a low level reaches them (HIRO).

Nachum et al. 2018 (arXiv 1805.08296), two levels of the same learner:

    collect:  every c steps g = high(s, desired goal) + noise; in between g' = s + g - s'
              a = low(s without its position, g) + noise                      (`acting`)
    low:      reward -|s + g - s'| for every step                             (`low`)
    high:     c steps are one; reward is their sum; its action is corrected   (`high`, `correction`)
    update:   the learner's, once a step for the low level, less often for the high level

The default preset is ours: hindsight on both levels (HAC), a planner, self-imitation, Go-Explore.
The preset `hiro` is the paper's. Sub-goals are changes of some columns of the observation. The
sub-goal of a step is stored behind its action.
"""

import dataclasses

import numpy as np

from goalrelay.methods.base import Act, Method
from goalrelay.methods.exploration import annealed
from goalrelay.methods.hierarchy.acting import ExploringAct, HierarchyAct
from goalrelay.methods.hierarchy.config import PRESETS, Config
from goalrelay.methods.hierarchy.demonstrated import with_subgoals
from goalrelay.methods.hierarchy.high import HighLevel
from goalrelay.methods.hierarchy.low import LowLevel
from goalrelay.methods.hierarchy.subgoals import SubgoalSpace
from goalrelay.types import Episode, Observation, Snapshot, Task


class Hierarchy(Method):
    """Goal-conditioned hierarchy: a high level sets sub-goals, a low level reaches them (HIRO)."""

    Config = Config
    PRESETS = PRESETS
    NEEDS_GOALS = False
    FIGURES = ("low_level_distance", "relabelled_subgoal_fraction", "imitated_fraction")

    def __init__(self, config: Config, task: Task, gamma: float):
        space = SubgoalSpace(config, task.spec)
        filled = {"subgoal_columns": tuple(space.columns), "subgoal_range": space.limits()}
        super().__init__(dataclasses.replace(config, **filled), task, gamma)
        self._config, self._space = config, space
        low = LowLevel(config, self._space, task.spec)
        high = HighLevel(config, self._space, task, gamma)
        self.levels = (low, high)

    def act(self, snapshot: Snapshot, rng: np.random.Generator | None) -> Act:
        """Both levels: with noise or at random in training, without noise in evaluation."""
        if rng is None:
            return HierarchyAct(self._config, self._space, snapshot.policies)
        exploration = annealed(self._config.exploration, snapshot.success)
        config = dataclasses.replace(self._config, exploration=exploration)
        return ExploringAct(config, self._space, snapshot, self.task.spec, rng)

    def completed(self, demonstration: Episode) -> Episode:
        """A demonstration with sub-goals that its steps achieved."""
        return with_subgoals(self._space, self._config.subgoal_steps, demonstration)

    def subgoal_position(self, observation: Observation, decision: np.ndarray) -> np.ndarray | None:
        """Position [P] in the world that the sub-goal asks for; None if it is not a position."""
        spec, columns = self.task.spec, self._space.columns
        positions = spec.position_columns
        if not positions or not set(positions) <= set(columns):
            return None
        subgoal = decision[[spec.action_size + columns.index(column) for column in positions]]
        return observation.observation[list(positions)] + subgoal


METHOD = Hierarchy
