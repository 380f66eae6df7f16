"""What commands measure stands between markers in the pages, where they find it again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.kit.assertions import check_rows
from tests.tools.page_sections import PageSection

DOCS = Path(__file__).parents[2] / "docs"


def test_what_is_written_replaces_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    sections = [
        (name, (page, name))
        for page in sorted(DOCS.rglob("*.md"))
        for name in re.findall(r"<!-- (.*): begin -->", page.read_text("utf-8"))
    ]
    assert len(sections) == 10
    check_rows(sections, lambda row: check_section(*row, tmp_path))


def check_section(page: Path, name: str, folder: Path) -> None:
    section, copy = PageSection(name), folder / page.name
    before = page.read_text("utf-8")
    text = section.read(page)
    assert "|---|" in text.replace(" ", "").replace(":", "")
    copy.write_text(before, "utf-8")
    section.write(copy, "other\n")
    assert copy.read_text("utf-8") == before.replace(text, "other\n")
    section.write(copy, text)
    assert copy.read_text("utf-8") == before


def test_a_page_without_the_section_is_left_as_it_is(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- a: begin -->\n")
    for name in ("a", "b"):
        with pytest.raises(ValueError, match=f"has no <!-- {name}: begin --> and <!-- {name}: end -->"):
            PageSection(name).write(page, "text")
    assert page.read_text() == "<!-- a: begin -->\n"
