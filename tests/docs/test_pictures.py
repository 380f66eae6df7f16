"""Every picture of a page has a light and a dark file and a text; every file is shown, small, and refers to nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT
from tests.docs.pictures import ShownPicture, by_scheme, other_images, pictures_of
from tests.pictures.themes import IMAGES, THEMES

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SHOWN = [(page, picture) for page in PAGES for picture in pictures_of(page.read_text("utf-8"))]
FILES = sorted(IMAGES.iterdir())
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


def named(shown: tuple[Path, ShownPicture]) -> str:
    return f"{shown[0].relative_to(ROOT)}:{Path(shown[1].light).stem}"


def test_pictures_are_found() -> None:
    assert pictures_of(PAGE) == [ShownPicture("../images/a-light.svg", "../images/a-dark.svg", 'Two "bars".')]
    assert other_images(PAGE) == []
    assert other_images("![a](b.svg), <img src='c.svg'>") == ["![a](b.svg)", "<img src='c.svg'>"]
    assert len(SHOWN) > 10


def test_the_site_has_an_image_for_each_scheme() -> None:
    assert by_scheme(PAGE) == (
        "Text.\n\n"
        '![Two "bars".](../images/a-light.svg#only-light)\n![Two "bars".](../images/a-dark.svg#only-dark)\n\n'
        "More.\n"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_image_is_a_picture_for_light_and_dark(page: Path) -> None:
    assert other_images(page.read_text("utf-8")) == []


@pytest.mark.parametrize("shown", SHOWN, ids=map(named, SHOWN))
def test_a_picture_has_both_files_and_says_what_is_seen(shown: tuple[Path, ShownPicture]) -> None:
    page, picture = shown
    files = picture.files(page)
    assert [path for path in files if not path.is_file()] == []
    assert [path.name for path in files] == [
        f"{files[0].stem.removesuffix('-light')}-{theme.name}{files[0].suffix}" for theme in THEMES
    ]
    assert re.fullmatch(r"[A-Z0-9`].{30,}\.", picture.text)
    assert not re.search(r"screenshot|picture|image|\[|\]", picture.text, re.IGNORECASE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_is_small_and_refers_to_no_other(path: Path) -> None:
    assert path.stat().st_size <= MOST_BYTES[path.suffix]
    if path.suffix == ".svg":
        text = path.read_text("utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
        # What a session or a diagram shows in letters is text, not a reference.
        assert ELSEWHERE.findall(re.sub(r">[^<>{}]*</(?:text|title|desc)>", "></text>", text)) == []


def test_every_file_is_shown_by_a_page() -> None:
    shown = {path for page, picture in SHOWN for path in picture.files(page)}
    assert {path.name for path in FILES} - {path.name for path in shown} == set()
