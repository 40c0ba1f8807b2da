"""Whether the environments of a task disturb each other: some have one simulator for all."""

from collections.abc import Callable

import numpy as np

from goalrelay.data.collector import Collecting
from goalrelay.data.rollout import Simulator
from goalrelay.types import Observation

SHARED = (
    "the environments of this task share state: a reset of one changes the others, so episodes "
    "that run at the same time are wrong; use --collect.threads 1"
)


def share_state(simulator: Simulator, collector: Collecting) -> bool:
    """Whether a reset of another environment changes the next step of this one.

    Args:
        simulator: of the task, in this thread.
        collector: has others, in threads of their own.
    """

    def second(between: Callable[[], object]) -> Observation:
        simulator.reset(0)
        between()
        return simulator.step(simulator.random(np.random.default_rng(0)))[0]

    alone = second(lambda: None)
    beside = second(lambda: collector.reset(1))
    again = second(lambda: None)
    return _same(alone, again) and not _same(alone, beside)


def _same(one: Observation, other: Observation) -> bool:
    return all(map(np.array_equal, one, other))
