"""Who decides in one episode of a hierarchy: the high level every c steps, the low level always."""

import numpy as np

from goalrelay.methods.exploration import Exploration, add_noise, random_action
from goalrelay.methods.hierarchy.config import Config
from goalrelay.methods.hierarchy.subgoals import SubgoalSpace
from goalrelay.types import Network, Observation, Snapshot, Spec


class HierarchyAct:
    """Acts in one episode without noise; it remembers the sub-goal.

    Args:
        config: the method's options.
        space: of sub-goals.
        policies: of the low and of the high level.
    """

    def __init__(self, config: Config, space: SubgoalSpace, policies: tuple[Network, ...]):
        self.config, self.space = config, space
        self.low, self.high = policies
        self.time = 0
        self._position = self._subgoal = np.zeros(len(space.columns), np.float32)

    def __call__(self, observation: Observation) -> np.ndarray:
        """Action and sub-goal of a step: [A + K]."""
        position = observation.observation[self.space.columns]
        if self.time % self.config.subgoal_steps == 0:
            limit = self.space.range
            self._subgoal = self.choose(observation).clip(-limit, limit).astype(np.float32)
        else:  # the position that the sub-goal asks for stays the same
            self._subgoal = self._position + self._subgoal - position
        self._position, self.time = position, self.time + 1
        inputs = self.space.low_input(observation.observation, self._subgoal)
        return np.concatenate([self.action(inputs), self._subgoal])

    def choose(self, observation: Observation) -> np.ndarray:
        """The next sub-goal."""
        return self.from_policy(observation, None)

    def action(self, inputs: np.ndarray) -> np.ndarray:
        """The low level's action."""
        return self.low(inputs, None)

    def from_policy(self, observation: Observation, rng: np.random.Generator | None) -> np.ndarray:
        """The sub-goal that the high level's policy chooses."""
        now = observation.observation
        return self.space.decode(
            now, self.high(self.space.high_input(now, observation.desired), rng)
        )


class ExploringAct(HierarchyAct):
    """Acts in one training episode, with noise or at random.

    Args:
        config: the method's options, with the noise as it is now.
        space: of sub-goals.
        snapshot: with the newest policies.
        spec: of the task.
        rng: of this episode.
    """

    def __init__(
        self,
        config: Config,
        space: SubgoalSpace,
        snapshot: Snapshot,
        spec: Spec,
        rng: np.random.Generator,
    ):
        super().__init__(config, space, snapshot.policies)
        self._spec, self._rng, self._random = spec, rng, snapshot.random
        self._exploration: Exploration = config.exploration
        self._noise: np.ndarray | None = None
        self._explores_from: int | None = None
        if rng.random() < config.go_explore:
            self._explores_from = int(rng.integers(spec.horizon))

    def choose(self, observation: Observation) -> np.ndarray:
        """The next sub-goal: at random, near the policy's, or by Go-Explore.

        Go-Explore sets the policy's own up to a random step, and random ones from then on.
        """
        rng, space, returns = self._rng, self.space, self._explores_from is not None
        if self._random or (not returns and rng.random() < self._exploration.random):
            return space.range * rng.uniform(-1, 1, len(space.range))
        if self._explores_from is None:
            return self.from_policy(observation, rng) + space.noise * self._correlated_noise()
        if self.time < self._explores_from:
            return self.from_policy(observation, rng)
        return space.range * self._correlated_noise()

    def action(self, inputs: np.ndarray) -> np.ndarray:
        """The low level's action with noise, or a random one."""
        if self._random:
            return random_action(self._spec, self._rng)
        return add_noise(self._exploration, self._spec, self.low(inputs, self._rng), self._rng)

    def _correlated_noise(self) -> np.ndarray:
        """Standard normal numbers [K], correlated with those before (AR(1))."""
        kept = self.config.variant.noise_correlation
        noise = self._rng.standard_normal(len(self.space.range))
        if self._noise is not None:
            noise = kept * self._noise + np.sqrt(1 - kept**2) * noise
        self._noise = noise
        return noise
