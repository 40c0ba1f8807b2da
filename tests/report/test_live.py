"""The live page shows runs as they come and go, on this machine alone, and changes nothing."""

import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from test_page import EVIL, write_run

from goalrelay.cli.main import main
from goalrelay.report.live import Server


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a live page about a folder."""
    server = Server([str(folder)], 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ask(address: str, **headers: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, b""


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_runs_come_grow_break_and_go(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    with serving(runs) as address:
        assert b"no such run" in ask(address)[1]
        runs.mkdir()
        assert b"no runs in" in ask(address)[1]
        one = write_run(runs / "one", [0.1])
        assert b"50 episodes, 2,500 steps" in ask(address)[1]
        with (one / "progress.csv").open("a") as file:
            file.write("2,100,5000,100,0.5,-20,0.60,-4,0.3\n")
        assert b"100 episodes, 5,000 steps" in ask(address)[1]
        write_run(runs / "two", [0.2])
        (runs / "two" / "config.json").write_text("{")
        text = ask(address)[1]
        assert b"cannot read" in text
        assert b"100 episodes, 5,000 steps" in text
        shutil.rmtree(one)
        assert b"100 episodes" not in ask(address)[1]


def test_the_newest_film_of_a_run_is_shown(tmp_path: Path) -> None:
    films = write_run(tmp_path / "runs" / EVIL, [0.1]) / "films"
    films.mkdir()
    with serving(tmp_path / "runs") as address:
        for name in ("episode-00000050", "episode-00000100"):
            (films / f"{name}.mp4").write_bytes(name.encode())
            text = ask(address)[1].decode()
            source = text.partition('preload="metadata" src="')[2].partition('"')[0]
            assert ask(address + source) == (200, name.encode())
        assert EVIL not in text


def test_only_the_page_and_its_films_are_served(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "runs" / "one", [0.1])
    before = files(tmp_path)
    with serving(tmp_path / "runs") as address:
        ask(address)
        for path in ("/config.json", f"/film/{folder}/config.json", "/film/..%2F..%2Fetc%2Fpasswd"):
            assert ask(address + path)[0] == 404
        assert ask(address, Host="elsewhere.example:80")[0] == 403
    assert files(tmp_path) == before


def test_a_port_that_is_in_use_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(tmp_path) as address:
        port = address.rpartition(":")[2]
        assert main(["watch", str(tmp_path), "--port", port]) == 2
    assert f"--port {port} cannot be used" in capsys.readouterr().err


def test_the_page_renews_itself_and_keeps_what_was_chosen(tmp_path: Path, chromium: Any) -> None:
    one, said = write_run(tmp_path / "runs" / EVIL, [0.1, 0.2]), list[str]()
    with serving(tmp_path / "runs") as address:
        tab = chromium.new_page()
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on("dialog", lambda dialog: said.append(dialog.message))
        tab.goto(address)
        tab.get_by_label("steps", exact=True).check()
        tab.get_by_text("Stages, INNR, values, losses").click()
        with (one / "progress.csv").open("a") as file:
            file.write("3,150,7500,100,0.5,-20,0.60,-4,0.3\n")
        tab.get_by_text("150 episodes, 7,500 steps").wait_for(timeout=20_000)
        assert tab.locator(".x-steps").first.is_visible()
        assert not tab.locator(".x-episodes").first.is_visible()
        assert tab.locator("details[open] .grid").is_visible()
        assert EVIL in tab.locator("article h3").inner_text()
        tab.close()
    assert said == []
