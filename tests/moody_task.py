"""The point-reacher, with a step that hangs or fails when this module is told."""

import time
from typing import Any

import gymnasium
import numpy as np

from goalrelay.tasks.toy.point_reach import Environment

HANG = 0.0
"""Seconds of the next step; then it is 0 again."""
FAIL = False
"""Whether the next step fails; then it is false again."""


class Moody(Environment):
    """It takes its mood from the module."""

    def step(self, action: np.ndarray) -> Any:
        global HANG, FAIL
        seconds, HANG = HANG, 0.0
        fails, FAIL = FAIL, False
        time.sleep(seconds)
        if fails:
            raise RuntimeError("it fell")
        return super().step(action)


gymnasium.register("Moody-v0", "moody_task:Moody", max_episode_steps=25)
