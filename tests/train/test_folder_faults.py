"""A run folder that cannot be written, is gone, is in use, or holds half-written files."""

import errno
import json
import multiprocessing
import os
import shutil
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

import goalrelay
from conftest import SMALL
from goalrelay import files
from goalrelay.cli import main as cli
from goalrelay.errors import Notice, UsageError
from goalrelay.train import lock, session, tensors
from goalrelay.train.checkpoint import cycles
from goalrelay.train.observer import Observer

POINT = "goalrelay/PointReach-v0"
OFTEN = SMALL | {"save.every": 0}


class At(Observer):
    """It does something after a number of cycles."""

    def __init__(self, cycle: int, act: Any):
        self.at, self.act = cycle, act

    def cycle(self, counters: Any, spent: float) -> None:
        if counters.cycle == self.at:
            self.act()


def full(*_: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "there")


@pytest.mark.parametrize("what", ["tensors", "text", "events"])
def test_a_full_disk_stops_the_run_in_one_line_and_leaves_the_last_state(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, settings = tmp_path / "r", OFTEN | {"save.tensorboard": what == "events"}

    def fill() -> None:
        if what == "tensors":
            monkeypatch.setattr(tensors, "save_file", full)
        if what == "text":
            monkeypatch.setattr(files.Path, "write_text", full)
        if what == "events":
            monkeypatch.setattr("tensorboardX.record_writer.RecordWriter.write", full)

    complaint = r"there cannot be written: No space left on device; the run stops, the checkpoint"
    with pytest.raises(UsageError, match=complaint):
        goalrelay.train("her", POINT, episodes=9, out=run, settings=settings, observer=At(7, fill))
    monkeypatch.undo()
    hidden = [file for file in run.rglob(".*") if files.UNFINISHED.fullmatch(file.name)]
    assert not hidden and not (run / "lock").exists()
    done = session.resume(run, steps=9 * 25)
    assert done.episodes == 9
    whole = goalrelay.train("her", POINT, episodes=9, out=tmp_path / "w", settings=OFTEN)
    assert (run / "progress.csv").read_text() == (whole.folder / "progress.csv").read_text()


def test_a_folder_that_is_gone_stops_the_run_in_one_line(tmp_path: Path) -> None:
    run = tmp_path / "r"
    remove = At(3, lambda: shutil.rmtree(run))
    with pytest.raises(UsageError, match=r"cannot be written: No such file .* has no checkpoint"):
        goalrelay.train("her", POINT, episodes=9, out=run, settings=OFTEN, observer=remove)
    assert not run.exists()


def test_a_broken_connection_is_no_fault_of_the_folder(tmp_path: Path) -> None:
    def broken() -> None:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    with pytest.raises(BrokenPipeError):
        goalrelay.train(
            "her", POINT, episodes=9, out=tmp_path / "r", settings=OFTEN, observer=At(3, broken)
        )
    assert session.resume(tmp_path / "r").episodes == 9


def test_a_folder_that_may_not_be_written_is_refused(
    tmp_path: Path, small_run: session.Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: Any, *_: Any, **__: Any) -> Any:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(lock.os, "open", denied)
    for make in (
        lambda: goalrelay.train("her", POINT, episodes=1, out=tmp_path / "r", settings=SMALL),
        lambda: session.resume(small_run.folder),
    ):
        with pytest.raises(UsageError, match=r"cannot be written: Permission denied$"):
            make()


def test_two_processes_cannot_write_in_one_folder(tmp_path: Path) -> None:
    run, seen = tmp_path / "r", []

    def again() -> None:
        for other in (
            lambda: session.resume(run),
            lambda: goalrelay.train("her", POINT, episodes=1, out=run, settings=SMALL),
        ):
            with pytest.raises(UsageError) as error:
                other()
            seen.append(str(error.value))

    goalrelay.train("her", POINT, episodes=3, out=run, settings=SMALL, observer=At(2, again))
    who = f"process {os.getpid()} on {socket.gethostname()} since 2"
    assert all(text.startswith(f"{run} is in use by {who}") for text in seen) and len(seen) == 2
    assert not (run / "lock").exists()


def test_a_run_that_is_refused_leaves_no_environments(
    tmp_path: Path, small_run: session.Result
) -> None:
    run, before = tmp_path / "r", set(threading.enumerate())
    shutil.copytree(small_run.folder, run)
    (run / "progress.csv").write_text("cycle\nmany\n")
    for make in (
        lambda: goalrelay.train("her", POINT, episodes=1, out=run, settings=SMALL),
        lambda: session.resume(run, steps=10_000),
    ):
        with pytest.raises(UsageError):
            make()
    left = [one for one in set(threading.enumerate()) - before if one.name.startswith("collect")]
    assert not left


def hold_and_die(folder: Path) -> None:
    os._exit(0 if lock._taken(folder / "lock") else 1)


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=hold_and_die, args=(tmp_path,))
    process.start()
    process.join()
    assert json.loads((tmp_path / "lock").read_text())["pid"] == process.pid
    with lock.held(tmp_path):
        assert json.loads((tmp_path / "lock").read_text())["pid"] == os.getpid()
    assert not (tmp_path / "lock").exists()


def test_a_lock_that_a_child_of_a_dead_process_has_open_is_taken_over(tmp_path: Path) -> None:
    with lock.held(tmp_path):
        (tmp_path / "lock").write_text(json.dumps({"pid": 2**22 + 1, "host": socket.gethostname()}))
        with lock.held(tmp_path):
            pass


def test_a_lock_that_is_removed_while_it_is_taken_is_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def removed(handle: int, text: bytes) -> int:
        monkeypatch.undo()
        (tmp_path / "lock").unlink()  # by another process, which has read of a dead holder
        return write(handle, text)

    monkeypatch.setattr(lock.os, "write", removed)
    with lock.held(tmp_path):
        assert json.loads((tmp_path / "lock").read_text())["pid"] == os.getpid()


def test_a_lock_of_another_host_holds_where_a_file_system_has_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_try", lambda _: None)
    with lock.held(tmp_path):
        pass
    (tmp_path / "lock").write_text(json.dumps({"pid": 1, "host": "elsewhere", "since": "noon"}))
    with (
        pytest.raises(UsageError, match=r"in use by process 1 on elsewhere since noon; if that"),
        lock.held(tmp_path),
    ):
        pass


def test_one_process_holds_a_folder_where_a_file_system_has_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_: Any) -> None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr(lock.fcntl, "flock", unsupported)
    with lock.held(tmp_path):
        with pytest.raises(UsageError, match=r"in use by process"), lock.held(tmp_path):
            pass
        (tmp_path / "lock").write_text("")  # as before its holder has written in it
        with pytest.raises(UsageError, match=r"in use by another process"), lock.held(tmp_path):
            pass
        assert (tmp_path / "lock").exists(), "who was refused does not free it"
    assert not (tmp_path / "lock").exists()
    (tmp_path / "lock").write_text(json.dumps({"pid": 2**22 + 1, "host": socket.gethostname()}))
    with lock.held(tmp_path):  # its process has ended
        assert json.loads((tmp_path / "lock").read_text())["pid"] == os.getpid()


def test_what_a_killed_process_left_is_removed_and_nothing_else(
    tmp_path: Path, small_run: session.Result
) -> None:
    run = tmp_path / "r"
    shutil.copytree(small_run.folder, run)
    left = [
        *(".config.77.json", ".progress.77.csv", ".timing.1.csv", ".others.7.json"),
        *(".policy.77.json", ".policy-last.123456.safetensors"),
        *("checkpoint/.21.77.safetensors", "checkpoint/.goalrelay-0ab_zx12/.tmp0aB_Zx"),
        *(".goalrelay-a1b2c3d4/policy.json", ".goalrelay-a1b2c3d5/.tmpDuwe8Y"),
    ]
    kept = [".hidden", "notes.txt", ".gitignore", ".my.csv", ".tmpDuwe8Y", ".mine.77.json"]
    kept += [".goalrelay-notes", ".goalrelay-a1b2c3d6"]
    for name in (*left, *kept):
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).write_text("half")
    (run / ".tmpDir123").mkdir(exist_ok=False)
    with pytest.warns(Notice, match=r"is finished, so only its last test is repeated; --steps N"):
        session.resume(run)
    assert not [name for name in left if (run / name).exists()]
    assert all((run / name).exists() for name in (*kept, ".tmpDir123"))
    assert cycles(run / "checkpoint")


def test_a_run_with_a_new_budget_is_not_said_to_be_finished(
    tmp_path: Path, small_run: session.Result, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(small_run.folder, tmp_path / "r")
    assert cli.main(["resume", str(tmp_path / "r"), "--steps", "525", "--quiet"]) == 0
    assert not capsys.readouterr().err
    assert cli.main(["resume", str(tmp_path / "r"), "--quiet"]) == 0
    assert capsys.readouterr().err.count("is finished") == 1
