"""The page as HTML: one file that needs no other, and no network."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from goalrelay import install
from goalrelay.report.page.contents import AIMS, Section


@dataclass(frozen=True)
class Page:
    """Everything on the page."""

    title: str
    remark: str
    sections: Sequence[Section]
    problems: Sequence[str]
    """Runs that cannot be read, in words."""
    live: bool = False
    """Whether the page fetches itself again."""


def check_jinja() -> None:
    """Check that pages can be made.

    Raises:
        UsageError: Jinja is missing.
    """
    install.check("jinja2", "pages need", "viz")


def render(page: Page) -> str:
    """The text of the page; names and numbers are escaped."""
    script = (files(__package__ or "") / "live.js").read_text()
    return fill("page.html", page=page, aims=AIMS, script=script)


def fill(template: str, **values: object) -> str:
    """The text of a template of this folder, which gets the style of all pages too."""
    import jinja2

    folder = files(__package__ or "")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    found = environment.from_string((folder / template).read_text())
    return found.render(style=(folder / "style.css").read_text(), **values)
