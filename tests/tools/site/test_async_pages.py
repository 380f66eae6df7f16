"""The async text that the site derives of each page runs against an emulator, and prints what it says it prints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.docs.running import holds_tests, own_logging, setting
from tests.tools.markdown import Block, blocks_of
from tests.tools.releases.project import ROOT
from tests.tools.site.async_text import Derived, PageHalves
from tests.tools.site.async_types import Pairs
from tests.tools.site.navigation import listed_pages, read_navigation
from tests.tools.site.tabs import TUTORIAL

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("site")]

LISTED = [page.path for page in listed_pages(read_navigation(ROOT / "docs"))]
PAGES = [ROOT / "docs" / path for path in LISTED if not path.startswith(TUTORIAL)]


def derived(page: Path, pairs: Pairs) -> list[tuple[Block, Derived]]:
    following = PageHalves(pairs)
    return [(block, following.derive(block)) for block in blocks_of(page)]


def for_async_readers(blocks: list[tuple[Block, Derived]]) -> Iterator[Block]:
    """Yield what a reader of the async text runs: of a block that has none, what it has in common with the sync one."""
    for block, half in blocks:
        if half.code is not None:
            yield replace(block, code=half.code)
        elif half.refused:
            yield replace(block, code=half.shared)
        elif not holds_tests(block):
            yield block


@pytest.mark.parametrize("page", [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES])
def test_the_async_text_of_a_page_runs(page: Path, pairs: Pairs) -> None:
    blocks = derived(page, pairs)
    if all(half.code is None for _, half in blocks):
        return
    with own_logging(), setting() as shared:
        for block in for_async_readers(blocks):
            shared.run(block)
