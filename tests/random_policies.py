"""Policies with random networks, for tests of what shows them."""

import itertools
from typing import Any

import numpy as np

from goalrelay import methods
from goalrelay.data.rollout import Simulator
from goalrelay.learners.networks import MLP
from goalrelay.learners.normalizer import Moments
from goalrelay.train.policy import Policy


def policy_in(task: Simulator, name: str, config: Any = None) -> Policy:
    """A policy with a random network for each level."""
    kind, rng = methods.find(name), np.random.default_rng(0)
    method = kind(config or kind.Config(), task.task, 0.98)
    actors, moments = [], []
    for level in method.levels:
        inputs = len(level.normalized)
        sizes = itertools.pairwise((inputs, 8, level.spec.action_size))
        weights = tuple(rng.normal(0, 0.3, size).astype("f") for size in sizes)
        actors.append(MLP(weights, tuple(np.zeros(w.shape[1], "f") for w in weights)))
        moments.append(Moments(np.zeros(inputs, "f"), np.ones(inputs, "f"), np.float32(5)))
    of = (task.id, (), name, method, "ddpg", task.interface)
    return Policy(*of, tuple(actors), tuple(moments))
