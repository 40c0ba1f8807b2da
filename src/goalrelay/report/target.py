"""The file that a report is asked to write: its ending, its folder, and appearing whole."""

from collections.abc import Callable, Sequence
from pathlib import Path

from goalrelay.errors import UsageError
from goalrelay.files import write_atomically


def write_target(out: Path, endings: Sequence[str], write: Callable[[Path], None]) -> None:
    """Let `write` fill a file that then takes its place, making folders on the way.

    Args:
        out: where the file shall be.
        endings: those that `write` knows, such as ".png".
        write: fills the file at the path that it is given, which has the same ending. It is called
            only when a file can be written there, so that long work is not in vain.

    Raises:
        UsageError: another ending, or the file cannot be written.
    """
    if out.suffix.lower() not in endings:
        one_of = ", ".join(endings[:-1]) + " or " + endings[-1]
        raise UsageError(f"--out {out} must end in {one_of}")
    if out.is_dir():
        raise UsageError(f"--out {out} cannot be written: it is a folder")

    def attempt(beside: Path) -> None:
        beside.touch()
        write(beside)

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out, attempt)
    except OSError as error:
        reason = error.strerror or str(error).strip().partition("\n")[0]
        raise UsageError(f"--out {out} cannot be written: {reason}") from error
