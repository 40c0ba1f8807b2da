"""Ctrl-C in the process of a command, before and after its work: the process ends, without a word.

The imports of a command take seconds, and the end of the interpreter takes some time as well. There
Python answers Ctrl-C with a traceback. This module is imported first, and imports nothing slow. A
process that only uses the library is left alone.
"""

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

INTERRUPTED = 130
"""Exit code of a command that Ctrl-C ended."""


def is_command() -> bool:
    """Whether this process is `goalrelay ...` or `python -m goalrelay.cli ...`."""
    name = sys.argv[0] if sys.argv else ""
    return Path(name).stem == "goalrelay" or (name == "-m" and "goalrelay.cli" in sys.orig_argv)


def leave(code: int) -> None:
    """From now on Ctrl-C ends the process at once, with this exit code."""
    _answer(lambda: os._exit(code))


def interrupt_once() -> None:
    """From now on the first Ctrl-C is a `KeyboardInterrupt`; the next ends the process at once."""

    def interrupt() -> None:
        leave(INTERRUPTED)
        raise KeyboardInterrupt

    _answer(interrupt)


def _answer(answer: Callable[[], None]) -> None:
    """Answer Ctrl-C by a function, where it is not ignored (nohup)."""
    if threading.current_thread() is not threading.main_thread():
        return

    def handle(number: int, frame: FrameType | None) -> None:
        answer()

    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, handle)


if is_command():
    leave(INTERRUPTED)
    # the last that runs, since it is the first that is registered: the exit code stays
    atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
