"""Which columns the actions move, and which objects move only when the hand is near."""

from typing import NamedTuple

import numpy as np

from goalrelay.data.rollout import Simulator
from goalrelay.tasks.inspect.play import Hand, Play, driven, play, random_actions
from goalrelay.tasks.inspect.relations import relations
from goalrelay.types import Columns

DIRECT = 0.5
"""Fraction of the variance of a position's change that held actions explain, if they move it."""
LATE = 2
"""Steps of one action after which a velocity no longer changes, but a position does."""
STILL = 0.05
"""What moves less than this fraction of the hand's step is at rest."""
ONSETS = 5
"""Contacts that must be seen."""
TOUCH = 0.8
"""The touch distance is this quantile of the distances at which the object began to move."""
LIKELIER = 4.0
"""Motion must begin so many times more often when the hand is near."""
RESETS = 24
"""Resets that show where episodes start."""
DRIVES, DRIVE_STEPS = 14, 30
"""Episodes in which the hand is driven to an object, and steps of each."""


class Touched(NamedTuple):
    """An object that moves when the hand is near."""

    goal: tuple[int, ...]
    """Its columns of the achieved and of the desired goal."""
    position: Columns
    """Where it is: these columns of the achieved goal, or some of the observation."""
    touch: float
    """Distance from the hand at which it begins to move."""
    onsets: tuple[int, int]
    """How often it began to move with the hand within twice that distance, and farther away."""


class Motion(NamedTuple):
    """What moves what."""

    free: Play
    """random, held actions"""
    everything: Play
    """these, and those in which the hand is driven to objects"""
    starts: Play
    """[24] rows: the first step of other episodes"""
    hand: Hand | None
    objects: tuple[Touched, ...]
    reason: str
    """Why there is no object to reach; empty: there is one."""


def observe_motion(simulator: Simulator, steps: int, seed: int) -> Motion:
    """Play steps and find the hand and the objects.

    Args:
        simulator: of a goal task with continuous actions.
        steps: of random actions; driving the hand takes more.
        seed: of everything random.
    """
    size, goal_size = simulator.spec.action_size, simulator.spec.goal_size
    seeds = range(seed, seed + max(2, -(-steps // 40)))
    free = play(simulator, seeds, random_actions(size), steps)
    starts = play(simulator, range(seed + 100, seed + 100 + RESETS), random_actions(size), RESETS)
    width = 2 if goal_size == 2 else 3
    hand = find_hand(free, starts, width)

    def none(reason: str) -> Motion:
        return Motion(free, free, starts, hand, (), reason)

    parts = _parts(goal_size, width)
    if any(_is_direct(free, part) for part in parts):
        return none("the actions move the achieved goal directly")
    if hand is None:
        return none("no position in the observation follows the actions")
    resting = [_rests(free, part, hand) for part in parts]
    if not all(resting):
        return none("the achieved goal moves whether something is near or not")
    objects, everything = [], free
    for part in parts:
        for candidate in _candidates(free, starts, hand, part, width):
            played = play(
                simulator,
                range(seed + 1000, seed + 1000 + DRIVES),
                driven(hand, candidate),
                DRIVES * DRIVE_STEPS,
            )
            touched = _touched(played, hand, candidate, part)
            if touched is not None:
                objects.append(touched)
                everything = everything.joined(played)
                break
        else:
            return none(f"achieved_goal {_list(part)} does not move when the hand comes near")
    return Motion(free, everything, starts, hand, tuple(objects), "")


def find_hand(free: Play, starts: Play, width: int) -> Hand | None:
    """The first adjacent columns of the observation that are a position which actions move.

    Args:
        free: steps of held random actions.
        starts: first steps of many episodes.
        width: coordinates of a position.
    """
    for start in range(free.observation.shape[1] - width + 1):
        columns = list(range(start, start + width))
        explained, response = _response(free, free.observation, free.next_observation, columns)
        strengths = np.linalg.svd(response, compute_uv=False)
        full = strengths[-1] > 0.1 * strengths[0]
        if explained.min() > DIRECT and full and not _is_gap(free, starts, columns):
            return Hand(Columns("observation", tuple(columns)), response)
    return None


def _response(
    data: Play, now: np.ndarray, after: np.ndarray, columns: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """How columns change at steps at which the action has been held.

    Returns:
        explained fraction of the variance [n], change for each unit of each action [A, n].
    """
    late = data.held >= LATE
    changes = (after - now)[late][:, columns]
    regressors = np.column_stack([data.action[late], np.ones(late.sum())])
    if len(regressors) <= regressors.shape[1]:
        return np.zeros(len(columns)), np.zeros((data.action.shape[1], len(columns)))
    weights = np.linalg.lstsq(regressors, changes, rcond=None)[0]
    rest = ((changes - regressors @ weights) ** 2).sum(axis=0)
    whole = ((changes - changes.mean(axis=0)) ** 2).sum(axis=0)
    explained = 1 - np.divide(rest, whole, out=np.ones_like(rest), where=whole > 1e-12)
    return explained, weights[:-1]


def _is_gap(free: Play, starts: Play, columns: list[int]) -> bool:
    """Whether a column is what another one lacks to a third, and not a position itself.

    With `object = hand + gap`, hand and gap both follow the actions. At resets the gap is where
    the object is, and the hand is not.
    """
    for relation in relations(free.shown):
        if relation.column not in columns or relation.second is None:
            continue
        whole, other = starts.shown[:, relation.first], starts.shown[:, relation.second]
        own = starts.shown[:, relation.column]
        if _correlation(own, whole) > 0.5 and _correlation(own, whole) > _correlation(other, whole):
            return True
    return False


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Absolute correlation; 0 where one is constant."""
    if a.std() < 1e-6 * (1 + np.abs(a).max()) or b.std() < 1e-6 * (1 + np.abs(b).max()):
        return 0.0
    return float(abs(np.corrcoef(a, b)[0, 1]))


def _parts(size: int, width: int) -> list[tuple[int, ...]]:
    """Columns of the goal of each object: positions, or all of it."""
    if size % width:
        return [tuple(range(size))]
    return [tuple(range(start, start + width)) for start in range(0, size, width)]


def _is_direct(free: Play, part: tuple[int, ...]) -> bool:
    explained, _ = _response(free, free.achieved, free.next_achieved, list(part))
    return bool(explained.max() > DIRECT)


def hand_step(free: Play, hand: Hand) -> float:
    """How far the hand goes in a step, in the middle."""
    columns = list(hand.position.columns)
    moved = (free.next_observation - free.observation)[:, columns]
    return float(np.median(np.linalg.norm(moved, axis=1)))


def moving(data: Play, part: tuple[int, ...], least: float) -> np.ndarray:
    """[N] at which steps columns of the achieved goal change by more than `least`."""
    moved = (data.next_achieved - data.achieved)[:, list(part)]
    return np.linalg.norm(moved, axis=1) > least


def _rests(free: Play, part: tuple[int, ...], hand: Hand) -> bool:
    """Whether a part of the achieved goal is at rest at most steps."""
    return bool(moving(free, part, STILL * hand_step(free, hand)).mean() < 0.5)


def _candidates(
    free: Play, starts: Play, hand: Hand, part: tuple[int, ...], width: int
) -> list[Columns]:
    """Where the object may be: its goal, if that can be a position, else columns that rest."""
    if len(part) == width:
        return [Columns("achieved_goal", part)]
    changes = np.abs(free.next_observation - free.observation)
    rests = (changes > STILL * hand_step(free, hand)).mean(axis=0) < 0.5
    varies = starts.observation.std(axis=0) > hand_step(free, hand)
    found = []
    for start in range(free.observation.shape[1] - width + 1):
        columns = np.arange(start, start + width)
        if rests[columns].all() and varies[columns].sum() >= min(2, width):
            found.append(Columns("observation", tuple(columns.tolist())))
    return found[:4]


def _touched(played: Play, hand: Hand, at: Columns, part: tuple[int, ...]) -> Touched | None:
    """The object, if it begins to move when the hand is near; None: it does not."""
    now, after = _gaps(played, hand, at)
    distance = np.minimum(now, after)
    moves = moving(played, part, STILL * hand_step(played, hand))
    new = np.append(True, played.episode[1:] != played.episode[:-1])
    begins = moves & ~np.append(False, moves[:-1]) & ~new
    if begins.sum() < ONSETS:
        return None
    own = distance[begins]
    touch = float(np.quantile(own[own <= 2 * np.median(own)], TOUCH))
    touch = max(touch, hand_step(played, hand) / 2)
    near = distance <= 2 * touch
    counts = int((begins & near).sum()), int((begins & ~near).sum())
    rates = counts[0] / max(1, near.sum()), counts[1] / max(1, (~near).sum())
    if rates[0] < LIKELIER * rates[1] or counts[0] < ONSETS:
        return None
    return Touched(part, at, _two_digits(touch), counts)


def _gaps(played: Play, hand: Hand, at: Columns) -> tuple[np.ndarray, np.ndarray]:
    """[N] distance between hand and object before and after each step."""
    columns, own = list(at.columns), list(hand.position.columns)
    observed = at.source == "observation"
    now = (played.observation if observed else played.achieved)[:, columns]
    after = (played.next_observation if observed else played.next_achieved)[:, columns]
    return (
        np.linalg.norm(now - played.observation[:, own], axis=1),
        np.linalg.norm(after - played.next_observation[:, own], axis=1),
    )


def _two_digits(value: float) -> float:
    """Rounded to two digits that count."""
    return float(f"{value:.2g}")


def _list(part: tuple[int, ...]) -> str:
    return f"{min(part)}-{max(part)}" if len(part) > 1 else str(min(part))
