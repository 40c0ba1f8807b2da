"""What the columns of an observation are, from played steps.

Positions are known from `motion`. A displacement is the exact difference of two positions. A
velocity follows the change of a position. What else an object has is an angle if it keeps its value
while the object rests, and an angular velocity if it is 0 then.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from goalrelay.tasks.inspect.motion import STILL, Motion, hand_step, moving
from goalrelay.tasks.inspect.play import Play
from goalrelay.tasks.inspect.relations import CLOSE
from goalrelay.types import Columns

FOLLOWS = 0.5
"""Fraction of a velocity's variance that the change of positions explains."""
LEAST_ANGLE = 1e-3
"""Standard deviation of an angle, or of a rate, from which a column is known to be one."""
SURE = 6.0
"""Standard errors beyond which a response is no accident."""


class Found(NamedTuple):
    """A kind of some columns, as `column_kinds` says it, with its evidence."""

    start: int
    size: int
    words: str
    evidence: str
    sure: bool = True


class Thing(NamedTuple):
    """The hand or an object: its name, and where it is at each step."""

    name: str
    now: np.ndarray
    """[N, 3]"""
    after: np.ndarray
    moves: np.ndarray
    """[N] bool"""

    @property
    def change(self) -> np.ndarray:
        """[N, 3] displacement of each step"""
        return self.after - self.now


def names(motion: Motion) -> list[str]:
    """`object`, or `object0`, `object1`, .. for several."""
    count = len(motion.objects)
    return ["object"] if count == 1 else [f"object{number}" for number in range(count)]


def find_kinds(motion: Motion) -> tuple[Found, ...]:
    """A kind for every column of the observation, in order; needs a hand and objects."""
    data = motion.everything
    things = _things(motion)
    found: dict[int, Found] = {}

    def free(start: int, size: int) -> bool:
        """Whether no kind is known of these columns."""
        taken = {n for one in found.values() for n in range(one.start, one.start + one.size)}
        return start + size <= data.observation.shape[1] and not (
            set(range(start, start + size)) & taken
        )

    for find in (_positions, _displacements, _quaternions, _velocities, _rotations, _pairs):
        for start in range(data.observation.shape[1]):
            if find is _rotations:
                start = _aligned(start, data, free)
            one = find(start, data, things, motion) if free(start, 2) else None
            if one is not None and free(one.start, one.size):
                found[start] = one
    for start in range(data.observation.shape[1]):
        if free(start, 1):
            found[start] = _rest(start, data)
    return _joined([found[start] for start in sorted(found)])


def _aligned(start: int, data: Play, free: Callable[[int, int], bool]) -> int:
    """Where three columns begin in a run of columns of no known kind: the three that vary most."""
    run = 0
    while free(start, run + 1):
        run += 1
    if run < 3 or run % 3 == 0:
        return start
    spread = data.observation.std(axis=0)
    return max(range(start, start + run % 3 + 1), key=lambda n: spread[n : n + 3].sum())


def _things(motion: Motion) -> list[Thing]:
    """The hand, then the objects."""
    assert motion.hand is not None
    data, least = motion.everything, STILL * hand_step(motion.free, motion.hand)
    everywhere = np.ones(len(data.action), bool)
    things = [Thing("hand", *_places(data, motion.hand.position), everywhere)]
    for name, touched in zip(names(motion), motion.objects, strict=True):
        places = _places(data, touched.position)
        things.append(Thing(name, *places, moving(data, touched.goal, least)))
    return things


def _places(data: Play, at: Columns) -> tuple[np.ndarray, np.ndarray]:
    """[N, 3] before and after each step."""
    columns = list(at.columns)
    if at.source == "observation":
        return data.observation[:, columns], data.next_observation[:, columns]
    return data.achieved[:, columns], data.next_achieved[:, columns]


def _positions(start: int, data: Play, things: Sequence[Thing], motion: Motion) -> Found | None:
    assert motion.hand is not None
    found_at = (motion.hand.position, *(touched.position for touched in motion.objects))
    for thing, at in zip(things, found_at, strict=True):
        size = thing.now.shape[1]
        own = data.observation[:, start : start + size]
        if own.shape == thing.now.shape and _equal(own, thing.now):
            evidence = f"equals {at.source} {at.columns[0]}-{at.columns[-1]} at every step"
            if (at.source, at.columns[0]) == ("observation", start):
                moved = "follows the actions" if thing is things[0] else "moves near the hand"
                evidence = f"the first position that {moved}"
            return _kind(start, "position", thing.name, size, evidence)
    return None


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.abs(a - b).max() <= CLOSE * max(np.abs(a).max(), np.abs(b).max()))


def _kind(start: int, kind: str, thing: str, size: int, evidence: str) -> Found:
    count = f"{size} " if size != 3 and "quaternion" not in kind else ""
    return Found(start, size, f"{count}{kind} of {thing}", evidence)


def _displacements(start: int, data: Play, things: Sequence[Thing], _: Motion) -> Found | None:
    size = things[0].now.shape[1]
    own = data.observation[:, start : start + size]
    for one in things:
        for other in things:
            if one is other or own.shape != one.now.shape:
                continue
            largest = max(np.abs(one.now).max(), np.abs(other.now).max())
            if np.abs(own - (one.now - other.now)).max() <= CLOSE * largest:
                between = f"{one.name} from {other.name}"
                return _kind(start, "displacement", between, size, "their exact difference")
    return None


def _quaternions(start: int, data: Play, things: Sequence[Thing], motion: Motion) -> Found | None:
    own = data.observation[:, start : start + 4]
    if own.shape[1] < 4 or np.abs(np.linalg.norm(own, axis=1) - 1).max() > 1e-3:
        return None
    if np.ptp(own, axis=0).max() < 1e-6 or (np.abs(own) < 0.9).any(axis=0).sum() < 2:
        return None
    begins = np.abs(motion.starts.observation[:, start : start + 4]).mean(axis=0)
    order = "xyzw" if begins[3] >= begins[0] else "wxyz"
    thing = _mover(np.abs(data.next_observation - data.observation)[:, start : start + 4], things)
    evidence = f"norm 1 at every step; {'last' if order == 'xyzw' else 'first'} largest at resets"
    return _kind(start, f"quaternion {order}", thing, 4, evidence)


def _mover(changes: np.ndarray, things: Sequence[Thing]) -> str:
    """The object with which some columns move."""
    amount = np.minimum(changes / (changes.std(axis=0) + 1e-12), 3).sum(axis=1)  # [N]
    agreements = {t.name: _agreement(amount, t.moves) for t in things[1:]}
    return max(agreements, key=lambda name: agreements[name])


def _agreement(amount: np.ndarray, moves: np.ndarray) -> float:
    """Mean of an amount at steps at which a thing moves, minus that at others."""
    if moves.all() or not moves.any():
        return 0.0
    return float(amount[moves].mean() - amount[~moves].mean())


def _velocities(start: int, data: Play, things: Sequence[Thing], _: Motion) -> Found | None:
    """A column for each axis that follows the change of a thing's position along that axis."""
    size = things[0].now.shape[1]
    if start + size > data.observation.shape[1]:
        return None
    weights = np.zeros((len(things), size))
    fits = np.zeros(size)
    for axis in range(size):
        own = data.next_observation[:, start + axis]
        regressors = np.column_stack([t.change[:, axis] for t in things])
        if own.std() < 1e-9:
            continue
        spread = regressors.std(axis=0)
        regressors = regressors / (spread + 1e-12)
        scaled = np.linalg.lstsq(regressors, own - own.mean(), rcond=None)[0]
        fits[axis] = 1 - (own - own.mean() - regressors @ scaled).var() / own.var()
        weights[:, axis] = scaled / (spread + 1e-12)
    if np.sort(fits)[-2] < FOLLOWS or fits[0] < FOLLOWS / 2:
        return None
    strength = np.abs(np.median(weights, axis=1))
    objects = int(strength[1:].argmax()) + 1 if len(things) > 1 else 0
    own = objects if strength[objects] > 0.5 * strength[0] else 0
    evidence = f"follows the change of its position (R2 {', '.join(f'{f:.2f}' for f in fits)})"
    return _kind(start, "velocity", things[own].name, size, evidence)


def _rotations(start: int, data: Play, things: Sequence[Thing], motion: Motion) -> Found | None:
    """Three columns that only change while an object moves."""
    if start + 3 > data.observation.shape[1] or len(things) < 2:
        return None
    own, after = (
        array[:, start : start + 3] for array in (data.observation, data.next_observation)
    )
    changes, spread = np.abs(after - own), own.std(axis=0)
    if spread.max() < LEAST_ANGLE:
        return None
    thing = next(t for t in things if t.name == _mover(changes, things))
    calm = _calm(thing.moves, data.episode)
    restless = (changes[calm] > 0.05 * spread + 1e-9).mean(axis=0)
    if calm.sum() < 10 or restless.max() > 0.2:
        return None
    kept = np.abs(after[calm]).mean(axis=0) > 0.05 * spread
    if not kept[spread > 1e-9].any():
        return _kind(start, "angular velocity", thing.name, 3, "0 whenever the object rests")
    if np.abs(own).max() > 2 * np.pi + 0.1:
        return None
    return _kind(start, "euler", thing.name, 3, "changes only while the object moves, and stays")


def _calm(moves: np.ndarray, episode: np.ndarray) -> np.ndarray:
    """[N] steps at which a thing rests, and has rested for some steps of the episode."""
    calm = ~moves
    for back in (1, 2, 3):
        earlier = np.append(np.zeros(back, bool), ~moves[:-back])
        same = np.append(np.zeros(back, bool), episode[back:] == episode[:-back])
        calm = calm & (earlier | ~same)
    return calm


def _pairs(start: int, data: Play, _: Sequence[Thing], __: Motion) -> Found | None:
    """Two like columns whose difference follows an axis of the action: two sides of a gripper."""
    pair = data.next_observation[:, start : start + 2]
    spread = pair.std(axis=0)
    if data.action.shape[1] < 2 or _about_constant(pair).any():
        return None
    if spread.max() > 2 * spread.min() or np.corrcoef(pair.T)[0, 1] > 0.9999:
        return None
    certainty = _certainty(data.action, pair[:, 0] - pair[:, 1])[:2]
    axis = int(certainty.argmax())
    if certainty[axis] < SURE / 2 or certainty[axis] < 1.5 * certainty[1 - axis]:
        return None
    evidence = f"alike, and their difference follows action column {axis}"
    return Found(start, 2, f"pair along {'xy'[axis]}", evidence)


def _about_constant(values: np.ndarray) -> np.ndarray:
    """[n] whether columns have one value at nine steps of ten."""
    low, high = np.quantile(values, (0.05, 0.95), axis=0)
    return high - low <= 1e-6 * (1 + np.abs(values).max(axis=0))


def _certainty(action: np.ndarray, values: np.ndarray) -> np.ndarray:
    """[A] standard errors by which values [N] respond to each column of the action."""
    regressors = np.column_stack([action, np.ones(len(action))])
    spread = np.sqrt(np.diag(np.linalg.pinv(regressors.T @ regressors)))
    weights = np.linalg.lstsq(regressors, values, rcond=None)[0]
    error = spread * (values - regressors @ weights).std()
    return np.abs(weights / (error + 1e-12))[:-1]


def _rest(start: int, data: Play) -> Found:
    """A column that nothing else explains: it may be unchanged by mirrors, or unknown."""
    own = data.next_observation[:, start]
    if _about_constant(own[:, None])[0]:
        return Found(start, 1, "same", f"{np.median(own):.3g} at most steps", sure=False)
    others = _certainty(data.action, own)[3:]
    if len(others) and others.max() > SURE:
        return Found(start, 1, "same", f"follows action column {3 + int(others.argmax())}")
    text = f"from {own.min():.3g} to {own.max():.3g}"
    return Found(start, 1, "unknown", text, sure=False)


def _joined(found: Sequence[Found]) -> tuple[Found, ...]:
    """Single columns of one kind that follow each other become one line."""
    joined: list[Found] = []
    for one in found:
        last = joined[-1] if joined else None
        alone = ("same", "unknown")
        if last is not None and one.words in alone and last.words.endswith(one.words):
            size = last.size + one.size
            evidence = last.evidence if one.evidence == last.evidence else "alike"
            sure = one.sure and last.sure
            joined[-1] = Found(last.start, size, f"{size} {one.words}", evidence, sure)
        else:
            joined.append(one)
    return tuple(_doubted(one) for one in joined)


def _doubted(one: Found) -> Found:
    """Two columns that move alike may be the two sides of a gripper."""
    if not one.sure or one.words != "2 same":
        return one
    return one._replace(evidence=f"{one.evidence}; or two sides, a pair along x or y", sure=False)
