"""The pictures that are drawn without a run are those that are drawn now."""

from __future__ import annotations

from tests.tools.pictures.diagrams import diagrams
from tests.tools.pictures.flows import flow_diagrams
from tests.tools.pictures.themes import IMAGES


def test_the_pictures_are_not_stale() -> None:
    drawn = diagrams() | flow_diagrams()
    saved = {name: (IMAGES / name).read_text("utf-8") for name in drawn}
    assert saved == drawn, "python -m tests.tools.pictures diagrams flows"
    assert [name for name, text in drawn.items() if "prefers-color-scheme" in text] == [], "each has one scheme"
