"""Messages over a socket, between two programs that share a key.

A message is a JSON object, and arrays in the format of safetensors:

    length of the rest (8 bytes), length of the JSON (4 bytes), JSON, safetensors or nothing

Nothing of it is unpickled or evaluated. Both ends prove that they have the key, without sending it:
the challenges are those of `multiprocessing`. The messages are neither encrypted nor signed.
"""

import contextlib
import hashlib
import json
import math
import queue
import socket
import threading
import time
from collections.abc import Mapping
from multiprocessing import AuthenticationError
from multiprocessing.connection import answer_challenge, deliver_challenge
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import load, save

from goalrelay.errors import first_line
from goalrelay.scale.address import Address

HANDSHAKE = 10.0
"""Seconds in which both ends have to prove that they have the key."""
BEAT = 5.0
"""Seconds after which an end that has nothing to send says that it is there ..."""
SILENCE = 30.0
"""... and in which the other end takes it for gone if it hears nothing, or can send nothing."""
LARGEST = 2**30
"""Bytes of a message."""
LARGEST_PROOF = 1024
"""Bytes of a message of one that has proved nothing yet."""
PIECE = 2**18
"""Bytes that are sent or received at once."""
NO_MESSAGE = "it sends what is no message"


class Lost(Exception):
    """The other end is gone, or sends what it must not. The text says which, in a few words."""


class WrongKey(Lost):
    """The other end has another key."""


class Message(NamedTuple):
    """What one end says to the other."""

    about: dict[str, Any]
    """JSON; `kind` says what it is."""
    arrays: dict[str, np.ndarray]


def encoded(
    kind: str,
    about: Mapping[str, Any] | None = None,
    arrays: Mapping[str, np.ndarray] | None = None,
) -> bytes:
    """A message as bytes; `decoded` reads them."""
    text = json.dumps({"kind": kind, **(about or {})}).encode()
    return len(text).to_bytes(4, "big") + text + (save(dict(arrays)) if arrays else b"")


def decoded(data: bytes) -> Message:
    """The message of bytes.

    Raises:
        Lost: they are none.
    """
    start = 4 + int.from_bytes(data[:4], "big")
    try:
        about = json.loads(data[4:start])
        arrays = load(data[start:]) if start < len(data) else {}
    except Exception as error:  # of what kind depends on the bytes
        raise Lost(NO_MESSAGE) from error
    if not isinstance(about, dict):
        raise Lost(NO_MESSAGE)
    return Message(about, arrays)


_BEAT = encoded("beat")


class Link:
    """One end of a connection.

    Args:
        connection: that is open; it is closed with the link.
    """

    def __init__(self, connection: socket.socket):
        connection.settimeout(SILENCE)
        with contextlib.suppress(OSError):  # the other end may be gone already
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection
        self._latest = math.inf
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._sender = threading.Thread(target=self._send_all, name="send", daemon=True)

    def open(self, key: bytes, listens: bool) -> None:
        """Prove the key to the other end, and have it prove it; then messages can be sent.

        Args:
            key: of this end.
            listens: whether this is the end that listens; it asks first.

        Raises:
            Lost: the other end is gone, or too slow.
            WrongKey: it has another key.
        """
        self._latest = time.monotonic() + HANDSHAKE
        secret = hashlib.sha256(key).digest()
        end: Any = self  # it has those methods of multiprocessing's connections that are called
        steps = (deliver_challenge, answer_challenge)
        try:
            for step in steps if listens else reversed(steps):
                step(end, secret)
        except AuthenticationError as error:
            raise WrongKey("it has another key") from error
        except (AssertionError, ValueError) as error:
            raise Lost(NO_MESSAGE) from error
        self._latest = math.inf
        self._sender.start()

    def send(self, message: bytes) -> None:
        """Send a message, in a thread; to an end that is gone nothing is sent."""
        self._outgoing.put(message)

    def receive(self) -> Message:
        """The next message.

        Raises:
            Lost: none will come.
        """
        while True:
            message = decoded(self.recv_bytes())
            if message.about.get("kind") != "beat":
                return message

    def finish(self, last: bytes) -> None:
        """Send what is to be sent, and a last message; then the other end has to close."""
        self._outgoing.put(last)
        self._outgoing.put(None)

    def end(self) -> None:
        """End the connection at once; who waits for a message of it gets an error."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._outgoing.put(None)

    def close(self, seconds: float = 0.0) -> None:
        """End the connection, and free it; only for the thread that receives.

        Args:
            seconds: to wait until the last message is sent, after `finish`.
        """
        if seconds:
            self._sender.join(seconds)
        self.end()
        self._socket.close()

    def send_bytes(self, data: bytes) -> None:
        """Send bytes at once, with their length; for the handshake and the sending thread.

        Raises:
            Lost: the other end is gone.
        """
        for part in (len(data).to_bytes(8, "big"), data):
            rest = memoryview(part)
            while rest:
                try:
                    rest = rest[self._socket.send(rest[:PIECE]) :]
                except OSError as error:
                    raise Lost(_reason(error)) from error

    def recv_bytes(self, most: int = LARGEST) -> bytes:
        """The bytes that the other end has sent at once.

        Raises:
            Lost: it is gone, or has sent more bytes.
        """
        if self._latest < math.inf:
            most = LARGEST_PROOF
        length = int.from_bytes(self._read(8), "big")
        if length > most:
            raise Lost(NO_MESSAGE)
        return self._read(length)

    def _read(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            left = self._latest - time.monotonic()
            if left <= 0:
                raise Lost(f"it proves no key within {HANDSHAKE:g} s")
            try:
                self._socket.settimeout(min(SILENCE, left))
                piece = self._socket.recv(min(PIECE, count - len(data)))
            except TimeoutError as error:
                if left < SILENCE:
                    continue
                raise Lost(_reason(error)) from error
            except OSError as error:
                raise Lost(_reason(error)) from error
            if not piece:
                raise Lost("it closed the connection")
            data += piece
        return bytes(data)

    def _send_all(self) -> None:
        """Send messages and beats until the link ends."""
        while True:
            try:
                message = self._outgoing.get(timeout=BEAT)
            except queue.Empty:
                message = _BEAT
            try:
                if message is None:
                    self._socket.shutdown(socket.SHUT_WR)
                    return
                self.send_bytes(message)
            except (Lost, OSError):
                self.end()
                return


def connect(address: Address, key: bytes) -> Link:
    """A connection to one that listens.

    Raises:
        Lost: nobody does, or it proves no key.
        WrongKey: it has another key.
    """
    try:
        link = Link(socket.create_connection(address, HANDSHAKE))
    except TimeoutError as error:
        raise Lost("it does not answer") from error
    except UnicodeError as error:
        raise Lost(f"'{address.host}' cannot be the name of a machine") from error
    except OSError as error:
        raise Lost(_reason(error)) from error
    try:
        link.open(key, listens=False)
    except Lost:
        link.close()
        raise
    return link


def _reason(error: OSError) -> str:
    """Why a connection is lost, in a few words."""
    if isinstance(error, TimeoutError):
        return f"nothing is heard of it for {SILENCE:g} s"
    return (error.strerror or first_line(error)).lower()
