"""The values that are passed between modules.

    Task           a task without its simulator
    Snapshot       state of a run that acting and sampling may read
    Episode        a finished episode, without rewards
    Steps          the index of steps drawn from the replay buffer
    Transitions    goals, rewards and discounts of drawn steps
    Batch          network inputs, actions, rewards and discounts for a learner

Shapes: L steps of an episode, B steps of a batch, O numbers of an observation, G of a goal, A of an
action, D of a network input.
"""

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np

Array: TypeAlias = Any
"""A NumPy or a JAX array; networks run on both (see `networks`)."""


RewardFunction: TypeAlias = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Achieved goals [B, G], desired goals [B, G] -> rewards [B] float32."""

SuccessPredicate: TypeAlias = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Achieved goals [B, G], desired goals [B, G] -> whether the desired ones are reached [B] bool."""

TerminalRule: TypeAlias = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Achieved goals [B, G], desired goals [B, G], whether the episode ended at the step [B] bool ->
whether the task ends there [B] bool."""

NO_IMAGE = np.zeros(0, np.uint8)
"""What tasks without images show as their image."""


class Network(Protocol):
    """A policy network; a stochastic one samples with the generator, or gives its mode without."""

    def __call__(
        self,
        inputs: np.ndarray,
        rng: np.random.Generator | None,
        image: np.ndarray | None = None,
        /,
    ) -> np.ndarray:
        """Raw inputs [..., D], and images [..., H, W, C] of tasks with them -> actions [..., A]."""
        ...


class Columns(NamedTuple):
    """Some columns of an observation, an achieved goal or a desired goal."""

    source: Literal["observation", "achieved_goal", "desired_goal", "subgoal"]
    """`subgoal`: the target position of a hierarchy's sub-goal. Its columns are all columns of the
    observation to which the sub-goal is a change, in order."""
    columns: tuple[int, ...]

    def of(self, shown: "Observation | Episode") -> Array:
        """These columns of a timestep, a batch of timesteps or an episode: [..., size]."""
        source = {
            "observation": shown.observation,
            "achieved_goal": shown.achieved,
            "desired_goal": shown.desired,
        }[self.source]
        return source[..., np.array(self.columns, int)]  # JAX takes no list


class GoalConstraint(NamedTuple):
    """Columns that are achieved, and the columns that they have to reach."""

    achieved: Columns
    desired: Columns


class Difference(NamedTuple):
    """The vector between two positions, both columns of the observation or the achieved goal."""

    first: Columns
    second: Columns


class SignedPermutation(NamedTuple):
    """A symmetry's effect on one array, by columns: x -> x[order] * sign + shift."""

    order: tuple[int, ...]
    sign: tuple[float, ...]
    shift: tuple[float, ...]


class Symmetry(NamedTuple):
    """A symmetry of a task's dynamics, such as a mirror or a rotation (KER, arXiv 1909.10707)."""

    name: str
    observation: SignedPermutation
    goal: SignedPermutation
    """of achieved and desired goals"""
    action: SignedPermutation


class BodyFrame(NamedTuple):
    """Columns that rotate with the robot's heading: its dynamics are yaw-equivariant."""

    rotation: tuple[int, int, int, int]
    """Columns of its orientation, a quaternion (w, x, y, z) from body frame to world frame."""
    vectors: tuple[tuple[int, int, int], ...] = ()
    """Columns x, y, z of vectors in the world frame, such as its velocity."""
    symmetries: tuple[Symmetry, ...] = ()
    """Mirror symmetries of the robot in an empty world."""


class Stage(NamedTuple):
    """One sub-task of an ordered decomposition (RHER): bring `achieved` to `desired`.

    The reward is 0 within the threshold and -1 otherwise, or the task's own.
    """

    name: str
    achieved: Columns
    """Position that the stage controls: of the gripper, of an object."""
    desired: Columns
    """Its goal. Columns of the observation or of the achieved goal are a moving goal; its value is
    fixed at the timestep at which it is pursued."""
    threshold: float | None = None
    """Distance within which the stage is rewarded, in the unit of the columns. None: the task's own
    reward; then the columns must be the whole achieved and desired goal."""
    switch: float = 0.05
    """Distance within which the next stage takes over while the robot acts (RHER: 0.03 m)."""
    scale: float = 0.0
    """Unit of relative goals in the network input, and cell size of the priority
    `inverse-density`; 0: the switch distance."""
    gain: float | None = None
    """Of the scripted guide: the first entries of its action are gain * (desired - achieved)."""
    maintained: tuple[GoalConstraint, ...] = ()
    """Further constraints with the same threshold: objects that earlier stages brought to their
    goals must stay at them."""
    object_permutation: Symmetry | None = None
    """Exchanges the stage's object with the first object, for an object-centric view: one network
    input for all stages of one kind. It only permutes goals, and it keeps the action."""

    @property
    def constraints(self) -> tuple[GoalConstraint, ...]:
        """All constraints; the first is the stage's own."""
        return (GoalConstraint(self.achieved, self.desired), *self.maintained)


class Spec(NamedTuple):
    """A task's sizes and declared structure. It has no id: no method depends on a task's id."""

    observation_size: int
    achieved_size: int
    """Size of the stored achieved goal. A flat task has no goal and stores its reward here."""
    goal_size: int
    """Size of the desired goal; 0 for a flat task."""
    action_size: int
    """Dimensions of a continuous action, or the number of discrete actions."""
    discrete: bool
    horizon: int
    """Largest number of steps of an episode."""
    reward_range: tuple[float, float] | None
    """Reward of a step away from the goal and at the goal, of tasks with these two alone."""
    stages: tuple[Stage, ...] = ()
    """The task's ordered decomposition; the last stage is the task itself. Empty: not declared."""
    position_columns: tuple[int, ...] = ()
    """Columns of the observation that are absolute positions. A policy without them is
    translation-invariant."""
    subgoal_range: tuple[float, ...] = ()
    """Largest change that a sub-goal may ask of each position column; empty: not declared."""
    goal_position_columns: tuple[int, ...] = ()
    """Columns of the desired goal that are a position in the world frame, in the order of
    `position_columns`; empty: the goal is not a position."""
    body: BodyFrame | None = None
    """Columns that rotate with the robot's heading; None: not declared."""
    differences: tuple[Difference, ...] = ()
    """Differences of stages' positions that the observation does not contain (see
    `tasks.differences`)."""
    reward_scale: float = 1.0
    """Typical distance of a reward from that at the goal."""
    image: tuple[int, ...] = ()
    """Height, width and channels of the image that a timestep shows; empty: none."""


class Observation(NamedTuple):
    """One timestep, float32: [O], [achieved_size], [G]; or a batch of them with a leading axis."""

    observation: np.ndarray
    achieved: np.ndarray
    desired: np.ndarray
    image: np.ndarray = NO_IMAGE
    """[H, W, C] uint8, or [0]: none"""


class Episode(NamedTuple):
    """One finished episode of L steps. It has no rewards, since they depend on the goal."""

    observation: np.ndarray
    """[L + 1, O] float32"""
    achieved: np.ndarray
    """[L + 1, achieved_size] float32: achieved[t + 1] is the result of step t"""
    desired: np.ndarray
    """[L + 1, G] float32: the desired goal at each timestep"""
    action: np.ndarray
    """[L, A] float32 in [-1, 1], or [L] int32 for discrete actions. In a hierarchy [L, A + K]: the
    action and the sub-goal of each step."""
    terminal: bool
    """True: the task ended the episode, and no return follows. False: the time limit did."""
    success: float
    """1 or 0: the task's success at the last step; NaN: the task does not report success."""
    total_reward: float
    """Sum of the task's rewards, for the log only."""
    image: np.ndarray = NO_IMAGE
    """[L + 1, H, W, C] uint8; of any size 0: none"""
    success_ever: float = math.nan
    """1 or 0: success at any step; NaN: unknown"""

    @property
    def length(self) -> int:
        """Number of steps L."""
        return len(self.action)


class Steps(NamedTuple):
    """Index of drawn steps in the replay buffer; each array is [B], of integers."""

    row: np.ndarray
    """Row of the step in the replay buffer; row + 1 is its next timestep."""
    time: np.ndarray
    """Number of the step in its episode, 0 <= time < length."""
    length: np.ndarray
    """Steps of that episode."""
    last_terminal: np.ndarray
    """[B] bool: whether the task ended that episode at its last step."""
    goal_row: np.ndarray | None = None
    """[B] row of a hindsight goal that was drawn with the step; -1: none. None: none for all."""


class Transitions(NamedTuple):
    """Drawn steps with their relabelled goals."""

    goal: np.ndarray
    """[B, G] goal at the step"""
    next_goal: np.ndarray
    """[B, G] goal at the next timestep: the same, unless the task moves it"""
    hindsight: np.ndarray
    """[B] bool: true for an achieved goal (hindsight), false for the pursued one"""
    reward: np.ndarray
    """[B] float32: sum over the steps of one transition"""
    discount: np.ndarray
    """[B] float32: gamma, or 0 at a terminal state"""
    next_row: np.ndarray
    """[B] row of the next timestep"""


class ActionTarget(NamedTuple):
    """Target actions of a regulariser in the actor's loss: mean weight * |mu(s) - action|^2."""

    action: Array
    """[..., B, A]"""
    weight: Array
    """[..., B] of the squared distance; 0: no target for this step"""


class Batch(NamedTuple):
    """A learner's input: arrays [..., B, size], float32; discrete actions are int32."""

    inputs: Array
    """[..., B, D] network input from observation and goal, not yet normalised; in an update it is
    normalised, and with images it is `networks.Seen`"""
    action: Array
    """[..., B, A] or [..., B]"""
    reward: Array
    """[..., B]"""
    discount: Array
    """[..., B]: gamma * (1 - terminal), so no loss needs a `done`"""
    next_inputs: Array
    """[..., B, D]"""
    demonstrated: Array = None
    """[..., B]: 1 for a demonstrated action that led to this goal, else 0; None: a run without
    demonstrations"""
    image: Array = None
    """[..., B, H, W, C] uint8; None: a task without images"""
    next_image: Array = None
    """[..., B, H, W, C] uint8"""
    action_target: ActionTarget | None = None
    """Regulariser of the actor; None: the method gives none"""


class Task(NamedTuple):
    """A task without its simulator: made once, never changed."""

    spec: Spec
    reward: RewardFunction
    """The task's own."""
    terminal: TerminalRule
    symmetries: tuple[Symmetry, ...] = ()
    """Symmetries that the task declares."""


class Snapshot(NamedTuple):
    """State of a run that acting and sampling may read; the loop makes one for each cycle."""

    policies: tuple[Network, ...]
    """Newest policy network of each level, in the order of `Method.levels`."""
    episodes: int = 0
    """Training episodes so far."""
    random: bool = False
    """Whether all actions are random at this time (`exploration.random_steps`)."""
    success: float | None = None
    """Success rate of the last evaluation; None: no evaluation yet, or a task without success."""
    best: float | None = None
    """Highest success rate of any evaluation."""
    reached: tuple[float, ...] = ()
    """Success rate of each stage in the last evaluation."""
    ends_at_goal: bool = False
    """Whether all episodes that came to their goal ended there, and some did. So do steps that
    reach a hindsight goal."""
