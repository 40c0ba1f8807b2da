"""Differences between the positions of stages that the observation of a task does not hold.

A policy that moves an object needs the position of the object relative to the hand. Fetch's
observation holds that difference; panda-gym's does not. `lacking` finds the differences that no
columns of the observation hold, by comparing numbers on a few timesteps. The network gets them in
addition to the observation (see `methods.relay.inputs`).

Position columns are hidden from the network. `check_hidden` refuses to hide a position if its
differences to the other positions are not in the observation.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from goalrelay.errors import UsageError
from goalrelay.types import Columns, Difference, Observation, Stage

CLOSE = 1e-5
"""Numbers are equal if they differ by less than this fraction of the largest position: float32
keeps seven digits, and a difference of two positions keeps five or six."""


def positions(stages: Sequence[Stage]) -> list[Columns]:
    """Achieved and desired columns of all constraints, each once, without the task's own goals."""
    both = [columns for stage in stages for pair in stage.constraints for columns in pair]
    return list(dict.fromkeys(columns for columns in both if columns.source != "desired_goal"))


def lacking(
    stages: Sequence[Stage], hidden: Sequence[int], timesteps: Observation
) -> tuple[Difference, ...]:
    """The differences between positions of equal size that the observation does not hold.

    Args:
        stages: of the task.
        hidden: columns of the observation that the network does not get.
        timesteps: of a few episodes, [N, O] and [N, achieved_size].
    """
    visible = timesteps.observation.copy()
    visible[:, list(hidden)] = np.nan  # equal to nothing
    missing: list[Difference] = []
    for first, second in itertools.combinations(positions(stages), 2):
        if len(first.columns) != len(second.columns):
            continue
        first_values, second_values = _read(first, timesteps), _read(second, timesteps)  # [N, G]
        tolerance = CLOSE * max(np.abs(first_values).max(), np.abs(second_values).max())
        gap = first_values - second_values
        if np.abs(gap).max() > tolerance and not _holds(visible, gap, tolerance):
            missing.append(Difference(first, second))
    return tuple(missing)


def check_hidden(
    stages: Sequence[Stage],
    hidden: Sequence[int],
    timesteps: Observation,
    where: str,
) -> None:
    """Refuse to hide a column whose information is lost.

    A hidden column may hold: a coordinate of a position of a stage, or a copy of one; a difference
    of two of them; a constant; or a number whose difference to such a coordinate is visible.

    Args:
        stages: of the task.
        hidden: columns of the observation that the network does not get.
        timesteps: of a few episodes, [N, O] and [N, achieved_size].
        where: the task, for the message.

    Raises:
        UsageError: names the column.
    """
    for one, other in itertools.combinations(positions(stages), 2):
        if len(one.columns) == len(other.columns) or _is_within(one, other, timesteps):
            continue
        if all(_is_hidden(position, hidden, timesteps) for position in (one, other)):
            raise UsageError(
                f"{where}: position_columns hides {_name(one)} and {_name(other)}, which have "
                "different sizes, so no difference between them can be shown; give both the same "
                "columns or leave one out of position_columns"
            )
    for column in hidden:
        if not _is_recoverable(column, stages, hidden, timesteps):
            raise UsageError(
                f"{where}: position_columns hides column {column} of the observation, which is no "
                "position that a stage is about, and no difference to one is shown; leave it out "
                "of position_columns, or add the difference to the observation"
            )


def _is_recoverable(
    column: int, stages: Sequence[Stage], hidden: Sequence[int], timesteps: Observation
) -> bool:
    """Whether a hidden column is a position, a constant, or relative to a visible column."""
    values = [_read(position, timesteps) for position in positions(stages)]  # [N, G] each
    pairs = itertools.combinations(values, 2)
    gaps = [one - other for one, other in pairs if one.shape == other.shape]
    coordinates = [coordinate for position in values for coordinate in position.T]  # [N] each
    represented = coordinates + [coordinate for gap in gaps for coordinate in gap.T]
    own = timesteps.observation[:, column]
    visible = np.delete(timesteps.observation, list(hidden), axis=1)
    largest = [np.abs(own).max(), *(np.abs(coordinate).max() for coordinate in coordinates)]
    tolerance = CLOSE * max(largest)
    same = any(
        np.abs(own - sign * other).max() <= tolerance for other in represented for sign in (1, -1)
    )
    relative = any(
        _holds(visible, (own - coordinate)[:, None], tolerance) for coordinate in coordinates
    )
    return bool(np.ptp(own) <= tolerance) or same or relative


def _read(columns: Columns, timesteps: Observation) -> np.ndarray:
    """The values of some columns at all timesteps: [N, G]."""
    observed = columns.source == "observation"
    source = timesteps.observation if observed else timesteps.achieved
    return source[:, list(columns.columns)]


def _holds(observation: np.ndarray, values: np.ndarray, tolerance: float) -> bool:
    """Whether adjacent columns of an observation [N, O] equal values [N, G] or their negatives."""
    width = values.shape[1]
    for start in range(observation.shape[1] - width + 1):
        candidate = observation[:, start : start + width]  # [N, G]
        if (np.abs(candidate - values) <= tolerance).all():
            return True
        if (np.abs(candidate + values) <= tolerance).all():
            return True
    return False


def _is_hidden(position: Columns, hidden: Sequence[int], timesteps: Observation) -> bool:
    """Whether a column of a position is hidden, itself or as a copy in the observation."""
    if position.source == "observation":
        return bool(set(position.columns) & set(hidden))
    values = _read(position, timesteps)
    hidden_values = timesteps.observation[:, list(hidden)]
    tolerance = CLOSE * np.abs(values).max()
    return any(np.abs(a - b).max() <= tolerance for a in values.T for b in hidden_values.T)


def _is_within(one: Columns, other: Columns, timesteps: Observation) -> bool:
    """Whether the smaller position is a part of the larger one, as x of x, y."""
    values = (_read(position, timesteps) for position in (one, other))
    small, large = sorted(values, key=lambda array: array.shape[1])
    tolerance = CLOSE * np.abs(large).max()
    return all(any(np.abs(a - b).max() <= tolerance for b in large.T) for a in small.T)


def _name(columns: Columns) -> str:
    return f"{columns.source} {', '.join(map(str, columns.columns))}"
