"""Random command lines: each ends with 0, or with 2 and one line; nothing is written elsewhere."""

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import SMALL
from goalrelay import methods
from goalrelay.cli import main as cli
from goalrelay.cli.parsing import options
from goalrelay.report import live
from goalrelay.train import config as experiments
from goalrelay.train import session
from goalrelay.train.running import Stop

TASKS = ("goalrelay/PointReach-v0", "goalrelay/BitFlip-v0", "Pendulum-v1", "nosuch:Task-v0")
VALUES = (
    *("0", "1", "-1", "2", "0.5", "1e400", "-1e9", "nan", "inf", "9" * 30, "1e-300", "0x10", "1_0"),
    *("", " ", "-", "--", "none", "None", "true", "auto", "td3", "sac", "dqn", "her", "future"),
    *("../..", "/", "/nosuch/folder", "~", "~nosuch/x", "./~/x", "run", "run/policy.json", "a\nb"),
    *("\x1b[31m", "ünïcode", "\u202e", "💥", "x" * 300, "x" * 5000, "a=b", "n=3", "n=__import__"),
    *("{", "[1,", "'", "*", "$(id)", ";", "out.png", "out.gif", "config.json", "sweep.toml", "-h"),
)
TAME = ("1", "2", "3", "5", "8", "0.5", "0.1", "0.9", "100", "1e-3")
COMMANDS = (*("train",) * 8, *cli.COMMANDS, "demos generate", "demos import", "demos show", "trian")
WRONG = re.compile(r"Traceback|\bat 0x[0-9a-f]{6}")
TAKEN_OUT = ("play", "wandb", "trackio")
"""A viewer would open, or a tracker would ask for a password."""


def lines(count: int, seed: int) -> Iterator[list[str]]:
    """Random command lines: most words are options and values that fit somewhere."""
    rng = random.Random(seed)
    names = [
        option.name
        for method in methods.names()
        for option in options(type(experiments.make(method, TASKS[0])))
    ]
    names += ["--out", "--episodes", "--seed", "--x", "--trust", "--quiet", "--nosuch", "--help"]
    for _ in range(count):
        line = rng.choice(COMMANDS).split()
        if line[0] == "train" and rng.random() < 0.9:
            line += [rng.choice(methods.names()), rng.choice(TASKS[: rng.choice((1, 4))])]
        elif rng.random() < 0.5:
            line.append(rng.choice(("run", "sweep.toml", TASKS[0], *VALUES)))
        values = rng.choice((TAME, VALUES))
        for _ in range(rng.choice((0, 1, 1, 2, 3, 6))):
            line.append(rng.choice(names))
            if rng.random() < 0.8:
                line.append(rng.choice(values))
        if not any(word in TAKEN_OUT for word in line):
            yield line


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, three deep, with a run and a sweep; no run gets beyond its start."""
    inside = tmp_path / "a" / "b" / "c"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    small = {name: value for name, value in SMALL.items() if name != "save.tensorboard"}
    session.train("her", TASKS[0], episodes=2, out="run", settings=small)
    options = "steps = 25\n'learner.hidden' = [8, 8]"
    head = f'method = "her"\ntask = "{TASKS[0]}"\nseeds = [0]'
    (inside / "sweep.toml").write_text(f"{head}\n[options]\n{options}\n")
    monkeypatch.setattr(session, "run_loop", lambda *_: Stop("budget", None))
    monkeypatch.setattr(live.Server, "serve_forever", lambda *_: None)  # until Ctrl-C
    return inside


def check(line: list[str], capfd: pytest.CaptureFixture[str]) -> int:
    """Run a line; what it prints has no traceback, and one line if it is refused."""
    try:
        code = cli.main(line)
    except SystemExit as stop:  # --help
        code = stop.code or 0
    printed = capfd.readouterr()
    assert code in (0, 2), line
    assert not WRONG.search(printed.out + printed.err), (line, printed)
    if code == 2:
        assert printed.err.startswith("goalrelay: ") and printed.err.count("\n") == 1, line
    assert "\x1b" not in printed.out + printed.err or "--help" in line or "-h" in line, line
    return int(code)


@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=pytest.mark.slow)])
def test_random_command_lines_end_well(
    count: int, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    top = folder.parents[2]
    codes = [check(line, capfd) for line in lines(count, seed=count)]
    assert 0 in codes and 2 in codes
    assert {path.name for path in top.iterdir()} <= {"a", "home"}, "~ is the home folder"
