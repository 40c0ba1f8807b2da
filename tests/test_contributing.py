"""The worked changes of CONTRIBUTING.md, applied to a copy of the package, do what they say."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import goalrelay

ROOT = Path(__file__).parent.parent
SOURCE = Path(goalrelay.__file__).parent


def sections(page: str) -> dict[str, tuple[str, list[str]]]:
    """Heading -> the diff below it, and the commands between that and the next sentence."""
    found = {}
    for head, body in re.findall(r"^### (.*?)\n(.*?)(?=^##|\Z)", page, re.DOTALL | re.MULTILINE):
        diff = re.search(r"```diff\n(.*?)```\n\n((?: {4}[^\n]*\n)+)", body, re.DOTALL)
        assert diff, f"'{head}' has no diff followed by commands"
        found[head] = diff[1], [line.strip() for line in diff[2].splitlines() if line.strip()]
    return found


def apply(diff: str, root: Path) -> None:
    """Make a change: `--- FILE`, then lines that go (`-`), each run of them with what comes (`+`).

    Lines that go must stand in the file exactly once, together. Lines that come without any that
    go are a new file.
    """
    for name, body in re.findall(r"^--- (\S+)\n(.*?)(?=^--- |\Z)", diff, re.DOTALL | re.MULTILINE):
        path = root / name
        hunks = re.findall(r"((?:^-.*\n)*)((?:^\+.*\n)+)", body, re.MULTILINE)
        assert "".join(old + new for old, new in hunks) == body, f"{name}: not only - and + lines"
        for marked in hunks:
            old, new = (re.sub(r"^[+-]", "", lines, flags=re.MULTILINE) for lines in marked)
            text = path.read_text() if old else ""
            assert bool(old) == path.exists(), f"{name}: new files have + lines alone"
            assert not old or text.count(old) == 1, f"{name} does not have once:\n{old}"
            path.write_text(text.replace(old, new) if old else new)


CHANGES = sections((ROOT / "CONTRIBUTING.md").read_text())


def test_there_are_four_worked_changes() -> None:
    assert len(CHANGES) == 4


@pytest.mark.parametrize("name", CHANGES)
def test_a_worked_change_works(name: str, tmp_path: Path) -> None:
    diff, commands = CHANGES[name]
    package = tmp_path / "src" / "goalrelay"
    shutil.copytree(SOURCE, package, ignore=shutil.ignore_patterns("__pycache__"))
    apply(diff, tmp_path)
    script = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]["goalrelay"]
    module, _, function = script.partition(":")
    start = f"import sys; from {module} import {function}; sys.exit({function}())"
    environment = os.environ | {"PYTHONPATH": str(package.parent)}
    assert commands
    for command in commands:
        program, *words = shlex.split(command)
        assert program == "goalrelay"
        ended = subprocess.run(
            [sys.executable, "-c", start, *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, f"{command}\n{ended.stdout}{ended.stderr}"
    assert any(word in diff for word in re.findall(r"[\w/-]+", commands[-1]))


def test_a_diff_changes_old_files_and_makes_new_ones(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text("a = 1\nb = 2\nc = 3\n")
    apply(
        "--- old.py\n-b = 2\n+b = 4\n+d = 5\n-c = 3\n+\n--- new.py\n+x = 1\n+\n+y = 2\n", tmp_path
    )
    assert (tmp_path / "old.py").read_text() == "a = 1\nb = 4\nd = 5\n\n"
    assert (tmp_path / "new.py").read_text() == "x = 1\n\ny = 2\n"


@pytest.mark.parametrize(
    "diff",
    ["--- old.py\n-z = 2\n+z = 4\n", "--- old.py\n+z = 4\n", "--- gone.py\n-z = 2\n+z = 4\n"],
)
def test_a_diff_that_does_not_fit_is_refused(diff: str, tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text("a = 1\n")
    with pytest.raises((AssertionError, FileNotFoundError)):
        apply(diff, tmp_path)


def test_the_page_names_what_is_there() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    for name in re.findall(r"`((?:tests|src|benchmarks|docs)/[\w./-]+)`", page):
        assert (ROOT / name).exists(), name
