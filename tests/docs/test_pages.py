"""Every Python block of docs/ and the package's skill runs, and every relative link of all pages leads somewhere."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from tests.docs.running import NEEDS_MORE, own_logging, setting
from tests.tools.markdown import ROOT, SHELL, anchors, blocks_of, links

README = ROOT / "README.md"
TUTORIAL = ROOT / "docs" / "tutorial"
SKILLS = sorted((ROOT / "fibonacci" / ".agents").rglob("*.md"))
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md")), *SKILLS]
LINKED = [*PAGES, ROOT / "CHANGELOG.md", *sorted((ROOT / ".github").rglob("*.md"))]

# Why a block may be marked `<!-- not run: reason -->`; it is compiled all the same.
REASONS = {
    "is of fibonacci-sdk 0.2.4",
    "needs a package index",
    "needs the platform itself",
    "needs a PostgreSQL server",
    "needs a Redis server",
    "test_programs.py runs it on both APIs",
}

# The blocks of the README run alone each, in test_readme.py; test_tutorial.py runs those of the tutorial, in terminals.
RUN = [
    page
    for page in PAGES
    if page != README and page.parent != TUTORIAL and any(block.language == "python" for block in blocks_of(page))
]


# A server for agents takes two seconds to start, twice the time of any other page.
STARTS_SERVER = re.compile(r"^from mcp import", re.MULTILINE)


def has(page: Path, *patterns: re.Pattern[str]) -> bool:
    return any(pattern.search(block.code) for pattern in patterns for block in blocks_of(page))


def marks(page: Path) -> list[pytest.MarkDecorator]:
    return [pytest.mark.slow] if has(page, NEEDS_MORE, STARTS_SERVER) else []


@pytest.mark.parametrize(
    "page", [pytest.param(page, id=str(page.relative_to(ROOT)), marks=marks(page)) for page in RUN]
)
def test_the_blocks_of_a_page_run_in_order(page: Path) -> None:
    if has(page, STARTS_SERVER):
        # A client of it gives a server the stderr of the moment of this import: not that of a block that redirects it.
        import_module("mcp.client.stdio")
    with own_logging(), setting() as shared:
        for block in blocks_of(page):
            shared.run(block)


def test_blocks_say_what_they_are() -> None:
    blocks = [block for page in PAGES for block in blocks_of(page)]
    assert [str(block) for block in blocks if not block.language] == [], "name the language: `python` is run"
    others = {"py", "python3", "pycon"}
    assert [str(block) for block in blocks if block.language in others] == [], "call it `python`, so that it is run"
    assert [str(block) for block in blocks if block.not_run not in {None, *REASONS}] == []


def test_the_first_two_shell_blocks_of_the_readme_are_one_command_line_each() -> None:
    shell = [block for block in blocks_of(README) if block.language in SHELL][:2]
    assert len(shell) == 2
    for block in shell:
        assert re.fullmatch(r"[^\s#$][^\n]*[^\s\\]\n", block.code), f"{block} is not one line"


def test_relative_links_resolve() -> None:
    found = [(path, link) for path in LINKED for link in links(path.read_text("utf-8"))]
    assert [f"{path.relative_to(ROOT)}: {link}" for path, link in found if not resolves(link, path)] == []


def resolves(link: str, page: Path) -> bool:
    """Tell whether a link leads to a file of the repository and, in a page, to one of its headings."""
    if re.match(r"[a-z]+:", link):
        return True
    name, _, fragment = link.partition("#")
    target = page.parent / name if name else page
    if not target.exists():
        return False
    return not fragment or target.suffix != ".md" or fragment in _anchors_of(target.resolve())


@cache
def _anchors_of(page: Path) -> set[str]:
    return anchors(page.read_text("utf-8"))
