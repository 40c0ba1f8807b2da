"""A program that collects episodes for a learner elsewhere (`goalrelay collect`).

It connects to the learner, opens the task that the learner names, and runs one episode for each
job. While the connection is lost it tries to connect again, for ever.
"""

import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from goalrelay.errors import TaskFailed, UsageError
from goalrelay.scale.address import Address
from goalrelay.scale.episodes import sizes_of, to_arrays
from goalrelay.scale.link import NO_MESSAGE, Link, Lost, Message, WrongKey, connect, encoded
from goalrelay.tasks.goal_task import check_trusted
from goalrelay.train.worker import EpisodeWorker
from goalrelay.train.workers import version

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 15.0
"""Seconds between two attempts to connect; each is half as long again as the one before."""
FAREWELL = 2.0
"""Seconds for telling the learner why this program cannot collect."""


def collect(address: Address, key: bytes, trust: bool, say: Callable[[str], None]) -> None:
    """Collect episodes until the run is over.

    Args:
        address: of the learner.
        key: that the learner has too.
        trust: import the module of the task that the learner names, which runs its code.
        say: called with a line when the learner is found, and when it is lost.

    Raises:
        UsageError: the learner has another key, another version or another task; or the task
            cannot be opened here.
    """
    program = _Program(address, trust, say)
    pause = FIRST_PAUSE
    try:
        while True:
            link = program.connected(key)
            if link is not None:
                if program.served(link):
                    return
                pause = FIRST_PAUSE
            time.sleep(pause)
            pause = min(1.5 * pause, LONGEST_PAUSE)
    finally:
        program.close()


class _Program:
    """What stays when the connection is lost: the task, which may take long to open."""

    def __init__(self, address: Address, trust: bool, say: Callable[[str], None]):
        self._address, self._trust, self._say = address, trust, say
        self._told = False
        """Whether it is said that there is no learner."""
        self._worker: EpisodeWorker | None = None
        self._made_of: Mapping[str, Any] = {}

    def connected(self, key: bytes) -> Link | None:
        """A connection to the learner; None: there is none now.

        Raises:
            UsageError: the learner has another key.
        """
        try:
            return connect(self._address, key)
        except WrongKey:
            raise UsageError(f"the learner at {self._address} has another key") from None
        except Lost as error:
            if not self._told:
                what = f"no learner at {self._address} ({error})"
                self._say(f"{what}; trying again until there is one")
                self._told = True
            return None

    def served(self, link: Link) -> bool:
        """Run episodes until the run is over; returns whether it is, else the connection is lost.

        Raises:
            UsageError: see `collect`.
        """
        try:
            self._serve(link)
        except Lost as error:
            what = f"lost the learner at {self._address}: {error}"
            self._say(f"{what}; trying again until it is back")
            self._told = True
            return False
        finally:
            link.close()
        return True

    def close(self) -> None:
        """Free the task."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _serve(self, link: Link) -> None:
        """Run episodes until the run is over.

        Raises:
            Lost: the connection is lost.
            UsageError: see `collect`.
        """
        welcome = link.receive().about
        try:
            worker = self._opened(welcome)
        except UsageError as error:
            link.finish(encoded("refuses", {"reason": str(error)}))
            link.close(FAREWELL)
            raise
        link.send(encoded("ready"))
        self._say(f"collecting for the learner at {self._address}: {welcome['config']['task']}")
        inbox: queue.SimpleQueue[Message | Lost] = queue.SimpleQueue()
        threading.Thread(target=_receive, args=(link, inbox), name="receive", daemon=True).start()
        while not self._followed(_next(inbox), worker, link):
            pass

    def _opened(self, welcome: Mapping[str, Any]) -> EpisodeWorker:
        """A worker for the run of a learner; the one that is there, if it is the same run.

        Raises:
            Lost: it is no learner.
            UsageError: see `collect`.
        """
        try:
            config, structure, theirs = (welcome[k] for k in ("config", "structure", "version"))
            task, sizes = str(config["task"]), dict(welcome["sizes"])
        except (KeyError, ValueError, TypeError) as error:
            raise Lost(NO_MESSAGE) from error
        learner = f"the learner at {self._address}"
        if theirs != version():
            raise UsageError(f"{learner} has goalrelay {theirs}, here is {version()}")
        made_of = {"config": config, "structure": structure}
        if self._worker is None or self._made_of != made_of:
            self.close()
            check_trusted(task, learner, self._trust)
            self._worker, self._made_of = EpisodeWorker(config, structure), made_of
        own = sizes_of(self._worker.spec)
        for name in own:
            if own[name] != sizes.get(name):
                raise UsageError(
                    f"task '{task}': its {name} is {own[name]} here, and {sizes.get(name)} at "
                    f"{learner}"
                )
        self._worker.forget()
        return self._worker

    def _followed(self, message: Message, worker: EpisodeWorker, link: Link) -> bool:
        """Do what the learner says; returns whether it says that the run is over.

        Raises:
            Lost: it says what no learner says.
        """
        about, kind = message.about, message.about.get("kind")
        if kind == "over":
            self._say(f"the run of the learner at {self._address} is over")
            return True
        try:
            if kind == "weights":
                worker.take(int(about["number"]), message.arrays)
                return False
            number, weights, seed = (int(about[name]) for name in ("number", "weights", "seed"))
            evaluation = bool(about["evaluation"])
        except (KeyError, ValueError, TypeError) as error:
            raise Lost(NO_MESSAGE) from error
        if not worker.has(weights):
            raise Lost(NO_MESSAGE)
        outcome = worker.run(weights, seed, evaluation)
        if isinstance(outcome, TaskFailed):
            link.send(encoded("failed", {"job": number, "reason": str(outcome)}))
        else:
            link.send(encoded("done", {"job": number}, to_arrays(outcome)))
        return False


def _receive(link: Link, inbox: "queue.SimpleQueue[Message | Lost]") -> None:
    """Receive messages, while an episode is being run too."""
    try:
        while True:
            inbox.put(link.receive())
    except Lost as error:
        inbox.put(error)


def _next(inbox: "queue.SimpleQueue[Message | Lost]") -> Message:
    """The next message that was received.

    Raises:
        Lost: none will come.
    """
    message = inbox.get()
    if isinstance(message, Lost):
        raise message
    return message
