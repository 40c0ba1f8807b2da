"""Where one has come from: a little memory beside a place.

What a place leads on to can depend on what was done before and is not observed: a block pushed
aside, or into the way. So a crumb falls where an episode starts, and wherever a sub-goal is set
when the last crumb is STRIDE away or more; the last two crumbs are what is remembered.
"""

import numpy as np

from goalrelay.replay import Replay
from goalrelay.types import Index

STRIDE = 0.6
"""Between two crumbs, as a share of each column's reach."""


def remembered(path: np.ndarray) -> np.ndarray:
    """The last two crumbs at each place of paths: [E, T, K], in shares of the reach -> [E, T, 2K].

    Both are the first place of the path until a second one falls.
    """
    last = before = path[:, 0]
    memory = np.empty((*path.shape[:2], 2 * path.shape[2]), path.dtype)
    for time in range(path.shape[1]):
        here = path[:, time]
        far = np.linalg.norm(here - last, axis=1, keepdims=True) >= STRIDE
        last, before = np.where(far, here, last), np.where(far, last, before)
        memory[:, time] = np.concatenate([before, last], axis=1)
    return memory


def came_from(
    period: int, replay: Replay, columns: list[int], reach: np.ndarray, index: Index
) -> np.ndarray:
    """What is remembered at steps [M]: two places [M, 2K], in shares of the reach."""
    first, which = np.unique(index.row - index.time, return_inverse=True)
    length = np.zeros(len(first), np.int64)
    length[which] = index.length
    times = np.minimum(np.arange(0, length.max() + 1, period), length[:, None])
    path = replay.observation[(first[:, None] + times)[..., None], columns] / reach
    return np.asarray(remembered(path)[which, index.time // period])
