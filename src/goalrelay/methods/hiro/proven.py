"""What has worked: where those who came to a goal had gone from here.

The map of `landmarks` puts a way together from steps of many episodes. Where something that nobody
observes decides (a block that was grazed, and is jammed), the pieces fit and the whole does not; an
episode that came to the goal is whole. So, as Monte-Carlo control does for states that hide
something (Singh, Jaakkola and Jordan 1994), with moments of episodes for the goal g:

    worth(i -> j) = sum over moments in i that went to j of gamma^(periods until g, if it came to g)
                    / (moments in i that went to j + DOUBT)

Where one went is the cell in which one first was FAR cells away.
"""

import numpy as np

from goalrelay.methods.hiro import landmarks
from goalrelay.methods.hiro.cells import around
from goalrelay.methods.hiro.config import Config, columns, ranges
from goalrelay.relabel import Rules
from goalrelay.replay import Replay
from goalrelay.types import Index, Pull, Spec

FAR = 1
"""Cells from here to where one went: two would cut corners, on which the block may stand."""
SURE = 10
"""Times the map's weight: the critic sees as little of what decides as the map does."""
PERIODS = 10
"""After so many at most."""
DOUBT = 100
"""Moments that led nowhere, beside those that were seen."""
ENOUGH = 30
"""Moments that came to the goal, of those here, before it counts as proven."""


def known(config: Config, spec: Spec) -> bool:
    """Whether ways can be proven: there is a map, and rewards say when a goal is come to."""
    return config.proven and landmarks.known(config, spec) and spec.reward_range is not None


def pull(
    config: Config,
    rules: Rules,
    replay: Replay,
    start: Index,
    desired: np.ndarray,
    rng: np.random.Generator,
) -> Pull:
    """As `landmarks.pull`, under the rules of the task; the weight is 0 where no way is proven."""
    spec = rules.spec
    chosen, reach = columns(config, spec), ranges(config, spec)
    side = landmarks.CELL * reach
    index = replay.sample(landmarks.MOMENTS, rng)
    value = worth(rules, config.period, replay, index)
    rows, count = np.concatenate([index.row, start.row]), len(index.row)
    here = replay.observation[rows[:, None], chosen] / side
    goal = np.concatenate([replay.desired[index.row], desired])[:, : len(chosen)] / side
    cells = around(np.concatenate([here, goal]))
    near, far = cells.number(here), cells.number(goal)
    to = went(config.period, replay, chosen, side, index)
    pair = near * cells.size + far
    found, place = best(pair[:count], to, value, replay.transitions / count)
    asked = pair[count:]
    hit = np.isin(asked, found)
    target = np.zeros((len(asked), len(chosen)), np.float32)
    led = place[np.searchsorted(found, asked[hit])]
    target[hit] = (led - here[count:][hit]) * side / reach
    return Pull(target.clip(-1, 1), SURE * config.landmarks * hit.astype(np.float32))


def worth(rules: Rules, period: int, replay: Replay, index: Index) -> np.ndarray:
    """Discounted arrival [M] of steps at the goals that their episodes had; 0 where they did not.

    An episode arrives when it is rewarded as well as the task can, and is so at its last step.
    """
    spec = rules.spec
    assert spec.reward_range is not None, "asked by the caller"
    first, which = np.unique(index.row - index.time, return_inverse=True)
    length = np.zeros(len(first), np.int64)
    length[which] = index.length
    last = first + length
    highest = spec.reward_range[1]
    came = np.flatnonzero(rules.reward(replay.achieved[last], replay.desired[last]) >= highest)
    value = np.zeros(len(index.row), np.float32)
    if not len(came):
        return value
    times = np.minimum(np.arange(1, length.max() + 1), length[came, None])
    rows = (first[came, None] + times).ravel()
    there = (
        rules.reward(replay.achieved[rows], replay.desired[rows]).reshape(times.shape) >= highest
    )
    arrival = np.full(len(first), -1)
    arrival[came] = 1 + there.argmax(axis=1)
    arrival = arrival[which]
    some = arrival >= 0
    left = np.maximum(arrival[some] - index.time[some], 0) / period
    value[some] = rules.gamma**left
    return value


def went(
    period: int, replay: Replay, columns: list[int], side: np.ndarray, index: Index
) -> np.ndarray:
    """Where steps [M] led to, in cells [M, K]: FAR cells away, or as far as the time was.

    Args:
        period: steps between two looks.
        replay: the facts.
        columns: K of the observation, the place.
        side: [K] of a cell.
        index: the steps.
    """
    times = np.arange(1, PERIODS + 1) * period
    rows = index.row[:, None] + np.minimum(times, (index.length - index.time)[:, None])
    path = replay.observation[rows[..., None], columns] / side
    here = replay.observation[index.row[:, None], columns] / side
    far = np.linalg.norm(path - here[:, None], axis=2) >= FAR
    look = np.where(far.any(axis=1), far.argmax(axis=1), PERIODS - 1)
    return np.asarray(path[np.arange(len(path)), look])


def best(
    pair: np.ndarray, to: np.ndarray, value: np.ndarray, seen: float
) -> tuple[np.ndarray, np.ndarray]:
    """The way of the greatest worth, for each cell and goal.

    Args:
        pair: [M] the cell of each moment and of its goal, as one number.
        to: [M, K] where it led, in cells.
        value: [M] `worth`.
        seen: moments for which each of these stands.

    Returns:
        the pairs [P] for which a way is proven, ascending, and where it leads [P, K].
    """
    came, cells = value > 0, around(to)
    pairs, at = np.unique(pair, return_inverse=True)
    ways, on = np.unique(at * cells.size + cells.number(to), return_inverse=True)
    total = seen * np.bincount(on, value) / (seen * np.bincount(on) + DOUBT)
    of = ways // cells.size
    order = np.lexsort([total, of])  # of a pair's ways the last is the best
    chosen = order[np.append(np.diff(of[order]) > 0, True)]
    arrived = np.maximum(np.bincount(on, came), 1)
    place = np.stack([np.bincount(on, came * column) / arrived for column in to.T], axis=1)
    enough = seen * np.bincount(at, came) >= ENOUGH
    return pairs[enough], place[chosen][enough]
