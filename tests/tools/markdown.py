"""Find the fenced blocks, links and headings of a page; the standard library is enough for it.

python -m tests.tools.markdown README.md 2      print the second shell block of a page
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SHELL = ("bash", "sh", "shell")

_FENCED = re.compile(
    r"^(?P<comment>[ \t]*<!-- not run: (?P<reason>.*?) -->\n)?"
    r"(?P<indent>[ \t]*)(?P<fence>```+|~~~+)[ \t]*(?P<language>[\w+-]*)[^\n]*\n"
    r"(?P<code>.*?)"
    r"^(?P=indent)(?P=fence)[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
_LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)[^)]*\)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
_SAVED_AS = re.compile(r"# ((?:[\w-]+/)?[\w-]+\.\w+)\n")


@dataclass(frozen=True)
class Block:
    """The text between two fences, and where it stands."""

    path: Path
    line: int
    language: str
    code: str
    not_run: str | None = None

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT) if self.path.is_relative_to(ROOT) else self.path}:{self.line}"

    @property
    def saved_as(self) -> str | None:
        """The file name that the block's first line gives in a comment."""
        name = _SAVED_AS.match(self.code)
        return name[1] if name else None


def blocks(text: str, path: Path, first_line: int = 1) -> Iterator[Block]:
    """Yield the fenced blocks of a text that starts at a line of a file."""
    yield from (_block(found, path, first_line) for found in _FENCED.finditer(text))


def _block(found: re.Match[str], path: Path, first_line: int) -> Block:
    line = first_line + found.string.count("\n", 0, found.start("code"))
    return Block(path, line, found["language"], dedent(found["code"]), found["reason"])


def blocks_of(path: Path) -> list[Block]:
    """Return the fenced blocks of a Markdown file."""
    return list(blocks(path.read_text("utf-8"), path))


def links(text: str) -> list[str]:
    """Return the targets of a page's links; code holds none."""
    return [inline or reference for inline, reference in _LINK.findall(_without_code(text))]


def anchors(text: str) -> set[str]:
    """Return the fragments under which the headings of a page are reached, as GitHub names them."""
    return {heading_fragment(heading) for heading in _HEADING.findall(_FENCED.sub("", text))}


def heading_fragment(heading: str) -> str:
    """Return the fragment under which a heading is reached, as GitHub names it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _without_code(text: str) -> str:
    return re.sub(r"(`+)[^`].*?\1", "", _FENCED.sub("", text))


def main(page: str, number: str) -> None:
    """Print one shell block of a page."""
    shell = [block for block in blocks_of(Path(page).absolute()) if block.language in SHELL]
    print(shell[int(number) - 1].code, end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
