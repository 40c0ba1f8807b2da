"""Scripted experts: controllers that solve a task, for demonstrations and tests.

    expert = push.expert()              one controller for one episode: it may have memory
    action = expert(obs)                [4], from the observation dictionary alone

This file has the movements that several tasks share: close a gap, push a block, pick one up, drag a
knob. The hand makes two thirds of a commanded motion in a step. So a proportional controller
neither overshoots nor oscillates.
"""

from collections.abc import Callable, Mapping

import numpy as np

from goalrelay.tasks.fetch.simulation import STRIDE

Expert = Callable[[Mapping[str, np.ndarray]], np.ndarray]
"""The controller of one episode: observation dictionary -> action [4] in [-1, 1]."""

OPEN, KEEP, CLOSE = 1.0, 0.0, -1.0
"""Actions of the fingers."""
REACTION = 0.66
"""Fraction of a commanded motion that the hand makes in a step."""
OVER = 0.5
"""Height of the grip at which the closed hand passes over everything on the table, m."""
BEHIND = 0.065
"""Distance from the middle of a block at which the hand comes down behind it, m."""
TOUCHING = 0.015
"""Tolerance to the side of the line of push, or of a target, m."""
CORRECTION = 1.5
"""Gain of a push to the side, relative to its gain forward."""
FASTEST = 0.04
"""Largest commanded motion of a push, m a step: after a harder hit the block slides away."""
BRAKING = 0.5
"""Commanded motion of a push in a step, as a fraction of the distance to the goal."""
OVER_KNOB, ON_KNOB = 0.06, 0.035
"""Heights of the grip above a knob, m: to travel, and with the fingertips on the knob."""
PRESS, DRAG = 0.015, 0.015
"""Commanded motion to press on a knob, and largest one to drag it, m a step: a faster hand slips
off."""


def move(gap: np.ndarray, fingers: float = CLOSE, stride: float = STRIDE) -> np.ndarray:
    """The action [4] that closes a gap [3], m, at the task's motion per unit of action, m."""
    motion = np.asarray(gap) / stride
    return np.append(motion / max(1.0, np.abs(motion).max()), fingers)


def move_to(grip: np.ndarray, target: np.ndarray, fingers: float = 0.0) -> np.ndarray:
    """The action [4] that moves the grip [3] to a target [3], m, in as few steps as possible."""
    action = np.empty(4)
    action[:3] = (target - grip) / (STRIDE * REACTION)
    action[3] = fingers
    return np.clip(action, -1.0, 1.0)


def travel(grip: np.ndarray, target: np.ndarray, height: float = OVER, near: float = TOUCHING):
    """Move to a target from above: up, across, down; [4].

    Args:
        grip: [3] position of the hand, m.
        target: [3] where to go, m.
        height: of the grip while it moves across, m.
        near: distance to the target in x and y within which the hand comes down, m.
    """
    gap = target - grip
    far = np.linalg.norm(gap[:2])
    if far > near:
        gap[2] = max(height, target[2]) - grip[2]
        if gap[2] > 0.025:
            gap[:2] *= 0.3
    return move(gap)


def push(grip: np.ndarray, block: np.ndarray, goal: np.ndarray, slack: float = 0.02) -> np.ndarray:
    """Push a block on the table to a goal; first move behind it, over the block; [4].

    Args:
        grip: [3] position of the hand, m.
        block: [3] middle of the block, m.
        goal: [3] goal of the block, m.
        slack: distance from the goal at which the push ends, m.
    """
    gap = (goal - block)[:2]
    far = float(np.linalg.norm(gap))
    if far < slack:
        return move(np.zeros(3))
    ahead = gap / far  # unit vector of the push
    hand = (grip - block)[:2]
    along = float(hand @ ahead)
    aside = hand - along * ahead
    low = grip[2] < block[2] + 0.03
    if low and along < 0 and np.linalg.norm(aside) < TOUCHING + 0.01:
        close = max(0.0, -along - BEHIND)  # the hand does not touch the block yet
        forward = ahead * min(FASTEST, BRAKING * far + close)
        return move(np.append(forward - CORRECTION * aside, block[2] - grip[2]))
    return travel(grip, np.append(block[:2] - BEHIND * ahead, block[2]))


class Pick:
    """Pick up a block from above and hold it at a goal.

    Args:
        above: height above the block at which the open hand stops before it comes down, m.
        squeeze: number of steps in which the fingers close before the hand lifts.
    """

    def __init__(self, above: float = 0.06, squeeze: int = 3):
        self._above, self._squeeze = above, squeeze
        self._closed = 0

    def __call__(self, grip: np.ndarray, block: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """The next action [4] for the hand, the block and its goal, [3] each, m."""
        gap = block - grip
        far = float(np.linalg.norm(gap))
        if self._closed and far > 0.04:
            self._closed = 0  # the block was lost
        if self._closed or far < 0.008:
            self._closed += 1
            if self._closed <= self._squeeze:
                return move(gap, CLOSE)
            return move(goal - block, CLOSE)
        if np.linalg.norm(gap[:2]) > 0.01:
            gap[2] += self._above
            if gap[2] > 0.02:
                gap[:2] *= 0.3
        return move(gap, OPEN)


def drag(
    grip: np.ndarray, knob: np.ndarray, goal: np.ndarray, stride: float = STRIDE
) -> np.ndarray:
    """Press on a knob from above and drag it to a goal; [4].

    Args:
        grip: [3] position of the hand, m.
        knob: [3] middle of the knob, m.
        goal: [3] goal of the knob, m.
        stride: motion that an action of 1 commands, m.
    """
    gap = knob - grip
    on = grip[2] < knob[2] + ON_KNOB and abs(gap[0]) < 2 * TOUCHING
    if not on and np.linalg.norm(gap[:2]) > TOUCHING:  # the hand is not above the knob
        gap[2] += OVER_KNOB
        if gap[2] > 0.02:
            gap[:2] *= 0.3
        return move(gap, CLOSE, stride)
    gap[2] = -PRESS
    if on:
        gap[0] = np.clip((goal - knob)[0], -DRAG, DRAG) + 0.1 * gap[0]
    return move(gap, CLOSE, stride)
