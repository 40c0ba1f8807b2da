"""Atomic writing of a report's output file, with checks of its ending and its folder."""

from collections.abc import Callable, Sequence
from pathlib import Path

from goalrelay.errors import UsageError
from goalrelay.files import write_atomically


def write_target(out: Path, endings: Sequence[str], write: Callable[[Path], None]) -> None:
    """Write a file atomically; missing folders are made.

    Args:
        out: path of the file.
        endings: allowed endings, such as ".png".
        write: fills a temporary file with the same ending. It is called only after the path was
            found to be writable, so that no long work is lost.

    Raises:
        UsageError: another ending, or the file cannot be written.
    """
    if out.suffix.lower() not in endings:
        one_of = ", ".join(endings[:-1]) + " or " + endings[-1]
        raise UsageError(f"--out {out} must end in {one_of}")
    if out.is_dir():
        raise UsageError(f"--out {out} cannot be written: it is a folder")

    def attempt(temporary: Path) -> None:
        temporary.touch()
        write(temporary)

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out, attempt)
    except OSError as error:
        reason = error.strerror or str(error).strip().partition("\n")[0]
        raise UsageError(f"--out {out} cannot be written: {reason}") from error
