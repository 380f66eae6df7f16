"""Every Python block of docs/ and the package's skill runs, and every relative link of all pages leads somewhere."""

from __future__ import annotations

import logging
import re
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.docs.markdown import ROOT, SHELL, Block, anchors, blocks_of, links
from tests.docs.running import Setting, setting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    "needs a Redis server",
}

BLOCKS = [block for page in PAGES for block in blocks_of(page)]


class DocsPage:
    """The blocks of one page, run in order and each only once, whichever of them is asked for first."""

    def __init__(self, path: Path, setting: Setting) -> None:
        self._setting = setting
        self._left = blocks_of(path)

    def run(self, block: Block) -> None:
        """Run up to a block: the ones before it may not have been asked for."""
        while self._left and self._left[0].line <= block.line:
            self._setting.run(self._left.pop(0))


@pytest.fixture(scope="session")
def page_of() -> Iterator[Callable[[Path], DocsPage]]:
    """Return a function that opens a page, once in a session."""
    opened: dict[Path, DocsPage] = {}
    with ExitStack() as stack:

        def open_page(path: Path) -> DocsPage:
            if path not in opened:
                opened[path] = DocsPage(path, stack.enter_context(setting()))
            return opened[path]

        yield open_page


# The blocks of a page follow each other in one process: another one would have to run those before them again.
PYTHON = [
    pytest.param(block, id=str(block), marks=pytest.mark.xdist_group(block.path.stem))
    for block in BLOCKS
    # The README's run alone each, in test_readme.py; test_tutorial.py runs those of the tutorial, in terminals.
    if block.language == "python" and block.path != README and block.path.parent != TUTORIAL
]


@pytest.mark.parametrize("block", PYTHON)
def test_block(block: Block, page_of: Callable[[Path], DocsPage]) -> None:
    logger = logging.getLogger("fibonacci")
    handlers, level = [*logger.handlers], logger.level
    page_of(block.path).run(block)
    # What a page shows of the log is not shown in other tests.
    for handler in {*logger.handlers} - {*handlers}:
        if not isinstance(handler, logging.NullHandler):
            logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_blocks_say_what_they_are(page: Path) -> None:
    blocks = blocks_of(page)
    assert [str(block) for block in blocks if not block.language] == [], "name the language: `python` is run"
    others = {"py", "python3", "pycon"}
    assert [str(block) for block in blocks if block.language in others] == [], "call it `python`, so that it is run"
    assert [str(block) for block in blocks if block.not_run not in {None, *REASONS}] == []


def test_the_first_two_shell_blocks_of_the_readme_are_one_command_line_each() -> None:
    shell = [block for block in blocks_of(README) if block.language in SHELL][:2]
    assert len(shell) == 2
    for block in shell:
        assert re.fullmatch(r"[^\s#$][^\n]*[^\s\\]\n", block.code), f"{block} is not one line"


@pytest.mark.parametrize("path", LINKED, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_resolve(path: Path) -> None:
    assert [link for link in links(path.read_text("utf-8")) if not resolves(link, path)] == []


def resolves(link: str, page: Path) -> bool:
    """Tell whether a link leads to a file of the repository and, in a page, to one of its headings."""
    if re.match(r"[a-z]+:", link):
        return True
    name, _, fragment = link.partition("#")
    target = page.parent / name if name else page
    if not target.exists():
        return False
    return not fragment or target.suffix != ".md" or fragment in anchors(target.read_text("utf-8"))
