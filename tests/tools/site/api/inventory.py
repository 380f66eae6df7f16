"""The inventory of the site, by which the documentation of other projects links names of this one (intersphinx)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

from tests.tools.site.api.fragments import fragments
from tests.tools.site.pages import SitePage


def write_inventory(path: Path, pages: list[SitePage], version: str) -> None:
    """Write the inventory of the names on some pages, in version 2 of the format."""
    head = f"# Sphinx inventory version 2\n# Project: fibonacci-sdk\n# Version: {version}\n"
    head += "# The remainder of this file is compressed using zlib.\n"
    lines = "".join(f"{line}\n" for page in pages for line in _lines(page))
    path.write_bytes(head.encode() + zlib.compress(lines.encode(), 9))


def _lines(page: SitePage) -> Iterator[str]:
    folder = page.path.removesuffix("index.md").removesuffix(".md").rstrip("/")
    for name in fragments(page):
        yield f"{name} py:obj 1 {folder}/#$ -"
