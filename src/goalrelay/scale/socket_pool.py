"""Workers that join by themselves, over a socket: `goalrelay collect`, on any machine.

They come and go while the run goes on. One thread for each reads what it sends. A worker whose
machine vanishes is silent, and `link.SILENCE` seconds later it has left.
"""

import itertools
import os
import queue
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from goalrelay.errors import TaskFailed, UsageError, first_line
from goalrelay.scale.address import Address
from goalrelay.scale.episodes import Form, from_arrays
from goalrelay.scale.link import NO_MESSAGE, Link, Lost, Message, encoded
from goalrelay.scale.pool import REMEMBERED, Event, Job, Packed

LOOK = 0.2
"""Seconds between two looks whether the pool is closed."""
STRANGERS = 32
"""Connections at a time that have proved no key yet; more are closed."""
FAREWELL = 2.0
"""Seconds for telling the workers that the run is over."""
LONGEST_REASON = 1000
"""Characters of a reason that a worker gives."""


class _Client:
    """A program that has the key."""

    def __init__(self, link: Link):
        self.link = link
        self.joined = False
        """Whether it has opened the task."""
        self.has: deque[int] = deque(maxlen=REMEMBERED)
        """Numbers of the weights that it keeps."""


class SocketPool:
    """Workers that connect; see `pool.Pool`.

    Args:
        address: to listen at; port 0: any free one.
        key: that the workers have too.
        about: what a worker has to know of the run, for JSON.
        form: of the episodes; a worker that sends others is dropped.
        log: called with a line for the user.

    Raises:
        UsageError: nobody can listen at this address.
    """

    most_refused = 1_000_000_000  # a collector that does not fit ends alone

    def __init__(
        self,
        address: Address,
        key: bytes,
        about: Mapping[str, Any],
        form: Form,
        log: Callable[[str], None],
    ):
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._key, self._form, self._log = key, form, log
        self._welcome = encoded("welcome", about)
        self._weights: tuple[int, bytes] = (-1, b"")
        self._numbers = itertools.count()
        self._clients: dict[str, _Client] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._told: set[str] = set()
        self._strangers = threading.BoundedSemaphore(STRANGERS)
        self._server = _listening(address)
        self.address = Address(address.host, self._server.getsockname()[1])
        self._accepting = threading.Thread(target=self._accept, name="accept", daemon=True)
        self._accepting.start()

    def give(self, worker: str, job: Job) -> None:
        """Give a job to a worker that has none, and the weights if it has not got them yet."""
        with self._lock:
            client = self._clients.get(worker)
        if client is None:  # it has left, and the event is on its way
            return
        number = job.acting.number
        if number not in client.has:
            client.has.append(number)
            client.link.send(self._encoded(job.acting))
        about = {"number": job.number, "weights": number, "seed": job.seed}
        client.link.send(encoded("job", about | {"evaluation": job.evaluation}))

    def drop(self, worker: str) -> None:
        """Close the connection of a worker that hangs; it may come back as a new one."""
        with self._lock:
            client = self._clients.pop(worker, None)
        if client is not None:
            client.link.end()

    def close(self, over: bool) -> None:
        """Close all connections; workers get word if the run is over, and else connect again."""
        with self._lock:
            self._closed = True
            clients = list(self._clients.values())
            if not over:
                self._clients.clear()
        for client in clients:
            if over:
                client.link.finish(encoded("over"))
            else:
                client.link.end()
        latest = time.monotonic() + FAREWELL
        while self._clients and time.monotonic() < latest:  # until they have closed their ends
            time.sleep(LOOK / 10)
        self._accepting.join()
        self._server.close()

    def _encoded(self, acting: Packed) -> bytes:
        """The weights as a message, which is the same for all workers."""
        if self._weights[0] != acting.number:
            data = encoded("weights", {"number": acting.number}, acting.arrays)
            self._weights = acting.number, data
        return self._weights[1]

    def _accept(self) -> None:
        """Let each connection have a thread; so a silent one keeps nobody waiting."""
        while not self._closed:
            try:
                connection, peer = self._server.accept()
            except TimeoutError:
                continue
            except OSError:  # such as too many open files
                time.sleep(LOOK)
                continue
            connection.setblocking(True)
            if not self._strangers.acquire(blocking=False):
                connection.close()
                continue
            values = (connection, f"{next(self._numbers)}@{peer[0]}")
            threading.Thread(target=self._serve, args=values, name="worker", daemon=True).start()

    def _serve(self, connection: socket.socket, name: str) -> None:
        """Serve a connection until it ends."""
        link = Link(connection)
        try:
            try:
                link.open(self._key, listens=True)
            finally:
                self._strangers.release()
            self._admit(name, link)
            while True:
                self._take(name, link.receive())
        except Lost as error:
            self._left(name, str(error))
        except Exception as error:  # what it sent, in a way that nobody has thought of
            self._left(name, first_line(error))
        finally:
            link.close()

    def _admit(self, name: str, link: Link) -> None:
        """Let a program that has the key open the task, and join.

        Raises:
            Lost: it has left, or refuses.
        """
        client = _Client(link)
        with self._lock:
            if self._closed:
                raise Lost("the run is over")
            self._clients[name] = client
        link.send(self._welcome)
        about = link.receive().about
        if about.get("kind") == "refuses":
            raise Lost(_text(about))
        if about.get("kind") != "ready":
            raise Lost(NO_MESSAGE)
        with self._lock:
            if name in self._clients and not self._closed:
                client.joined = True
                self.events.put(Event(name, "joined"))

    def _take(self, name: str, message: Message) -> None:
        """Take what a worker that has joined sends.

        Raises:
            Lost: it is not what a worker sends.
        """
        kind, job = message.about.get("kind"), message.about.get("job")
        if kind not in ("done", "failed") or type(job) is not int:
            raise Lost(NO_MESSAGE)
        if kind == "failed":
            outcome = TaskFailed(_text(message.about))
        else:
            try:
                outcome = from_arrays(message.arrays, self._form)
            except (ValueError, KeyError) as error:
                raise Lost(f"it sends what is no episode of this task: {error}") from error
        with self._lock:
            if name in self._clients:
                self.events.put(Event(name, "done", job, outcome))

    def _left(self, name: str, reason: str) -> None:
        """A connection has ended."""
        with self._lock:
            client = self._clients.pop(name, None)
            if self._closed:
                return
            if client is not None and client.joined:
                self.events.put(Event(name, "left", reason=reason))
                return
            host = name.partition("@")[2]
            line = f"a connection from {host} is closed: {reason}"
            if line not in self._told:  # a program that tries again and again is reported once
                self._told.add(line)
                self._log(line)


def _listening(address: Address) -> socket.socket:
    """A socket that listens.

    Raises:
        UsageError: it cannot.
    """
    try:
        family, _, _, _, where = socket.getaddrinfo(
            *address, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        server = socket.create_server(where[:2], family=family, backlog=128)
    except UnicodeError as error:
        raise UsageError(
            f"--scale.listen {address}: '{address.host}' cannot be the name of a machine"
        ) from error
    except OSError as error:
        code = error.errno or 0  # those below 0 are of the resolver
        reason = os.strerror(code) if code > 0 else error.strerror or str(error)
        raise UsageError(f"--scale.listen {address}: {reason.lower()}") from error
    server.settimeout(LOOK)
    return server


def _text(about: Mapping[str, Any]) -> str:
    """The reason that a worker gives."""
    return str(about.get("reason"))[:LONGEST_REASON]
