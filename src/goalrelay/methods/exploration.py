"""What is added to a policy's action while collecting (OpenAI Baselines HER).

Continuous: Gaussian noise, clipped, then with probability `random` the whole action is replaced
by a uniform one. Discrete: with probability `random` a uniform action (epsilon-greedy).
"""

from dataclasses import dataclass, replace

import numpy as np

from goalrelay.settings import number
from goalrelay.types import Spec


@dataclass(frozen=True)
class Exploration:
    """Noise on collected actions; none is added in evaluation."""

    noise: float = number(0.2, 0, 10)
    """Standard deviation of the Gaussian noise, as a fraction of the action's half-range."""
    random: float = number(0.3, 0, 1)
    """Probability of replacing an action by a uniformly random one."""
    anneal: float = number(0.0, 0, 1)
    """Both shrink by this fraction as the success rate of the last evaluation goes from 0 to 1; in
    relay for each stage by its own rate (RHER's code for several objects: 1)."""
    random_steps: int = number(0, 0)
    """Environment steps of purely random actions before anything is learned."""


def annealed(config: Exploration, success: float | None) -> Exploration:
    """The noise at a success rate; as configured where there is none yet."""
    scale = 1.0 if success is None else 1 - config.anneal * success
    return replace(config, noise=scale * config.noise, random=scale * config.random)


def explore(
    config: Exploration, spec: Spec, action: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The action to execute: [A] float32 in [-1, 1], or [] int32."""
    action = add_noise(config, spec, action, rng)
    return random_action(spec, rng) if rng.random() < config.random else action


def add_noise(
    config: Exploration, spec: Spec, action: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The action with Gaussian noise, clipped; a discrete one as it is."""
    if spec.discrete:
        return action
    noisy = action + config.noise * rng.standard_normal(spec.action_size, np.float32)
    return noisy.clip(-1, 1)


def random_action(spec: Spec, rng: np.random.Generator) -> np.ndarray:
    """Uniform over the action space: [A] float32 in [-1, 1], or [] int32."""
    if spec.discrete:
        return np.asarray(rng.integers(spec.action_size), np.int32)
    return rng.uniform(-1, 1, spec.action_size).astype(np.float32)
