"""A gamepad as Linux tells of it: `/dev/input/js0`, eight bytes an event.

    time uint32 ms, value int16, kind uint8 (1 button, 2 axis; +0x80 as it stood at the opening),
    number uint8 of the button or axis

Sticks and buttons are numbered as on most pads (those of the Xbox and the PlayStation): axes 0 and
1 are the left stick, 3 and 4 the right one; button 0 is A or the cross, button 1 B or the circle.
"""

import os
import struct
from collections import Counter
from pathlib import Path

import numpy as np

DEVICE = Path("/dev/input/js0")
EVENT = struct.Struct("=IhBB")
BUTTON, AXIS, AT_THE_OPENING = 1, 2, 0x80
FULL = 32767
DEAD = 0.15
"""Sticks at rest are off their middle by less than this share of their way."""
MOST_BYTES = 64 * EVENT.size


class Gamepad:
    """An open gamepad, or none: then nothing is ever pressed.

    Args:
        device: to read events from; one that is missing or forbidden counts as none.
    """

    def __init__(self, device: Path = DEVICE):
        self._axes: dict[int, float] = {}
        self._presses: Counter[int] = Counter()
        self._rest = b""
        try:
            self._file: int | None = os.open(device, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        except OSError:
            self._file = None

    @property
    def present(self) -> bool:
        """Whether there is one; it may be unplugged at any time."""
        return self._file is not None

    def sticks(self) -> np.ndarray:
        """[3] in [-1, 1]: left stick to the right, left stick forward, right stick forward."""
        self._read()
        forward = 4 if 4 in self._axes else 3  # pads without analogue triggers have four axes
        ways = [self._axes.get(0, 0.0), -self._axes.get(1, 0.0), -self._axes.get(forward, 0.0)]
        return np.array([way if abs(way) > DEAD else 0.0 for way in ways], np.float32)

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
        if self._file is not None:
            os.close(self._file)
        self._file = None
        self._axes.clear()
        self._presses.clear()

    def _read(self) -> None:
        """Take in what has happened."""
        while self._file is not None:
            try:
                heard = os.read(self._file, MOST_BYTES)
            except BlockingIOError:  # nothing new
                return
            except OSError:  # unplugged
                self.close()
                return
            if not heard:  # the other end of a pipe is closed
                return
            heard = self._rest + heard
            whole = len(heard) - len(heard) % EVENT.size
            self._rest = heard[whole:]
            for _, value, kind, number in EVENT.iter_unpack(heard[:whole]):
                if kind & ~AT_THE_OPENING == AXIS:
                    self._axes[number] = max(value / FULL, -1.0)
                elif kind == BUTTON and value:
                    self._presses[number] += 1
