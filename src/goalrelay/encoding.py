"""What the network of a relay sees: one encoding for the goals of all stages.

    [observation | differences | a slot for each other thing that is brought somewhere | goal |
     which slots count]

A stage's goals lie in the slots of the things that they are about (the gripper; each object), and
all other slots are zero: RHER's zero padding. `encoding` shows goals as they are or relative to
what must move. With relative goals every stage also sees the differences between positions that
the observation lacks (`Spec.differences`), such as the hand's place minus the object's.
`tell_stage` adds a flag for each thing whose goal counts; `translation` hides where in the room
things are; `focus` shows every stage through its `view`, so that the object that it is about always
comes first and what is learned with one object is known for all.
"""

import functools
from typing import NamedTuple

import numpy as np

from goalrelay.types import Pair, Part, Spec, Stage

FAR = 5.0
"""Relative goals are clipped to this many units of their stage's scale."""


class Moment(NamedTuple):
    """Facts of moments: [..., O], [..., achieved_size]."""

    observation: np.ndarray
    achieved: np.ndarray


class Look(NamedTuple):
    """How one stage is shown."""

    columns: np.ndarray
    """[S] of the observation, in the order in which they are seen"""
    sign: np.ndarray
    """[S]"""
    shift: np.ndarray
    """[S]"""
    first: np.ndarray
    """[D] columns of [observation | achieved goal]: the first position of each difference"""
    second: np.ndarray
    """[D] columns of the second position, which is subtracted"""
    places: np.ndarray
    """[G] slots that the stage's goals fill"""
    resting: tuple[np.ndarray, np.ndarray]
    """Slots that show where things are which only later stages move, and their columns of the
    achieved goal (the paper's encoding)."""
    indicator: np.ndarray
    """[things] 1 for each thing whose goal counts"""


class Layout(NamedTuple):
    """The whole input."""

    stages: tuple[Stage, ...]
    looks: tuple[Look, ...]
    slots: int
    relative: bool
    stage_indicator: bool

    @property
    def size(self) -> int:
        """Of the network's input."""
        look = self.looks[0]
        flags = len(look.indicator) if self.stage_indicator else 0
        return len(look.columns) + len(look.first) + self.slots + flags


@functools.lru_cache(maxsize=64)
def layout(encoding: str, tell_stage: bool, translation: bool, focus: bool, spec: Spec) -> Layout:
    """Where everything goes, for the options of a method; see the module."""
    things = list(dict.fromkeys(pair.achieved for s in spec.stages for pair in s.pairs))
    others = [thing for thing in things if thing.source != "achieved_goal"]
    starts = np.cumsum([0, *(len(thing.columns) for thing in others)])
    slots = int(starts[-1]) + spec.achieved_size
    hidden = spec.absolute if translation else ()
    seen = np.array([c for c in range(spec.observation_size) if c not in hidden], int)
    shown = spec.differences if encoding == "relative" else ()

    def place(thing: Part, stage: Stage) -> list[int]:
        if thing.source == "achieved_goal":
            return [int(starts[-1]) + column for column in _image(thing, stage, focus).columns]
        start = int(starts[others.index(thing)])
        return list(range(start, start + len(thing.columns)))

    looks = []
    for number, stage in enumerate(spec.stages):
        indicator = np.zeros(len(things), np.float32)
        indicator[[things.index(_image(pair.achieved, stage, focus)) for pair in stage.pairs]] = 1
        near = {p.achieved for s in spec.stages[: number + 2] for p in s.pairs}
        later = [t for t in things if t.source == "achieved_goal" and t not in near]
        resting = (
            np.array([i for thing in later for i in place(thing, stage)], int),
            np.array([c for thing in later for c in thing.columns], int),
        )
        columns, sign, shift = seen, np.ones(len(seen)), np.zeros(len(seen))
        if focus and stage.view is not None:
            turn = stage.view.observation
            columns = np.array(turn.order)[seen]
            sign, shift = np.array(turn.sign)[seen], np.array(turn.shift)[seen]
        places = np.array([i for pair in stage.pairs for i in place(pair.achieved, stage)], int)
        first, second = (
            np.array([c for d in shown for c in _both(d[side], stage, focus, spec)], int)
            for side in range(2)
        )
        sign, shift = sign.astype(np.float32), shift.astype(np.float32)
        looks.append(Look(columns, sign, shift, first, second, places, resting, indicator))
    return Layout(spec.stages, tuple(looks), slots, encoding == "relative", tell_stage)


def encode(plan: Layout, moment: Moment, goal: np.ndarray, stage: int) -> np.ndarray:
    """[..., D]: what the network sees of moments that pursue a stage.

    The slots of other goals are zero, before normalisation: with statistics of unzeroed goals this
    tells the network which stage it is in (RHER's zero padding).

    Args:
        plan: what is shown, and where.
        moment: facts.
        goal: [..., G] the goals of all pairs of the stage, in their order.
        stage: its number.
    """
    look = plan.looks[stage]
    slots = np.zeros((*goal.shape[:-1], plan.slots), np.float32)
    slots[..., look.places] = _shown(plan, plan.stages[stage], moment, goal)
    if not plan.relative and len(look.resting[0]):
        slots[..., look.resting[0]] = moment.achieved[..., look.resting[1]]
    pieces = [_seen(look, moment.observation), _differences(look, moment), slots]
    if plan.stage_indicator:
        pieces.append(np.broadcast_to(look.indicator, (*goal.shape[:-1], len(look.indicator))))
    return np.concatenate(pieces, axis=-1)


def unzeroed(plan: Layout, moment: Moment, goals: list[np.ndarray], look: int) -> np.ndarray:
    """[..., D]: moments with the goals of every stage in their slots, for the statistics.

    Args:
        plan: what is shown, and where.
        moment: facts.
        goals: for each stage [..., G], the goals of its pairs.
        look: the stage through whose view all is seen.
    """
    slots = np.zeros((*moment.observation.shape[:-1], plan.slots), np.float32)
    for look_, stage, goal in zip(plan.looks, plan.stages, goals, strict=True):
        slots[..., look_.places] = _shown(plan, stage, moment, goal)
    view = plan.looks[look]
    pieces = [_seen(view, moment.observation), _differences(view, moment), slots]
    if plan.stage_indicator:
        pieces.append(np.zeros((*slots.shape[:-1], len(plan.looks[0].indicator)), np.float32))
    return np.concatenate(pieces, axis=-1)


def normalized(plan: Layout) -> np.ndarray:
    """What is normalised, [D] bool: not the flags, and not relative goals (see `Stage.scale`)."""
    mask = np.zeros(plan.size, bool)
    visible = len(plan.looks[0].columns) + len(
        plan.looks[0].first
    )  # the observation's and differences
    mask[: visible if plan.relative else visible + plan.slots] = True
    return mask


def _image(thing: Part, stage: Stage, focus: bool) -> Part:
    """Where a thing of the achieved goal appears in a stage's view."""
    if not focus or stage.view is None or thing.source != "achieved_goal":
        return thing
    order = stage.view.goal.order
    return Part("achieved_goal", tuple(order.index(column) for column in thing.columns))


def _both(thing: Part, stage: Stage, focus: bool, spec: Spec) -> list[int]:
    """Columns of a thing among observation and achieved goal side by side, through a view."""
    achieved = thing.source == "achieved_goal"
    columns: tuple[int, ...] = thing.columns
    if focus and stage.view is not None:
        order = (stage.view.goal if achieved else stage.view.observation).order
        columns = tuple(order[column] for column in columns)
    return [column + (spec.observation_size if achieved else 0) for column in columns]


def _seen(look: Look, observation: np.ndarray) -> np.ndarray:
    return observation[..., look.columns] * look.sign + look.shift


def _differences(look: Look, moment: Moment) -> np.ndarray:
    """First minus second position of each difference: [..., D]"""
    if not len(look.first):
        return moment.observation[..., :0]
    both = np.concatenate([moment.observation, moment.achieved], axis=-1)
    return both[..., look.first] - both[..., look.second]


def _shown(plan: Layout, stage: Stage, moment: Moment, goal: np.ndarray) -> np.ndarray:
    """A stage's goals as the network sees them: [..., G]."""
    if not plan.relative:
        return goal
    now = np.concatenate([_where(pair, moment) for pair in stage.pairs], axis=-1)
    return ((goal - now) / stage.scale).clip(-FAR, FAR)


def _where(pair: Pair, moment: Moment) -> np.ndarray:
    source = moment.observation if pair.achieved.source == "observation" else moment.achieved
    return source[..., list(pair.achieved.columns)]
