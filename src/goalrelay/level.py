"""A learner at work: networks, optimisers, and the statistics of what they see.

Most methods have one level, which acts. A hierarchy has several, the one that acts first; each is
the same class with a part of the method (`methods.Part`), so that nothing is written twice.
"""

from typing import Any

import jax
import numpy as np

from goalrelay import normalizer
from goalrelay.learners import Learner
from goalrelay.learners.config import resolve
from goalrelay.learners.cycle import run_cycle
from goalrelay.methods import Part
from goalrelay.networks import MLP, to_numpy
from goalrelay.types import Array, Batch, Spec


class Level:
    """One learner's state.

    Args:
        part: what the method says of this level.
        method: the method's configuration.
        learner: the update rule.
        config: its configuration.
        spec: of the task.
        key: decides how the networks start.
    """

    def __init__(
        self, part: Part, method: Any, learner: Learner, config: Any, spec: Spec, key: Array
    ):
        self.part = part
        learned = part.learned(method, spec)
        self.decides = learned.action_size
        self._learner, self.config = learner, resolve(config, learned)
        self._which = part.normalized(method, spec)
        size = part.input_size(method, spec)
        initialize = jax.jit(learner.init, static_argnums=(0, 1, 2))  # one compilation
        self.state = initialize(self.config, learned, size, key)
        self.average = to_numpy(learner.actor(self.state))
        self._statistics = normalizer.empty(size)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the learner's metrics, as the log has them."""
        return tuple(self.part.name + name for name in self._learner.METRICS)

    @property
    def seen(self) -> int:
        """Inputs that the statistics have counted."""
        return int(self._statistics.seen)

    def actor(self) -> MLP:
        """The newest policy network, NumPy."""
        return to_numpy(self._learner.actor(self.state))

    def stride(self) -> int:
        """Updates come in multiples of this."""
        return self._learner.stride(self.config)

    def moments(self) -> normalizer.Moments:
        """How inputs are normalised now."""
        clip = self.config.clip_input if self.config.normalize else np.inf
        clip_normalized = self.config.clip_normalized if self.config.normalize else np.inf
        return normalizer.moments(self._statistics, clip, clip_normalized, self._which)

    def observe(self, inputs: np.ndarray) -> None:
        """Count inputs [N, D] in the normalisation."""
        self._statistics = normalizer.observe(self._statistics, inputs, self.config.clip_input)

    def update(self, state: Any, batches: Batch, key: Array) -> tuple[Any, dict[str, Array]]:
        """Start updates [N, B] from a state; what comes back is being computed."""
        state, metrics = run_cycle(self._learner, self.config, state, self.moments(), batches, key)
        return state, {self.part.name + name: value for name, value in metrics.items()}

    def blend(self, kept: float) -> None:
        """Move the running mean of the policy's weights: a share of the old one is kept."""
        self.average = jax.tree.map(
            lambda mean, new: (kept * mean + (1 - kept) * new).astype(np.float32),
            self.average,
            self.actor(),
        )

    def saved(self) -> dict[str, Any]:
        """Everything needed to go on, as a pytree of arrays."""
        return {"state": self.state, "average": self.average, "statistics": self._statistics}

    def restore(self, saved: dict[str, Any]) -> None:
        """Become the level that was saved."""
        self.state, self._statistics = saved["state"], saved["statistics"]
        self.average = to_numpy(saved["average"])
