"""Whoever connects to a learner: programs with the key, and what else finds the port."""

import contextlib
import pickle
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goalrelay.cli import main as cli
from goalrelay.data.rollout import rollout
from goalrelay.errors import TaskFailed, UsageError
from goalrelay.scale import link as links
from goalrelay.scale.address import Address, address_of
from goalrelay.scale.episodes import form_of, from_arrays, to_arrays
from goalrelay.scale.link import Link, Lost, WrongKey, connect, encoded
from goalrelay.scale.pool import REMEMBERED, Event, Job, Packed
from goalrelay.scale.socket_pool import SocketPool
from goalrelay.tasks.goal_task import open_task
from goalrelay.types import Episode
from random_policies import policy_in

POINT = "goalrelay/PointReach-v0"
KEY = b"k" * 16
WEIGHTS = Packed(1, {"0.weights.0": np.ones((3, 2), "f")})


class Listening:
    """A pool, its lines, and an episode as it expects them."""

    def __init__(self, host: str = "127.0.0.1"):
        task = open_task(POINT)
        self.lines: list[str] = []
        form = form_of(task.spec, 0)
        self.pool = SocketPool(Address(host, 0), KEY, {"about": 1}, form, self.lines.append)
        self.episode = rollout(task, lambda rng: lambda _: task.random(rng), 0)
        task.close()

    def joined(self) -> tuple[Link, str]:
        """A program that has joined, and its name."""
        link = connect(self.pool.address, KEY)
        assert link.receive().about == {"kind": "welcome", "about": 1}
        link.send(encoded("ready"))
        event = self.event()
        assert event.kind == "joined"
        return link, event.worker

    def event(self) -> Event:
        return self.pool.events.get(timeout=10)

    def line(self) -> str:
        """The next line, which is taken."""
        until(lambda: bool(self.lines))
        return self.lines.pop(0)


def until(happens: Callable[[], bool]) -> None:
    latest = time.monotonic() + 10
    while not happens():
        assert time.monotonic() < latest
        time.sleep(0.01)


@pytest.fixture
def listening() -> Iterator[Listening]:
    made = Listening()
    yield made
    made.pool.close(over=False)


class Trap:
    """It leaves a file where it is unpickled."""

    def __reduce__(self) -> Any:
        return Path.touch, (Path("sprung"),)


def framed(data: bytes) -> bytes:
    return len(data).to_bytes(8, "big") + data


NONSENSE = {
    "a request of a browser": b"GET / HTTP/1.1\r\nHost: learner\r\n\r\n",
    "a pickle": pickle.dumps(Trap()),
    "a pickle in a frame": framed(pickle.dumps(Trap())),
    "a message without a proof": framed(encoded("ready")),
    "too much": (2**60).to_bytes(8, "big") + b"x" * 5000,
    "nothing": b"",
}


@pytest.mark.parametrize("name", NONSENSE)
def test_a_stranger_gets_a_line_and_no_more(
    name: str, listening: Listening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_connection(listening.pool.address) as stranger:
        stranger.sendall(NONSENSE[name])
        with contextlib.suppress(OSError):  # it was closed at once
            stranger.shutdown(socket.SHUT_WR)
        line = listening.line()
        assert line.startswith("a connection from 127.0.0.1 is closed: ")
    assert not Path("sprung").exists()
    listening.joined()


def test_another_key_is_refused_by_both_ends(listening: Listening) -> None:
    for _ in range(2):
        with pytest.raises(WrongKey):
            connect(listening.pool.address, b"x" * 16)
    assert listening.line() == "a connection from 127.0.0.1 is closed: it has another key"
    listening.joined()
    assert not listening.lines, "who tries again and again is told of once"


def test_a_learner_that_has_no_key_is_told_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def pretend() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(framed(b"#CHALLENGE#{sha256}" + b"x" * 40))
                connection.recv(1000)
                connection.sendall(framed(b"#WELCOME#"))
                connection.recv(1000)
                connection.sendall(framed(b"{sha256}" + b"x" * 32))

        threading.Thread(target=pretend, daemon=True).start()
        with pytest.raises(Lost):
            connect(Address(*server.getsockname()), KEY)


def test_one_that_says_nothing_keeps_nobody_waiting(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "HANDSHAKE", 0.5)
    with socket.create_connection(listening.pool.address) as silent:
        silent.recv(4)  # it is being served, with the short limit
        monkeypatch.setattr(links, "HANDSHAKE", 10.0)
        began = time.monotonic()
        listening.joined()
        assert time.monotonic() - began < 5
        monkeypatch.setattr(links, "HANDSHAKE", 0.5)
        silent.settimeout(20)
        while silent.recv(1000):
            pass
        with socket.create_connection(listening.pool.address) as dripping:
            for _ in range(20):
                time.sleep(0.05)
                try:
                    dripping.sendall(b"\0")
                except OSError:
                    break
            else:
                dripping.settimeout(1)
                while dripping.recv(1000):
                    pass
    assert any("it proves no key within" in line for line in listening.lines)


def test_strangers_are_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("goalrelay.scale.socket_pool.STRANGERS", 2)
    listening = Listening()
    silent = [socket.create_connection(listening.pool.address) for _ in range(2)]
    for one in silent:
        assert one.recv(8), "it is asked for a proof"
    with pytest.raises(Lost):
        connect(listening.pool.address, KEY)
    for one in silent:
        one.close()
    listening.line()
    until(lambda: listening.pool._strangers._value == 2)  # pyright: ignore
    listening.joined()
    listening.pool.close(over=False)


BAD: dict[str, bytes] = {
    "a pickle": pickle.dumps(Trap()),
    "no JSON": b"\0\0\0\4junk",
    "no object": b"\0\0\0\2[]",
    "another kind": encoded("dance"),
    "no number": encoded("done", {"job": "5"}),
    "no arrays": encoded("done", {"job": 5}),
    "other arrays": encoded("done", {"job": 5}, {"observation": np.zeros(3)}),
    "no safetensors": encoded("done", {"job": 5}) + b"junk" * 9,
}


@pytest.mark.parametrize("name", BAD)
def test_a_program_that_sends_nonsense_is_dropped(
    name: str, listening: Listening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    link, worker = listening.joined()
    link.send(BAD[name])
    event = listening.event()
    assert (event.worker, event.kind) == (worker, "left") and event.reason.startswith("it sends")
    assert not Path("sprung").exists()
    with pytest.raises(Lost):
        link.receive()


def test_weights_come_once_and_episodes_go_back(listening: Listening) -> None:
    link, worker = listening.joined()
    for number in (4, 5):
        listening.pool.give(worker, Job(number, WEIGHTS, 7, number == 5))
        if number == 4:
            weights = link.receive()
            assert weights.about == {"kind": "weights", "number": 1}
            np.testing.assert_array_equal(weights.arrays["0.weights.0"], np.ones((3, 2)))
        about = {"kind": "job", "number": number, "weights": 1, "seed": 7}
        assert link.receive().about == about | {"evaluation": number == 5}
        link.send(encoded("done", {"job": number}, to_arrays(listening.episode)))
        event = listening.event()
        assert (event.worker, event.kind, event.job) == (worker, "done", number)
        assert isinstance(event.outcome, Episode)
        same(event.outcome, listening.episode)
    link.send(encoded("failed", {"job": 5, "reason": "it fell"}))
    outcome = listening.event().outcome
    assert isinstance(outcome, TaskFailed) and str(outcome) == "it fell"


def test_weights_that_a_worker_has_forgotten_come_again(listening: Listening) -> None:
    link, worker = listening.joined()
    for number in (*range(REMEMBERED + 1), 0):
        listening.pool.give(worker, Job(number, Packed(number, WEIGHTS.arrays), 7, False))
        assert link.receive().about == {"kind": "weights", "number": number}
        assert link.receive().about["kind"] == "job"


def test_a_worker_that_is_dropped_sends_no_more_events(listening: Listening) -> None:
    link, worker = listening.joined()
    listening.pool.drop(worker)
    with pytest.raises(Lost):
        while True:
            link.receive()
    listening.pool.give(worker, Job(1, WEIGHTS, 7, False))
    _, other = listening.joined()
    assert other != worker and listening.pool.events.empty()


@pytest.mark.parametrize("over", [True, False])
def test_workers_are_told_whether_the_run_is_over(over: bool) -> None:
    listening = Listening()
    link, _ = listening.joined()
    closing = threading.Thread(target=listening.pool.close, args=(over,))
    closing.start()
    if over:
        assert link.receive().about == {"kind": "over"}
    with pytest.raises(Lost):
        link.receive()
    link.close()
    closing.join(1.0)
    assert not closing.is_alive()


def test_a_machine_that_vanishes_has_left(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "SILENCE", 0.6)
    monkeypatch.setattr(links, "BEAT", 0.1)
    link, worker = listening.joined()
    time.sleep(1.2)
    assert listening.pool.events.empty(), "it says that it is there"
    monkeypatch.setattr(links, "BEAT", 60)
    event = listening.event()
    assert (event.worker, event.kind) == (worker, "left")
    assert event.reason == "nothing is heard of it for 0.6 s"
    link.close()


def has_ipv6() -> bool:
    """Whether this machine has an address of IPv6."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def test_a_learner_listens_at_an_address_of_ipv6_or_says_that_there_is_none() -> None:
    if not has_ipv6():
        with pytest.raises(UsageError, match=r"--scale.listen \[::1\]:0: "):
            Listening("::1")
        return
    listening = Listening("::1")
    assert str(listening.pool.address).startswith("[::1]:")
    listening.joined()
    listening.pool.close(over=False)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.1:7000", Address("10.0.0.1", 7000)),
        ("robot.lab:0", Address("robot.lab", 0)),
        ("[::]:7000", Address("::", 7000)),
        ("7000", None),
        (":7000", None),
        ("robot:", None),
        ("robot:70000", None),
        ("robot:-1", None),
        ("::1:7000", None),
        ("[]:7000", None),
        ("[robot]:7000", None),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, address: Address | None) -> None:
    if address is not None:
        assert address_of(text, "collect") == address
        assert str(address) == text
        return
    with pytest.raises(UsageError, match=r"collect takes HOST:PORT, such as .* got"):
        address_of(text, "collect")


def test_no_run_listens_without_a_key_or_where_another_does(
    listening: Listening,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    here = str(listening.pool.address)
    words = ["train", "her", POINT, "--out", str(tmp_path / "r"), "--scale.listen", here]
    for key in (None, "short"):
        monkeypatch.delenv("GOALRELAY_KEY", raising=False)
        if key:
            monkeypatch.setenv("GOALRELAY_KEY", key)
        for command, what in ((words, "--scale.listen"), (["collect", here], "collect")):
            assert cli.main(command) == 2
            assert capsys.readouterr().err == (
                f"goalrelay: {what} needs a key that learner and collectors share: the environment "
                "variable GOALRELAY_KEY, of 16 characters or more; `openssl rand -hex 16` makes "
                "one\n"
            )
    monkeypatch.setenv("GOALRELAY_KEY", "k" * 16)
    assert cli.main(words) == 2
    assert capsys.readouterr().err == f"goalrelay: --scale.listen {here}: address already in use\n"
    assert not (tmp_path / "r").exists()


def same(one: Episode, other: Episode) -> None:
    """Two episodes are equal, types included."""
    for name, value in one._asdict().items():
        np.testing.assert_array_equal(value, getattr(other, name))
        assert np.asarray(value).dtype == np.asarray(getattr(other, name)).dtype


@pytest.mark.parametrize(
    "task_id", [POINT, "goalrelay/BitFlip-v0", "goalrelay/PointReachImage-v0", "CartPole-v1"]
)
def test_an_episode_is_the_same_behind_the_wire(task_id: str) -> None:
    task = open_task(task_id)
    episode = rollout(task, lambda rng: lambda _: task.random(rng), 3)
    message = links.decoded(encoded("done", {"job": 1}, to_arrays(episode)))
    same(from_arrays(message.arrays, form_of(task.spec, 0)), episode)
    task.close()


def test_an_episode_of_a_hierarchy_is_the_same_behind_the_wire() -> None:
    task = open_task("goalrelay/PointMaze-v0")
    policy = policy_in(task, "hierarchy")
    episode = rollout(task, policy.acting(), 3)
    form = form_of(task.spec, policy.method.extra_action_size)
    same(from_arrays(to_arrays(episode), form), episode)
    task.close()


def test_what_is_no_episode_of_the_task_is_refused(listening: Listening) -> None:
    good, form = to_arrays(listening.episode), form_of(open_task(POINT).spec, 0)
    from_arrays(good, form)
    steps = len(good["action"])
    for name, bad in {
        "observation": good["observation"][1:],
        "achieved": good["achieved"].astype(int),
        "desired": good["desired"] * np.nan,
        "action": np.zeros((0, good["action"].shape[1]), "f"),
        "terminal": np.zeros(2, bool),
        "image": np.zeros((steps + 1, 4, 4, 3), np.uint8),
        "success": np.asarray([[0.0]]),
    }.items():
        with pytest.raises(ValueError):
            from_arrays(good | {name: bad}, form)
    for arrays in ({}, good | {"more": np.zeros(1)}):
        with pytest.raises(ValueError):
            from_arrays(arrays, form)
    longer = good | {n: np.repeat(good[n], 2, 0) for n in ("action", "observation", "desired")}
    with pytest.raises(ValueError, match=f"it has {2 * steps} steps"):
        from_arrays(longer, form)
