"""Episodes that fail stop a run or are dropped; what hangs can be named, and can be left."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import goalrelay
import stranger_tasks as strangers
from conftest import SMALL
from goalrelay.errors import TaskFailed
from goalrelay.train import session
from goalrelay.train.logbook import read_table
from goalrelay.train.observer import Observer

DROP = SMALL | {"collect.bad_episodes": "drop"}
BAD: dict[str, Any] = {}
"""What goes wrong with the task: key -> value, in a third of the episodes."""


class Bad(strangers.Line):
    """A third of its starts, by where they are, end in what `BAD` says after two steps."""

    def step(self, action: Any) -> Any:
        seen, reward, *rest, info = super().step(action)
        self.taken += 1
        if self.bad and self.taken > 2:
            if "raises" in BAD:
                raise BAD["raises"]
            reward = BAD.get("reward", reward)
            info = BAD.get("info", info)
            seen |= {key: np.full(1, BAD[key]) for key in strangers.KEYS if key in BAD}
        return seen, reward, *rest, info

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        seen = super().reset(seed=seed)
        self.taken, self.bad = 0, self.np_random.random() < BAD.get("share", 0.34)
        return seen


@pytest.fixture
def task() -> Any:
    """The id of the task, once it was looked at; then things go wrong as `BAD` says."""
    kind: Any = Bad
    gymnasium.register("Bad-v0", kind, max_episode_steps=6)
    yield "Bad-v0"
    gymnasium.registry.pop("Bad-v0")
    BAD.clear()


def run(task: str, out: Path, episodes: int, settings: Any = DROP, **more: Any) -> Any:
    return goalrelay.train("her", task, episodes=episodes, out=out, settings=settings, **more)


def set_bad(**what: Any) -> None:
    BAD.clear()
    BAD.update(what)


@pytest.mark.parametrize(
    ("what", "complaint"),
    [
        (
            {"observation": np.nan},
            r"observation\[0\] became nan in the episode with seed \d+, step",
        ),
        ({"observation": 1e20}, r"observation\[0\] became 1e\+20 in the episode"),
        ({"achieved_goal": -np.inf}, r"achieved_goal\[0\] became -inf"),
        ({"desired_goal": 1e16}, r"desired_goal\[0\] became 1e\+16"),
        ({"reward": np.nan}, r"the reward became nan .* step 3"),
        ({"reward": -1e20}, r"the reward became -1e\+20 .* step 3"),
        ({"reward": "much"}, r"the environment's reward is 'much', and should be one number"),
        ({"info": None}, r"the environment's info is None, and should be a dictionary"),
        ({"info": {"is_success": None}}, r"the environment's is_success is None"),
        ({"info": {"is_success": "yes"}}, r"the environment's is_success is 'yes'"),
        ({"raises": ValueError("broken\nsensor")}, "failed in the episode with seed"),
        ({"raises": SystemExit("goodbye")}, "SystemExit: goodbye"),
    ],
)
def test_what_is_bad_is_named_and_stops_the_run(
    what: dict[str, Any], complaint: str, task: str, tmp_path: Path
) -> None:
    set_bad(share=0)
    with pytest.raises(TaskFailed, match=f"(?s)^task 'Bad-v0'.*{complaint}.*goalrelay resume"):
        run(task, tmp_path / "r", 50, SMALL, observer=Spoiling(what))
    assert (tmp_path / "r" / "checkpoint").exists()


class Spoiling(Observer):
    """Things go wrong from the start of the run on, after the task was looked at."""

    def __init__(self, what: dict[str, Any]):
        self.what, self.notes = what, list[str]()

    def start(self, trainer: Any, folder: Path) -> None:
        set_bad(**self.what)

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.mark.parametrize("what", [{"observation": np.nan}, {"raises": RuntimeError("broken")}])
def test_dropped_episodes_are_counted_and_said_once_and_a_resumed_run_is_the_same(
    what: dict[str, Any], task: str, tmp_path: Path
) -> None:
    settings = DROP | {"collect.episodes": 4, "collect.threads": 3}
    set_bad(share=0)
    spoiling = Spoiling(what)
    whole = run(task, tmp_path / "w", 40, settings, observer=spoiling)
    rows = read_table(whole.folder / "progress.csv")
    dropped = [int(row["dropped"]) for row in rows]
    assert dropped == sorted(dropped) and 5 < dropped[-1] < 40
    assert whole.episodes == 40 and [int(row["episodes"]) for row in rows][-1] == 40
    (note,) = spoiling.notes
    assert note.startswith("task 'Bad-v0'") and "seed" in note and "is dropped" in note
    set_bad(share=0)
    settings |= {"collect.threads": 1}
    broken = run(task, tmp_path / "b", 16, settings, observer=Spoiling(what))
    set_bad(share=0)
    done = session.resume(broken.folder, steps=40 * 6, observer=Spoiling(what))
    table = (done.folder / "progress.csv").read_text()
    assert table == (whole.folder / "progress.csv").read_text()
    assert goalrelay.load(done.folder).task == task


def test_a_run_whose_episodes_all_fail_stops(task: str, tmp_path: Path) -> None:
    set_bad(share=0)
    what = {"observation": np.nan, "share": 1}
    complaint = r"task 'Bad-v0': 100 episodes in a row failed, the last: task .* became nan"
    with pytest.raises(TaskFailed, match=complaint):
        run(task, tmp_path / "r", 50, observer=Spoiling(what))


def test_a_run_without_dropping_has_no_column_of_it(small_run: session.Result) -> None:
    assert "dropped" not in read_table(small_run.folder / "progress.csv")[0]


RELEASE = threading.Event()


class Hanging(strangers.Line):
    """It waits for ever in its 60th step."""

    taken, hangs = 0, 60

    def step(self, action: Any) -> Any:
        Hanging.taken += 1
        if Hanging.taken == self.hangs:
            RELEASE.wait()
        return super().step(action)


def test_an_environment_that_hangs_is_named(tmp_path: Path) -> None:
    Hanging.taken = 0
    kind: Any = Hanging
    gymnasium.register("Hanging-v0", kind, max_episode_steps=6)
    complaint = (
        r"task 'Hanging-v0' hangs: step \d of the episode with seed \d+ takes longer than "
        r"the 0.5 s of --collect.step-timeout; the state before is saved"
    )
    try:
        with pytest.raises(TaskFailed, match=complaint):
            run("Hanging-v0", tmp_path / "r", 50, DROP | {"collect.step_timeout": 0.5})
    finally:
        gymnasium.registry.pop("Hanging-v0")
        RELEASE.set()


HANGING = """
import gymnasium, sys, threading, time, types
sys.path.insert(0, {tests!r})
import stranger_tasks
from goalrelay.train import stopping
class Heard(threading.Event):
    def set(self):
        super().set()
        print("heard", flush=True)
stopping.threading = types.SimpleNamespace(**vars(threading) | dict(Event=Heard))
class Hanging(stranger_tasks.Line):
    taken = 0
    def step(self, action):
        Hanging.taken += 1
        if Hanging.taken == 60:
            print("hangs", flush=True)
            time.sleep(1000)
        return super().step(action)
gymnasium.register("Hanging-v0", Hanging, max_episode_steps=6)
"""


def test_the_second_interrupt_leaves_an_environment_that_hangs(tmp_path: Path) -> None:
    (tmp_path / "hanging.py").write_text(HANGING.format(tests=str(Path(__file__).parent.parent)))
    words = ["-m", "goalrelay.cli", "train", "her", "hanging:Hanging-v0", "--quiet", "--out", "r"]
    process = subprocess.Popen(
        [sys.executable, *words], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "hangs\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "heard\n"  # else a busy machine may take two for one
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 130
