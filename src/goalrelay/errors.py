"""Errors that are not bugs: unusable input, and learning that diverged. Texts of one line."""

import os
import shlex
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any


class UsageError(Exception):
    """Unusable input. The message is one line that names the option or the file.

    The command line prints the message and exits with code 2.
    """


class TaskFailed(RuntimeError):
    """An environment failed. The message names the task; in an episode, also its seed and step."""


class Stopped(Exception):
    """The run is to stop, and what it waits for has not come."""


class Diverged(Exception):
    """A loss or a value estimate became infinite, NaN or huge; the last checkpoint is kept."""


class Notice(UserWarning):
    """Something was passed over or replaced; the command line prints it as one line."""


def notices_as_lines() -> None:
    """Let each `Notice` of this process be a line on standard error; the same text once."""
    warnings.simplefilter("default", Notice)
    shown = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *where: Any) -> None:
        if issubclass(category, Notice):
            print(f"goalrelay: {printable(message)}", file=sys.stderr)
        else:
            shown(message, category, *where)

    warnings.showwarning = show


class Blamed:
    """A block of code of an environment: whatever it raises, but for Ctrl-C, is a `TaskFailed`.

    Args:
        where: gives the start of the message; called when something was raised.
    """

    def __init__(self, where: Callable[[], str]):
        self._where = where

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and not isinstance(error, TaskFailed | KeyboardInterrupt):
            raise TaskFailed(f"{self._where()}: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """The first line of an error's message. Its kind comes first where the text says little."""
    plain = isinstance(error, Exception) and not isinstance(error, KeyError)
    return (plain and _first_line(error)) or with_kind(error)


def with_kind(error: BaseException) -> str:
    """`ValueError: the first line of its message`, or the kind alone."""
    kind, text = type(error).__name__, _first_line(error)
    return f"{kind}: {text}" if text else kind


def _first_line(error: BaseException) -> str:
    try:
        return str(error).strip().splitlines()[0]
    except BaseException:  # no text, or an error of an environment whose text fails too
        return ""


def printable(text: object) -> str:
    """A text on one line: line ends, escape codes and the like are escaped."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode()
        for c in str(text)
    )


def shell_word(path: str | Path) -> str:
    """A path as one word of a command line that a person can copy, on one printable line."""
    text = str(path)
    if text.startswith(("~", "-")):  # the home folder, an option
        text = f"./{text}"
    if text.isprintable():
        return shlex.quote(text)
    escaped = (
        c.replace("\\", "\\\\").replace("'", "\\'")
        if c.isprintable()
        else "".join(f"\\x{byte:02x}" for byte in os.fsencode(c))
        for c in text
    )
    return f"$'{''.join(escaped)}'"
