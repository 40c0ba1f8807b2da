"""Tow an ant along a way: proof that a maze can be passed, for tests and pictures.

A force on the torso pulls it from place to place, at most as hard as the feet could push (the ant
weighs 8.9 N and its friction is 1), and lifts most of its weight, as legs would. The legs are limp.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from goalrelay.tasks.ant.body import Ant
from goalrelay.tasks.ant.walker import STEPS

FORCE = 5.0
"""Largest pull, N."""
LIFT = 0.8
"""Share of the ant's weight that is carried."""
SPEED = 2.0
"""Of the torso, m/s."""
NEAR = 0.7
"""A place counts as visited within this distance, m,"""
SLOW, PATIENCE = 0.1, 10
"""or when the torso did not exceed this speed, m/s, for so many steps."""
GRAVITY = 9.81


class Towed(Protocol):
    """An environment with an ant in it."""

    ant: Ant

    def step(self, action: np.ndarray) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Gymnasium's."""
        ...


def tow(
    towed: Towed, way: Sequence[tuple[float, float]], force: float = FORCE, steps: int = STEPS
) -> Iterator[tuple[Any, float, dict[str, Any]]]:
    """Steps of an episode that was reset: what they show, reward and info.

    Args:
        towed: the environment.
        way: places to visit, m; at the last one the ant stays.
        force: largest pull, N.
        steps: how many.
    """
    ant, places = towed.ant, [np.array(place, float) for place in way]
    torso = ant.model.body("torso").id
    pull = ant.data.xfrc_applied[torso]
    pull[2] = LIFT * GRAVITY * ant.model.body_subtreemass[torso]
    limp, still = np.zeros(8), 0
    for _ in range(steps):
        still = still + 1 if np.hypot(*ant.motion[:2]) < SLOW else 0
        visited = np.hypot(*(places[0] - ant.pose[:2])) < NEAR or still > PATIENCE
        if visited and len(places) > 1:
            places.pop(0)
            still = 0
        gap = places[0] - ant.pose[:2]
        distance = float(np.hypot(*gap))
        wanted = gap * min(SPEED / max(distance, 1e-9), 2.0)
        change = 4.0 * (wanted - ant.motion[:2])
        pull[:2] = change * min(1.0, force / max(float(np.hypot(*change)), 1e-9))
        seen, reward, _, _, info = towed.step(limp)
        yield seen, reward, info
