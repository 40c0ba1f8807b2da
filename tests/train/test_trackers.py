"""Runs that are shown by wandb and trackio: their figures, their options, and when they fail."""

import importlib
import json
import os
import sqlite3
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import goalrelay
from conftest import SMALL
from goalrelay.errors import Notice, UsageError
from goalrelay.train import session
from goalrelay.train.config import Save
from goalrelay.train.logbook import Logbook, read_table

POINT = "goalrelay/PointReach-v0"
OFFLINE = {
    "WANDB_MODE": "offline",
    "WANDB_SILENT": "true",
    "WANDB_ERROR_REPORTING": "false",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HTTP_PROXY": "http://127.0.0.1:9",  # where nobody listens
    "HTTPS_PROXY": "http://127.0.0.1:9",
}
RUN = """
import sys
from pathlib import Path
import goalrelay
from goalrelay.train import session
from goalrelay.train.config import Save, to_json
from goalrelay.train.folder import RunFolder
from goalrelay.train.logbook import Logbook
name, settings = sys.argv[1], eval(sys.argv[2])
run = Path("r")
goalrelay.train("her", "goalrelay/PointReach-v0", steps=250, out=run, settings=settings)
session.resume(run, steps=500, trust=True)
config = to_json(RunFolder.open(run).experiment())
log = Logbook(run, config, Save(track=name, tensorboard=False), cycle=1000, step=500)
log.film(Path("film.gif"), 501)
log.close()
"""
FAKE = """
calls = []
def init(**named): calls.append(("init", named))
def log(figures, step): calls.append((step, figures))
def finish(): calls.append("finish")
class Video:
    def __init__(self, path, format): self.path, self.format = path, format
"""


def film(path: Path) -> Path:
    """A film of three small pictures."""
    imageio = pytest.importorskip("imageio.v2")
    imageio.mimwrite(path, [np.full((16, 20, 3), 80 * i, np.uint8) for i in range(3)])
    return path


@pytest.fixture
def fake(user_module: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A tracker that notes what it is told."""
    (user_module / "trackio.py").write_text(FAKE)
    monkeypatch.delitem(sys.modules, "trackio", raising=False)
    yield importlib.import_module("trackio")
    del sys.modules["trackio"]


@pytest.fixture
def real(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, list[dict[str, str]]]:
    """The folder in which a tracker has seen a run and its continuation, and the run's rows."""
    name = request.param
    pytest.importorskip(name, reason=f"needs {name}: pip install 'goalrelay[track]'")
    film(tmp_path / "film.gif")
    here = {"TRACKIO_DIR": str(tmp_path / "trackio"), "HOME": str(tmp_path)}
    settings = repr(SMALL | {"save.track": name})
    subprocess.run(
        [sys.executable, "-c", RUN, name, settings],
        cwd=tmp_path,
        env=os.environ | OFFLINE | here | {"WANDB_DIR": str(tmp_path)},
        check=True,
        timeout=300,
    )
    return tmp_path, read_table(tmp_path / "r" / "progress.csv")


def records(path: Path) -> list[Any]:
    """The records of an offline run of wandb: a log of blocks of 32 kB, as of LevelDB."""
    record = importlib.import_module("wandb.proto.wandb_internal_pb2").Record
    data, place, parts, found = path.read_bytes(), 7, b"", []
    while place + 7 <= len(data):
        left = 2**15 - place % 2**15
        if left < 7:  # no record begins there
            place += left
            continue
        length, kind = struct.unpack_from("<HB", data, place + 4)  # after a checksum
        parts += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or its last part
            found.append(record.FromString(parts))
            parts = b""
    return found


def named(items: Any) -> dict[str, Any]:
    """The values of items of a record of wandb, by name."""
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


@pytest.mark.parametrize("real", ["wandb"], indirect=True)
def test_wandb_has_the_rows_and_options_of_a_run_and_its_continuation_under_one_id(
    real: tuple[Path, list[dict[str, str]]],
) -> None:
    folder, rows = real
    told = [one for path in sorted(folder.glob("wandb/offline-*/*.wandb")) for one in records(path)]
    runs = [one.run for one in told if one.HasField("run")]
    number = json.loads((folder / "r" / "tracker.json").read_text())["id"]
    assert len(runs) >= 3 and {run.run_id for run in runs} == {number}
    config = named(runs[0].config.update)
    assert config["task"] == POINT and config["learner"]["hidden"] == [32, 32]
    history = [named(one.history.item) for one in told if one.HasField("history")]
    sent = {one["_step"]: one for one in history if "eval_success" in one}
    assert list(sent) == [int(row["steps"]) for row in rows] == [125, 250, 375, 500]
    for row in rows:
        assert sent[int(row["steps"])]["eval_success"] == float(row["eval_success"])
    (shown,) = [one for one in history if "film" in one or any("film" in key for key in one)]
    assert "gif" in json.dumps(shown) and list(folder.glob("wandb/offline-*/files/media/**/*.gif"))


@pytest.mark.parametrize("real", ["trackio"], indirect=True)
def test_trackio_has_the_rows_and_options_of_a_run_and_its_continuation_under_one_name(
    real: tuple[Path, list[dict[str, str]]],
) -> None:
    folder, rows = real
    with sqlite3.connect(folder / "trackio" / "goalrelay.db") as base:
        logged = list(base.execute("select run_name, step, metrics from metrics order by id"))
        ((config,),) = list(base.execute("select config from configs"))
    name = json.loads((folder / "r" / "tracker.json").read_text())["name"]
    assert {one[0] for one in logged} == {name}
    assert json.loads(config)["task"] == POINT
    assert json.loads(config)["learner"]["hidden"] == [32, 32]
    assert [one[1] for one in logged] == [*(int(row["steps"]) for row in rows), 501]
    for row, (_, _, figures) in zip(rows, logged, strict=False):
        assert json.loads(figures)["eval_success"] == float(row["eval_success"])
    shown = json.loads(logged[-1][2])["film"]
    assert (folder / "trackio" / "media" / shown["file_path"]).read_bytes()[:3] == b"GIF"


def test_trackers_get_every_row_once(tmp_path: Path, fake: Any) -> None:
    run, settings = tmp_path / "r", SMALL | {"save.track": "trackio"}
    goalrelay.train("her", POINT, steps=250, out=run, settings=settings)
    begin, *rows, end = fake.calls
    assert begin[1]["config"]["seed"] == 0 and begin[1]["resume"] == "never"
    assert [step for step, _ in rows] == [125, 250]
    assert "eval_success" in rows[0][1] and end == "finish"
    fake.calls.clear()
    session.resume(run, steps=375, trust=True)  # repeats the last test, sends it no more
    again, *rows, _ = fake.calls
    assert again[1]["resume"] == "allow" and again[1]["name"] == begin[1]["name"]
    assert [step for step, _ in rows] == [375]


def test_two_runs_in_folders_of_one_name_are_two_runs_of_a_tracker(
    tmp_path: Path, fake: Any
) -> None:
    for parent in ("a", "b"):
        (tmp_path / parent / "task" / "her" / "seed-0").mkdir(parents=True)
        folder = tmp_path / parent / "task" / "her" / "seed-0"
        Logbook(folder, {}, Save(track="trackio", tensorboard=False), 0, 0).close()
    names = [call[1]["name"] for call in fake.calls if call[0] == "init"]
    assert len(set(names)) == 2
    assert all(name.startswith("task-her-seed-0-") and "/" not in name for name in names)


def test_a_film_goes_to_the_tracker(tmp_path: Path, fake: Any) -> None:
    log = Logbook(tmp_path, {}, Save(track="trackio", tensorboard=False), 0, 0)
    log.film(Path("some.mp4"), 50)
    step, figures = fake.calls[-1]
    assert step == 50 and figures["film"].path == "some.mp4" and figures["film"].format == "mp4"


@pytest.mark.parametrize("where", ["init", "log", "finish"])
@pytest.mark.parametrize("error", [ConnectionError, SystemExit])
def test_a_tracker_that_fails_is_said_once_and_ends_no_run(
    where: str, error: Any, tmp_path: Path, fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: Any) -> None:
        raise error("no network")

    monkeypatch.setattr(fake, where, fail if where != "log" else lambda *_, **__: fail())
    run, settings = tmp_path / "r", SMALL | {"save.track": "trackio"}
    with pytest.warns(Notice) as told:
        ended = goalrelay.train("her", POINT, steps=250, out=run, settings=settings)
    about = "no network" if error is ConnectionError else "SystemExit: no network"
    notices = [str(one.message) for one in told if issubclass(one.category, Notice)]
    assert notices == [f"trackio failed ({about}); the run goes on without it"]
    assert ended.steps == 250 and len(read_table(run / "progress.csv")) == 2


@pytest.mark.parametrize("text", ["{}", "no JSON", '{"tracker": 1}'])
def test_a_damaged_note_of_the_trackers_run_ends_no_run(
    text: str, tmp_path: Path, fake: Any
) -> None:
    run, settings = tmp_path / "r", SMALL | {"save.track": "trackio"}
    goalrelay.train("her", POINT, steps=125, out=run, settings=settings)
    (run / "tracker.json").write_text(text)
    with pytest.warns(Notice, match=r"trackio failed \(.*tracker.json.*\); the run goes on"):
        assert session.resume(run, steps=250, trust=True).steps == 250


def test_a_tracker_that_only_the_run_names_needs_trust(
    tmp_path: Path, user_module: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (user_module / "trackio.py").write_text(FAKE)
    monkeypatch.delitem(sys.modules, "trackio", raising=False)
    run = tmp_path / "r"
    settings = SMALL | {"save.track": "trackio"}
    ended = goalrelay.train("her", POINT, steps=125, out=run, settings=settings)
    assert ended.resume_needs_trust
    del sys.modules["trackio"]
    with pytest.raises(UsageError, match=r"figures to trackio.* --trust"):
        goalrelay.resume(run, steps=250)
    assert "trackio" not in sys.modules
    goalrelay.resume(run, steps=250, trust=True)
    assert "trackio" in sys.modules
    del sys.modules["trackio"]


def test_a_missing_tracker_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)  # its import fails
    settings = SMALL | {"save.track": "wandb"}
    with pytest.raises(UsageError, match=r"goalrelay\[track\]"):
        goalrelay.train("her", POINT, episodes=1, out=tmp_path / "r", settings=settings)
    assert not (tmp_path / "r").exists()
