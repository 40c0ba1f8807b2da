"""A gamepad: two sticks and some buttons, read by pygame (SDL).

Axes and buttons have the numbers that SDL gives them on most pads (Xbox, PlayStation): axes 0 and
1 are the left stick, 3 and 4 the right one; button 0 is A or the cross, button 1 B or the circle.
"""

import os
from collections import Counter
from typing import Any, Protocol

import numpy as np

DEAD = 0.15
"""Sticks at rest are off their middle by less than this share of their way."""


class Joystick(Protocol):
    """What is used of `pygame.joystick.Joystick`."""

    def get_numaxes(self) -> int:
        """How many axes there are."""
        ...

    def get_axis(self, axis_number: int, /) -> float:
        """Where an axis stands: [-1, 1], down and right are positive."""
        ...

    def quit(self) -> None:
        """Free the device."""
        ...


class Gamepad:
    """An open gamepad, or none: then nothing is ever pressed.

    Args:
        joystick: pygame's, None for none.
    """

    def __init__(self, joystick: Joystick | None = None):
        self._joystick = joystick
        self._presses: Counter[int] = Counter()

    @property
    def present(self) -> bool:
        """Whether there is one; it may be unplugged at any time."""
        return self._joystick is not None

    def sticks(self) -> np.ndarray:
        """[3] in [-1, 1]: left stick to the right, left stick forward, right stick forward."""
        self._read()
        if self._joystick is None:
            return np.zeros(3, np.float32)
        axes = self._joystick.get_numaxes()
        right = 4 if axes > 4 else 3  # pads without analogue triggers have four axes
        signs = ((0, 1), (1, -1), (right, -1))
        ways = [sign * self._joystick.get_axis(i) if i < axes else 0.0 for i, sign in signs]
        return np.array([way if abs(way) > DEAD else 0.0 for way in ways], np.float32).clip(-1, 1)

    def presses(self, button: int) -> int:
        """How often a button was pressed since this was last asked."""
        self._read()
        return self._presses.pop(button, 0)

    def pressed(self) -> bool:
        """Whether presses of any button wait to be asked for."""
        self._read()
        return bool(self._presses)

    def close(self) -> None:
        """Free the device; sticks go back to their middle."""
        if self._joystick is not None:
            self._joystick.quit()
        self._joystick = None
        self._presses.clear()

    def _read(self) -> None:
        """Take in what has happened."""
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
    """The first gamepad of this machine; none without one, or without pygame."""
    try:
        pygame = start()
    except ImportError:
        return Gamepad()
    return Gamepad(pygame.joystick.Joystick(0) if pygame.joystick.get_count() else None)


def start() -> Any:
    """Pygame, listening to gamepads while another program's window has the focus.

    Raises:
        ImportError: it is not installed.
    """
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    os.environ.setdefault("SDL_JOYSTICK_ALLOW_BACKGROUND_EVENTS", "1")
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # the window is MuJoCo's, SDL needs none
    import pygame

    if not pygame.display.get_init():
        pygame.display.init()
        pygame.joystick.init()
    return pygame
