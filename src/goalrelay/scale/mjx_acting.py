"""Who acts in a training episode, as a function of JAX arrays: relay, and `her` with one stage.

    Parameters   what changes from cycle to cycle, made on the host; a change compiles nothing
    DeviceActing.act   the action of one world at one step, with noise

It is `Relay.act` for the guides `policy` and `none`, with other random numbers. Both sides share
the networks, their inputs (`StageInputs.encode`) and the order of stages.
"""

from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from goalrelay import learners
from goalrelay.errors import UsageError
from goalrelay.learners.networks import MLP
from goalrelay.learners.normalizer import Moments, normalize
from goalrelay.methods.base import Method
from goalrelay.methods.exploration import annealed
from goalrelay.methods.her import Her
from goalrelay.methods.relay import Relay
from goalrelay.methods.relay.guidance import mastery
from goalrelay.methods.relay.stages import StageOrder
from goalrelay.types import Array, GoalConstraint, Observation, Snapshot


class Weights(Protocol):
    """The part of `train.acting.Weights` that is read."""

    @property
    def actors(self) -> tuple[MLP, ...]:
        """Of each level."""
        ...

    @property
    def moments(self) -> tuple[Moments, ...]:
        """Of each level: normalisation of its inputs."""
        ...


class Parameters(NamedTuple):
    """What acts in the episodes of a cycle; S stages."""

    actor: MLP
    moments: Moments
    noise: Array
    """[S] standard deviation of the noise on a stage's actions"""
    random: Array
    """[S] probability of a random action in a stage"""
    guided: Array
    """[S] probability that a guide acts for the sake of a stage"""
    stopped: Array
    """[] bool: guidance has ended for good"""
    all_random: Array
    """[] bool: all actions are random"""


class Choice(NamedTuple):
    """Who acts in one world at one step."""

    stage: Array
    """[] int"""
    guiding: Array
    """[] bool"""


class DeviceActing:
    """A method's acting in training.

    Args:
        method: `her`, `flat` or `relay`.
        learner_name: of its learner.

    Raises:
        UsageError: another method, or a guide that does not run on a device.
    """

    def __init__(self, method: Method, learner_name: str):
        relay = method.relay if isinstance(method, Her) else method
        if not isinstance(relay, Relay):
            raise UsageError("--scale.physics mjx is for the methods her, flat and relay")
        self._relay, self._order = relay, relay.order
        config: Any = relay.config
        self._exploration = config.exploration
        self._guidance, self._variant = config.guidance, config.variant
        guide = self._guidance.guide
        if self._order.last and guide not in ("policy", "none"):
            raise UsageError(f"--scale.physics mjx has no --method.guidance.guide {guide}")
        self._learner: Any = learners.find(learner_name)
        self._currents = StageTable(self._order)

    def parameters(self, weights: Weights, snapshot: Snapshot) -> Parameters:
        """The parameters of a cycle, NumPy."""
        rates = mastery(snapshot, self._order.last)
        noises = [annealed(self._exploration, rate) for rate in rates]
        config, stop, best = self._guidance, self._variant.stop_at, snapshot.best
        return Parameters(
            weights.actors[0],
            weights.moments[0],
            np.array([noise.noise for noise in noises], np.float32),
            np.array([noise.random for noise in noises], np.float32),
            np.array([config.probability * (1 - config.anneal * r) for r in rates], np.float32),
            np.array(stop is not None and best is not None and best >= stop),
            np.array(snapshot.random),
        )

    def act(self, given: Parameters, shown: Observation, key: Array) -> Array:
        """The action [A] of one world at one step, with noise."""
        keys = jax.random.split(key, 5)
        size = self._relay.spec.action_size
        stage, guiding = self.choose(given, shown, jax.random.uniform(keys[0]))
        inputs = normalize(given.moments, self.inputs(shown)[stage])
        action = self._learner.act(given.actor, inputs, _Draws(keys[1]))
        action = action + given.noise[stage] * jax.random.normal(keys[2], (size,))
        anything = jax.random.uniform(keys[3], (size,), minval=-1.0)
        explores = ~guiding & (jax.random.uniform(keys[4]) < given.random[stage])
        return jnp.where(explores | given.all_random, anything, action.clip(-1, 1))

    def inputs(self, shown: Observation) -> Array:
        """[S, D] network inputs of a timestep for each stage, not yet normalised."""
        inputs = []
        for number, stage in enumerate(self._order.stages):
            goals = [constraint.desired.of(shown) for constraint in stage.constraints]
            goal = jnp.concatenate(goals)
            inputs.append(self._relay.stage_inputs.encode(shown, goal, number))
        return jnp.stack(inputs)

    def choose(self, given: Parameters, shown: Observation, drawn: Array) -> Choice:
        """Who acts, as `Guidance.choose`.

        Args:
            given: parameters of the cycle.
            shown: the timestep.
            drawn: [] uniform in [0, 1): a guide acts where it is below its probability.
        """
        last = self._order.last
        if last == 0:
            return Choice(jnp.array(0), jnp.array(False))
        now = self._currents.current(shown)
        approaching = ~self._currents.is_goal[now]
        guide = jnp.where(approaching, now, jnp.maximum(now - 1, 0))
        learner = jnp.where(approaching, self._currents.guided[now], now)
        chance, after = drawn < given.guided[learner], self._variant.after
        at_hand = {"stage": jnp.array(True), "mixed": chance, "next": jnp.array(False)}[after]
        some = chance if self._guidance.guide == "policy" else jnp.array(False)
        guides = jnp.where(approaching, some, at_hand) & ~given.stopped
        stage = jnp.where(given.stopped, last, jnp.where(guides, guide, learner))
        return Choice(stage, guides)


class StageTable:
    """`StageOrder.current` for JAX arrays."""

    def __init__(self, order: StageOrder):
        self._order = order
        numbers = range(order.last + 1)
        self.is_goal = jnp.array([order.is_goal_stage(n) for n in numbers])
        guided = [n if order.is_goal_stage(n) else order.guided_by(n) for n in numbers]
        self.guided = jnp.array(guided)
        """[S] the stage to which each one guides"""

    def current(self, shown: Observation) -> Array:
        """[] number of the first stage that is not reached."""
        order, stages = self._order, self._order.stages
        gaps = [[_gap(shown, c) for c in stage.constraints] for stage in stages]
        alone = [each[0] <= within for each, within in zip(gaps, order.switch, strict=True)]
        currents, goal = [], jnp.array(order.last)
        for number in range(order.last + 1):
            current = jnp.array(number)
            for before in reversed(order.preparing(number)):
                current = jnp.where(alone[before], current, before)
            currents.append(current)
        for number in reversed(range(order.last)):
            if order.is_goal_stage(number):
                reached = jnp.stack(gaps[number]).max() <= order.switch[number]
                goal = jnp.where(reached, goal, number)
        return jnp.stack(currents)[goal]


class _Draws:
    """The part of NumPy's generator that learners use, with the numbers of a JAX key."""

    def __init__(self, key: Array):
        self._key = key

    def standard_normal(self, shape: tuple[int, ...], kind: Any) -> Array:
        return jax.random.normal(self._key, shape, kind)


def _gap(shown: Observation, constraint: GoalConstraint) -> Array:
    """[] distance between desired and achieved."""
    gap = constraint.desired.of(shown) - constraint.achieved.of(shown)
    return jnp.sqrt((gap * gap).sum())
