"""Whether the symmetries of a task hold for what it shows.

A few episodes are played. Their mirror image must be something that the same task could show:

    relations    a column that equals another, or the difference of two others, still does
    responses    an action moves what it moves in the task, by as much and with the same sign
    rates        what is the rate of change of a column still has its sign

Start states and goals need not be symmetric, and nothing can be said of columns that did not move.
"""

from typing import NamedTuple

import numpy as np

from goalrelay.data.rollout import Simulator
from goalrelay.errors import UsageError
from goalrelay.tasks.inspect.play import Hand, Play, driven, play, random_actions
from goalrelay.tasks.inspect.relations import Relation, relations
from goalrelay.tasks.symmetry import joined
from goalrelay.types import Stage, Symmetry

RANDOM_STEPS, DRIVEN_STEPS = 100, 100
LEAST_FIT = 0.3
"""Fraction of a column's variance that actions must explain for it to be compared."""
UNLIKE = 0.4
"""Responses differ if they differ by this fraction of the largest one of the column."""
ERRORS = 4
"""... and by so many standard errors."""
RATE = 0.9
"""Correlation from which a column counts as the rate of change of another."""
LEAST_MOVED = 6
"""Steps of each half of the episodes in which both of them must change."""
FAR = 2.0
"""A mirror about a wrong centre takes positions away by so many times the range they have."""


class Shown(NamedTuple):
    """What a task showed."""

    free: Play
    """steps of random actions"""
    everything: Play
    """these, and others"""
    relations: list[Relation]
    """of all of them"""


class Contradiction(NamedTuple):
    """A column whose mirror image does not fit the task."""

    column: int
    """of the observation and the achieved goal, side by side"""
    error: float
    """in the unit of the column"""
    size: float
    """the error as a fraction of what the column does"""
    what: str


def check_symmetries(simulator: Simulator) -> None:
    """Refuse a symmetry that what the task shows contradicts, or an exchange of objects.

    Raises:
        UsageError: names the symmetry, the column with the largest error, and the error.
    """
    exchanges = (stage.object_permutation for stage in simulator.spec.stages)
    permutations = dict.fromkeys(one for one in exchanges if one is not None)
    if simulator.spec.discrete or not (simulator.symmetries or permutations):
        return
    shown = sample(simulator)
    for symmetry in (*simulator.symmetries, *permutations):
        found = contradictions(symmetry, shown)
        if found:
            worst = max(found, key=lambda c: c.size)
            raise UsageError(
                f"task '{simulator.id}': the symmetry '{symmetry.name}' is contradicted by what "
                f"the task shows: {worst.what} (error {worst.error:.3g} in "
                f"{name(worst.column, simulator.spec.observation_size)})"
            )


def sample(simulator: Simulator) -> Shown:
    """Steps of random actions, and of a hand that is driven to an object."""
    size = simulator.spec.action_size
    free = everything = play(simulator, range(4), random_actions(size, 1), RANDOM_STEPS)
    hands = [(hand_of(stage, free), stage.desired) for stage in simulator.spec.stages]
    for hand, at in hands:
        if hand is not None:
            driven_steps = play(simulator, range(4, 8), driven(hand, at), DRIVEN_STEPS)
            everything = free.joined(driven_steps)
            break
    return Shown(free, everything, relations(everything.shown))


def hand_of(stage: Stage, free: Play) -> Hand | None:
    """The hand, for a stage that brings something to a position in the observation or the goal."""
    if stage.achieved.source != "observation" or stage.desired.source == "desired_goal":
        return None
    columns = list(stage.achieved.columns)
    moved = (free.next_observation - free.observation)[:, columns]
    response = _fit(free.action, moved)[0]
    return Hand(stage.achieved, response) if np.abs(response).max() > 0 else None


def contradictions(symmetry: Symmetry, shown: Shown) -> list[Contradiction]:
    """What contradicts a symmetry in what a task showed."""
    change = joined((symmetry.observation, symmetry.goal))
    order, sign = np.array(change.order), np.array(change.sign)
    shift, action = np.array(change.shift), symmetry.action
    exchange = action.order == tuple(range(len(action.order))) and set(action.sign) == {1.0}
    found = _broken_relations(shown, order, sign, shift, exchange)
    turned = np.array(action.order), np.array(action.sign)
    found += _other_responses(shown.free, order, sign, turned)
    found += _other_rates(shown.everything, order, sign)
    return found + _far_away(shown.everything, order, sign, shift)


def name(column: int, observation_size: int) -> str:
    """`observation column 3` or `achieved_goal column 0`, for a column of both side by side."""
    if column < observation_size:
        return f"observation column {column}"
    return f"achieved_goal column {column - observation_size}"


def _broken_relations(
    shown: Shown, order: np.ndarray, sign: np.ndarray, shift: np.ndarray, exchange: bool
) -> list[Contradiction]:
    """Relations that the mirror image does not keep.

    An exchange of objects is checked on the positions of the objects. Heights and velocities of
    blocks that rest on one table are equal by chance.
    """
    values, size = shown.everything.shown, shown.everything.observation.shape[1]
    steady = np.abs(values - np.median(values, axis=0))
    steady = np.median(steady, axis=0) < 1e-3 * values.std(axis=0) + 1e-12
    image = values[:, order] * sign + shift
    found = []
    for relation in shown.relations:
        columns = [c for c in relation[:3] if c is not None]
        if exchange and (max(columns) < size or steady[columns].any()):
            continue
        error = relation.error(image)
        if error > 10 * relation.tolerance:
            right = name(relation.first, size)
            if relation.second is not None:
                right += f" minus {name(relation.second, size)}"
            minus = "minus " if relation.factor < 0 else ""
            what = f"{name(relation.column, size)} is {minus}{right}, but not in the mirror image"
            scale = float(np.ptp(values[:, relation.column]))
            found.append(Contradiction(relation.column, error, error / scale, what))
    return found


def _fit(action: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least squares of values [N, n] on actions [N, A] and a constant.

    Returns:
        coefficients [A, n], their standard errors [A, n], explained fraction of the variance [n].
    """
    regressors = np.column_stack([action, np.ones(len(action))])
    weights = np.linalg.lstsq(regressors, values, rcond=None)[0]
    rest = ((values - regressors @ weights) ** 2).sum(axis=0)
    all_of_it = ((values - values.mean(axis=0)) ** 2).sum(axis=0)
    spread = np.diag(np.linalg.pinv(regressors.T @ regressors))[:-1, None]
    errors = np.sqrt(spread * rest / max(1, len(values) - regressors.shape[1]))
    explained = 1 - np.divide(rest, all_of_it, out=np.ones_like(rest), where=all_of_it > 1e-12)
    return weights[:-1], errors, explained


def _other_responses(
    data: Play, order: np.ndarray, sign: np.ndarray, turned: tuple[np.ndarray, np.ndarray]
) -> list[Contradiction]:
    """Columns that the mirrored action does not move as the action does."""
    found = []
    changes = data.next_shown - data.shown
    for values, what in ((changes, "change"), (data.next_shown, "value")):
        weights, errors, explained = _fit(data.action, values)
        image = weights[np.ix_(turned[0], order)] * sign * turned[1][:, None]
        image_errors = errors[np.ix_(turned[0], order)]
        # Only what moves a column most is compared: an arm has some influence across its axes.
        most, every = np.abs(weights).argmax(axis=0), np.arange(weights.shape[1])
        own, its = weights[most, every], image[most, every]
        noise = np.hypot(errors[most, every], image_errors[most, every])
        allowed = np.maximum(UNLIKE * np.abs(own), ERRORS * noise)
        for column in np.flatnonzero((explained > LEAST_FIT) & (np.abs(its - own) > allowed)):
            error = float(abs(its - own)[column])
            text = (
                f"action column {most[column]} moves the {what} of this column by "
                f"{own[column]:.3g} a unit, in the mirror image by {its[column]:.3g}"
            )
            found.append(Contradiction(int(column), error, error / abs(own[column]), text))
    return found


def _other_rates(data: Play, order: np.ndarray, sign: np.ndarray) -> list[Contradiction]:
    """Columns that are the rate of change of another, with the wrong sign in the mirror image."""
    halves = [data.where(data.episode % 2 == half) for half in (0, 1)]
    both = [_rates(half) for half in halves]
    if any(rates is None for rates in both):
        return []
    first, second = (rates for rates in both if rates is not None)
    weaker = np.where(np.abs(first) < np.abs(second), first, second)
    sure = (np.minimum(np.abs(first), np.abs(second)) > RATE) & (first * second > 0)
    image = weaker[np.ix_(order, order)] * sign[:, None] * sign
    size, found = data.observation.shape[1], []
    for changed, rate in zip(*np.nonzero(sure & (np.abs(image - weaker) > 1)), strict=True):
        text = (
            f"it is the rate of change of {name(int(changed), size)} (correlation "
            f"{weaker[changed, rate]:.2f}), in the mirror image the correlation is "
            f"{image[changed, rate]:.2f}"
        )
        error = float(np.abs(image - weaker)[changed, rate])
        found.append(Contradiction(int(rate), error, error / 2, text))
    return found


def _rates(data: Play) -> np.ndarray | None:
    """[n, n] correlation of the change of a column with the value of another; 0: too few steps."""
    if len(data.action) < 3:
        return None
    changes, values = data.next_shown - data.shown, data.next_shown
    moved = [_standard(array) for array in (changes, values)]
    rates = moved[0].T @ moved[1] / len(changes)
    enough = [(np.abs(array) > 0.1).sum(axis=0) >= LEAST_MOVED for array in moved]
    return rates * enough[0][:, None] * enough[1]


def _standard(values: np.ndarray) -> np.ndarray:
    """Columns with mean 0 and deviation 1; constant ones are 0."""
    spread = values.std(axis=0)
    centred = values - values.mean(axis=0)
    return np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 1e-9)


def _far_away(
    data: Play, order: np.ndarray, sign: np.ndarray, shift: np.ndarray
) -> list[Contradiction]:
    """Columns that the mirror takes far out of where the task plays: it has a wrong centre."""
    values, found = data.shown, []
    image = values[:, order] * sign + shift
    low, high = np.quantile(values, (0.05, 0.95), axis=0)  # a block may fall off the table
    image_low, image_high = np.quantile(image, (0.05, 0.95), axis=0)
    placed = np.flatnonzero((sign < 0) & (np.abs(values.mean(axis=0)) > values.std(axis=0)))
    widest = (high - low)[placed].max(initial=0.0)
    gaps = np.maximum(image_low - high, low - image_high)
    for column in placed:
        if gaps[column] > FAR * widest:
            text = (
                f"the task shows values from {low[column]:.3g} to {high[column]:.3g}, the mirror "
                f"image from {image_low[column]:.3g} to {image_high[column]:.3g}, as if about a "
                "wrong centre"
            )
            found.append(Contradiction(int(column), float(gaps[column]), 1.0, text))
    return found
