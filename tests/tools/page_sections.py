"""Parts of pages that commands write: from `<!-- NAME: begin -->` to `<!-- NAME: end -->`, each a line of its own."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class PageSection(NamedTuple):
    """A part of a page.

    Attributes:
        name: Its name, which stands in the markers.
    """

    name: str

    def read(self, page: Path) -> str:
        """Return the text between the markers.

        Raises:
            ValueError: If the page has no such part.
        """
        return self._split(page)[1]

    def write(self, page: Path, text: str) -> None:
        """Replace the text between the markers.

        Raises:
            ValueError: If the page has no such part; the page is as it was.
        """
        page.write_text(self.replaced(page, text), "utf-8")

    def replaced(self, page: Path, text: str) -> str:
        """Return the page with another text between the markers.

        Raises:
            ValueError: If the page has no such part.
        """
        before, _, after = self._split(page)
        return before + text + after

    def _split(self, page: Path) -> tuple[str, str, str]:
        first, last = (f"<!-- {self.name}: {which} -->\n" for which in ("begin", "end"))
        before, begin, rest = page.read_text("utf-8").partition(first)
        text, end, after = rest.partition(last)
        if not (begin and end):
            raise ValueError(f"{page} has no {first.strip()} and {last.strip()}")
        return before + begin, text, end + after
