"""Ctrl-C and other signals, as a question that a run asks before each cycle."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What stops a run: Ctrl-C, `kill`, and a terminal that closes."""


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Ctrl-C, SIGTERM and SIGHUP stop the run after the cycle; a second one stops it at once.

    Yields:
        a function that returns whether the run is to stop.
    """
    requested = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield requested.is_set
        return

    def request(signum: int, frame: FrameType | None) -> None:
        if requested.is_set():
            raise KeyboardInterrupt
        requested.set()

    heard = [s for s in SIGNALS if signal.getsignal(s) is not signal.SIG_IGN]  # nohup ignores one
    before = {s: signal.signal(s, request) for s in heard}
    try:
        yield requested.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
