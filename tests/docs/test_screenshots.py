"""The screenshots of docs/how-to/watch-runs-on-the-page.md are on the page, and small."""

from __future__ import annotations

from tests.docs.markdown import ROOT

PAGE = ROOT / "docs" / "how-to" / "watch-runs-on-the-page.md"
MAX_BYTES = 120_000


def test_the_page_shows_each_screenshot() -> None:
    names = [path.name for path in (ROOT / "docs" / "images").glob("emulator-*.png")]
    assert len(names) == 2
    assert [name for name in names if f"(../images/{name})" not in PAGE.read_text("utf-8")] == []


def test_the_screenshots_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in (ROOT / "docs" / "images").glob("*.png")}
    assert {name: size for name, size in sizes.items() if size > MAX_BYTES} == {}, "python -m tests.docs.screenshots"
