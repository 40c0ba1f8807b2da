"""What the network of a relay sees: one input layout for the goals of all stages.

    [observation | differences | a slot for each goal that some stage has | stage indicator]

A stage's goals lie in the slots of the things that they are about (the gripper; each object). All
other slots are zero: RHER's zero padding. Goals are shown in the world frame, or relative to what
must move. With relative goals every stage also sees the differences between positions that the
observation lacks (`Spec.differences`), such as the object's position minus the hand's. The stage
indicator has a flag for each thing whose goal counts.

An object-centric input shows every stage through its `object_permutation`. The object that the
stage is about then always comes first, and what is learned with one is known for all.
"""

from typing import NamedTuple

import numpy as np

from goalrelay.methods.relay.config import Config
from goalrelay.types import Array, Columns, Observation, Spec, Stage

CLIP = 5.0
"""Relative goals are clipped to this many units of their stage's scale."""


class _Layout(NamedTuple):
    """Where one stage's inputs come from."""

    columns: np.ndarray
    """[S] columns of the observation, in the order in which they are shown"""
    sign: np.ndarray
    """[S]"""
    shift: np.ndarray
    """[S]"""
    first: np.ndarray
    """[D] columns of [observation | achieved goal]: the first position of each difference"""
    second: np.ndarray
    """[D] columns of the second position, which is subtracted"""
    slots: np.ndarray
    """[G] slots that the stage's goals fill"""
    resting_slots: np.ndarray
    """Slots of objects that only later stages move; the paper shows there where they are"""
    resting_columns: np.ndarray
    """their columns of the achieved goal"""
    indicator: np.ndarray
    """[things] 1 for each thing whose goal counts"""


class StageInputs:
    """The input layout of a task, built once.

    Args:
        config: the method's options.
        spec: of the task, with stages.
    """

    def __init__(self, config: Config, spec: Spec):
        variant = config.variant
        self._spec, self._stages = spec, spec.stages
        self._relative = variant.goal_frame == "relative"
        self._object_centric, self._indicator = variant.object_centric, variant.stage_indicator
        constraints = (c for stage in spec.stages for c in stage.constraints)
        self._things = list(dict.fromkeys(c.achieved for c in constraints))
        self._others = [t for t in self._things if t.source != "achieved_goal"]
        # Slots: things that are no part of the achieved goal, then the achieved goal.
        self._starts = np.cumsum([0, *(len(thing.columns) for thing in self._others)])
        self._slot_count = int(self._starts[-1]) + spec.goal_size
        hidden = spec.position_columns if config.translation_invariant else ()
        visible = [c for c in range(spec.observation_size) if c not in hidden]
        self._layouts = [self._layout(n, np.array(visible, int)) for n in range(len(spec.stages))]
        layout = self._layouts[0]
        seen = len(layout.columns) + len(layout.first)
        flags = len(layout.indicator) if self._indicator else 0
        self.size = seen + self._slot_count + flags
        self.normalized = np.zeros(self.size, bool)
        """[D] bool: not the flags, and not relative goals in units of `Stage.scale`"""
        in_units = self._relative and all(stage.scale for stage in spec.stages)
        self.normalized[: seen if in_units else seen + self._slot_count] = True

    def encode(self, timestep: Observation, goal: Array, stage: int) -> Array:
        """[..., D]: network inputs of timesteps at which a stage is pursued, NumPy or JAX.

        The slots of other goals are zero, before normalisation: with statistics of unzeroed goals
        this tells the network which stage it is in (RHER's zero padding).

        Args:
            timestep: observations and achieved goals.
            goal: [..., G] the goals of all constraints of the stage, in their order.
            stage: its number.
        """
        layout = self._layouts[stage]
        shape = (*goal.shape[:-1], self._slot_count)
        slots = goal.__array_namespace__().zeros(shape, np.float32)
        slots = _put(slots, layout.slots, self._framed(self._stages[stage], timestep, goal))
        if not self._relative and len(layout.resting_slots):
            resting = timestep.achieved[..., layout.resting_columns]
            slots = _put(slots, layout.resting_slots, resting)
        return self._joined(layout, timestep, slots, layout.indicator)

    def encode_all(self, timestep: Observation, goals: list[np.ndarray], stage: int) -> np.ndarray:
        """[..., D]: inputs with the goals of every stage in their slots, for the normaliser.

        Args:
            timestep: observations and achieved goals.
            goals: for each stage [..., G], the goals of its constraints.
            stage: the stage through whose permutation of objects all is shown.
        """
        slots = np.zeros((*timestep.observation.shape[:-1], self._slot_count), np.float32)
        for layout, each, goal in zip(self._layouts, self._stages, goals, strict=True):
            slots[..., layout.slots] = self._framed(each, timestep, goal)
        nothing = np.zeros(len(self._things), np.float32)
        return self._joined(self._layouts[stage], timestep, slots, nothing)

    def _joined(
        self, layout: _Layout, timestep: Observation, slots: Array, indicator: np.ndarray
    ) -> Array:
        xp = slots.__array_namespace__()
        shown = timestep.observation[..., layout.columns] * layout.sign + layout.shift
        pieces = [shown, _differences(layout, timestep), slots]
        if self._indicator:
            pieces.append(xp.broadcast_to(indicator, (*slots.shape[:-1], len(indicator))))
        return xp.concatenate(pieces, axis=-1)

    def _framed(self, stage: Stage, timestep: Observation, goal: Array) -> Array:
        """A stage's goals in the frame in which they are shown: [..., G]."""
        if not self._relative:
            return goal
        xp = goal.__array_namespace__()
        now = xp.concatenate([c.achieved.of(timestep) for c in stage.constraints], axis=-1)
        now = now[..., : goal.shape[-1]]  # without the info that rewards may need
        if not stage.scale:  # unknown: the normaliser finds it
            return goal - now
        return ((goal - now) / stage.scale).clip(-CLIP, CLIP)

    def _layout(self, number: int, visible: np.ndarray) -> _Layout:
        """The layout of one stage; `visible` are the columns of the observation that it shows."""
        stage, spec = self._stages[number], self._spec
        indicator = np.zeros(len(self._things), np.float32)
        images = [self._image(c.achieved, stage) for c in stage.constraints]
        indicator[[self._things.index(image) for image in images]] = 1
        near = {c.achieved for s in self._stages[: number + 2] for c in s.constraints}
        later = [t for t in self._things if t.source == "achieved_goal" and t not in near]
        columns, sign, shift = visible, np.ones(len(visible)), np.zeros(len(visible))
        if self._object_centric and stage.object_permutation is not None:
            order, signs, shifts = (np.array(x) for x in stage.object_permutation.observation)
            columns, sign, shift = order[visible], signs[visible], shifts[visible]
        shown = spec.differences if self._relative else ()
        return _Layout(
            columns,
            sign.astype(np.float32),
            shift.astype(np.float32),
            np.array([c for d in shown for c in self._both(d.first, stage)], int),
            np.array([c for d in shown for c in self._both(d.second, stage)], int),
            np.array([i for c in stage.constraints for i in self._slots(c.achieved, stage)], int)[
                : sum(
                    len(c.desired.columns) for c in stage.constraints
                )  # none in a flat task
            ],
            np.array([i for thing in later for i in self._slots(thing, stage)], int),
            np.array([c for thing in later for c in thing.columns], int),
            indicator,
        )

    def _slots(self, thing: Columns, stage: Stage) -> list[int]:
        """The slots that hold the goal of a thing."""
        if thing.source == "achieved_goal":
            first = int(self._starts[-1])
            return [first + column for column in self._image(thing, stage).columns]
        start = int(self._starts[self._others.index(thing)])
        return list(range(start, start + len(thing.columns)))

    def _image(self, thing: Columns, stage: Stage) -> Columns:
        """Where a thing of the achieved goal appears in a stage's object-centric view."""
        permutation = stage.object_permutation
        if not self._object_centric or permutation is None or thing.source != "achieved_goal":
            return thing
        order = permutation.goal.order
        return Columns("achieved_goal", tuple(order.index(column) for column in thing.columns))

    def _both(self, thing: Columns, stage: Stage) -> list[int]:
        """Columns of a thing in [observation | achieved goal], as a stage sees it."""
        achieved = thing.source == "achieved_goal"
        columns: tuple[int, ...] = thing.columns
        permutation = stage.object_permutation
        if self._object_centric and permutation is not None:
            order = (permutation.goal if achieved else permutation.observation).order
            columns = tuple(order[column] for column in columns)
        return [column + (self._spec.observation_size if achieved else 0) for column in columns]


def _differences(layout: _Layout, timestep: Observation) -> Array:
    """First minus second position of each difference: [..., D]"""
    if not len(layout.first):
        return timestep.observation[..., :0]
    xp = timestep.observation.__array_namespace__()
    both = xp.concatenate([timestep.observation, timestep.achieved], axis=-1)
    return both[..., layout.first] - both[..., layout.second]


def _put(array: Array, columns: np.ndarray, values: Array) -> Array:
    """The array with values [..., n] in these columns; a NumPy array is changed itself."""
    if isinstance(array, np.ndarray):
        array[..., columns] = values
        return array
    return array.at[..., columns].set(values)
