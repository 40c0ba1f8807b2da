"""A report is one file that needs no network, and says what the runs' files say."""

import dataclasses
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from goalrelay.cli import main as cli
from goalrelay.errors import UsageError
from goalrelay.report import page
from goalrelay.report.page.contents import Section, section
from goalrelay.report.page.films import best_films
from goalrelay.report.runs import grouped, read_runs
from goalrelay.train import config
from goalrelay.train.session import Result

RESULTS = Path(__file__).parents[2] / "results"
EVIL = "<script>alert(1)</script>"


def write_run(
    folder: Path, successes: list[float], seed: int = 0, task: str = "FetchPush-v4"
) -> Path:
    """A run folder with a test every 50 episodes, which took a minute each."""
    folder.mkdir(parents=True)
    experiment = config.with_options(config.make("relay", task), {"seed": seed, "until": 0.95})
    about = {"versions": {"python": "3.11"}, "commit": "0123456789"}
    (folder / "config.json").write_text(json.dumps(config.to_json(experiment) | about))
    head = (
        "cycle,episodes,steps,eval_episodes,eval_success,eval_mean_return,eval_reached_reach,q,innr"
    )
    rows = [
        f"{i},{50 * i},{2500 * i},100,{s},-20,{min(1.0, s + 0.1):.2f},-4,0.3"
        for i, s in enumerate(successes, 1)
    ]
    (folder / "progress.csv").write_text("\n".join([head, *rows, ""]))
    times = [f"{i},{60 * i}" for i in range(1, len(successes) + 1)]
    (folder / "timing.csv").write_text("\n".join(["cycle,seconds", *times, ""]))
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    write_run(tmp_path / "runs" / EVIL / "a", [0.1, 0.6, 0.9, 0.96], 0)
    write_run(tmp_path / "runs" / EVIL / "b", [0.0, 0.4, 0.55, 0.7], 1)
    return tmp_path / "runs"


def of(folder: Path) -> Section:
    ((title, groups),) = grouped(read_runs([folder])).items()
    return section(title, groups)


def test_the_table_has_crossings_intervals_and_seeds(runs: Path) -> None:
    (row,) = of(runs).variants
    assert (row.seeds, row.tests) == ("0, 1", "100")
    assert row.score == "0.83 (0.77 to 0.88)", "166 of 200, Wilson's interval"
    assert row.reached == (("125", "2.5"), ("150 (1 of 2)", "3.0"), ("200 (1 of 2)", "4.0"))


def test_a_run_says_its_command_options_and_commit(runs: Path) -> None:
    first, second = of(runs).runs
    assert first.command == "goalrelay train relay FetchPush-v4 --until 0.95"
    assert second.options == (("seed", "1", "0"), ("until", "0.95", "None"))
    assert (first.commit, first.versions) == ("0123456789", "python 3.11")
    assert (first.state, second.state) == ("reached 0.95", "ended or stopped")
    assert first.position == "200 episodes, 10,000 steps"


def test_stages_values_and_innr_have_pictures(runs: Path) -> None:
    assert [name for name, _ in of(runs).details] == [
        "Success of each stage",
        "Q and returns",
        "INNR",
    ]


def test_without_timing_the_other_axes_stay(runs: Path) -> None:
    for file in runs.rglob("timing.csv"):
        file.unlink()
    part = of(runs)
    assert set(part.curves) == {"episodes", "steps"}
    assert part.variants[0].reached[0] == ("125", "-")


def test_pictures_have_the_colours_of_the_page(runs: Path) -> None:
    for picture in of(runs).curves.values():
        assert "currentColor" in picture
        assert "#010203" not in picture and "#000000" not in picture


def test_a_report_of_committed_results_is_one_file(tmp_path: Path) -> None:
    out = page.write([RESULTS / "fetch_reach_curves", RESULTS / "ant_gather"], tmp_path / "report")
    text = out.read_text()
    assert [path.name for path in out.parent.iterdir()] == ["index.html"]
    assert "FetchReach-v4" in text
    assert "<script" not in text
    for outside in ('src="http', 'href="http', "@import", 'url("http'):
        assert outside not in text


def test_a_run_that_cannot_be_read_is_named_beside_the_others(runs: Path, tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "damaged", [0.5])
    (tmp_path / "runs" / "damaged" / "progress.csv").write_text("cycle,episodes\n1\n")
    text = page.write([runs], tmp_path / "report", films=False).read_text()
    assert "damaged: line 2 does not fit the header" in text
    assert "200 episodes, 10,000 steps" in text


@pytest.mark.parametrize(("folder", "message"), [("nosuch", "no such run"), ("", "no runs in")])
def test_without_a_run_there_is_no_page(tmp_path: Path, folder: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        page.write([tmp_path / folder], tmp_path / "report")
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(("module", "named"), [("matplotlib", "plotting"), ("jinja2", "pages")])
@pytest.mark.parametrize("command", ["report", "watch"])
def test_what_is_missing_is_said_at_once(
    runs: Path,
    module: str,
    named: str,
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.chdir(runs)
    assert cli.main([command, str(runs)]) == 2
    assert capsys.readouterr().err.startswith(f"goalrelay: {named} need")
    assert not (runs / "report").exists()


def test_films_are_of_the_best_policy(small_run: Result, tmp_path: Path) -> None:
    shutil.copytree(small_run.folder, tmp_path / "run")
    films, remark = best_films(read_runs([tmp_path / "run"]), trust=False)
    assert remark == ""
    assert films, "20 episodes have a success or a failure"
    for film in films:
        assert film.caption.startswith(("Success: ", "Failure: "))
        assert film.source.startswith("data:video/mp4;base64,")


def test_films_of_a_strangers_task_need_trust(runs: Path, small_run: Result) -> None:
    (run, _) = read_runs([runs])
    for name in ("policy.safetensors", "policy.json"):
        shutil.copy(small_run.folder / name, run.path / name)
    file = run.path / "policy.json"
    file.write_text(file.read_text().replace("goalrelay/PointReach-v0", "nosuchmodule:Task-v0"))
    films, remark = best_films([run], trust=False)
    assert films == ()
    assert remark.startswith("No films: ")


def visible(tab: Any) -> list[str]:
    return [
        x for x in ("episodes", "steps", "seconds") if tab.locator(f".x-{x}").first.is_visible()
    ]


def test_the_page_in_a_browser(runs: Path, tmp_path: Path, chromium: Any) -> None:
    out, said = page.write([runs], tmp_path / "report", films=False), list[str]()
    tab = chromium.new_page(viewport={"width": 390, "height": 800}, color_scheme="dark")
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("dialog", lambda dialog: said.append(dialog.message))
    tab.goto(out.as_uri())
    assert visible(tab) == ["episodes"]
    tab.get_by_label("time", exact=True).check()
    assert visible(tab) == ["seconds"]
    assert "wall-clock time" in tab.locator(".x-seconds").first.inner_text()
    tab.get_by_text("Runs: 2").click()
    assert EVIL in tab.locator("article h3").first.inner_text()
    width = tab.evaluate("document.documentElement.scrollWidth")
    assert width <= 390, "a phone shows the page without scrolling sideways"
    ink = tab.evaluate("getComputedStyle(document.body).color")
    assert ink == "rgb(232, 232, 232)", "light letters in dark mode"
    tab.close()
    assert said == []


def test_variants_can_be_told_apart_without_colour(runs: Path) -> None:
    shutil.copytree(runs, runs.parent / "more")
    for file in (runs.parent / "more").rglob("config.json"):
        values = json.loads(file.read_text())
        values["learner"]["gamma"] = 0.9
        file.write_text(json.dumps(values))
    ((title, groups),) = grouped(read_runs([runs, runs.parent / "more"])).items()
    part = section(title, groups)
    assert len(part.variants) == 2
    shapes = {line for line in part.curves["episodes"].splitlines() if "<use xlink:href" in line}
    names = {line.split('"')[1] for line in shapes if "stroke: #ffffff" in line}
    assert len(names) == 2, "each variant has a marker of its own"
    assert dataclasses.asdict(part)["title"] == "FetchPush-v4"
