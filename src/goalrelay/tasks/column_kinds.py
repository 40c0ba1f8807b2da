"""What the columns of a task are, in words: from that its mirrors and positions follow.

    ColumnKinds(
        ("position of hand", "velocity of hand", "position of block", "euler of block",
         "velocity of block", "angular velocity of block"),
    )

names all columns of panda-gym's push in order. A kind is `[COUNT] KIND [of THING]`:

    position, displacement, velocity   x, y and z (with the count 2: x and y)
    angular velocity, euler            about x, y and z (with the count 1: about z)
    quaternion wxyz, quaternion xyzw   an orientation
    same                               one column that no mirror changes, or COUNT of them
    pair along x, pair along y         two sides, which the mirror of that axis exchanges
    unknown                            one column, or COUNT of them: then no mirror is known

z is up. A displacement names both ends: `displacement of block from hand`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from goalrelay.errors import UsageError
from goalrelay.settings import suggest
from goalrelay.types import SignedPermutation, Stage, Symmetry

SIZES = {
    "position": 3,
    "displacement": 3,
    "velocity": 3,
    "angular velocity": 3,
    "euler": 3,
    "quaternion wxyz": 4,
    "quaternion xyzw": 4,
    "same": 1,
    "pair along x": 2,
    "pair along y": 2,
    "unknown": 1,
}
"""Kind -> number of its columns, where no count is given."""
COUNTS = {
    "position": (2, 3),
    "displacement": (2, 3),
    "velocity": (2, 3),
    "angular velocity": (1, 3),
    "euler": (1, 3),
}
"""Kind -> the counts that it can have; `same` and `unknown` can have any, others their size."""
MIRRORS = {"left-right": 1, "front-back": 0}
"""Name of a mirror -> the axis that it turns round."""
QUARTER_TURN = "quarter-turn"
Centre = Callable[[Sequence[int]], float]
"""Columns of the goal that hold a coordinate -> middle of the values that it takes at resets."""


class ColumnKinds(NamedTuple):
    """What the columns of a task are; see the module for the words."""

    observation: tuple[str, ...]
    """All columns of the observation, in order."""
    goal: tuple[str, ...] = ()
    """All columns of the goal. Default: positions of the last things in the observation that have
    a position."""
    action: tuple[str, ...] = ()
    """All columns of the action. Default: a displacement, and other columns that no mirror
    changes."""
    symmetries: tuple[str, ...] = ("left-right", "front-back")
    """Which symmetries the task has: `left-right` mirrors y, `front-back` mirrors x. `quarter-turn`
    is a turn of 90 degrees about the vertical."""
    centre: tuple[float, float] | None = None
    """x and y about which they mirror. Default: the middle of the goals at resets."""
    hide_positions: bool = True
    """Whether the task is the same everywhere: then x and y of positions are `position_columns`."""


class Columned(NamedTuple):
    """A kind and the columns that are of it."""

    kind: str
    thing: str
    columns: tuple[int, ...]


def read(words: Sequence[str], size: int, where: str) -> tuple[Columned, ...]:
    """The kinds with their columns.

    Args:
        words: kinds in order.
        size: number of columns that they have to name.
        where: the task and the key, for messages.

    Raises:
        UsageError: a kind does not exist, or the kinds name another number of columns.
    """
    if isinstance(words, str):
        raise UsageError(f"{where}: column_kinds takes a tuple of kinds, not one string")
    found: list[Columned] = []
    start = 0
    for word in words:
        text, _, thing = word.partition(" of ")
        count, _, rest = text.partition(" ")
        kind = rest if count.isdigit() else text
        if kind not in SIZES:
            near = suggest(kind, SIZES) or f"; there are {', '.join(SIZES)}"
            raise UsageError(f"{where}: unknown kind '{kind}'{near}")
        number = int(count) if count.isdigit() else SIZES[kind]
        counts = COUNTS.get(kind, (SIZES[kind],))
        if number not in counts and (kind not in ("same", "unknown") or not number):
            can = " or ".join(map(str, counts))
            raise UsageError(f"{where}: '{word}' cannot have {number} columns, but {can}")
        found.append(Columned(kind, thing, tuple(range(start, start + number))))
        start += number
    if start != size:
        raise UsageError(f"{where}: column_kinds names {start} columns; there are {size}")
    return tuple(found)


class Reading(NamedTuple):
    """The kinds of all columns of a task."""

    observation: tuple[Columned, ...]
    goal: tuple[Columned, ...]
    action: tuple[Columned, ...]

    @property
    def all(self) -> tuple[Columned, ...]:
        """Of observation, goal and action."""
        return (*self.observation, *self.goal, *self.action)


def reading(kinds: ColumnKinds, sizes: dict[str, int], where: str) -> Reading:
    """The kinds of all columns, with the defaults filled in.

    Args:
        kinds: as declared.
        sizes: number of columns of each key, and of `action`.
        where: the task, for messages.

    Raises:
        UsageError: the kinds do not fit the task.
    """
    if not isinstance(kinds, ColumnKinds):
        raise UsageError(f"{where}: column_kinds is {kinds!r}, not goalrelay.ColumnKinds")
    goals, actions = sizes["desired_goal"], sizes["action"]
    observation = read(kinds.observation, sizes["observation"], f"{where}, observation")
    goal = kinds.goal or _default_goal(observation, goals)
    action = kinds.action or _default_action(actions)
    return Reading(
        observation,
        read(goal, goals, f"{where}, goal"),
        read(action, actions, f"{where}, action"),
    )


def _default_goal(observation: Sequence[Columned], size: int) -> tuple[str, ...]:
    """Positions of the last things that have one, as many as the goal has room for."""
    width = 2 if size == 2 else 3
    things = [c.thing for c in observation if c.kind == "position" and len(c.columns) == width]
    count = size // width
    return tuple(f"{width} position of {thing}" for thing in things[len(things) - count :])


def _default_action(size: int) -> tuple[str, ...]:
    """A displacement of the hand, then columns that no mirror changes."""
    if size < 2:
        return (f"{size} same",)
    width = min(size, 3)
    return (f"{width} displacement", *([f"{size - width} same"] if size > width else []))


def positions(kinds: Reading) -> tuple[int, ...]:
    """Columns of x and y of all positions in the observation."""
    return tuple(n for c in kinds.observation if c.kind == "position" for n in c.columns[:2])


def symmetries(
    kinds: ColumnKinds, found: Reading, centre: Centre, where: str
) -> tuple[Symmetry, ...]:
    """The symmetries that follow from the kinds; none where a column is of an unknown kind.

    Raises:
        UsageError: the name of a symmetry is unknown, or it is not exact for a kind.
    """
    for name in kinds.symmetries:
        if name not in (*MIRRORS, QUARTER_TURN):
            known = ", ".join((*MIRRORS, QUARTER_TURN))
            raise UsageError(f"{where}: column_kinds knows the symmetries {known}, not '{name}'")
    if not kinds.symmetries or any(c.kind == "unknown" for c in found.all):
        return ()
    at = kinds.centre or tuple(centre(_coordinates(found.goal, axis)) for axis in (0, 1))
    return tuple(
        _quarter_turn(found, at, where)
        if name == QUARTER_TURN
        else Symmetry(name, *(_mirror(c, MIRRORS[name], at[MIRRORS[name]]) for c in found))
        for name in kinds.symmetries
    )


def _coordinates(goal: Sequence[Columned], axis: int) -> list[int]:
    """Columns of the goal that hold this coordinate of a position."""
    return [c.columns[axis] for c in goal if c.kind == "position"]


def _mirror(kinds: Sequence[Columned], axis: int, centre: float) -> SignedPermutation:
    """The mirror that turns round an axis, on one array."""
    size = sum(len(c.columns) for c in kinds)
    order, sign, shift = list(range(size)), [1.0] * size, [0.0] * size
    for kind, _, columns in kinds:
        if kind in ("position", "displacement", "velocity"):
            sign[columns[axis]] = -1.0
            if kind == "position":
                shift[columns[axis]] = 2 * centre
        elif kind == f"pair along {'xy'[axis]}":
            order[columns[0]], order[columns[1]] = columns[1], columns[0]
        else:  # a rotation keeps its sense about the axis that is turned round, and no other
            for about, column in _rotations(kind, columns):
                if about != axis:
                    sign[column] = -1.0
    return SignedPermutation(tuple(order), tuple(sign), tuple(shift))


def _rotations(kind: str, columns: tuple[int, ...]) -> list[tuple[int, int]]:
    """Axis and column of each rotation about an axis."""
    if kind in ("angular velocity", "euler"):
        return [(2, columns[0])] if len(columns) == 1 else list(enumerate(columns))
    if kind == "quaternion wxyz":
        return list(enumerate(columns[1:]))
    return list(enumerate(columns[:3])) if kind == "quaternion xyzw" else []


def _quarter_turn(found: Reading, centre: tuple[float, ...], where: str) -> Symmetry:
    """The turn by 90 degrees about the vertical: x -> y, y -> -x about the centre.

    Raises:
        UsageError: the kinds have an orientation or a pair, for which it is not exact.
    """
    exact = ("position", "displacement", "velocity", "angular velocity", "same")
    for column in found.all:
        if column.kind not in exact:
            raise UsageError(f"{where}: the symmetry quarter-turn is not exact for {column.kind}")
    return Symmetry(QUARTER_TURN, *(_turned(kinds, centre) for kinds in found))


def _turned(kinds: Sequence[Columned], centre: tuple[float, ...]) -> SignedPermutation:
    """The quarter turn of one array."""
    size = sum(len(c.columns) for c in kinds)
    order, sign, shift = list(range(size)), [1.0] * size, [0.0] * size
    for kind, _, columns in kinds:
        if kind == "same" or len(columns) == 1:
            continue
        x, y = columns[:2]
        order[x], order[y], sign[x] = y, x, -1.0
        if kind == "position":
            shift[x], shift[y] = centre[0] + centre[1], centre[1] - centre[0]
    return SignedPermutation(tuple(order), tuple(sign), tuple(shift))


def with_permutations(stages: Sequence[Stage], found: Reading) -> tuple[Stage, ...]:
    """The stages, each with the permutation that exchanges its object with the first one.

    Stages that have one keep it. Where an object is not like the first one, there is none.
    """
    things = {n: c.thing for c in found.goal for n in c.columns}
    first = found.goal[0].thing if found.goal else ""
    filled = []
    for stage in stages:
        of_goal = [c for c in (stage.achieved, stage.desired) if c.source != "observation"]
        thing = things.get(of_goal[0].columns[0], "") if of_goal else ""
        if stage.object_permutation is None and thing not in ("", first):
            stage = stage._replace(object_permutation=exchange(found, first, thing))
        filled.append(stage)
    return tuple(filled)


def exchange(found: Reading, first: str, other: str) -> Symmetry | None:
    """The symmetry that exchanges two things; None: they do not have the same columns."""
    changes = [_exchanged(kinds, first, other) for kinds in found]
    observation, goal, action = changes
    if observation is None or goal is None or action is None:
        return None
    return Symmetry(f"{other} first", observation, goal, action)


def _exchanged(kinds: Sequence[Columned], first: str, other: str) -> SignedPermutation | None:
    """The exchange of two things in one array."""
    size = sum(len(c.columns) for c in kinds)
    order, sign = list(range(size)), [1.0] * size
    names = {first: other, other: first}
    for number, (kind, thing, columns) in enumerate(kinds):
        ends = [names.get(end, end) for end in thing.split(" from ")]
        wanted, reverse = " from ".join(ends), " from ".join(reversed(ends))
        if wanted == thing:
            continue
        # the same kind may come twice for one thing: the first to the first, and so on
        rank = sum(c[:2] == (kind, thing) for c in kinds[:number])
        for name, factor in ((wanted, 1.0), (reverse, -1.0)):
            partners = [c.columns for c in kinds if c[:2] == (kind, name)]
            if rank < len(partners) and len(partners[rank]) == len(columns):
                for column, source in zip(columns, partners[rank], strict=True):
                    order[column], sign[column] = source, factor
                break
        else:
            return None
    return SignedPermutation(tuple(order), tuple(sign), (0.0,) * size)
