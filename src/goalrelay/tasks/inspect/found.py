"""The structure of a task that follows from what it shows: stages and column kinds.

`found_structure` gives the structure alone. Nothing that is declared about the task is used. All
distances are measured: at what distance from the hand an object begins to move, and at what
distance from the goal the task's reward changes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from goalrelay.data.rollout import Simulator
from goalrelay.errors import UsageError
from goalrelay.tasks.column_kinds import MIRRORS, ColumnKinds
from goalrelay.tasks.goal_task import with_structure
from goalrelay.tasks.inspect.kinds import Found, find_kinds, names
from goalrelay.tasks.inspect.motion import Motion, observe_motion
from goalrelay.tasks.inspect.relations import relations
from goalrelay.tasks.object_stages import MovedObject, object_stages
from goalrelay.tasks.structure import TaskStructure, columns
from goalrelay.tasks.symmetry_data import Shown, contradictions
from goalrelay.tasks.symmetry_data import name as column_name
from goalrelay.types import Columns, Stage

STEPS, SEED = 240, 0
"""Steps of random actions, and the seed, where nobody says otherwise. Found structures are the same
each time."""
FRACTION = 0.2
"""Of the way to the goal: within it the task counts as reached, where the reward does not tell."""
UPRIGHT = 0.3
"""A guide can be scripted if the action moves the hand along its own axes but for this fraction."""


class Inspection(NamedTuple):
    """What was found, and what follows from it."""

    motion: Motion | None
    """None: discrete actions, which nothing was played with."""
    kinds: tuple[Found, ...]
    """Of all columns of the observation; empty: no object was found."""
    structure: TaskStructure
    """Ready to declare. Its column kinds are known where there is an object."""
    doubts: tuple[str, ...]
    """What is not sure, in words."""

    @property
    def reason(self) -> str:
        """Why there is no object to reach; empty: there is one."""
        return "the actions are discrete" if self.motion is None else self.motion.reason


def found_structure(simulator: Simulator) -> TaskStructure:
    """The structure that a task shows; the stage `task` alone where there is no object to reach.

    Args:
        simulator: of a goal task; what it declares is not used.
    """
    return inspect_task(simulator).structure


def inspect_task(simulator: Simulator, steps: int = STEPS, seed: int = SEED) -> Inspection:
    """Play steps of a task and find its structure.

    Args:
        simulator: of a goal task.
        steps: of random actions; driving the hand to objects takes some hundreds more.
        seed: of everything random.
    """
    simulator = with_structure(simulator, TaskStructure())
    if simulator.spec.discrete:
        every = range(simulator.spec.goal_size)
        near = success_distance(simulator, simulator.reset(seed).achieved, every) or 1.0
        return Inspection(None, (), TaskStructure((_task(simulator, near),)), ())
    motion = observe_motion(simulator, steps, seed)
    if not motion.objects:
        stage = _task(simulator, _near(simulator, motion, range(simulator.spec.goal_size)))
        return Inspection(motion, (), TaskStructure((stage,)), ())
    kinds = find_kinds(motion)
    stages = _stages(simulator, motion)
    doubts = [f"{_place(k)}: taken as '{k.words}'; {k.evidence}" for k in kinds if not k.sure]
    declared = _proposed(motion, kinds, simulator.spec.goal_size)
    doubts += [
        f"no mirror {name}: an object starts at the same place along its axis"
        for name in MIRRORS
        if name not in declared.symmetries
    ]
    declared, more = _tried(simulator, motion, TaskStructure(stages, column_kinds=declared))
    return Inspection(motion, kinds, declared, (*doubts, *more))


def _proposed(motion: Motion, kinds: tuple[Found, ...], goal_size: int) -> ColumnKinds:
    """The column kinds, with the symmetries that the start states allow."""
    goal = tuple(
        f"{_count(one.goal)}position of {name}"
        for name, one in zip(names(motion), motion.objects, strict=True)
    )
    if any(one.position.source == "observation" for one in motion.objects):
        goal = (_words_of_goal(motion, kinds) or f"{goal_size} unknown",)
    return ColumnKinds(
        tuple(kind.words for kind in kinds),
        goal,
        symmetries=tuple(n for n, axis in MIRRORS.items() if _varies(motion, axis)),
        centre=_centre(motion),
        hide_positions=all(_varies(motion, axis) for axis in (0, 1)),
    )


def _words_of_goal(motion: Motion, kinds: tuple[Found, ...]) -> str:
    """The kind of the columns of the observation that equal the achieved goal; or nothing."""
    data = motion.everything
    for kind in kinds:
        own = data.observation[:, kind.start : kind.start + kind.size]
        if own.shape == data.achieved.shape and (own == data.achieved).all():
            return kind.words
    return ""


def success_distance(
    simulator: Simulator, achieved: np.ndarray, goal: Sequence[int]
) -> float | None:
    """Distance from the goal at which a sparse reward changes; None: it changes everywhere.

    Args:
        simulator: of the task.
        achieved: [G] an achieved goal.
        goal: columns of one object; the first of them is moved away from the goal.
    """
    direction = np.zeros(len(achieved))
    direction[goal[0]] = 1.0

    def reward(distance: float) -> float:
        return float(simulator.reward(achieved[None], (achieved + distance * direction)[None])[0])

    low, high = 0.0, 1e3
    at_goal, far = reward(low), reward(high)
    if at_goal == far or reward(high / 2) != far:
        return None
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if reward(middle) == at_goal else (low, middle)
    return float(f"{low:.3g}") or None


def _near(simulator: Simulator, motion: Motion, goal: Sequence[int]) -> float:
    """The success distance; where the reward does not tell it, a fraction of the way to go."""
    starts = motion.starts
    way = (starts.desired - starts.achieved)[:, list(goal)]
    far = float(f"{FRACTION * np.median(np.linalg.norm(way, axis=1)):.2g}")
    return success_distance(simulator, starts.achieved[0], goal) or far or 1.0


def _task(simulator: Simulator, near: float) -> Stage:
    """The task itself as a stage."""
    size = simulator.spec.goal_size
    both = columns("achieved_goal", 0, size), columns("desired_goal", 0, size)
    return Stage("task", *both, None, near, near)


def _stages(simulator: Simulator, motion: Motion) -> tuple[Stage, ...]:
    """The stages that reach and move each object, in the order of the heights of their goals."""
    assert motion.hand is not None
    hand, gain = motion.hand.position, _gain(motion)
    objects = []
    for touched in motion.objects:
        near = _near(simulator, motion, touched.goal)
        achieved = Columns("achieved_goal", touched.goal)
        desired = Columns("desired_goal", touched.goal)
        objects.append(MovedObject(achieved, desired, touched.touch, near))
    if len(objects) == 1:
        (one,), at = objects, motion.objects[0].position
        return (
            Stage("reach", hand, at, one.touch, one.touch, one.touch, gain),
            Stage("task", one.achieved, one.desired, None, one.near, one.near, gain),
        )
    desired = motion.starts.desired
    heights = [desired[:, o.achieved.columns[-1]] for o in objects]
    below = [
        sum((height > other + objects[0].near / 4).all() for other in heights) for height in heights
    ]
    ordered = [objects[n] for n in np.argsort(below, kind="stable")]
    return object_stages(hand, ordered, gain)


def _gain(motion: Motion) -> float | None:
    """Action for each unit of displacement, if the action moves the hand along its own axes."""
    assert motion.hand is not None
    response = motion.hand.response
    width = response.shape[1]
    if len(response) < width:
        return None
    own = np.diag(response[:width])
    across = np.abs(response - np.eye(*response.shape) * own).max()
    if own.min() <= 0 or across > UPRIGHT * own.min():
        return None
    return float(f"{1 / own.mean():.2g}")


def _count(goal: tuple[int, ...]) -> str:
    """`2 ` for a position x, y; nothing for x, y, z."""
    return "" if len(goal) == 3 else f"{len(goal)} "


def _place(kind: Found) -> str:
    last = kind.start + kind.size - 1
    return f"observation {kind.start}" + (f"-{last}" if last > kind.start else "")


def _starts(motion: Motion, number: int) -> np.ndarray:
    """[24, 3] where an object is at resets."""
    at = motion.objects[number].position
    starts = motion.starts
    source = starts.observation if at.source == "observation" else starts.achieved
    return source[:, list(at.columns)]


def _varies(motion: Motion, axis: int) -> bool:
    """Whether all objects start at many places along an axis: a fixture is not symmetric."""
    return all(
        np.ptp(_starts(motion, n)[:, axis]) > motion.objects[n].touch / 2
        for n in range(len(motion.objects))
    )


def _centre(motion: Motion) -> tuple[float, float]:
    """Middle of the places at which objects start and of their goals: x and y."""
    places = [_starts(motion, n) for n in range(len(motion.objects))]
    places += [
        motion.starts.desired[:, list(touched.goal)]
        for touched in motion.objects
        if touched.position.source == "achieved_goal"
    ]
    every = np.concatenate(places)
    x, y = (round(float(v.min() + v.max()) / 2, 3) + 0.0 for v in every.T[:2])  # no -0.0
    return x, y


def _tried(
    simulator: Simulator, motion: Motion, proposed: TaskStructure
) -> tuple[TaskStructure, list[str]]:
    """The structure without symmetries that the data contradict, or positions that are needed."""
    doubts: list[str] = []
    kinds = proposed.column_kinds
    assert kinds is not None
    try:
        described = with_structure(simulator, proposed)
    except UsageError as error:
        doubts.append(f"positions are not hidden: {str(error).partition(': ')[2]}")
        kinds = kinds._replace(hide_positions=False)
        described = with_structure(simulator, proposed._replace(column_kinds=kinds))
    if kinds.symmetries and not described.symmetries:
        doubts.append("no mirrors: there are columns of an unknown kind")
        kinds = kinds._replace(symmetries=())
    every = motion.everything
    shown = Shown(motion.free, every, relations(every.shown))
    for symmetry in described.symmetries:
        against = contradictions(symmetry, shown)
        if against:
            worst = max(against, key=lambda c: c.size)
            at = column_name(worst.column, simulator.spec.observation_size)
            doubts.append(f"no mirror {symmetry.name}: in {at}, {worst.what}")
            left = tuple(n for n in kinds.symmetries if n != symmetry.name)
            kinds = kinds._replace(symmetries=left)
    several = len(motion.objects) > 1
    if several and not any(s.object_permutation for s in described.spec.stages):
        doubts.append(
            "the objects are not alike, so nothing that is learned of one is known of all"
        )
    return proposed._replace(column_kinds=kinds), doubts
