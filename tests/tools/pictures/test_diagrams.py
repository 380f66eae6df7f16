"""The diagrams of the pages are those that are drawn now."""

from __future__ import annotations

import pytest

from tests.tools.pictures.diagrams import diagrams
from tests.tools.pictures.flows import flow_diagrams
from tests.tools.pictures.themes import IMAGES


@pytest.fixture(scope="module")
def drawn() -> dict[str, str]:
    """Return the diagrams by the names of their files."""
    return diagrams() | flow_diagrams()


def test_the_pictures_are_not_stale(drawn: dict[str, str]) -> None:
    saved = {name: (IMAGES / name).read_text("utf-8") for name in drawn}
    assert saved == drawn, "python -m tests.tools.pictures diagrams flows"


def test_no_picture_follows_the_system(drawn: dict[str, str]) -> None:
    assert [name for name, text in drawn.items() if "prefers-color-scheme" in text] == []
