"""Ordered stages of a task, and its symmetries: declared beside the task, in a few lines.

On an environment of one's own:

    class PegEnv(gymnasium.Env):
        stages = (
            Stage("reach", part("observation", 0, 3), part("achieved_goal", 0, 3), 0.05, 0.03),
            Stage("insert", part("achieved_goal", 0, 3), part("desired_goal", 0, 3)),
        )

For an environment of somebody else's: `declare("PandaPush-v3", Decomposition(stages))`.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from goalrelay.errors import UsageError
from goalrelay.types import Body, Pair, Part, Stage, Symmetry, Turn

SOURCES = ("observation", "achieved_goal", "desired_goal")
"""What a part can be a part of."""


class Decomposition(NamedTuple):
    """What relay can know of a task."""

    stages: tuple[Stage, ...] = ()
    """In order of difficulty; the last is the task itself."""
    symmetries: tuple[Symmetry, ...] = ()
    absolute: tuple[int, ...] = ()
    """Observation columns of positions in the room (see `types.Spec.absolute`)."""
    reach: tuple[float, ...] = ()
    """How far a hierarchy's sub-goal may want each of them changed (see `types.Spec.reach`)."""
    body: Body | None = None
    """Which columns turn with the room (see `types.Spec.body`)."""


_declared: dict[str, Decomposition] = {}


def declare(task_id: str, decomposition: Decomposition) -> None:
    """Tell how the task of a Gymnasium id decomposes; replaces what was declared before."""
    _declared[_bare(task_id)] = decomposition


def _bare(task_id: str) -> str:
    """The id without the module that registers it."""
    return task_id.rpartition(":")[2]


def part(
    source: Literal["observation", "achieved_goal", "desired_goal"], start: int, stop: int
) -> Part:
    """Columns start .. stop - 1 of what a task shows under the key `source`."""
    return Part(source, tuple(range(start, stop)))


def turn(size: int, flip: Sequence[int] = (), swap: Sequence[tuple[int, int]] = ()) -> Turn:
    """The change of an array of a size: columns whose sign flips, columns that trade places."""
    order = list(range(size))
    for a, b in swap:
        order[a], order[b] = order[b], order[a]
    sign = [-1.0 if column in flip else 1.0 for column in range(size)]
    return Turn(tuple(order), tuple(sign), (0.0,) * size)


def about(change: Turn, centres: dict[int, float]) -> Turn:
    """The same change with columns mirrored about a centre instead of about zero."""
    shift = [2 * centres[i] if s < 0 and i in centres else 0.0 for i, s in enumerate(change.sign)]
    return change._replace(shift=tuple(shift))


def of_task(task_id: str, env: Any, sizes: dict[str, int], stock: Decomposition) -> Decomposition:
    """What was declared for a task: on the environment, or for its id.

    Args:
        task_id: for messages, and the name under which it may have been declared.
        env: the environment, unwrapped.
        sizes: how many columns each key has, and `action`.
        stock: what comes with the library.

    Raises:
        UsageError: a stage names columns that the task does not have, or goals that do not match.
    """
    own = {name: getattr(env, name) for name in Decomposition._fields if hasattr(env, name)}
    found = Decomposition(**own) if own else _declared.get(_bare(task_id), stock)
    where = f"task '{task_id}'"
    stages = tuple(_stage(stage, where, sizes) for stage in found.stages)
    names = [stage.name for stage in stages]
    if len(set(names)) < len(names):
        raise UsageError(f"{where}: two stages have the same name, of {', '.join(names)}")
    if stages and not _is_task(stages[-1], sizes):
        raise UsageError(
            f"{where}: the last stage, '{names[-1]}', must be the task itself: the whole "
            "achieved_goal and the whole desired_goal"
        )
    things = {pair.achieved for stage in stages for pair in stage.pairs}
    for stage in stages:
        if stage.view is not None:
            _check_view(stage.view, things, f"{where}, stage '{stage.name}', its view", sizes)
    for symmetry in found.symmetries:
        _check_symmetry(symmetry, stages, where, sizes)
    if not set(found.absolute) <= set(range(sizes["observation"])):
        raise UsageError(f"{where}: absolute names columns that the observation does not have")
    if found.reach and (len(found.reach) != len(found.absolute) or min(found.reach) <= 0):
        raise UsageError(f"{where}: reach is a positive number for each column of absolute")
    if found.body is not None:
        _check_body(found.body, where, sizes)
        if len(found.absolute) not in (2, 3):
            raise UsageError(f"{where}: with a body, absolute must be columns of x, y or x, y, z")
        for symmetry in found.body.symmetries:
            _check_symmetry(symmetry, (), where, sizes)
            if not {symmetry.observation.order[c] for c in found.absolute} <= set(found.absolute):
                raise UsageError(f"{where}, symmetry '{symmetry.name}' mixes places with others")
    return Decomposition(
        stages, tuple(found.symmetries), tuple(found.absolute), tuple(found.reach), found.body
    )


def _stage(stage: Stage, where: str, sizes: dict[str, int]) -> Stage:
    """The stage, with its columns as tuples.

    Raises:
        UsageError: what is wrong with it.
    """
    if not isinstance(stage, Stage):
        raise UsageError(f"{where}: {stage!r} is not a goalrelay.Stage")
    where = f"{where}, stage '{stage.name}'"
    first, *also = (_pair(pair, where, sizes) for pair in stage.pairs)
    stage = stage._replace(
        achieved=first.achieved,
        desired=first.desired,
        also=tuple(also),
        scale=stage.scale or stage.switch,
    )
    if stage.threshold is None and not _is_task(stage, sizes):
        raise UsageError(f"{where} needs a threshold: only the whole goal has the task's reward")
    if (stage.threshold or 0) < 0 or stage.switch < 0 or stage.scale <= 0:
        raise UsageError(f"{where}: threshold and switch must not be below 0, scale above 0")
    if stage.gain is not None and len(first.desired.columns) > sizes["action"]:
        raise UsageError(f"{where}: a gain needs at least as many actions as the goal has columns")
    return stage


def _pair(pair: Pair, where: str, sizes: dict[str, int]) -> Pair:
    if not isinstance(pair, Pair):
        raise UsageError(f"{where}: also takes pairs; write Pair(achieved, desired)")
    pieces: list[Part] = []
    for what, piece in zip(("achieved", "desired"), pair, strict=True):
        if not isinstance(piece, Part):
            raise UsageError(f"{where}: {what} is not a part; write part(source, start, stop)")
        if piece.source not in SOURCES:
            raise UsageError(
                f"{where}: {what} is a part of {', '.join(SOURCES)}, not {piece.source}"
            )
        columns, size = tuple(int(c) for c in piece.columns), sizes[piece.source]
        if not columns or not set(columns) <= set(range(size)):
            raise UsageError(f"{where}: {what} has columns {columns}; {piece.source} has {size}")
        pieces.append(Part(piece.source, columns))
    achieved, desired = pieces
    if len(achieved.columns) != len(desired.columns):
        raise UsageError(f"{where}: achieved and desired differ in size")
    return Pair(achieved, desired)


def _is_task(stage: Stage, sizes: dict[str, int]) -> bool:
    """Whether a stage's pairs are the whole achieved and desired goal, piece by piece."""
    alike = all(
        pair.achieved.source == "achieved_goal"
        and pair.desired == Part("desired_goal", pair.achieved.columns)
        for pair in stage.pairs
    )
    columns = sorted(column for pair in stage.pairs for column in pair.desired.columns)
    return alike and columns == list(range(sizes["desired_goal"]))


def _check_body(body: Any, where: str, sizes: dict[str, int]) -> None:
    if not isinstance(body, Body):
        raise UsageError(f"{where}: {body!r} is not a goalrelay.Body")
    lengths = [len(body.rotation), *map(len, body.vectors)]
    columns = [*body.rotation, *(column for vector in body.vectors for column in vector)]
    if lengths != [4] + [3] * len(body.vectors):
        raise UsageError(f"{where}: body has four columns of a rotation, and three of each vector")
    if not set(columns) <= set(range(sizes["observation"])) or len(set(columns)) < len(columns):
        raise UsageError(f"{where}: body names a column twice, or one that is not there")


def _check_view(view: Symmetry, things: set[Part], where: str, sizes: dict[str, int]) -> None:
    """A view changes the places of things, and nothing about goals and actions besides."""
    _check_symmetry(view, (), where, sizes)
    identity = tuple(range(sizes["action"]))
    if view.action.order != identity or set(view.action.sign) != {1} or any(view.action.shift):
        raise UsageError(f"{where} must leave the action as it is")
    if set(view.goal.sign) != {1} or any(view.goal.shift):
        raise UsageError(f"{where} may only change the places of goals")
    for thing in things:
        if thing.source == "achieved_goal":
            image = tuple(view.goal.order.index(column) for column in thing.columns)
            if Part(thing.source, image) not in things:
                raise UsageError(f"{where} takes columns {thing.columns} to what no stage is about")


def _check_symmetry(
    symmetry: Any, stages: Sequence[Stage], where: str, sizes: dict[str, int]
) -> None:
    if not isinstance(symmetry, Symmetry):
        raise UsageError(f"{where}: {symmetry!r} is not a goalrelay.Symmetry")
    where = f"{where}, symmetry '{symmetry.name}'"
    turns = {
        "observation": symmetry.observation,
        "achieved_goal": symmetry.goal,
        "action": symmetry.action,
    }
    for name, change in turns.items():
        if {len(piece) for piece in change} != {sizes[name]}:
            raise UsageError(f"{where}: {name} has {sizes[name]} columns, its turn another number")
        if sorted(change.order) != list(range(sizes[name])):
            raise UsageError(f"{where}: the order of {name} must name each of its columns once")
    for stage in stages:
        for pair in stage.pairs:
            columns, order = pair.achieved.columns, turns[pair.achieved.source].order
            if {order[column] for column in columns} != set(columns):
                raise UsageError(f"{where} mixes columns of stage '{stage.name}' with others")
