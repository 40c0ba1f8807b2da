"""Differences between the positions that stages are about, and which of them a task does not show.

A policy that moves an object needs to know where the object is relative to the hand. Fetch's
observation holds that difference; panda-gym's does not. `lacking` finds the differences that no
columns of the observation hold, on a few timesteps. The network is shown them besides the
observation (see `methods.relay.inputs`). `check_hidden` refuses `position_columns` that would hide
a position whose difference to the others is not shown.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from goalrelay.errors import UsageError
from goalrelay.types import Columns, Difference, Observation, Stage

CLOSE = 1e-5
"""Numbers that differ by less than this share of the largest position are the same: float32 keeps
seven digits, and a difference of two positions one or two less."""


def positions(stages: Sequence[Stage]) -> list[Columns]:
    """The parts that stages move or move to, each once; the task's own goals are not among them."""
    parts = [part for stage in stages for pair in stage.constraints for part in pair]
    return list(dict.fromkeys(part for part in parts if part.source != "desired_goal"))


def lacking(
    stages: Sequence[Stage], hidden: Sequence[int], timesteps: Observation
) -> tuple[Difference, ...]:
    """The differences between positions of one size that the observation does not hold.

    Args:
        stages: of the task.
        hidden: columns of the observation that the network may not see.
        timesteps: what the task showed in some episodes, [N, O] and [N, achieved_size].
    """
    visible = timesteps.observation.copy()
    visible[:, list(hidden)] = np.nan  # equal to nothing
    found: list[Difference] = []
    for first, second in itertools.combinations(positions(stages), 2):
        if len(first.columns) != len(second.columns):
            continue
        one, other = _values(first, timesteps), _values(second, timesteps)
        size = CLOSE * max(np.abs(one).max(), np.abs(other).max())
        gap = one - other
        if np.abs(gap).max() > size and not _holds(visible, gap, size):
            found.append(Difference(first, second))
    return tuple(found)


def check_hidden(
    stages: Sequence[Stage],
    hidden: Sequence[int],
    timesteps: Observation,
    where: str,
) -> None:
    """Refuse hidden columns that nothing else shows.

    A hidden column may be one of a position that stages are about, the same number under another
    name, a difference of two of them, a constant, or a number whose difference to such a position
    is shown.

    Args:
        stages: of the task.
        hidden: columns of the observation that the network may not see.
        timesteps: what the task showed in some episodes, [N, O] and [N, achieved_size].
        where: the task, for the message.

    Raises:
        UsageError: naming the column.
    """
    for one, other in itertools.combinations(positions(stages), 2):
        if len(one.columns) == len(other.columns) or _is_within(one, other, timesteps):
            continue
        if all(_is_hidden(part, hidden, timesteps) for part in (one, other)):
            raise UsageError(
                f"{where}: position_columns hides {_named(one)} and {_named(other)}, which have "
                "different sizes, so no difference between them can be shown; give both the same "
                "columns or leave one out of position_columns"
            )
    for column in hidden:
        if not _is_known(column, stages, hidden, timesteps):
            raise UsageError(
                f"{where}: position_columns hides column {column} of the observation, which is no "
                "position that a stage is about, and no difference to one is shown; leave it out "
                "of position_columns, or add the difference to the observation"
            )


def _is_known(
    column: int, stages: Sequence[Stage], hidden: Sequence[int], timesteps: Observation
) -> bool:
    """Whether a hidden column is a position, a constant, or found in what the network sees."""
    parts = [_values(part, timesteps) for part in positions(stages)]
    pairs = itertools.combinations(parts, 2)
    gaps = [one - other for one, other in pairs if one.shape == other.shape]
    coordinates = [values for part in parts for values in part.T]
    shown = coordinates + [values for gap in gaps for values in gap.T]
    own = timesteps.observation[:, column]
    visible = np.delete(timesteps.observation, list(hidden), axis=1)
    size = CLOSE * max([np.abs(own).max(), *(np.abs(values).max() for values in coordinates)])
    same = any(np.abs(own - s * other).max() <= size for other in shown for s in (1, -1))
    relative = any(_holds(visible, (own - place)[:, None], size) for place in coordinates)
    return bool(np.ptp(own) <= size) or same or relative


def _values(part: Columns, timesteps: Observation) -> np.ndarray:
    """The columns of a part: [N, G]"""
    observed = part.source == "observation"
    source = timesteps.observation if observed else timesteps.achieved
    return source[:, list(part.columns)]


def _holds(observation: np.ndarray, wanted: np.ndarray, size: float) -> bool:
    """Whether columns [N, G] stand side by side in an observation [N, O], or their negatives do."""
    width = wanted.shape[1]
    for start in range(observation.shape[1] - width + 1):
        there = observation[:, start : start + width]
        if (np.abs(there - wanted) <= size).all() or (np.abs(there + wanted) <= size).all():
            return True
    return False


def _is_hidden(part: Columns, hidden: Sequence[int], timesteps: Observation) -> bool:
    """Whether a column of a position is hidden, under its own name or as a copy."""
    if part.source == "observation":
        return bool(set(part.columns) & set(hidden))
    columns = _values(part, timesteps)
    copies = timesteps.observation[:, list(hidden)]
    size = CLOSE * np.abs(columns).max()
    return any(np.abs(c - h).max() <= size for c in columns.T for h in copies.T)


def _is_within(one: Columns, other: Columns, timesteps: Observation) -> bool:
    """Whether the columns of the smaller part are among those of the larger, as x among x, y."""
    small, large = sorted((_values(p, timesteps) for p in (one, other)), key=lambda v: v.shape[1])
    size = CLOSE * np.abs(large).max()
    return all(any(np.abs(a - b).max() <= size for b in large.T) for a in small.T)


def _named(part: Columns) -> str:
    return f"{part.source} {', '.join(map(str, part.columns))}"
