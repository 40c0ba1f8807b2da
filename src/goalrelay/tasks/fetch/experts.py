"""Scripted experts: controllers that solve a task from what it shows, for demonstrations and tests.

    expert = push.expert()              one controller plays one episode: it may keep its phase
    action = expert(observation)        [4], from the observation dictionary alone

Here are the pieces that the tasks share: close a gap, push a block, pick one up. A hand asked for
a motion makes two thirds of it in a step, so a plain proportional law neither overshoots nor
swings.
"""

from collections.abc import Callable, Mapping

import numpy as np

from goalrelay.tasks.fetch.environment import STRIDE

Expert = Callable[[Mapping[str, np.ndarray]], np.ndarray]
"""One episode's controller: the observation dictionary -> an action [4] in [-1, 1]."""

OPEN, KEEP, CLOSE = 1.0, 0.0, -1.0
"""The fingers' action."""
OVER = 0.5
"""Height of the grip at which the closed hand passes over everything on the table, m."""
BEHIND = 0.065
"""From the middle of a block to the grip when the hand comes down behind it, m."""
TOUCHING = 0.015
"""Aside of the pushing line, or of a place, by less than this is on it, m."""
CORRECTION = 1.5
"""How much more strongly a push corrects to the side than it goes forward."""
FASTEST = 0.04
"""Motion that a push asks for, m a step: a block that is hit harder slides away."""
BRAKING = 0.5
"""Of the way to the goal that is left, a push asks for this much in a step."""
OVER_KNOB, ON_KNOB = 0.06, 0.035
"""Heights of the grip above a knob: to travel, and when the fingertips are on it, m."""
PRESS, DRAG = 0.015, 0.015
"""Motion asked for to press on a knob and, at most, to drag it, m a step: faster, and it slips."""


def move(gap: np.ndarray, fingers: float = CLOSE, stride: float = STRIDE) -> np.ndarray:
    """The action [4] that closes a gap [3], m."""
    motion = np.asarray(gap) / stride
    return np.append(motion / max(1.0, np.abs(motion).max()), fingers)


def travel(grip: np.ndarray, place: np.ndarray, over: float = OVER, near: float = TOUCHING):
    """Go to a place from above: up, across, down; [4].

    Args:
        grip: [3] where the hand is, m.
        place: [3] where it is to be, m.
        over: height at which it travels, m.
        near: it comes down within this distance in x and y, m.
    """
    gap = place - grip
    far = np.linalg.norm(gap[:2])
    if far > near:
        gap[2] = max(over, place[2]) - grip[2]
        if gap[2] > 0.025:
            gap[:2] *= 0.3
    return move(gap)


def push(grip: np.ndarray, block: np.ndarray, goal: np.ndarray, slack: float = 0.02) -> np.ndarray:
    """Push a block on the table to a goal, and come round over it where the hand is amiss; [4].

    Args:
        grip: [3] where the hand is, m.
        block: [3] middle of the block, m.
        goal: [3] where it is to be, m.
        slack: near enough, m.
    """
    gap = (goal - block)[:2]
    far = float(np.linalg.norm(gap))
    if far < slack:
        return move(np.zeros(3))
    ahead = gap / far
    hand = (grip - block)[:2]
    along = float(hand @ ahead)
    aside = hand - along * ahead
    low = grip[2] < block[2] + 0.03
    if low and along < 0 and np.linalg.norm(aside) < TOUCHING + 0.01:
        close = max(0.0, -along - BEHIND)  # not yet at the block
        forward = ahead * min(FASTEST, BRAKING * far + close)
        return move(np.append(forward - CORRECTION * aside, block[2] - grip[2]))
    return travel(grip, np.append(block[:2] - BEHIND * ahead, block[2]))


class Pick:
    """Pick up a block from above and hold it at a goal.

    Args:
        above: how far above the block the open hand stops before it comes down, m.
        squeeze: steps for which the fingers close before the hand lifts.
    """

    def __init__(self, above: float = 0.06, squeeze: int = 3):
        self._above, self._squeeze = above, squeeze
        self._closed = 0

    def __call__(self, grip: np.ndarray, block: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """The next action [4] for the hand, the block and its goal, [3] each, m."""
        gap = block - grip
        far = float(np.linalg.norm(gap))
        if self._closed and far > 0.04:
            self._closed = 0  # lost
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
        grip: [3] where the hand is, m.
        knob: [3] middle of the knob, m.
        goal: [3] where it is to be, m.
        stride: motion that a unit of action asks for, m.
    """
    gap = knob - grip
    on = grip[2] < knob[2] + ON_KNOB and abs(gap[0]) < 2 * TOUCHING
    if not on and np.linalg.norm(gap[:2]) > TOUCHING:  # not above it
        gap[2] += OVER_KNOB
        if gap[2] > 0.02:
            gap[:2] *= 0.3
        return move(gap, CLOSE, stride)
    gap[2] = -PRESS
    if on:
        gap[0] = np.clip((goal - knob)[0], -DRAG, DRAG) + 0.1 * gap[0]
    return move(gap, CLOSE, stride)
