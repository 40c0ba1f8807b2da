"""The website of the pages: it is built without a warning, and all that it links to is there."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parent.parent


class Links(HTMLParser):
    """What a page links to and loads, and the anchors that it has."""

    def __init__(self, page: Path):
        super().__init__()
        self.links, self.loads, self.anchors = set[str](), set[str](), set[str]()
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the addresses of a tag."""
        named = dict(attrs)
        self.anchors |= {str(named["id"])} if "id" in named else set()
        if tag == "a" and named.get("href"):
            self.links.add(str(named["href"]))
        elif tag == "link" and named.get("rel") in ("stylesheet", "icon"):
            self.loads.add(str(named["href"]))
        elif named.get("src"):
            self.loads.add(str(named["src"]))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly."""
    pytest.importorskip("material")
    pytest.importorskip("mkdocstrings")
    out = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(words, cwd=ROOT, env=quiet, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr
    return out


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Links]:
    return {page: Links(page) for page in site.rglob("*.html") if page.name != "404.html"}


def inside(page: Path, address: str) -> Path | None:
    """The file that an address on a page names; None: it is elsewhere in the net."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return None
    return (page.parent / unquote(parts.path)).resolve() if parts.path else page


def test_every_link_leads_to_a_page_and_an_anchor(site: Path, pages: dict[Path, Links]) -> None:
    followed = 0
    for page, found in pages.items():
        for link in found.links:
            target = inside(page, link)
            if target is None:
                continue
            target = target / "index.html" if target.is_dir() else target
            where = f"{page.relative_to(site)} links to {link}"
            assert target.is_relative_to(site) and target.is_file(), where
            anchor = unquote(urlsplit(link).fragment)
            if anchor and target in pages:
                assert anchor in pages[target].anchors, where
            followed += 1
    assert followed > 1000


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[Path, Links]) -> None:
    for page, found in pages.items():
        for address in found.loads:
            file = inside(page, address)
            assert file is not None, f"{page.relative_to(site)} loads {address}"
            assert file.is_file(), f"{page.relative_to(site)} loads {address}"
    for style in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?https?:", style.read_text()), style


def test_every_page_is_on_the_site(site: Path) -> None:
    def names() -> Iterator[str]:
        for page in [*(ROOT / "docs").glob("*.md"), ROOT / "CONTRIBUTING.md"]:
            yield f"{page.stem}.html"
        yield from ("index.html", "results/index.html", "benchmarks/index.html", "tour.ipynb")

    assert not [name for name in names() if not (site / name).is_file()]


def test_the_reference_has_every_public_name(site: Path) -> None:
    import goalrelay

    anchors = Links(site / "reference.html").anchors
    named = {anchor.rpartition(".")[2] for anchor in anchors}
    assert set(goalrelay.__all__) - {"__version__"} <= named
