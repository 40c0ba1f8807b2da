"""A sweep on Ray makes the runs of a sweep, and goes on with those whose process is killed."""

import os
import signal
import socket
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conftest import SMALL
from goalrelay.cli.main import main
from goalrelay.errors import UsageError
from goalrelay.files import read_json
from goalrelay.train import ray_sweep, sweep, sweep_file
from goalrelay.train.logbook import read_table
from goalrelay.train.sweep import Row

FILE = """
method = "her"
task = "goalrelay/PointReach-v0"
[variants.killed]
[variants.unbroken]
[options]
episodes = 40
"save.every" = 0.0
"""


def written(folder: Path) -> Path:
    options = [f'"{name}" = {value!r}' for name, value in SMALL.items()]
    text = FILE + "\n".join(options).replace("(", "[").replace(")", "]").replace("False", "false")
    (folder / "some.toml").write_text(text)
    return folder / "some.toml"


def started(ray: Any) -> None:
    """Ray with two CPUs; a busy machine does not always start it in the time that it allows."""
    for attempt in range(3):
        try:
            ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
            return
        except Exception:
            ray.shutdown()
            if attempt == 2:
                raise


def test_a_run_whose_process_is_killed_goes_on_and_its_curve_is_the_unbroken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setattr(ray_sweep, "LOOK", 0.1)
    out = tmp_path / "out"
    folder, killed, lost = out / "killed/seed-0", list[int](), set[int]()

    def look(queue: ray_sweep.Queue) -> None:
        lost.update(run.lost for run in queue.going if run.name == "killed/seed-0")
        if not killed and (folder / "progress.csv").exists() and (folder / "lock").exists():
            killed.append(read_json(folder / "lock")["pid"])
            os.kill(killed[0], signal.SIGKILL)

    started(ray)
    try:
        plan = sweep_file.read(written(tmp_path))
        told = list[Row]()
        make = ray_sweep.on_ray(plan, out, None, look)
        rows = sweep.run(plan, out, 1, told.append, make)
    finally:
        ray.shutdown()
    assert killed and killed[0] != os.getpid() and 1 in lost
    assert [(row.variant, row.ended, row.episodes) for row in sorted(rows)] == [
        ("killed", "budget", 40),
        ("unbroken", "budget", 40),
    ]
    assert len(told) == 2 and len(read_table(out / "table.csv")) == 2
    again = out / "unbroken/seed-0"
    assert (folder / "progress.csv").read_text() == (again / "progress.csv").read_text()
    assert not list(out.glob("ray-token-*"))


class Task:
    """What `ray.remote` gives back; a task is the name of its run."""

    def __call__(self, function: Any) -> "Task":
        return self

    def remote(self, planned: sweep_file.Planned, *others: Any) -> str:
        return planned.name


class Lost(Exception):
    """The process of a task was killed."""


def fake(outcome: Any) -> Any:
    """Ray, where each task ends at once."""

    def get(task: str) -> Any:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return SimpleNamespace(
        remote=lambda **_: Task(),
        wait=lambda tasks, **_: (tasks[:1], tasks[1:]),
        get=get,
        cancel=lambda _: None,
        exceptions=SimpleNamespace(RayTaskError=KeyError, RayError=Lost),
    )


def test_a_run_that_is_lost_again_and_again_says_so(tmp_path: Path) -> None:
    plan, rows = sweep_file.read(written(tmp_path)), list[Row]()
    queue = ray_sweep._Sweep(fake(Lost("killed by the kernel")), plan, tmp_path / "token")
    queue.run(plan.runs[:1], rows.append, lambda _: None)
    assert [row.ended for row in rows] == ["lost 4 times: killed by the kernel"]


def test_a_folder_that_is_not_shared_is_named(tmp_path: Path) -> None:
    plan = sweep_file.read(written(tmp_path))
    host = ray_sweep._run(plan.runs[0], plan, tmp_path / "other/token", tmp_path)
    assert host == socket.gethostname()
    with pytest.raises(UsageError, match="is not the same folder on node-7 as here; --out must"):
        ray_sweep._Sweep(fake("node-7"), plan, tmp_path / "token").run(
            plan.runs, lambda _: None, lambda _: None
        )


def test_what_ray_needs_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["sweep", str(written(tmp_path)), "--out", str(tmp_path / "out")]
    assert main([*words, "--address", "host:1"]) == 2
    assert "--address is the address of a Ray cluster; it needs --ray" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main([*words, "--ray"]) == 2
    said = capsys.readouterr().err
    assert said == "goalrelay: --ray needs ray: pip install 'goalrelay[ray]'\n"
    assert not (tmp_path / "out").exists()
