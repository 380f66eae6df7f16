"""The order of the pages: that of the tables in the `index.md` of each folder of docs/.

The folder for contributors is read in the repository: it describes the code that is there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.tools.site.pages import plain

_ROW: Final = re.compile(r"^\| *\[(?P<title>[^\]]+)\]\((?P<target>[^)#\s]+\.md)\) *\|(?P<description>.*)\| *$")
_FOLDER: Final = re.compile(r"\]\(([\w-]+)/index\.md\)")

FOR_CONTRIBUTORS: Final = "contributing/"


class NavigationError(ValueError):
    """The tables of docs/ do not list each page once."""


@dataclass(frozen=True)
class ListedPage:
    """A row of a table: a page, its title, and what it is about."""

    path: str
    title: str
    description: str


@dataclass
class NavigationPart:
    """A folder of docs/, or the pages below a heading of its index."""

    title: str
    index: ListedPage | None = None
    entries: list[ListedPage | NavigationPart] = field(default_factory=list["ListedPage | NavigationPart"])

    def pages(self) -> Iterator[ListedPage]:
        """Yield the pages in their order, the index first."""
        if self.index is not None:
            yield self.index
        for entry in self.entries:
            if isinstance(entry, ListedPage):
                yield entry
            else:
                yield from entry.pages()


def read_navigation(docs: Path) -> list[ListedPage | NavigationPart]:
    """Return the home page, and the folders in the order in which it links them.

    Raises:
        NavigationError: If a page is in no table, or in two, or a table lists a page that does not exist.
    """
    text = (docs / "index.md").read_text("utf-8")
    home = ListedPage("index.md", "Home", _first_paragraph(text))
    folders = [_read_folder(docs, name) for name in dict.fromkeys(_FOLDER.findall(text))]
    _check_pages(docs, [home, *(page for folder in folders for page in folder.pages())])
    return [home, *folders]


def listed_pages(navigation: list[ListedPage | NavigationPart]) -> list[ListedPage]:
    """Return the pages of a navigation in their order."""
    return list(NavigationPart("", None, navigation).pages())


def _read_folder(docs: Path, name: str) -> NavigationPart:
    text = (docs / name / "index.md").read_text("utf-8")
    title = _title(text)
    folder = NavigationPart(title, ListedPage(f"{name}/index.md", title, _first_paragraph(text)))
    part = folder
    for line in text.splitlines():
        if line.startswith("## "):
            part = NavigationPart(line[3:].strip())
            folder.entries.append(part)
        elif row := _ROW.match(line):
            description = plain(row["description"])
            part.entries.append(ListedPage(f"{name}/{row['target']}", row["title"], description))
    return folder


def _check_pages(docs: Path, listed: list[ListedPage]) -> None:
    counts = Counter(page.path for page in listed)
    paths = (path.relative_to(docs).as_posix() for path in docs.rglob("*.md"))
    present = {path for path in paths if not path.startswith(FOR_CONTRIBUTORS)}
    faults = [f"{path} is listed {count} times" for path, count in counts.items() if count > 1]
    faults += [f"{path} is listed, and does not exist" for path in counts if path not in present]
    faults += [f"{path} is in no table of an index.md" for path in sorted(present - set(counts))]
    faults += [f"{page.path} has no description in its row" for page in listed if not page.description]
    if faults:
        raise NavigationError("\n".join(faults))


def _title(text: str) -> str:
    return text.partition("\n")[0].removeprefix("# ").strip()


def _first_paragraph(text: str) -> str:
    """Return the text between the title and the first table or heading, as one line."""
    paragraph = text.partition("\n\n")[2].partition("\n\n")[0]
    return "" if paragraph.startswith(("|", "#")) else plain(" ".join(paragraph.split()))
