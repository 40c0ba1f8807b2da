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
    import jinja2

    folder = files(__package__ or "")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = environment.from_string((folder / "page.html").read_text())
    style, script = (folder / "style.css").read_text(), (folder / "live.js").read_text()
    return template.render(page=page, aims=AIMS, style=style, script=script)
