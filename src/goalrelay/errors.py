"""Errors that are not bugs: unusable input, and learning that diverged. Texts of one line."""

import os
import shlex
from pathlib import Path


class UsageError(Exception):
    """Unusable input. The message is one line that names the option or the file.

    The command line prints the message and exits with code 2.
    """


class TaskFailed(RuntimeError):
    """An environment failed in an episode. The message names the task, the seed and the step."""


class Diverged(Exception):
    """A loss or a value estimate became infinite, NaN or huge; the last checkpoint is kept."""


class Notice(UserWarning):
    """Something was passed over or replaced; the command line prints it as one line."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or the name of its kind."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


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
