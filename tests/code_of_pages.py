"""The code blocks of the pages, for tests that run them.

Python, TOML and other text is fenced and says its language. An indented block is commands.
"""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
LANGUAGES = {"python", "toml", "text"}
"""Of fences; commands are `sh`."""
PAGES = sorted(
    [
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / name / "README.md" for name in ("", "benchmarks", "results")),
    ]
)
"""But for CONTRIBUTING.md: tests/test_contributing.py runs that one."""
PLACEHOLDERS = {"METHOD": "her", "TASK": "FetchReach-v4", "N": "1000", "M": "10"}
"""Words of commands that stand for others, and examples of these."""
FENCE = re.compile(r"^```(.*)\n((?:.*\n)*?)^```$", re.MULTILINE)
INDENTED = re.compile(r"(?<=\n\n)(?: {4}.*\n|\n(?= {4}))+")
INLINE = re.compile(r"(?<!`)`(goalrelay [^`]*)`(?!`)")


class Block(NamedTuple):
    """A block of a page."""

    page: str
    line: int
    """Of the page, that of the block's first line."""
    language: str
    text: str


def page_id(page: Path) -> str:
    """docs/her.md"""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """The code blocks of a page, in order."""
    text = page.read_text()
    fenced = [(m.start(2), m[1].strip(), m[2]) for m in FENCE.finditer(text)]
    without = FENCE.sub(lambda match: re.sub(r"[^\n]", "x", match[0]), text)
    indented = [
        (m.start(), "sh", re.sub(r"^ {4}", "", m[0], flags=re.MULTILINE))
        for m in INDENTED.finditer(without)
    ]
    return [
        Block(page_id(page), text.count("\n", 0, start) + 1, language, code)
        for start, language, code in sorted(fenced + indented)
    ]


def commands(text: str) -> list[list[str]]:
    """The commands of a block, as words; a line may have several, and a comment.

    Raises:
        ValueError: a quotation does not end.
    """
    found = []
    for line in text.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
        lexer.commenters, lexer.whitespace_split = "#", True
        command: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set(";&|"):
                found += [command] if command else []
                command = []
            else:
                command.append(word)
    return found


def inline_commands(page: Path) -> list[list[str]]:
    """The `goalrelay` commands with options in the sentences of a page, as words."""
    text = INLINE.findall(re.sub(r"\s*\n", " ", FENCE.sub("", page.read_text())))
    found = [shlex.split(command) for command in text if " --" in command]
    return [[PLACEHOLDERS.get(word, word) for word in words] for words in found]
