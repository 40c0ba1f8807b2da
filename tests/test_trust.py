"""Nothing that only a file names is imported, and nothing that it prints reaches the terminal."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import goalrelay
from conftest import SMALL
from goalrelay.cli import main as cli
from goalrelay.errors import UsageError
from goalrelay.files import read_json
from goalrelay.tasks.goal_task import check_trusted

MODULE = """
import pathlib, sys
pathlib.Path("imported").touch()
sys.path.insert(0, {tests!r})
import gymnasium, stranger_tasks
gymnasium.register("Lent-v0", stranger_tasks.Line, max_episode_steps=6)
"""
ASKS = (
    " names the task 'lent:Lent-v0', whose module 'lent' would be imported, which runs its code; "
    "if you trust it, add --trust\n"
)


@pytest.fixture(scope="module")
def lent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a module of a task, and the run of that task that a stranger made."""
    folder = tmp_path_factory.mktemp("lent")
    (folder / "lent.py").write_text(MODULE.format(tests=str(Path(__file__).parent)))
    small = [f"--{name.replace('_', '-')}={value}" for name, value in list(SMALL.items())[1:-1]]
    done = goalrelay_in(folder, "train", "her", "lent:Lent-v0", "--episodes=3", "--out=r", *small)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("then: goalrelay evaluate r --trust\n")
    assert (folder / "imported").exists()
    return folder


def goalrelay_in(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command line, in a process that has imported nothing."""
    (folder / "imported").unlink(missing_ok=True)
    command = [sys.executable, "-m", "goalrelay.cli", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ)


def test_a_module_that_only_a_run_names_is_imported_when_it_is_trusted(lent: Path) -> None:
    refused = goalrelay_in(lent, "evaluate", "r", "--episodes=1")
    assert (refused.returncode, refused.stderr) == (2, f"goalrelay: r{ASKS}")
    assert not (lent / "imported").exists()
    allowed = goalrelay_in(lent, "evaluate", "r", "--episodes=1", "--trust")
    assert allowed.returncode == 0 and allowed.stdout.startswith("success")
    assert (lent / "imported").exists()


@pytest.mark.parametrize(
    "words", [["resume"], ["record", "--out=film.gif"], ["play", "--episodes=1"], ["evaluate"]]
)
def test_every_command_that_opens_the_task_of_a_run_asks(
    words: list[str], lent: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(lent / "r")
    assert "lent" not in sys.modules
    assert cli.main([words[0], run, *words[1:]]) == 2
    assert capsys.readouterr().err == f"goalrelay: {run}{ASKS}"
    assert "lent" not in sys.modules


def test_modules_that_are_imported_or_of_our_packages_are_not_asked_for() -> None:
    for task in ("FetchReach-v4", "goalrelay.tasks:X-v0", "gymnasium_robotics:X-v0", "os.path:X"):
        check_trusted(task, "r", False)
    check_trusted("unheard_of:X-v0", "r", True)
    for task in ("unheard_of:X-v0", "goalrelayed:X-v0", "os.unheard_of:X-v0"):
        with pytest.raises(UsageError, match="would be imported"):
            check_trusted(task, "r", False)


def test_a_run_in_the_process_that_made_it_is_not_asked_for(tmp_path: Path) -> None:
    run = goalrelay.train(
        "her", "stranger_tasks:Line-v0", episodes=2, out=tmp_path / "r", settings=SMALL
    )
    assert goalrelay.evaluate(run.folder, episodes=1).episodes == 1


def test_names_are_printed_on_one_line_and_without_codes(
    tmp_path: Path, small_run: goalrelay.Result, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "[red]a\n\x1b[31mb"
    shutil.copytree(small_run.folder, run)
    assert cli.main(["resume", str(run), "--steps", "525"]) == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert printed.count("[red]a\\n\\x1b[31mb") == 2
    assert "[red]a\\x0a\\x1b[31mb'" in printed, "a shell reads this as the name"
    values = read_json(run / "config.json")
    assert values["task"] == "goalrelay/PointReach-v0"
