"""A gamepad: two sticks and some buttons, read by pygame (SDL).

Axes and buttons have the numbers that SDL gives them on most pads (Xbox, PlayStation): axes 0 and
1 are the left stick, 3 and 4 the right one; button 0 is A or the cross, button 1 B or the circle.
"""

import os
from collections import Counter
from typing import Any, Protocol

import numpy as np

DEAD = 0.15
"""Dead zone: smaller deflections of a stick count as 0."""


class Joystick(Protocol):
    """The used part of `pygame.joystick.Joystick`."""

    def get_numaxes(self) -> int:
        """Number of axes."""
        ...

    def get_axis(self, axis_number: int, /) -> float:
        """Deflection of an axis in [-1, 1]; down and right are positive."""
        ...

    def quit(self) -> None:
        """Free the device."""
        ...


class Gamepad:
    """A gamepad. Without a joystick its sticks stay at 0 and no button is pressed.

    Args:
        joystick: of pygame; None: no gamepad.
    """

    def __init__(self, joystick: Joystick | None = None):
        self._joystick = joystick
        self._presses: Counter[int] = Counter()

    @property
    def present(self) -> bool:
        """Whether a gamepad is connected; it can be unplugged at any time."""
        return self._joystick is not None

    def sticks(self) -> np.ndarray:
        """Deflections [3] in [-1, 1]: left stick right, left stick forward, right stick forward."""
        self._read()
        if self._joystick is None:
            return np.zeros(3, np.float32)
        axes = self._joystick.get_numaxes()
        right = 4 if axes > 4 else 3  # pads without analogue triggers have four axes
        signs = ((0, 1), (1, -1), (right, -1))
        raw = [sign * self._joystick.get_axis(i) if i < axes else 0.0 for i, sign in signs]
        return np.array([x if abs(x) > DEAD else 0.0 for x in raw], np.float32).clip(-1, 1)

    def presses(self, button: int) -> int:
        """Number of presses of a button since the last call for it."""
        self._read()
        return self._presses.pop(button, 0)

    def pressed(self) -> bool:
        """Whether `presses` of any button would be more than 0."""
        self._read()
        return bool(self._presses)

    def close(self) -> None:
        """Free the device; sticks return to 0."""
        if self._joystick is not None:
            self._joystick.quit()
        self._joystick = None
        self._presses.clear()

    def _read(self) -> None:
        """Process the waiting events."""
        if self._joystick is None:
            return
        pygame = start()
        for event in pygame.event.get():  # all of them: a full queue would lose presses
            if event.type == pygame.JOYDEVICEREMOVED:
                self.close()
                return
            if event.type == pygame.JOYBUTTONDOWN:
                self._presses[event.button] += 1


def first() -> Gamepad:
    """The first gamepad of this machine; without a gamepad or without pygame, an absent one."""
    try:
        pygame = start()
    except ImportError:
        return Gamepad()
    return Gamepad(pygame.joystick.Joystick(0) if pygame.joystick.get_count() else None)


def start() -> Any:
    """Pygame, set up to receive gamepad events while another program's window has the focus.

    Raises:
        ImportError: pygame is not installed.
    """
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    os.environ.setdefault("SDL_JOYSTICK_ALLOW_BACKGROUND_EVENTS", "1")
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # the window is MuJoCo's, SDL needs none
    import pygame

    if not pygame.display.get_init():
        pygame.display.init()
        pygame.joystick.init()
    return pygame
