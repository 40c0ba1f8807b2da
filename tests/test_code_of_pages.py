"""The code of the pages works: Python and the guide are run, every command is parsed."""

import importlib.util
import pkgutil
import re
import shutil
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import goalrelay
from code_of_pages import LANGUAGES, PAGES, ROOT, Block, blocks, commands, inline_commands, page_id
from conftest import SMALL
from goalrelay import cli
from goalrelay.cli import parsing
from goalrelay.cli.main import COMMANDS, main
from goalrelay.cli.train import Train
from goalrelay.report import video
from goalrelay.tasks import structure
from goalrelay.train import config as experiments
from goalrelay.train import session, side_by_side, sweep_file, tune_file

BUDGET = {**SMALL, "episodes": 6}
"""What the trainings of pages are cut to: they run as written but for these values."""
OPTIONAL = {"panda_gym"}
"""Packages that pages use and that tests can do without."""
OF_A_RUN = ("evaluate", "record", "play", "resume", "plot")
"""Commands that need a run; the guide's are run."""
GUIDE = ROOT / "docs/guide.md"


class Parsed(Exception):
    """A command was read, and would start now."""


def of_language(language: str) -> list[Any]:
    """The pages with blocks of a language, and these blocks."""
    found = ((page, [b for b in blocks(page) if b.language == language]) for page in PAGES)
    return [pytest.param(page, of_it, id=page_id(page)) for page, of_it in found if of_it]


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings of six episodes and small networks; tests of two episodes, films of one."""
    start, evaluate, record = session.start, session.evaluate, video.record

    def small(experiment: Any, *others: Any) -> Any:
        experiments.check(experiment)  # as it is written
        return start(experiments.with_options(experiment, BUDGET), *others)

    def briefly(path: Any, **options: Any) -> Any:
        options["episodes"] = 2
        return evaluate(path, **options)

    def one(path: Path, out: Path, episodes: int, *others: Any) -> Any:
        return record(path, out, 1, *others)

    monkeypatch.setattr(session, "start", small)
    monkeypatch.setattr(session, "evaluate", briefly)
    monkeypatch.setattr(video, "record", one)


@pytest.fixture
def parse_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands stop once all their words are read."""

    def read(kind: Any, *arguments: Any, **named: Any) -> Any:
        parsed = parse(kind, *arguments, **named)
        if isinstance(parsed, Train) or named.get("others_follow"):
            return parsed  # `start` comes next
        raise Parsed

    def start(experiment: Any, *_: Any) -> None:
        experiments.check(experiment)
        raise Parsed

    parse = parsing.parse
    for module in pkgutil.iter_modules(cli.__path__, "goalrelay.cli."):
        loaded = importlib.import_module(module.name) if "__main__" not in module.name else None
        if getattr(loaded, "parse", None) is parse:
            monkeypatch.setattr(loaded, "parse", read)
    monkeypatch.setattr(session, "start", start)
    monkeypatch.setattr(side_by_side, "train", start)


@pytest.fixture
def declarations(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page declares is gone after the test."""
    monkeypatch.setattr(structure, "_declared", dict(structure._declared))


@pytest.fixture(scope="module")
def reach_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of FetchReach-v4 by her."""
    out = tmp_path_factory.mktemp("reach") / "seed-0"
    settings = SMALL | {"evaluate.episodes": 1}
    return goalrelay.train("her", "FetchReach-v4", episodes=2, out=out, settings=settings).folder


def test_every_block_says_its_language() -> None:
    for page in PAGES:
        for block in blocks(page):
            assert block.language in LANGUAGES | {"sh"}, f"{block.page}:{block.line}"


@pytest.mark.parametrize(("page", "found"), of_language("python"))
@pytest.mark.usefixtures("cut", "declarations")
def test_python_runs(
    page: Path,
    found: list[Block],
    reach_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As written, one block after the other: a block may use names of those before it."""
    shutil.copytree(reach_run, tmp_path / "runs/FetchReach-v4/her/seed-0")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "page"}
    for block in found:
        for package in OPTIONAL:
            if package in block.text and importlib.util.find_spec(package) is None:
                pytest.skip(f"{block.page}:{block.line} needs {package}")
        code = "\n" * (block.line - 1) + block.text  # so that a traceback has the page's lines
        exec(compile(code, block.page, "exec"), names)


@pytest.mark.parametrize(("page", "found"), of_language("toml"))
def test_a_file_of_a_sweep_or_a_search_is_read(
    page: Path, found: list[Block], tmp_path: Path
) -> None:
    for number, block in enumerate(found):
        file = tmp_path / f"{number}.toml"
        file.write_text(block.text)
        if "search" in tomllib.loads(block.text):
            assert tune_file.read(file).ranges
        else:
            assert sweep_file.read(file).runs


def check(words: Sequence[str], where: str) -> None:
    """A command of a page: goalrelay's are parsed, files and targets of others are there."""
    program, *rest = words
    if program == "goalrelay":
        if rest[:1] == ["sweep"] and rest[1].startswith("benchmarks/claims/"):
            assert (ROOT / rest[1]).exists() or rest[1].endswith("CLAIM.toml"), where
        with pytest.raises((Parsed, SystemExit)) as stopped:
            raise SystemExit(main(rest))
        if isinstance(stopped.value, SystemExit):  # `--help`
            assert not stopped.value.code, f"{where}: {' '.join(words)}"
    elif program == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert set(rest) <= set(targets), where
    elif program in ("python", "sh"):
        assert rest[0] == "-m" or (ROOT / rest[0]).exists(), where
    elif "=" not in program:  # a variable of the shell
        assert program in ("pip", "jupyter", "tensorboard", "ssh", "export", "ray"), (
            f"{where}: {program}"
        )
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        for wanted in re.findall(r"(?:\.|goalrelay)\[([\w,]+)\]", " ".join(rest)):
            assert set(wanted.split(",")) <= set(extras["optional-dependencies"]), where


@pytest.mark.parametrize("page", PAGES, ids=page_id)
@pytest.mark.usefixtures("parse_only")
def test_commands_are_parsed(page: Path) -> None:
    for block in blocks(page):
        for words in commands(block.text) if block.language == "sh" else ():
            check(words, f"{block.page}:{block.line}")
    for words in inline_commands(page):
        check(words, page_id(page))


@pytest.mark.usefixtures("cut", "opengl")
def test_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every `goalrelay` command of the guide, in order, trainings, tests and films cut."""
    monkeypatch.chdir(tmp_path)
    ran = set[str]()
    for block in blocks(GUIDE):
        for program, *words in commands(block.text) if block.language == "sh" else ():
            if program != "goalrelay" or words[0] == "play":
                continue
            assert main(words) == 0, f"{block.page}:{block.line}: {' '.join(words)}"
            ran.add(words[0])
    assert ran >= {"train", "evaluate", "plot", "record"}
    for made in ("reach.png", "reach.gif", "push.gif"):
        assert (tmp_path / made).stat().st_size > 1000


@pytest.mark.parametrize("command", ["methods", "tasks", "--help", "--version", "train --help"])
def test_commands_that_only_print_run(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(command.split())
    except SystemExit as stop:
        code = stop.code
    assert not code and capsys.readouterr().out
    assert command.split()[0] in COMMANDS or command.startswith("--")
