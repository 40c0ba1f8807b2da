"""The values that travel between the parts: T steps an episode, B a batch, O, A, G sizes.

An `Episode` is what happened. `Steps` say which stored steps were drawn. `Transitions` are what
these steps mean under the goals given to them. A `Batch` is that, ready for a learner. A `Task` is
what a task is, apart from its simulator. A `Snapshot` is the state of a run that acting and
sampling may ask.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

Array: TypeAlias = Any
"""A NumPy or a JAX array: networks run on both (see `networks`)."""


RewardFunction: TypeAlias = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Rewards of achieved goals under desired ones: [B, G], [B, G] -> [B] float32."""

SuccessPredicate: TypeAlias = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Whether achieved goals are as good as desired ones: [B, G], [B, G] -> [B] bool."""

TerminalRule: TypeAlias = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Whether the task ends at achieved goals under desired ones, given whether it ended there in
fact: [B, G], [B, G], [B] bool -> [B] bool."""

Network: TypeAlias = Callable[[np.ndarray, np.random.Generator | None], np.ndarray]
"""A policy network: raw inputs [..., D] -> actions; a stochastic one samples when a generator is
given."""


class Columns(NamedTuple):
    """Some columns of what a task shows."""

    source: Literal["observation", "achieved_goal", "desired_goal", "subgoal"]
    """`subgoal`: the position that a hierarchy's sub-goal asks for; its columns are those of the
    observation that the sub-goal changes, all of them in order."""
    columns: tuple[int, ...]

    def of(self, shown: "Observation | Episode") -> np.ndarray:
        """These columns of a timestep, of a batch of timesteps or of an episode: [..., G]."""
        source = {
            "observation": shown.observation,
            "achieved_goal": shown.achieved,
            "desired_goal": shown.desired,
        }[self.source]
        return source[..., list(self.columns)]


class GoalConstraint(NamedTuple):
    """Something, and the goal that it has to reach."""

    achieved: Columns
    desired: Columns


class Difference(NamedTuple):
    """One position minus another of the same size, both parts of what is observed or achieved."""

    first: Columns
    second: Columns


class SignedPermutation(NamedTuple):
    """How a symmetry changes one array: x -> x[order] * sign + shift, column by column."""

    order: tuple[int, ...]
    sign: tuple[float, ...]
    shift: tuple[float, ...]


class Symmetry(NamedTuple):
    """A copy of a task that is as true as the original: a mirror, a rotation."""

    name: str
    observation: SignedPermutation
    goal: SignedPermutation
    """for achieved and desired goals"""
    action: SignedPermutation


class BodyFrame(NamedTuple):
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
    achieved: Columns
    """What the stage is about: the gripper's position, the object's."""
    desired: Columns
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
    maintained: tuple[GoalConstraint, ...] = ()
    """What must hold besides, each within the same threshold: objects that earlier stages brought
    to their goals."""
    object_permutation: Symmetry | None = None
    """How the network may be shown this stage so that it looks like the first of its kind: the
    object that it is about trades places with the first one. Goals only change places, and the
    action stays as it is."""

    @property
    def constraints(self) -> tuple[GoalConstraint, ...]:
        """Everything that must hold; what the stage is about comes first."""
        return (GoalConstraint(self.achieved, self.desired), *self.maintained)


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
    position_columns: tuple[int, ...] = ()
    """Columns of the observation that tell where in the room things are and nothing else; a
    policy that does not see them is the same everywhere."""
    subgoal_range: tuple[float, ...] = ()
    """How far a sub-goal may want each of those columns changed, where the task says so."""
    goal_position_columns: tuple[int, ...] = ()
    """Columns of the desired goal that are a position in the world, in the order of
    `position_columns`; empty where the goal is none."""
    body: BodyFrame | None = None
    """Which columns turn with the room, where the task says so."""
    differences: tuple[Difference, ...] = ()
    """Differences between positions that stages are about and that no columns of the observation
    hold (see `tasks.differences`)."""


class Observation(NamedTuple):
    """One timestep as a policy sees it, float32: [O], [achieved_size], [G]; batches [B, .] too."""

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


class Steps(NamedTuple):
    """Which stored steps were drawn, each array [B] of integers."""

    row: np.ndarray
    """Row of the step in the replay buffer; row + 1 is the next timestep of the same episode."""
    time: np.ndarray
    """Step within its episode, 0 <= time < length."""
    length: np.ndarray
    """Steps in that episode."""
    last_terminal: np.ndarray
    """[B] bool: whether the task ended that episode at its last step."""
    goal_row: np.ndarray | None = None
    """Row of the hindsight goal that was drawn together with the step; -1 where there is none."""


class Transitions(NamedTuple):
    """Drawn steps under the goals given to them."""

    goal: np.ndarray
    """[B, G] the goal at the step"""
    next_goal: np.ndarray
    """[B, G] the goal at the next timestep: the same, unless the task moved it"""
    hindsight: np.ndarray
    """[B] bool: whether the goal is one that was achieved, not one that was pursued"""
    reward: np.ndarray
    """[B] float32: sum over the steps that make one transition"""
    discount: np.ndarray
    """[B] float32: gamma, or 0 where the task ended"""
    next_row: np.ndarray
    """[B] row of the next timestep"""


class ActionTarget(NamedTuple):
    """Actions that the actor's loss draws its policy to, besides the critic (a regulariser)."""

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
    action_target: ActionTarget | None = None
    """Actions to which the actor is drawn, where a method gives some"""


class Task(NamedTuple):
    """What a task is, apart from its simulator: made once, never changed."""

    spec: Spec
    reward: RewardFunction
    """the task's own"""
    terminal: TerminalRule
    symmetries: tuple[Symmetry, ...] = ()
    """Symmetries that the task declares."""


class Snapshot(NamedTuple):
    """State of a run that acting and sampling may ask; made once a cycle, written by nobody."""

    policies: tuple[Network, ...]
    """Newest policy network of each level, the one that acts first."""
    episodes: int = 0
    """Training episodes so far."""
    random: bool = False
    """Whether actions are still purely random (`exploration.random_steps`)."""
    success: float | None = None
    """Success rate of the last evaluation; None before the first, or where the task has none."""
    best: float | None = None
    """Highest success rate of an evaluation so far."""
    reached: tuple[float, ...] = ()
    """Success rate of each stage in the last evaluation."""
