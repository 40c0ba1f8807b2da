"""Whatever an environment does, wherever it is asked: one line, and nothing done is lost."""

import os
import re
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import goalrelay
import stranger_tasks as strangers
from conftest import SMALL
from goalrelay.cli.main import main
from goalrelay.data import rollout
from goalrelay.errors import Notice, TaskFailed, UsageError
from goalrelay.tasks import opengl
from goalrelay.tasks.goal_task import open_task, simulator_of
from goalrelay.train import processes, session, sharing
from goalrelay.train.observer import Observer
from goalrelay.train.stopping import interruptible

TASK = "Faulty-v0"
DROP = SMALL | {"collect.bad_episodes": "drop"}


class Own(BaseException):
    """An error that is no `Exception`."""


class Silent(Exception):
    """An error that cannot say what it is."""

    def __str__(self) -> str:
        raise ValueError("no text")


class Faulty(strangers.Line):
    """Its parts call what stands in `faults`, each by its name."""

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"]}
    faults: dict[str, Any] = {}

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self._fault("reset", seed)
        return super().reset(seed=seed)

    def step(self, action: Any) -> Any:
        self._fault("step", None)
        return super().step(action)

    def compute_reward(self, achieved: np.ndarray, desired: np.ndarray, info: Any) -> Any:
        self._fault("compute_reward", achieved)
        return super().compute_reward(achieved, desired, info)

    def expert(self) -> Any:
        self._fault("expert", None)
        return super().expert()

    def render(self) -> Any:
        self._fault("render", None)
        return np.zeros((16, 16, 3), np.uint8)

    def close(self) -> None:
        self._fault("close", None)

    def _fault(self, part: str, given: Any) -> None:
        if part in self.faults:
            self.faults[part](given)


@pytest.fixture(autouse=True)
def task() -> Iterator[None]:
    kind: Any = Faulty
    gymnasium.register(TASK, kind, max_episode_steps=6)
    yield
    gymnasium.registry.pop(TASK)
    Faulty.faults.clear()


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    return run(tmp_path / "run").folder


def run(out: Path, episodes: int = 4, settings: Any = SMALL, **more: Any) -> session.Result:
    return goalrelay.train("her", TASK, episodes=episodes, out=out, settings=settings, **more)


def raises(error: BaseException, after: int = 0) -> Any:
    """A fault from the call with this number on."""
    calls = iter(range(after))

    def fault(given: Any) -> None:
        if next(calls, None) is None:
            raise error

    return fault


ERRORS = [
    (Own("lost"), "Own: lost"),
    (Silent(), "Silent"),
    (GeneratorExit(), "GeneratorExit"),
    (StopIteration(), "StopIteration"),
    (SystemExit(0), "SystemExit: 0"),
    (KeyError("arm"), "KeyError: 'arm'"),
    (ValueError("one\ntwo"), "one"),
]


@pytest.mark.parametrize(("error", "said"), ERRORS)
@pytest.mark.parametrize("after", [1, 9])
def test_checks_that_fail_early_or_late_are_one_line(
    error: BaseException, said: str, after: int, tmp_path: Path, capsys: Any
) -> None:
    for command in (["inspect", TASK], ["train", "her", TASK, "--out", str(tmp_path / "r")]):
        Faulty.faults["reset"] = raises(error, after)
        assert main(command) == 2
        written = capsys.readouterr().err
        assert written.startswith(f"goalrelay: task '{TASK}'") and written.endswith(f": {said}\n")
        assert written.count("\n") == 1
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(("error", "said"), ERRORS[:4])
def test_commands_on_a_policy_name_the_episode(
    error: BaseException, said: str, trained: Path, tmp_path: Path, capsys: Any
) -> None:
    film = str(tmp_path / "film.gif")
    where = f"task '{TASK}' failed in the episode with seed"
    for fault, command, line in (
        ("step", ["evaluate", str(trained)], rf"{where} \d+, step \d: {said}; --bad-episodes drop"),
        ("render", ["record", str(trained), "--out", film], f"'{TASK}' cannot be drawn: {said}"),
        ("expert", ["demos", "generate", TASK, "--out", film], f"its expert failed: {said}"),
    ):
        Faulty.faults.clear()
        Faulty.faults[fault] = raises(error, 40 if fault == "step" else 0)
        capsys.readouterr()
        assert main(command) == 2
        (written,) = capsys.readouterr().err.splitlines()
        assert re.search(line, written), written


def test_rewards_that_fail_while_it_learns_lose_nothing(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", 12)

    def fault(achieved: np.ndarray) -> None:
        if np.ndim(achieved) == 2 and len(achieved) > 500:  # a batch of a cycle of updates
            calls.append(1)
            if len(calls) > 3:
                raise Own("out of reach")

    calls: list[int] = []
    Faulty.faults["compute_reward"] = fault
    complaint = f"^task '{TASK}': compute_reward failed: Own: out of reach; .* goalrelay resume"
    with pytest.raises(TaskFailed, match=complaint):
        run(tmp_path / "broken", 12)
    Faulty.faults.clear()
    goalrelay.resume(tmp_path / "broken")
    tables = [(tmp_path / name / "progress.csv").read_text() for name in ("whole", "broken")]
    assert tables[0] == tables[1] and whole.episodes == 12


def test_rewards_that_hang_while_it_learns_are_named(tmp_path: Path) -> None:
    over = threading.Event()

    def fault(achieved: np.ndarray) -> None:
        if np.ndim(achieved) == 2 and len(achieved) > 500:
            over.wait()

    Faulty.faults["compute_reward"] = fault
    complaint = "compute_reward failed: it takes longer than 0.3 s of --collect.step-timeout; the"
    try:
        with pytest.raises(TaskFailed, match=complaint):
            run(tmp_path / "r", settings=SMALL | {"collect.step_timeout": 0.3})
    finally:
        over.set()


@pytest.mark.parametrize("fault", [raises(Own()), raises(SystemExit(3)), "hangs"])
def test_closing_changes_nothing(fault: Any, tmp_path: Path, monkeypatch: Any) -> None:
    over = threading.Event()
    monkeypatch.setattr(rollout, "CLOSING", 0.2)
    Faulty.faults["close"] = (lambda _: over.wait()) if fault == "hangs" else fault
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default", Notice)
        assert run(tmp_path / "r").reason == "budget"
    over.set()
    (one,) = [str(warning.message) for warning in told]
    assert one.startswith(f"task '{TASK}': close failed (") and one.endswith("; nothing is lost")


def test_a_bad_episode_of_an_evaluation_counts_as_failed(trained: Path) -> None:
    def fault(seed: int) -> None:
        if seed > 100 and seed % 3 == 0:
            raise Own("stuck")

    Faulty.faults["reset"] = fault
    with pytest.raises(TaskFailed, match="step 0: Own: stuck; --bad-episodes drop counts such"):
        goalrelay.evaluate(trained, episodes=30)
    with pytest.warns(Notice, match=r"^\d+ of 30 episodes count as failed, the first: .* seed"):
        found = goalrelay.evaluate(trained, episodes=30, bad_episodes="drop")
    Faulty.faults.clear()
    assert found.episodes == 30 and np.isfinite(found.mean_return)
    assert found.success < goalrelay.evaluate(trained, episodes=30).success


def test_a_test_whose_episodes_all_fail_names_the_last(trained: Path) -> None:
    def fault(seed: int) -> None:
        if seed > 100:
            raise Own("stuck")

    Faulty.faults["reset"] = fault
    with pytest.raises(TaskFailed, match=r"all 5 episodes of a test failed, the last: .*: stuck"):
        goalrelay.evaluate(trained, episodes=5, bad_episodes="drop")


def test_ctrl_c_is_heard_while_episodes_are_dropped(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", 12)
    settings, failed = DROP | {"collect.threads": 1}, list[int]()

    def fault(seed: int) -> None:
        if seed > 100 and (tmp_path / "r" / "progress.csv").exists():
            failed.append(seed)
            if len(failed) == 3:
                os.kill(os.getpid(), signal.SIGINT)
            raise ValueError("broken")

    Faulty.faults["reset"] = fault
    stopped = run(tmp_path / "r", 12, settings)
    assert stopped.reason == "interrupted" and 3 <= len(failed) < 10
    Faulty.faults.clear()
    goalrelay.resume(tmp_path / "r")
    rows = [(tmp_path / name / "progress.csv").read_text().splitlines() for name in ("whole", "r")]
    assert len(rows[0]) == len(rows[1]) and whole.episodes == 12


def test_environments_with_one_simulator_for_all_are_said(tmp_path: Path) -> None:
    class Shared(strangers.Line):
        places: dict[str, Any] = {}
        place = property(lambda self: self.places["it"], lambda self, x: self.places.update(it=x))

    kind: Any = Shared
    gymnasium.register("Shared-v0", kind, max_episode_steps=6)
    try:
        for threads, said in ((2, True), (1, False)):
            settings, watch = SMALL | {"collect.threads": threads}, Noting()
            out = tmp_path / str(threads)
            goalrelay.train(
                "her", "Shared-v0", episodes=1, out=out, settings=settings, observer=watch
            )
            assert (sharing.SHARED in watch.notes) == said
    finally:
        gymnasium.registry.pop("Shared-v0")
    watch = Noting()
    run(tmp_path / "own", 1, observer=watch)
    assert not watch.notes


class Noting(Observer):
    def __init__(self) -> None:
        self.notes = list[str]()

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_complex_numbers_are_refused() -> None:
    class Wave(strangers.Line):
        """Its `step` gives real rewards, with a warning."""

        def compute_reward(self, achieved: np.ndarray, desired: np.ndarray, info: Any) -> Any:
            return super().compute_reward(achieved, desired, info) + 0j

        def step(self, action: Any) -> Any:
            seen, reward, *rest = super().step(action)
            return (seen, float(reward), *rest)

    class Turned(strangers.Line):
        def look(self) -> Any:
            return {key: part + 0j for key, part in super().look().items()}

    complaints = {Wave: r"compute_reward fails .*answer is complex", Turned: "is complex, and shou"}
    for kind, complaint in complaints.items():
        env: Any = gymnasium.wrappers.TimeLimit(kind(), 6)
        env.horizon = 6
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(UsageError, match=complaint):
                simulator_of(env, "Wave-v0")


def test_a_window_needs_a_display(monkeypatch: Any) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(
        UsageError, match="render_mode=human opens a window, and there is no display"
    ):
        open_task(TASK, ("render_mode=human",))
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert opengl.has_display()


def test_worker_processes_hear_ctrl_c() -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        processes._initialize(None)
        os.kill(os.getpid(), signal.SIGINT)  # between two runs: nothing
        with interruptible() as asked:
            assert not asked()
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
            assert asked()
    finally:
        signal.signal(signal.SIGINT, before)
