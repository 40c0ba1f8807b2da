"""What the pages say is what results/ and the source say, and what they link to is there."""

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(
        part == "runs" or part.startswith(".") or part == "venv"
        for part in path.relative_to(ROOT).parts
    )
)


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The generator of the pages' tables, fresh."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    for name in ("tables_of_results", "tables_of_options", "tables"):
        made = importlib.reload(importlib.import_module(name))
    return made


@pytest.fixture
def toy(tables: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The generator, in a repository that holds one claim of two tasks and a page."""
    results, claims, docs = (tmp_path / name for name in ("results", "claims", "docs"))
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    monkeypatch.setattr(tables.results, "RESULTS", results)
    monkeypatch.setattr(tables.results, "CLAIMS", claims)
    claims.mkdir()
    (claims / "toy.toml").write_text(
        'about = "A toy"\nnotes = "A slow core."\npublished = "0.5"\n'
        '[tasks.Push]\nabout = "push it"\n[tasks.Pull]\nabout = "pull it"\n'
    )
    for run, episodes, success, others in (
        ("Push-0", (50, 100), 0.5, 0.25),
        ("Push-1", (50, 300), 1.0, None),
        ("Pull-0", (50, 150), "nan", None),
    ):
        folder = results / "toy" / run
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({"commit": "0123456789"}))
        (folder / "progress.csv").write_text(
            "episodes,steps,eval_episodes,eval_success,eval_mean_return\n"
            f"{episodes[0]},500,20,{success},-9\n"
            f"{episodes[1]},{10 * episodes[1]},100,{success},-7.5\n"
        )
        (folder / "timing.csv").write_text(f"seconds\n30\n{episodes[1] * 2}\n")
        if others:
            (folder / "others.json").write_text(json.dumps({"episodes": 300, "success": others}))
    docs.mkdir()
    (results / "README.md").write_text("")
    return tables


def test_every_table_is_what_make_docs_writes(
    tables: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    code = tables.main(check=True)
    assert code == 0, f"`make docs` would change {capsys.readouterr().out}"


def test_a_table_is_written_between_its_markers_and_the_next_run_changes_nothing(
    toy: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    page = toy.ROOT / "README.md"
    page.write_text("a\n<!-- table: runs toy/Push -->\nold\n<!-- end -->\nb\n")
    assert toy.main(check=True) == 1 and "old" in page.read_text()
    assert toy.main(check=False) == 0
    assert page.read_text() == (
        "a\n<!-- table: runs toy/Push -->\n\n"
        "| run | episodes | steps | seconds | success | of | on others | of | commit |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        "| `Push-0` | 100 | 1,000 | 200 | 0.50 | 100 | 0.25 | 300 | 0123456 |\n"
        "| `Push-1` | 300 | 3,000 | 600 | 1.00 | 100 |  |  | 0123456 |\n"
        "\n<!-- end -->\nb\n"
    )
    capsys.readouterr()
    assert toy.main(check=True) == 0 and not capsys.readouterr().out


def test_seeds_of_a_task_share_a_row(toy: Any) -> None:
    assert toy.results.table_of_groups("toy").splitlines()[2:] == [
        "| `Push`: push it | 0, 1 | 0.50, 1.00 | 0.25, - | 100, 300 | 1,000, 3,000 | 200, 600 |",
        "| `Pull`: pull it | 0 | return -7.50 |  | 150 | 1,500 | 300 |",
    ]
    assert toy.results.table_of_summary("toy/Push").splitlines()[2] == (
        "| [Push it](results/README.md#toy) | 2 | 0.62 (0.25 to 1.00) | 200 (100 to 300) "
        "| 7 (3 to 10) | 0.5 |"
    )
    assert toy.results.table_of_seeds("toy/Push").splitlines()[2:] == [
        "| 0 | 100: 0.50, 0.25; 200 s |",
        "| 1 | 300: 1.00; 600 s |",
        "| median | 200; 400 s |",
        "| slowest | 300; 600 s |",
    ]
    assert toy.results.table_of_tests("toy/Pull").splitlines()[2] == (
        "| `Pull-0` | 50 episodes, 500 steps | -9.00 -7.50 (100 episodes) | 300 |"
    )


def test_a_claim_has_its_command_its_runs_and_its_remarks(toy: Any) -> None:
    text = toy.results.sections_of_claims()
    assert text.startswith("## toy\n\nA toy.\n\n    goalrelay sweep benchmarks/claims/toy.toml\n")
    assert "| `Pull-0` |" in text and text.rstrip().endswith("A slow core.")


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        ("<!-- table: pie toy -->\n<!-- end -->", "no table 'pie'"),
        ("<!-- table: runs toy -->\n", "no <!-- end -->"),
        ("<!-- table: runs toys -->\n<!-- end -->", "no runs in results/toys"),
    ],
)
def test_a_table_that_cannot_be_made_is_refused(toy: Any, page: str, complaint: str) -> None:
    with pytest.raises(SystemExit, match=complaint):
        toy.rewritten(page)


def test_every_option_of_every_method_and_learner_is_said_what_it_does(tables: Any) -> None:
    from goalrelay import learners, methods

    for registry in (methods, learners):
        for name in registry.names():
            for option, _, about in tables.options.leaves(registry.find(name).Config(), ""):
                assert about.strip(), f"{name}: {option} has no docstring"
    page = (ROOT / "docs/options.md").read_text()
    assert all(f"## Method {name}" in page for name in methods.names())


def anchors(page: Path) -> set[str]:
    """What a heading is called in a link, as GitHub has it."""
    heads = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in anchors(found), f"{page.name} links to {target}"


def test_runs_that_pages_name_are_there() -> None:
    for page in PAGES:
        for name in re.findall(r"`results/([\w./*-]+)`", page.read_text()):
            assert "CLAIM" in name or list((ROOT / "results").glob(name)), f"{page}: {name}"
