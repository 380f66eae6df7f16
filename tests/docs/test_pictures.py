"""Every picture of a page has a light and a dark file and a text; every file is shown, small, and refers to nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.kit.assertions import check_rows
from tests.tools.markdown import ROOT
from tests.tools.pictures.in_pages import ShownPicture, by_scheme, other_images, pictures_of
from tests.tools.pictures.themes import IMAGES, THEMES

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MOST_BYTES = {".png": 120_000, ".svg": 40_000}
ELSEWHERE = re.compile(r"https?:|@import|@font-face|<script|\burl\((?!#)|\b(?:href|src)=")

PAGE = """\
Text.

<picture>
  <source media="(prefers-color-scheme: dark)" srcset="../images/a-dark.svg">
  <img alt="Two &quot;bars&quot;." src="../images/a-light.svg">
</picture>

More.
"""


@pytest.fixture(scope="module")
def shown() -> list[tuple[Path, ShownPicture]]:
    """Return the pictures of all pages, each with its page."""
    return [(page, picture) for page in PAGES for picture in pictures_of(page.read_text("utf-8"))]


def test_the_site_has_an_image_for_each_scheme() -> None:
    assert by_scheme(PAGE) == (
        "Text.\n\n"
        '![Two "bars".](../images/a-light.svg#only-light)\n![Two "bars".](../images/a-dark.svg#only-dark)\n\n'
        "More.\n"
    )


def test_every_image_is_a_picture_for_light_and_dark() -> None:
    others = {str(page.relative_to(ROOT)): other_images(page.read_text("utf-8")) for page in PAGES}
    assert {page: images for page, images in others.items() if images} == {}


def test_a_picture_has_both_files_and_says_what_is_seen(shown: list[tuple[Path, ShownPicture]]) -> None:
    check_rows(((f"{page.relative_to(ROOT)}:{picture.light}", (page, picture)) for page, picture in shown), check_shown)


def check_shown(shown: tuple[Path, ShownPicture]) -> None:
    page, picture = shown
    files = picture.files(page)
    assert [path for path in files if not path.is_file()] == []
    assert [path.name for path in files] == [
        f"{files[0].stem.removesuffix('-light')}-{theme.name}{files[0].suffix}" for theme in THEMES
    ]
    assert re.fullmatch(r"[A-Z0-9`].{30,}\.", picture.text)
    assert not re.search(r"screenshot|picture|image|\[|\]", picture.text, re.IGNORECASE)


def test_every_file_is_shown_small_and_refers_to_no_other(shown: list[tuple[Path, ShownPicture]]) -> None:
    files = sorted(IMAGES.iterdir())
    assert {path.name for path in files} == {path.name for page, picture in shown for path in picture.files(page)}
    check_rows(((path.name, path) for path in files), check_file)


def check_file(path: Path) -> None:
    assert path.stat().st_size <= MOST_BYTES[path.suffix]
    if path.suffix == ".svg":
        text = path.read_text("utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
        # What a session or a diagram shows in letters is text, not a reference.
        assert ELSEWHERE.findall(re.sub(r">[^<>{}]*</(?:text|title|desc)>", "></text>", text)) == []
