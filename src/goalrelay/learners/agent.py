"""Training state of one policy: networks, optimisers, statistics of the network inputs.

A method with one level has one agent, a hierarchy has two. A cycle of updates is one jitted scan.
JAX dispatches it asynchronously and returns at once, so the physics of the next episodes runs at
the same time. Inputs are normalised once for the whole cycle, and keys are split once before the
scan. For a delayed actor (TD3), one `update` takes `stride` batches.
"""

from functools import partial
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from goalrelay.learners import Learner, normalizer
from goalrelay.learners.config import UpdateContext, value_range
from goalrelay.learners.imitation import Imitation
from goalrelay.learners.networks import MLP, Seen, to_numpy
from goalrelay.learners.normalizer import Moments, normalize
from goalrelay.types import Array, Batch, Spec


def start_keys(seed: int, levels: int) -> list[Array]:
    """What decides how the networks of each level start: keys that differ."""
    key = jax.random.key(seed)
    return [key, *(jax.random.fold_in(key, level) for level in range(1, levels))]


class Learned(Protocol):
    """The part of a method's level (`methods.base.Level`) that an agent reads."""

    name: str
    spec: Spec
    normalized: np.ndarray


class UpdateRule(NamedTuple):
    """A learner with its options. Equal values share one compiled program."""

    learner: Learner
    config: Any
    context: UpdateContext


class Agent:
    """Training state of one policy.

    Args:
        level: the method's level that the policy belongs to.
        learner: the update rule.
        config: the learner's options.
        imitation: options of imitation in the actor's loss.
        key: of the initial weights.
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
        """Names of the learner's metrics in the log."""
        return tuple(self._name + name for name in self._learner.METRICS)

    @property
    def observed(self) -> int:
        """Number of inputs in the statistics."""
        return int(self._statistics.seen)

    def actor(self) -> MLP:
        """The newest policy network, as NumPy arrays."""
        return to_numpy(self._learner.actor(self.state))

    def stride(self) -> int:
        """The number of updates in a scan is a multiple of this."""
        return self._learner.stride(self.config)

    def moments(self) -> Moments:
        """The present mean and deviation for the normalisation of inputs."""
        clip = normalizer.CLIP_NORMALIZED if self.config.normalize else np.inf
        return normalizer.moments(self._statistics, clip, self._normalized)

    def observe(self, inputs: np.ndarray) -> None:
        """Add inputs [N, D] to the statistics."""
        self._statistics = normalizer.observe(self._statistics, inputs)

    def start_updates(self, state: Any, batches: Batch, key: Array) -> tuple[Any, dict[str, Array]]:
        """Dispatch N updates on batches [N, B, ...]; the results are still being computed.

        Returns:
            the learner's state after the updates, and the mean metrics by their name in the log.
        """
        rule = UpdateRule(self._learner, self.config, self._context)
        state, metrics = run_cycle(rule, state, self.moments(), batches, key)
        return state, {self._name + name: value for name, value in metrics.items()}

    def blend(self, decay: float, blended: int) -> None:
        """Update the running mean of the policy's weights: decay * mean + (1 - decay) * new.

        At first the mean is shorter, so that it forgets the initial weights: the decay is at most
        (1 + n) / (10 + n), as in TensorFlow's ExponentialMovingAverage.

        Args:
            decay: fraction of the old mean that is kept.
            blended: n, updates of the mean before this one.
        """
        decay = min(decay, (1 + blended) / (10 + blended))
        self.average = jax.tree.map(
            lambda mean, new: (decay * mean + (1 - decay) * new).astype(np.float32),
            self.average,
            self.actor(),
        )

    def saved(self) -> dict[str, Any]:
        """The whole state, as a pytree of arrays."""
        return {"state": self.state, "average": self.average, "statistics": self._statistics}

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over a saved state."""
        self.state, self._statistics = saved["state"], saved["statistics"]
        self.average = to_numpy(saved["average"])


@partial(jax.jit, static_argnums=0)
def run_cycle(
    rule: UpdateRule, state: Any, moments: Moments, batches: Batch, key: Array
) -> tuple[Any, dict[str, Array]]:
    """N updates on batches [N, B, ...] -> state, mean metrics; N is a multiple of the stride."""
    learner, config = rule.learner, rule.config
    stride = learner.stride(config)
    now, after = (normalize(moments, x) for x in (batches.inputs, batches.next_inputs))
    if batches.image is not None:
        now, after = Seen(now, batches.image), Seen(after, batches.next_image)
    # [N / stride, stride, B, ...]: the batches of each call of `update`
    groups = jax.tree.map(
        lambda x: x.reshape(x.shape[0] // stride, stride, *x.shape[1:]),
        batches._replace(inputs=now, next_inputs=after, image=None, next_image=None),
    )
    keys = jax.random.split(key, groups.reward.shape[0])

    interval = -(-config.target_interval // stride)  # calls of `update` between target steps

    def step(state: Any, drawn: tuple[Batch, Array, Array]) -> tuple[Any, dict[str, Array]]:
        batches, key, number = drawn
        state, metrics = learner.update(config, rule.context, state, batches, key)
        if interval == 1:
            state = learner.move_targets(config, state)
        elif interval:
            due = (number + 1) % interval == 0
            state = jax.lax.cond(due, partial(learner.move_targets, config), lambda s: s, state)
        return state, metrics

    state, metrics = jax.lax.scan(step, state, (groups, keys, np.arange(len(keys))))
    if not interval:
        state = learner.move_targets(config, state)
    return state, jax.tree.map(lambda x: x.mean(), metrics)
