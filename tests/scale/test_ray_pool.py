"""Workers that Ray starts: real processes, one of which is killed in the middle of a run."""

import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

import goalrelay
from conftest import SMALL
from goalrelay.errors import UsageError
from goalrelay.scale.ray_cluster import connect
from goalrelay.train.observer import Observer

TASK = "goalrelay/PointReach-v0"
SETTINGS = SMALL | {"collect.episodes": 4, "evaluate.every": 8}


class Noting(Observer):
    """Keeps the notes of a run; at the first evaluation a worker's process is killed."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        """A line for the user."""
        self.notes.append(text)

    def evaluation(self, counters: Any, evaluation: Any) -> None:
        """After each evaluation."""
        if counters.episodes == 8:
            mine = psutil.Process().children(recursive=True)
            os.kill(next(p.pid for p in mine if "_Actor" in p.name()), signal.SIGKILL)


def test_a_run_whose_worker_is_killed_has_the_curve_of_threads(tmp_path: Path) -> None:
    def curve(name: str, observer: Observer, **settings: Any) -> str:
        goalrelay.train(
            "her",
            TASK,
            episodes=32,
            out=tmp_path / name,
            settings=SETTINGS | settings,
            observer=observer,
        )
        return (tmp_path / name / "progress.csv").read_text()

    seen = Noting()
    workers = curve("workers", seen, **{"scale.workers": 2})
    assert workers == curve("threads", Observer())
    text = "\n".join(seen.notes)
    assert "worker 0@" in text and "joined" in text
    assert "its process or its machine is gone" in text  # it may have been opening its task


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:1", "--scale.address 127.0.0.1:1: no cluster answers: Connection refused"),
        ("here", "--scale.address takes HOST:PORT, such as .* got 'here'"),
    ],
)
def test_no_cluster_at_an_address_is_one_line(address: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        connect(address, 1, "--scale.address")
