"""The pictures of docs/how-to/draw-diagrams.md are those that the package draws now."""

from __future__ import annotations

from tests.docs.diagrams import IMAGES, PAGE, pictures


def test_the_pictures_are_not_stale() -> None:
    drawn = pictures()
    saved = {name: (IMAGES / name).read_text("utf-8") for name in drawn}
    assert saved == drawn, "python -m tests.docs.diagrams"


def test_the_page_shows_each_picture() -> None:
    page = PAGE.read_text("utf-8")
    assert [name for name in pictures() if f"(../images/{name})" not in page] == []
