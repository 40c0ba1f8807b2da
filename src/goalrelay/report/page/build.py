"""Run folders -> the page, written to a file or kept up to date."""

import dataclasses
import importlib.metadata
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from goalrelay.errors import UsageError, printable
from goalrelay.files import write_text
from goalrelay.report.bands import curve
from goalrelay.report.page.contents import Film, Section, section
from goalrelay.report.page.films import best_films, newest
from goalrelay.report.page.html import Page, check_jinja, render
from goalrelay.report.runs import Run, find_runs, grouped, read_run, shown
from goalrelay.report.style import check_installed
from goalrelay.train import lock

TITLES = {False: "goalrelay report", True: "goalrelay watch"}
"""Of a report, and of the live page."""
Groups = Mapping[str, Sequence[Run]]


def write(
    folders: Sequence[Path | str], out: Path, films: bool = True, trust: bool = False
) -> Path:
    """Write a page about runs, `index.html` in the folder `out`.

    Args:
        folders: run folders, or folders with run folders below them; `LABEL=PATH` sets a label.
        out: made if it does not exist.
        films: whether a success and a failure of each task's best policy are filmed.
        trust: import the modules of the tasks that the runs name, for their films.

    Raises:
        UsageError: no run can be read, matplotlib or Jinja is missing, or `out` cannot be written.
    """
    check_installed()
    check_jinja()
    runs, problems = readable(folders)
    if not runs:
        raise UsageError(problems[0])
    sections = []
    for title, groups in grouped(runs).items():
        try:
            part = section(title, groups)
        except UsageError as error:
            problems.append(str(error))
            continue
        if films:
            found, remark = best_films([run for group in groups.values() for run in group], trust)
            part = dataclasses.replace(part, films=found, remark=remark)
        sections.append(part)
    made = f"goalrelay {importlib.metadata.version('goalrelay')}, {time.strftime('%Y-%m-%d %H:%M')}"
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_text(out / "index.html", render(Page(TITLES[False], made, sections, problems)))
    except OSError as error:
        raise UsageError(f"--out {out} cannot be written: {error.strerror}") from error
    return out / "index.html"


class Live:
    """The page of runs in progress; only what has changed is drawn again.

    Args:
        folders: run folders, or folders with run folders below them; they may come later.
        address: gives the address of a film.

    Raises:
        UsageError: matplotlib or Jinja is missing.
    """

    def __init__(self, folders: Sequence[str], address: Callable[[Path], str]):
        check_installed()
        check_jinja()
        self._folders, self._address = folders, address
        self._drawn: dict[str, tuple[object, Section]] = {}

    def page(self) -> str:
        """The page as it is now."""
        runs, problems = readable(self._folders)
        sections = []
        for title, groups in grouped(runs).items():
            try:
                sections.append(self._section(title, groups))
            except UsageError as error:
                problems.append(str(error))
        remark = "Runs in progress. The page renews itself."
        return render(Page(TITLES[True], remark, sections, problems, live=True))

    def _section(self, title: str, groups: Groups) -> Section:
        state = [(label, *map(_state, group)) for label, group in groups.items()]
        drawn = self._drawn.get(title)
        if drawn is None or drawn[0] != state:
            films = {run.path: newest(run.path) for group in groups.values() for run in group}
            part = section(title, groups)
            abouts = [
                dataclasses.replace(about, film=self._film(films[run.path]))
                for about, run in zip(
                    part.runs, (run for group in groups.values() for run in group), strict=True
                )
            ]
            drawn = state, dataclasses.replace(part, runs=tuple(abouts))
            self._drawn[title] = drawn
        return drawn[1]

    def _film(self, file: Path | None) -> Film | None:
        return None if file is None else Film(printable(file.stem), self._address(file))


def readable(folders: Sequence[Path | str]) -> tuple[list[Run], list[str]]:
    """The runs that can be read, and what is wrong with the others, in words."""
    runs, problems = list[Run](), list[str]()
    for path, label in _found(folders, problems):
        try:
            run = read_run(path, label)
            curve(run, "episodes", shown([run]))
            runs.append(run)
        except UsageError as error:
            problems.append(printable(error))
    return runs, problems


def _found(folders: Sequence[Path | str], problems: list[str]) -> Iterator[tuple[Path, str]]:
    for folder in folders:
        try:
            yield from find_runs([folder])
        except UsageError as error:
            problems.append(printable(error))


def _state(run: Run) -> object:
    """What a drawing of a run depends on."""
    return (
        run.path,
        str(run.progress[-1]),
        len(run.progress),
        lock.in_use(run.path),
        newest(run.path),
    )
