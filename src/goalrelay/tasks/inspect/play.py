"""Steps of a task that are played to learn about it.

Actions are random and held for some steps, so that things move. Where the hand and its response to
the action are known, it can be driven: toward an object, then past it, and again.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from goalrelay.data.rollout import Simulator
from goalrelay.types import Columns, Observation

HOLD = 4
"""Steps for which a random action is held."""
APPROACH, PAST = 8, 5
"""Most steps of a drive toward an object, and steps of one past it."""


class Play(NamedTuple):
    """N steps, float64; rows of one episode follow each other."""

    observation: np.ndarray
    """[N, O] before the step"""
    next_observation: np.ndarray
    """[N, O]"""
    achieved: np.ndarray
    """[N, G]"""
    next_achieved: np.ndarray
    """[N, G]"""
    desired: np.ndarray
    """[N, G]"""
    next_desired: np.ndarray
    """[N, G]"""
    action: np.ndarray
    """[N, A] in [-1, 1]"""
    episode: np.ndarray
    """[N] its number"""
    held: np.ndarray
    """[N] how many steps before this one had the same action"""

    @property
    def shown(self) -> np.ndarray:
        """[N, O + G] observation and achieved goal side by side."""
        return np.concatenate([self.observation, self.achieved], axis=1)

    @property
    def next_shown(self) -> np.ndarray:
        """[N, O + G]"""
        return np.concatenate([self.next_observation, self.next_achieved], axis=1)

    def joined(self, other: "Play") -> "Play":
        """Both; the episodes of the other one get numbers of their own."""
        first = int(self.episode.max()) + 1
        other = other._replace(episode=other.episode + first)
        return Play(*(np.concatenate(both) for both in zip(self, other, strict=True)))

    def where(self, chosen: np.ndarray) -> "Play":
        """Some of the rows."""
        return Play(*(field[chosen] for field in self))


Driver = Callable[[Observation], np.ndarray]
"""Acts in one episode."""


class Hand(NamedTuple):
    """Something that actions move."""

    position: Columns
    response: np.ndarray
    """[A, 3] displacement in one step for each unit of the action"""

    def toward(self, displacement: np.ndarray) -> np.ndarray:
        """The action [A] that moves the hand along a displacement [3], as far as one step can."""
        action = displacement @ np.linalg.pinv(self.response)
        return action / max(1.0, np.abs(action).max())


def play(
    simulator: Simulator,
    seeds: Sequence[int],
    begin: Callable[[np.random.Generator], Driver],
    most: int,
) -> Play:
    """Play one episode for each seed, until `most` steps are played.

    Args:
        simulator: with continuous actions.
        seeds: of the episodes.
        begin: gives what acts in an episode.
        most: number of steps after which no other is played.
    """
    rows: list[tuple[np.ndarray | int, ...]] = []
    share = -(-most // len(seeds))
    for number, seed in enumerate(seeds):
        act, now, held = begin(np.random.default_rng([seed, 7])), simulator.reset(seed), 0
        before = None
        for _ in range(min(share, simulator.spec.horizon)):
            action = act(now)
            held = held + 1 if before is not None and (action == before).all() else 0
            after, _, terminated, truncated, _ = simulator.step(action)
            both = zip(now[:3], after[:3], strict=True)  # no images
            rows.append((*(one for pair in both for one in pair), action, number, held))
            now, before = after, action
            if terminated or truncated:
                break
    return Play(*(np.array(column, float) for column in zip(*rows, strict=True)))


def random_actions(size: int, hold: int = HOLD) -> Callable[[np.random.Generator], Driver]:
    """Random actions, each held for some steps."""

    def begin(rng: np.random.Generator) -> Driver:
        time, action = 0, np.zeros(size, np.float32)

        def act(_: Observation) -> np.ndarray:
            nonlocal time, action
            if time % hold == 0:
                action = rng.uniform(-1, 1, size).astype(np.float32)
            time += 1
            return action

        return act

    return begin


def driven(hand: Hand, to: Columns) -> Callable[[np.random.Generator], Driver]:
    """The hand is driven toward a thing until it comes no nearer, then past it, and again.

    Args:
        hand: and its response.
        to: position of the thing.
    """
    size = len(hand.response)
    moves = np.abs(hand.response).max(axis=1) > 0  # columns of the action that move the hand

    def begin(rng: np.random.Generator) -> Driver:
        left, direction = APPROACH, None
        others = rng.uniform(-1, 1, size)
        last = np.inf

        def act(observation: Observation) -> np.ndarray:
            nonlocal left, direction, others, last
            gap = to.of(observation) - hand.position.of(observation)
            distance = float(np.linalg.norm(gap))
            if left == 0 or (direction is None and distance > 0.98 * last):
                driving = direction is not None
                direction = None if driving else _across(gap, rng)
                left, others = (APPROACH if driving else PAST), rng.uniform(-1, 1, size)
            left -= 1
            last = distance if direction is None else np.inf
            step = hand.toward(gap if direction is None else direction)
            return np.where(moves, step, others).astype(np.float32)

        return act

    return begin


def _across(gap: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A level direction, far longer than a step can be."""
    direction = rng.normal(size=len(gap))
    if len(gap) == 3:
        direction[2] = 0.3 * abs(direction[2])  # seldom into the table
    return 1e3 * direction / np.linalg.norm(direction)
