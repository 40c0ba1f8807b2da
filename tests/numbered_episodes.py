"""Episodes whose every number says where it belongs: [episode, time]. A small ring of them."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from goalrelay.data.buffer import ReplayBuffer
from goalrelay.types import Episode, Spec

HORIZON = 6
CAPACITY = 20
ROWS = 24  # one more row for each of the four episodes that 20 steps can be
SPEC = Spec(2, 3, 3, 1, False, HORIZON, (-1.0, 0.0))
LENGTHS = st.lists(st.integers(1, HORIZON), min_size=1, max_size=40)


def episode(number: int, length: int) -> Episode:
    """Achieved [number, time, -time]; desired goals are 1/2 beyond; the task ends even ones."""
    times = np.arange(length + 1)
    achieved = np.stack([np.full(length + 1, number), times, -times], 1).astype(np.float32)
    action = (100 * number + np.arange(length, dtype=np.float32))[:, None]
    return Episode(achieved[:, :2], achieved, achieved + 0.5, action, number % 2 == 0, 0.0, 0.0)


def filled(lengths: Sequence[int], capacity: int = CAPACITY) -> ReplayBuffer:
    """A buffer that such episodes went into, one after the other."""
    buffer = ReplayBuffer(SPEC, capacity)
    for number, length in enumerate(lengths):
        buffer.add([episode(number, length)])
    return buffer
