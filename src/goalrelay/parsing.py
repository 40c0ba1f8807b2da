"""Words of the command line -> frozen dataclasses, with tyro; what is wrong becomes one line."""

import contextlib
import io
import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import tyro

from goalrelay.errors import UsageError

Parsed = TypeVar("Parsed")
PositionalPath = Annotated[Path, tyro.conf.Positional]
PositionalWord = Annotated[str, tyro.conf.Positional]


def parse(kind: type[Parsed], words: Sequence[str], command: str, default: Any = None) -> Parsed:
    """Parse with tyro; its boxed errors become one line.

    Raises:
        UsageError: what tyro found wrong.
    """
    complaint = io.StringIO()
    more = {} if default is None else {"default": default}
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(
                kind,
                args=list(words),
                prog=f"goalrelay {command}",
                config=(tyro.conf.FlagCreatePairsOff,),
                **more,
            )
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        raise UsageError(_one_line(complaint.getvalue())) from None


def _one_line(boxed: str) -> str:
    """Tyro's box as one line: what is wrong, and what may have been meant."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", boxed)
    lines = [re.sub("[│╭╮╰╯]", "", line).strip() for line in plain.splitlines()]
    framed = "╭" in plain  # where it cannot be drawn, the title stands above a rule of its own
    title_end = 1 if framed else 2
    body = itertools.takewhile(lambda line: not re.fullmatch("[─-]{3,}", line), lines[title_end:])
    near = re.search(r"--[\w.-]+", plain.partition("Perhaps you meant:")[2])
    return " ".join(body) + (f"; did you mean {near.group()}?" if near else "")
