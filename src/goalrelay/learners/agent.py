"""One learner at work: its networks, its optimisers, and the statistics of its inputs.

A method with one level has one agent, a hierarchy has two. A cycle of updates is one jitted scan.
The call returns at once (JAX dispatches asynchronously), so physics for the next episodes runs
while it computes. Inputs are normalised once for the whole cycle. Keys are split once at the top.
A delayed actor (TD3) is structure, not branching: an `update` takes `stride` batches.
"""

from functools import partial
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from goalrelay.learners import Learner, normalizer
from goalrelay.learners.config import UpdateContext, value_range
from goalrelay.learners.imitation import Imitation
from goalrelay.learners.networks import MLP, to_numpy
from goalrelay.learners.normalizer import Moments, normalize
from goalrelay.types import Array, Batch, Spec


def start_keys(seed: int, levels: int) -> list[Array]:
    """What decides how the networks of each level start: keys that differ."""
    key = jax.random.key(seed)
    return [key, *(jax.random.fold_in(key, level) for level in range(1, levels))]


class Learned(Protocol):
    """What an agent must know of a method's level (`methods.base.Level`)."""

    name: str
    spec: Spec
    normalized: np.ndarray


class UpdateRule(NamedTuple):
    """A learner with its options; equal ones share one compiled program."""

    learner: Learner
    config: Any
    context: UpdateContext


class Agent:
    """One learner's state.

    Args:
        level: the level of the method that it learns.
        learner: the update rule.
        config: its options.
        imitation: how demonstrated steps are imitated.
        key: decides how the networks start.
    """

    def __init__(
        self, level: Learned, learner: Learner, config: Any, imitation: Imitation, key: Array
    ):
        self.config = config
        self._learner, self._name, self._normalized = learner, level.name, level.normalized
        self._context = UpdateContext(value_range(config, level.spec), imitation)
        size = len(level.normalized)
        initialize = jax.jit(learner.init, static_argnums=(0, 1, 2))  # one compilation
        self.state = initialize(config, level.spec, size, key)
        self.average = to_numpy(learner.actor(self.state))
        """Running mean of the policy's weights, NumPy."""
        self._statistics = normalizer.empty(size)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the learner's metrics, as the log has them."""
        return tuple(self._name + name for name in self._learner.METRICS)

    @property
    def observed(self) -> int:
        """Inputs that the statistics have counted."""
        return int(self._statistics.seen)

    def actor(self) -> MLP:
        """The newest policy network, NumPy."""
        return to_numpy(self._learner.actor(self.state))

    def stride(self) -> int:
        """Updates come in multiples of this."""
        return self._learner.stride(self.config)

    def moments(self) -> Moments:
        """How inputs are normalised now."""
        clip_input = clip_normalized = np.inf
        if self.config.normalize:
            clip_input, clip_normalized = self.config.clip_input, normalizer.CLIP_NORMALIZED
        return normalizer.moments(self._statistics, clip_input, clip_normalized, self._normalized)

    def observe(self, inputs: np.ndarray) -> None:
        """Count inputs [N, D] in the normalisation."""
        self._statistics = normalizer.observe(self._statistics, inputs, self.config.clip_input)

    def start_updates(self, state: Any, batches: Batch, key: Array) -> tuple[Any, dict[str, Array]]:
        """Start updates [N, B] from a state; the state and metrics returned are being computed."""
        rule = UpdateRule(self._learner, self.config, self._context)
        state, metrics = run_cycle(rule, state, self.moments(), batches, key)
        return state, {self._name + name: value for name, value in metrics.items()}

    def blend(self, decay: float) -> None:
        """Move the running mean of the policy's weights; this fraction of the old one is kept."""
        self.average = jax.tree.map(
            lambda mean, new: (decay * mean + (1 - decay) * new).astype(np.float32),
            self.average,
            self.actor(),
        )

    def saved(self) -> dict[str, Any]:
        """Everything needed to go on, as a pytree of arrays."""
        return {"state": self.state, "average": self.average, "statistics": self._statistics}

    def restore(self, saved: dict[str, Any]) -> None:
        """Become the agent that was saved."""
        self.state, self._statistics = saved["state"], saved["statistics"]
        self.average = to_numpy(saved["average"])


@partial(jax.jit, static_argnums=0)
def run_cycle(
    rule: UpdateRule, state: Any, moments: Moments, batches: Batch, key: Array
) -> tuple[Any, dict[str, Array]]:
    """N updates: batches [N, B, ...] with N a multiple of the stride -> state, mean metrics."""
    learner, config = rule.learner, rule.config
    stride = learner.stride(config)
    groups = jax.tree.map(
        lambda x: x.reshape(x.shape[0] // stride, stride, *x.shape[1:]),
        batches._replace(
            inputs=normalize(moments, batches.inputs),
            next_inputs=normalize(moments, batches.next_inputs),
        ),
    )
    keys = jax.random.split(key, groups.reward.shape[0])

    def step(state: Any, drawn: tuple[Batch, Array]) -> tuple[Any, dict[str, Array]]:
        state, metrics = learner.update(config, rule.context, state, *drawn)
        if config.target_move == "update":
            state = learner.move_targets(config, state)
        return state, metrics

    state, metrics = jax.lax.scan(step, state, (groups, keys))
    if config.target_move == "cycle":
        state = learner.move_targets(config, state)
    return state, jax.tree.map(lambda x: x.mean(), metrics)
