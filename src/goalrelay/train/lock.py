"""One process at a time writes in a run folder: the file `lock` in it says which.

The operating system frees the lock of a process that ends, however it ends. Where a file system has
no locks, who made the file holds the folder.
"""

import contextlib
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from goalrelay.errors import UsageError

NAME = "lock"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the lock of an existing folder.

    Raises:
        UsageError: another process holds it, or it cannot be written.
    """
    file = folder / NAME
    try:
        handle = _taken(file)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}") from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # the folder may be gone
            if _is_still(file, handle):
                file.unlink()
        os.close(handle)


@contextmanager
def turn(file: Path) -> Iterator[None]:
    """Wait until no other process is in such a block of this file, which is made.

    Where the file system has no locks, nobody waits.
    """
    with file.open("a") as handle:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def in_use(folder: Path) -> bool:
    """Whether another process writes in the folder, as its lock says; nothing is locked by this."""
    holder = _holder(folder / NAME)
    pid = holder.get("pid")
    if holder.get("host") != socket.gethostname() or not isinstance(pid, int):
        return bool(holder)  # a process on another host, which cannot be asked
    return _alive(pid)


def host(folder: Path) -> str:
    """The host whose process writes in the folder, as its lock says; empty: none does."""
    return str(_holder(folder / NAME).get("host", ""))


def _taken(file: Path) -> int:
    """The open file, after its lock was taken."""
    while True:
        handle, made = _opened(file)
        try:
            free = _try(handle)
            if not (made if free is None else free):
                _refuse_if_alive(file)
                if _is_still(file, handle):  # a child of a dead process still has it open
                    file.unlink(missing_ok=True)
            else:
                about = {"pid": os.getpid(), "host": socket.gethostname(), "since": _now()}
                os.ftruncate(handle, 0)
                os.write(handle, json.dumps(about).encode())
                if _is_still(file, handle):  # who still read of a dead holder may have removed it
                    return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # it was removed in between


def _opened(file: Path) -> tuple[int, bool]:
    """The open file, and whether it was made by this call: of several processes, by one only."""
    while True:
        with contextlib.suppress(FileExistsError):
            return os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644), True
        with contextlib.suppress(FileNotFoundError):  # removed in between
            return os.open(file, os.O_RDWR), False


def _is_still(file: Path, handle: int) -> bool:
    """Whether the open file is the one at the path."""
    try:
        return os.path.samestat(file.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _try(handle: int) -> bool | None:
    """Whether the lock was taken; None: the file system has no locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _refuse_if_alive(file: Path) -> None:
    """Refuse a folder whose holder lives, or may live on another host.

    Raises:
        UsageError: it does; the message says who.
    """
    holder = _holder(file)
    pid, host = holder.get("pid"), holder.get("host")
    if host == socket.gethostname() and isinstance(pid, int) and not _alive(pid):
        return
    who = f"process {pid} on {host} since {holder.get('since')}" if holder else "another process"
    raise UsageError(f"{file.parent} is in use by {who}; if that is not so, delete {file}")


def _holder(file: Path) -> dict[str, Any]:
    try:
        about = json.loads(file.read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return about if isinstance(about, dict) else {}


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")
