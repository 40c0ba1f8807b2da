"""What mkdocs does beyond docs/: pages and files of the repository that docs/ links to.

Pages link to each other as files of the repository, so that they work on a code host. The site has
docs/ at its root, and everything else at its path in the repository:

    docs/her.md -> her.md        README.md -> README.md (the start page)
    results/README.md -> results/README.md        CITATION.cff -> CITATION.cff

`on_files` adds the Markdown pages outside docs/, and the files that pages link to there.
`on_page_markdown` rewrites the links between docs/ and the rest.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
PAGES = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "benchmarks/README.md",
    "results/README.md",
)
"""Pages outside docs/, by their path in the repository."""
LINK = re.compile(r"(?<=\]\()([^)\s:#]+)(?=[#)])")
"""The path of a link or picture `[text](path#anchor)`; not of an address such as https:..."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages outside docs/, and the files outside docs/ that any page links to."""
    linked = set[str]()
    for page in [*files.documentation_pages()]:
        linked |= _linked(_in_repository(page.src_uri), page.content_string)
    for path in PAGES:
        text = (ROOT / path).read_text()
        linked |= _linked(path, text)
        files.append(File.generated(config, path, content=text))
    for path in sorted(linked - set(PAGES)):
        if not path.startswith("docs/"):
            files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Rewrite the links of a page from paths in the repository to paths on the site."""
    source = page.file.src_uri
    here = _in_repository(source)

    def rewrite(found: re.Match[str]) -> str:
        target = _on_site(_resolved(here, found[1]))
        return posixpath.relpath(target, posixpath.dirname(source) or ".")

    return LINK.sub(rewrite, markdown)


def _linked(page: str, text: str) -> set[str]:
    """The files that a page links to, by their paths in the repository."""
    return {
        path for link in LINK.findall(text) if (ROOT / (path := _resolved(page, link))).is_file()
    }


def _resolved(page: str, link: str) -> str:
    """The path in the repository of a link on a page."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), link))


def _in_repository(source: str) -> str:
    """A path on the site -> in the repository."""
    return source if (ROOT / source).is_file() else f"docs/{source}"


def _on_site(path: str) -> str:
    """A path in the repository -> on the site."""
    return path.removeprefix("docs/")
