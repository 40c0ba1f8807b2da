"""The shapes that travel between the parts: T steps an episode, B a batch, O, A, G sizes.

Facts (`Episode`) are what happened. An `Index` says which facts were drawn. A `Batch` is what they
mean after relabelling, ready for a learner. None of these types computes anything.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

Array: TypeAlias = Any
"""A NumPy or a JAX array: networks run on both (see `networks`)."""


Judge: TypeAlias = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Rewards of achieved goals under desired ones: [B, G], [B, G] -> [B] float32."""

Reached: TypeAlias = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Whether achieved goals are as good as desired ones: [B, G], [B, G] -> [B] bool."""


class Part(NamedTuple):
    """Some columns of what a task shows."""

    source: Literal["observation", "achieved_goal", "desired_goal"]
    columns: tuple[int, ...]


class Pair(NamedTuple):
    """Something and where it is to be."""

    achieved: Part
    desired: Part


class Difference(NamedTuple):
    """One position minus another of the same size, both parts of what is observed or achieved."""

    first: Part
    second: Part


class Turn(NamedTuple):
    """How a symmetry changes one array: x -> x[order] * sign + shift, column by column."""

    order: tuple[int, ...]
    sign: tuple[float, ...]
    shift: tuple[float, ...]


class Symmetry(NamedTuple):
    """A copy of a task that is as true as the original: a mirror, a rotation."""

    name: str
    observation: Turn
    goal: Turn
    """for achieved and desired goals"""
    action: Turn


class Body(NamedTuple):
    """How a robot lies in the room: turned about the vertical, it would do all the same."""

    rotation: tuple[int, int, int, int]
    """Columns of its rotation, a quaternion from body to room, w first."""
    vectors: tuple[tuple[int, int, int], ...] = ()
    """Columns of vectors along the room's axes, x y z each, such as its velocity."""
    symmetries: tuple[Symmetry, ...] = ()
    """Mirror images of the robot in an empty room that would do the same."""


class Stage(NamedTuple):
    """One sub-task of an ordered decomposition: bring `achieved` to `desired`.

    Rewards are 0 within the threshold and -1 beyond, or the task's own.
    """

    name: str
    achieved: Part
    """What the stage is about: the gripper's position, the object's."""
    desired: Part
    """Where it is to be. A part of the observation or of the achieved goal is a goal that moves;
    it is frozen at the moment at which it is pursued."""
    threshold: float | None = None
    """Distance within which the stage is rewarded, in the units of the part. None: the task's own
    reward, for the stage whose parts are the whole achieved and desired goal."""
    switch: float = 0.05
    """Distance within which the stage counts as reached when the robot acts, and the next one
    takes over (RHER: 0.03 m)."""
    scale: float = 0.0
    """Unit in which relative goals are shown to the network, and size of a place for the priority
    `rare`; 0 stands for the switch distance."""
    gain: float | None = None
    """Scripted guide: the first entries of the action are gain * (desired - achieved)."""
    also: tuple[Pair, ...] = ()
    """What must hold besides, each within the same threshold: objects that earlier stages brought
    to their goals."""
    view: Symmetry | None = None
    """How the network may be shown this stage so that it looks like the first of its kind: the
    object that it is about trades places with the first one. Goals only change places, and the
    action stays as it is."""

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Everything that must hold; what the stage is about comes first."""
        return (Pair(self.achieved, self.desired), *self.also)


class Spec(NamedTuple):
    """What a learner must know of a task; sizes, never the task's name (design law 7)."""

    observation_size: int
    achieved_size: int
    """Size of the achieved goal as stored. For a flat task the achieved 'goal' is the reward."""
    goal_size: int
    """Size of the desired goal; 0 for a flat task."""
    action_size: int
    """Dimensions of a continuous action, or the number of discrete actions."""
    discrete: bool
    horizon: int
    """Most steps an episode can have."""
    reward_range: tuple[float, float] | None
    """Smallest and largest reward of a step where the task promises them (sparse tasks)."""
    stages: tuple[Stage, ...] = ()
    """The task as an ordered decomposition; the last stage is the task itself. Empty where none
    was declared."""
    absolute: tuple[int, ...] = ()
    """Columns of the observation that tell where in the room things are and nothing else; a
    policy that does not see them is the same everywhere."""
    reach: tuple[float, ...] = ()
    """How far a sub-goal may want each of those columns changed, where the task says so."""
    body: Body | None = None
    """Which columns turn with the room, where the task says so."""
    differences: tuple[Difference, ...] = ()
    """Differences between positions that stages are about and that no columns of the observation
    hold (see `tasks.differences`)."""


class Observation(NamedTuple):
    """One moment as a policy sees it, float32: [O], [achieved_size], [G]."""

    observation: np.ndarray
    achieved: np.ndarray
    desired: np.ndarray


class Episode(NamedTuple):
    """The facts of one finished episode of L steps. No rewards: they depend on the goal."""

    observation: np.ndarray
    """[L + 1, O] float32"""
    achieved: np.ndarray
    """[L + 1, achieved_size] float32: achieved[t + 1] is what step t brought about"""
    desired: np.ndarray
    """[L + 1, G] float32: the goal that was shown at each moment"""
    action: np.ndarray
    """[L, A] float32 in [-1, 1], or [L] int32 for discrete actions; in a hierarchy [L, A + K], the
    sub-goal of each step beside its action"""
    terminal: bool
    """Whether the task ended the episode (no value beyond), rather than the time limit."""
    success: float
    """1 or 0: the task's own verdict at the last step; NaN where it gives none."""
    total_reward: float
    """Sum of the rewards that the task returned, for the log only."""

    @property
    def length(self) -> int:
        """Number of steps L."""
        return len(self.action)


class Index(NamedTuple):
    """Which stored steps were drawn, each array [B] of integers."""

    row: np.ndarray
    """Row of the step in the replay; row + 1 is the next moment of the same episode."""
    time: np.ndarray
    """Step within its episode, 0 <= time < length."""
    length: np.ndarray
    """Steps in that episode."""
    last_terminal: np.ndarray
    """[B] bool: whether the task ended that episode at its last step."""


class Pull(NamedTuple):
    """Actions that an actor is drawn to, beside what its critic says."""

    action: Array
    """[..., B, A]"""
    weight: Array
    """[..., B] of the squared distance"""


class Batch(NamedTuple):
    """What a learner sees: arrays [..., B, size], all float32 but discrete actions (int32)."""

    inputs: Array
    """[..., B, D] network input: observation and pursued goal, not yet normalised"""
    action: Array
    """[..., B, A] or [..., B]"""
    reward: Array
    """[..., B]"""
    discount: Array
    """[..., B]: gamma * (1 - terminal), so that no loss knows about 'done'"""
    next_inputs: Array
    """[..., B, D]"""
    demonstrated: Array = None
    """[..., B]: 1 where a demonstrator acted for the sake of this goal, else 0; None where nobody
    asks"""
    pull: Array = None
    """A `Pull`, where a method draws its actor to actions"""
