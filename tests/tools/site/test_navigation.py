"""The navigation of the site is that of the tables in docs/."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools.releases.project import ROOT
from tests.tools.site.navigation import ListedPage, NavigationError, NavigationPart, listed_pages, read_navigation

HOME = "# Home\n\nWhat it is.\n\n| To | Read |\n|---|---|\n| learn | the [guides](guides/index.md) |\n"
GUIDES = """# Guides

A task each.

| Guide | |
|---|---|
| [First](first.md) | What `first` does, with a [link](second.md) |

## More

| Guide | |
|---|---|
| [Second](second.md) | The other |
"""


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    (tmp_path / "guides").mkdir()
    (tmp_path / "index.md").write_text(HOME)
    (tmp_path / "guides" / "index.md").write_text(GUIDES)
    for name in ("first", "second"):
        (tmp_path / "guides" / f"{name}.md").write_text(f"# {name}\n")
    return tmp_path


def test_pages_are_in_the_order_of_the_tables_below_their_headings(docs: Path) -> None:
    home, guides = read_navigation(docs)
    assert home == ListedPage("index.md", "Home", "What it is.")
    assert isinstance(guides, NavigationPart)
    assert guides.index == ListedPage("guides/index.md", "Guides", "A task each.")
    first, more = guides.entries
    assert first == ListedPage("guides/first.md", "First", "What first does, with a link")
    assert more == NavigationPart("More", None, [ListedPage("guides/second.md", "Second", "The other")])


def test_a_page_in_no_table_is_an_error(docs: Path) -> None:
    (docs / "guides" / "third.md").write_text("# Third\n")
    with pytest.raises(NavigationError, match=r"^guides/third.md is in no table of an index.md$"):
        read_navigation(docs)


def test_a_page_in_two_tables_is_an_error(docs: Path) -> None:
    (docs / "guides" / "index.md").write_text(GUIDES + "| [Again](first.md) | Once more |\n")
    with pytest.raises(NavigationError, match=r"^guides/first.md is listed 2 times$"):
        read_navigation(docs)


def test_a_row_without_a_page_is_an_error(docs: Path) -> None:
    (docs / "guides" / "second.md").unlink()
    with pytest.raises(NavigationError, match=r"^guides/second.md is listed, and does not exist$"):
        read_navigation(docs)


def test_a_page_without_a_description_is_an_error(docs: Path) -> None:
    (docs / "guides" / "index.md").write_text(GUIDES.replace("The other", ""))
    with pytest.raises(NavigationError, match=r"^guides/second.md has no description in its row$"):
        read_navigation(docs)


def test_pages_for_contributors_are_not_on_the_site(docs: Path) -> None:
    (docs / "contributing").mkdir()
    (docs / "contributing" / "architecture.md").write_text("# Architecture\n")
    assert [page.path for page in listed_pages(read_navigation(docs))][-1] == "guides/second.md"


def test_every_page_of_the_documentation_is_listed_once() -> None:
    assert len(listed_pages(read_navigation(ROOT / "docs"))) > 50  # it raises an error for one that is not
