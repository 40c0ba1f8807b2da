"""A person's keys and sticks -> actions of a task.

the window's thread -> Keys ---+
             pygame -> Gamepad +-> Hand -> action [A] in [-1, 1], and commands
"""

import itertools
import math
import threading
import time
from collections import Counter
from collections.abc import Callable

import numpy as np

from goalrelay.data.rollout import Simulator
from goalrelay.demos.teleop.gamepad import Gamepad
from goalrelay.errors import UsageError

RIGHT, LEFT, DOWN, UP, PAGE_UP, PAGE_DOWN, HOME, END = range(262, 270)
SPACE, ESCAPE, ENTER, BACKSPACE = 32, 256, 257, 259
KEYPAD = 320
"""GLFW's key codes; KEYPAD is the 0 of the numeric keypad, and 1 to 9 follow."""
PAIRS = {
    "Right / Left": (RIGHT, LEFT),
    "Up / Down": (UP, DOWN),
    "Page Up / Page Down": (PAGE_UP, PAGE_DOWN),
    "Home / End": (HOME, END),
    "9 / 8": (ord("9"), ord("8")),
    "7 / 6": (ord("7"), ord("6")),
}
"""Keys for a positive and a negative value of each entry of the action, in the action's order.

MuJoCo's viewer has no other use for these keys in a passive window.
"""
ALIKE = {
    KEYPAD: SPACE,
    KEYPAD + 2: DOWN,
    KEYPAD + 3: PAGE_DOWN,
    KEYPAD + 4: LEFT,
    KEYPAD + 6: RIGHT,
    KEYPAD + 8: UP,
    KEYPAD + 9: PAGE_UP,
    335: ENTER,
}
"""Keys of the numeric keypad -> equivalent keys."""
KNOWN = {key for pair in PAIRS.values() for key in pair} | {SPACE, ESCAPE, ENTER, BACKSPACE}
PAD_FINGERS, PAD_AGAIN = 0, 1
"""Buttons of the gamepad."""
TAP_SECONDS = 0.15
"""Assumed duration of a key press without a release event."""


class Keys:
    """State of the keys. The window's thread writes it, and the task's thread reads it.

    Args:
        clock: returns the time, s.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._until: dict[int, float] = {}
        self._presses: Counter[int] = Counter()
        self._lock = threading.Lock()

    def press(self, key: int, release_follows: bool = True) -> None:
        """A key goes down.

        Args:
            key: GLFW's key code; unknown keys are ignored.
            release_follows: whether `release` will be called; if not, the key counts as held for
                TAP_SECONDS.
        """
        key = ALIKE.get(key, key)
        if key in KNOWN:
            with self._lock:
                self._presses[key] += 1
                self._until[key] = math.inf if release_follows else self._clock() + TAP_SECONDS

    def release(self, key: int) -> None:
        """A key comes up."""
        with self._lock:
            self._until.pop(ALIKE.get(key, key), None)

    def held(self, key: int) -> bool:
        """Whether a key is down, or was pressed since the last call: no tap is too short."""
        with self._lock:
            return self._presses.pop(key, 0) > 0 or self._clock() < self._until.get(key, 0.0)

    def presses(self, key: int) -> int:
        """Number of presses of a key since the last call of this or of `held` for it."""
        with self._lock:
            return self._presses.pop(key, 0)

    def pressed(self) -> bool:
        """Whether `presses` of any key would be more than 0."""
        with self._lock:
            return bool(self._presses)

    def forget(self) -> None:
        """Drop all presses; a key that is down counts only after a new press."""
        with self._lock:
            self._until.clear()
            self._presses.clear()


class Hand:
    """Actions from keys and sticks.

    Args:
        task: with continuous actions.
        keys: of the window.
        pad: a gamepad; its left stick sets the first two entries of the action, its right stick
            the third.
        speed: magnitude of a key's action, as a fraction of the largest action.

    Raises:
        UsageError: the task has discrete actions.
    """

    def __init__(self, task: Simulator, keys: Keys, pad: Gamepad, speed: float):
        if task.spec.discrete:
            raise UsageError(
                f"teleop steers continuous actions, and task '{task.id}' has discrete ones"
            )
        self._size = task.spec.action_size
        self.has_fingers = _has_fingers(task)
        self.moves = min(self._size - self.has_fingers, len(PAIRS))
        self.keys, self.pad, self.speed = keys, pad, speed
        self.again = False
        """Whether the person drops this episode and wants another start."""
        self.leaves = False
        """Whether the person ends the session."""
        self._open = True
        self._rested = True

    def begin(self) -> None:
        """Start an episode; keys and sticks that are still held must be released first."""
        self._listen()
        self.keys.forget()
        self.again, self._open = False, True
        self._rested = not self.pad.sticks().any()

    def stirs(self) -> bool:
        """Whether the person has pressed or moved something since `begin`."""
        deflected = bool(self.pad.sticks().any())
        self._rested |= not deflected
        return self.keys.pressed() or self.pad.pressed() or (self._rested and deflected)

    def action(self) -> np.ndarray:
        """The present action [A] in [-1, 1]."""
        self._listen()
        unit = np.zeros(self._size, np.float32)
        pairs = itertools.islice(PAIRS.values(), self.moves)
        for i, (more, less) in enumerate(pairs):
            unit[i] = self.speed * (self.keys.held(more) - self.keys.held(less))
        sticks = self.pad.sticks()[: self.moves]
        unit[: len(sticks)] += sticks
        if self.has_fingers:
            unit[-1] = 1.0 if self._open else -1.0
        return unit.clip(-1, 1)

    def ends(self) -> bool:
        """Whether the person ends the episode."""
        self._listen()
        return self.again or self.leaves

    def _listen(self) -> None:
        """Process the keys and buttons that are commands."""
        keys, pad = self.keys, self.pad
        self.leaves |= keys.presses(ESCAPE) > 0
        drops = keys.presses(ENTER) + keys.presses(BACKSPACE) + pad.presses(PAD_AGAIN)
        self.again |= drops > 0
        if (keys.presses(SPACE) + pad.presses(PAD_FINGERS)) % 2:
            self._open = not self._open


def _has_fingers(task: Simulator) -> bool:
    """Whether the last of four action entries opens and closes the fingers (Fetch robot)."""
    family = {kind.__module__ for kind in type(task.env.unwrapped).__mro__}
    return task.spec.action_size == 4 and any(".fetch." in f"{name}." for name in family)
