"""Ctrl-C before and after the work of a command: no traceback, and the exit code stays."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest

from goalrelay import interrupts

LATE = """
import atexit, time
def end():
    print("ends", flush=True)
    time.sleep(30)
atexit.register(end)
"""


def started(folder: Path, *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, stdout=pipe, stderr=pipe, text=True)


def wait_for(stream: IO[str] | None, text: str) -> None:
    assert stream is not None
    assert any(text in line for line in stream)


@pytest.mark.parametrize("count", [1, 10])
def test_imports_end_without_a_word(count: int, tmp_path: Path) -> None:
    process = started(tmp_path, "-X", "importtime", "-m", "goalrelay.cli", "tasks")
    wait_for(process.stderr, "goalrelay.interrupts")
    for _ in range(count):
        process.send_signal(signal.SIGINT)
        time.sleep(0.01)
    shown, written = process.communicate(timeout=60)
    assert process.returncode == 130 and not shown
    assert all(line.startswith("import time:") for line in written.splitlines())


def test_the_end_of_the_interpreter_keeps_the_exit_code(tmp_path: Path) -> None:
    (tmp_path / "late.py").write_text(LATE)
    process = started(tmp_path, "-m", "goalrelay.cli", "inspect", "late:Task-v0")
    wait_for(process.stdout, "ends")
    process.send_signal(signal.SIGINT)
    _, written = process.communicate(timeout=20)
    assert process.returncode == 2 and written.startswith("goalrelay: unknown task 'late:Task-v0'")
    assert written.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["/usr/bin/goalrelay", "tasks"], True),
        (["-m", "tasks"], True),
        (["-c"], False),
        (["train.py"], False),
        ([], False),
    ],
)
def test_only_commands_are_answered_for(
    words: list[str], answer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "goalrelay.cli", "tasks"])
    assert interrupts.is_command() == answer
