"""A learner and collectors, as threads and as processes that are killed: one curve."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import goalrelay
import moody_task
from conftest import SMALL
from goalrelay.errors import TaskFailed, UsageError
from goalrelay.scale import link as links
from goalrelay.scale.address import Address
from goalrelay.scale.episodes import form_of, sizes_of
from goalrelay.scale.socket_pool import SocketPool
from goalrelay.tasks.goal_task import open_task
from goalrelay.train import collect as program
from goalrelay.train import config as experiments
from goalrelay.train.observer import Observer
from goalrelay.train.workers import version

POINT, MOODY = "goalrelay/PointReach-v0", "moody_task:Moody-v0"
KEY = "0123456789abcdef"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOALRELAY_KEY", KEY)
    monkeypatch.setattr(program, "FIRST_PAUSE", 0.05)


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Told(Observer):
    """Keeps the notes of a run."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


class Collecting(threading.Thread):
    """A collector in a thread, its lines, and how it ended."""

    def __init__(self, port: int, trust: bool = False):
        super().__init__(daemon=True)
        self.address, self.trust = Address("127.0.0.1", port), trust
        self.lines: list[str] = []
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            program.collect(self.address, KEY.encode(), self.trust, self.lines.append)
        except UsageError as error:
            self.error = error


def curve_of(out: Path, port: int = 0, task: str = POINT, **more: Any) -> tuple[str, list[str]]:
    """The curve of a run that listens, if it has a port, and its notes."""
    shown = Told()
    settings = SMALL | {name.replace("__", "."): value for name, value in more.items()}
    if port:
        settings["scale.listen"] = f"127.0.0.1:{port}"
    goalrelay.train("her", task, episodes=20, seed=3, out=out, settings=settings, observer=shown)
    return (out / "progress.csv").read_text(), shown.notes


def test_the_curve_is_that_of_a_run_without_collectors(
    tmp_path: Path, port: int, small_run: goalrelay.Result
) -> None:
    collectors = [Collecting(port) for _ in range(2)]
    curve, notes = curve_of(tmp_path / "r", port)
    assert curve == (small_run.folder / "progress.csv").read_text()
    at = f"127.0.0.1:{port}"
    assert notes[0] == f"listening at {at}; join by `goalrelay collect {at}`"
    assert sum("joined" in note for note in notes) == 2
    for one in collectors:
        one.join(10)
        assert one.error is None and not one.is_alive()
        assert one.lines[-2:] == [
            f"collecting for the learner at {at}: {POINT}",
            f"the run of the learner at {at} is over",
        ]


def test_with_older_weights_the_curve_does_not_depend_on_the_collectors(
    tmp_path: Path, port: int
) -> None:
    curves = []
    for count in (1, 2):
        collectors = [Collecting(port) for _ in range(count)]
        curves.append(curve_of(tmp_path / f"{count}", port, scale__staleness=2)[0])
        for one in collectors:
            one.join(10)
            assert not one.is_alive()
    assert curves[0] == curves[1]


def test_a_step_may_take_longer_than_the_silence_after_which_a_machine_is_gone(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "SILENCE", 1.5)
    monkeypatch.setattr(links, "BEAT", 0.1)
    collector = Collecting(port)
    shown: list[Any] = []
    learner = threading.Thread(target=lambda: shown.append(curve_of(tmp_path, port, MOODY)))
    learner.start()
    until(lambda: any("collecting" in line for line in collector.lines))
    moody_task.HANG = 3.0
    learner.join(60)
    assert not moody_task.HANG and not any("left" in note for note in shown[0][1])
    collector.join(10)
    assert not any("lost" in line for line in collector.lines)


def test_the_episode_of_a_collector_that_hangs_is_given_to_another(
    tmp_path: Path, port: int, small_run: goalrelay.Result
) -> None:
    first = Collecting(port)
    shown: list[Any] = []

    def learn() -> None:
        shown.append(curve_of(tmp_path / "r", port, MOODY, scale__episode_timeout=2.0))

    learner = threading.Thread(target=learn)
    learner.start()
    until(lambda: any("collecting" in line for line in first.lines))
    moody_task.HANG = 6.0
    second = Collecting(port)
    learner.join(30)
    curve, notes = shown[0]
    assert curve == (small_run.folder / "progress.csv").read_text()
    ended = [note for note in notes if "is ended: its episode takes longer than 2 s" in note]
    assert len(ended) == 1
    for one in (first, second):
        one.join(0.5)


def test_that_no_collector_is_there_is_said_while_the_run_waits(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("goalrelay.scale.collector.PATIENCE", 0.3)
    said = threading.Event()

    class Waiting(Told):
        def note(self, text: str) -> None:
            super().note(text)
            if text.startswith("no worker is there"):
                said.set()

    shown = Waiting()
    settings = SMALL | {"scale.listen": f"127.0.0.1:{port}"}

    def join() -> None:
        assert said.wait(30)
        Collecting(port)

    threading.Thread(target=join, daemon=True).start()
    goalrelay.train("her", POINT, episodes=2, out=tmp_path / "r", settings=settings, observer=shown)
    starts = f"`goalrelay collect 127.0.0.1:{port}` starts one"
    assert f"no worker is there, {starts}; waiting for one" in shown.notes


def until(happens: Callable[[], bool]) -> None:
    latest = time.monotonic() + 60
    while not happens():
        assert time.monotonic() < latest
        time.sleep(0.01)


class Learner:
    """A pool, with what it says of the run."""

    def __init__(self, **about: Any):
        task = open_task(POINT)
        config = experiments.to_json(experiments.make("her", POINT))
        known = {"config": config, "structure": None, "version": version()}
        known |= {"sizes": sizes_of(task.spec)} | about
        self.lines: list[str] = []
        form = form_of(task.spec, 0)
        where = Address("127.0.0.1", 0)
        self.pool = SocketPool(where, KEY.encode(), known, form, self.lines.append)
        task.close()


@pytest.fixture
def learner() -> Iterator[Callable[..., Learner]]:
    made: list[Learner] = []

    def make(**about: Any) -> Learner:
        made.append(Learner(**about))
        return made[-1]

    yield make
    for one in made:
        one.pool.close(over=False)


def config_of(task: str) -> dict[str, Any]:
    return experiments.to_json(experiments.make("her", POINT)) | {"task": task}


REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "version": ({"version": "0.0.1"}, f"AT has goalrelay 0.0.1, here is {version()}"),
    "trust": (
        {"config": config_of("lent_out:Lent-v0")},
        "AT names the task 'lent_out:Lent-v0', whose module 'lent_out' would be imported, which "
        "runs its code; if you trust it, add --trust",
    ),
    "task": (
        {"config": config_of("goalrelay/PointReached-v0")},
        "unknown task 'goalrelay/PointReached-v0'; did you mean 'goalrelay/PointReach-v0'?",
    ),
    "sizes": (
        {"sizes": {"observation_size": 99}},
        f"task '{POINT}': its observation_size is 2 here, and 99 at AT",
    ),
}


@pytest.mark.parametrize("name", ["version", "trust", "task", "sizes"])
def test_a_collector_that_cannot_work_says_why_on_both_sides(
    name: str, learner: Callable[..., Learner]
) -> None:
    about, reason = REFUSALS[name]
    made = learner(**about)
    reason = reason.replace("AT", f"the learner at {made.pool.address}")
    collector = Collecting(made.pool.address.port)
    collector.join(20)
    assert str(collector.error) == reason
    until(lambda: bool(made.lines))
    assert made.lines == [f"a connection from 127.0.0.1 is closed: {reason}"]
    assert made.pool.events.empty(), "the run goes on"


def test_a_module_is_imported_when_the_collector_trusts_the_learner(
    learner: Callable[..., Learner], user_module: Path
) -> None:
    (user_module / "lent_out.py").write_text("raise ImportError('it ran')")
    made = learner(config=config_of("lent_out:Lent-v0"))
    collector = Collecting(made.pool.address.port, trust=True)
    collector.join(20)
    assert "it ran" in str(collector.error)


def test_a_learner_with_another_key_ends_the_collector(
    learner: Callable[..., Learner],
) -> None:
    where = learner().pool.address
    with pytest.raises(UsageError, match=f"the learner at {where} has another key"):
        program.collect(where, b"x" * 16, False, print)


def test_what_learns_nothing_is_asked_again(port: int) -> None:
    with socket.create_server(("127.0.0.1", port)) as server:
        collector = Collecting(port)
        for _ in range(2):
            connection, _ = server.accept()
            connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")
            connection.close()
    until(lambda: bool(collector.lines))
    assert len(collector.lines) == 1 and collector.lines[0].startswith("no learner at 127.0.0.1:")


def test_an_episode_that_fails_there_stops_the_run_here(tmp_path: Path, port: int) -> None:
    collector = Collecting(port)

    def fail() -> None:
        until(lambda: any("collecting" in line for line in collector.lines))
        moody_task.FAIL = True

    threading.Thread(target=fail).start()
    with pytest.raises(TaskFailed, match=r"failed in the episode with seed \d+, step .*it fell; "):
        curve_of(tmp_path / "r", port, MOODY)
    assert not any("is over" in line for line in collector.lines), "the run may go on"


def command(*words: str) -> "subprocess.Popen[str]":
    """A command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "goalrelay.cli", *words],
        env=os.environ | {"GOALRELAY_KEY": KEY},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def rows(run: Path) -> int:
    table = run / "progress.csv"
    return table.read_text().count("\n") if table.exists() else 0


def test_learner_and_collector_are_killed_and_the_curve_is_that_of_an_unbroken_run(
    tmp_path: Path, port: int
) -> None:
    """Each of the two is killed once; Ctrl-C ends a collector at once."""
    run, at = tmp_path / "r", f"127.0.0.1:{port}"
    small = SMALL | {"save.every": 0, "episodes": 100, "seed": 3}
    words = [f"--{name.replace('_', '-')}" for name in small]
    values = [list(map(str, v)) if isinstance(v, tuple) else [str(v)] for v in small.values()]
    options = [w for pair in zip(words, values, strict=True) for w in (pair[0], *pair[1])]
    where = options.index("--save.tensorboard")
    options[where : where + 2] = ["--save.no-tensorboard"]
    collectors = [command("collect", at), command("collect", at)]
    started = ["train", "her", POINT, "--out", str(run), "--scale.listen", at, *options]
    learner = command(*started)
    goalrelay.train("her", POINT, out=tmp_path / "whole", settings=small)
    until(lambda: rows(run) > 3)
    learner.kill()
    assert learner.wait() == -signal.SIGKILL
    learner.communicate()
    before = rows(run)
    assert before < rows(tmp_path / "whole")
    learner = command("resume", str(run))
    until(lambda: rows(run) > before)
    collectors[0].kill()
    shown, _ = learner.communicate(timeout=60)
    assert learner.returncode == 0, shown
    assert (run / "progress.csv").read_text() == (tmp_path / "whole/progress.csv").read_text()
    shown, _ = collectors[1].communicate(timeout=20)
    assert collectors[1].returncode == 0
    lines = [
        re.sub(r"\(.*\)|: it closed.*|: connection.*", "", line) for line in shown.splitlines()
    ]
    assert lines[-4:] == [
        f"collecting for the learner at {at}: {POINT}",
        f"lost the learner at {at}",
        f"collecting for the learner at {at}: {POINT}",
        f"the run of the learner at {at} is over",
    ]
    collectors[0].communicate()
    assert collectors[0].returncode == -signal.SIGKILL


def test_interrupt_ends_a_collector_at_once(port: int) -> None:
    process = command("collect", f"127.0.0.1:{port}")
    assert process.stdout is not None
    assert process.stdout.readline().startswith(f"no learner at 127.0.0.1:{port} (connection ref")
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=10)[0] == ""
    assert process.returncode == 130
