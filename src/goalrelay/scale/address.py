"""Where a learner listens, and the key that learner and collectors share."""

import os
from typing import NamedTuple

from goalrelay.errors import UsageError

KEY = "GOALRELAY_KEY"
"""Environment variable with the key."""
SHORTEST = 16
"""Characters of a key: a shorter one can be guessed by who listens in."""


class Address(NamedTuple):
    """A host, by name or by number, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        """HOST:PORT, or [HOST]:PORT for IPv6."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address_of(text: str, what: str) -> Address:
    """The address in a text.

    Args:
        text: HOST:PORT, or [HOST]:PORT for IPv6.
        what: the option or the command, for the message.

    Raises:
        UsageError: it is none.
    """
    host, _, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    fits = bool(bare) and (bare == host) == (":" not in bare)
    if not (fits and port.isascii() and port.isdigit() and int(port) < 2**16):
        raise UsageError(
            f"{what} takes HOST:PORT, such as 127.0.0.1:7000 or [::1]:7000, got '{text}'"
        )
    return Address(bare, int(port))


def key_for(what: str) -> bytes:
    """The key of this process.

    Args:
        what: the option or the command, for the message.

    Raises:
        UsageError: there is none, or it is short.
    """
    key = os.environ.get(KEY, "")
    if len(key) < SHORTEST:
        raise UsageError(
            f"{what} needs a key that learner and collectors share: the environment variable "
            f"{KEY}, of {SHORTEST} characters or more; `openssl rand -hex 16` makes one"
        )
    return os.fsencode(key)
