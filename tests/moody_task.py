"""A task whose steps take as long as this module is told; once, one of them may hang."""

import time
from typing import Any

import gymnasium

from stranger_tasks import Line

PAUSE = 0.0
"""Seconds of a step."""
HANG = 0.0
"""Seconds of the next step; then it is 0 again."""


class Moody(Line):
    """The line, at the pace of the module."""

    def step(self, action: Any) -> Any:
        global HANG
        seconds, HANG = PAUSE + HANG, 0.0
        time.sleep(seconds)
        return super().step(action)


gymnasium.register("Moody-v0", Moody, max_episode_steps=6)
