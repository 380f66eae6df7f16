"""The pictures of the guide on diagrams are those that the package draws now."""

from __future__ import annotations

from tests.tools.pictures.diagrams import diagrams
from tests.tools.pictures.themes import IMAGES


def test_the_pictures_are_not_stale() -> None:
    drawn = diagrams()
    saved = {name: (IMAGES / name).read_text("utf-8") for name in drawn}
    assert saved == drawn, "python -m tests.tools.pictures diagrams"


def test_no_picture_follows_the_system() -> None:
    assert [name for name, text in diagrams().items() if "prefers-color-scheme" in text] == []
