"""Pictures in pages: one form for light and dark, which GitHub shows by the reader's preference.

The site has a switch of its own, which `<picture>` does not follow; `by_scheme` makes two images of each picture, one
of which the site's style sheet hides.
"""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import NamedTuple

_PICTURE = re.compile(
    r"<picture>\n"
    r' *<source media="\(prefers-color-scheme: dark\)" srcset="(?P<dark>[^"]+)">\n'
    r' *<img alt="(?P<text>[^"]*)" src="(?P<light>[^"]+)">\n'
    r" *</picture>"
)
_IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)|!\[[^\]]*\]\[[^\]]*\]|<(?:img|picture|source)\b[^>]*>")


class ShownPicture(NamedTuple):
    """A picture of a page.

    Attributes:
        light: The file for light, relative to the page.
        dark: The file for dark.
        text: The alternative text.
    """

    light: str
    dark: str
    text: str

    def files(self, page: Path) -> list[Path]:
        """Return its files, of which the page is given."""
        return [(page.parent / name).resolve() for name in (self.light, self.dark)]


def pictures_of(text: str) -> list[ShownPicture]:
    """Return the pictures of a Markdown text."""
    return [ShownPicture(found["light"], found["dark"], unescape(found["text"])) for found in _PICTURE.finditer(text)]


def other_images(text: str) -> list[str]:
    """Return the images of a Markdown text that are not in the form for light and dark."""
    return _IMAGE.findall(_PICTURE.sub("", text))


def by_scheme(text: str) -> str:
    """Return a Markdown text with two images in place of each picture, which name the scheme that they are for."""

    def images(found: re.Match[str]) -> str:
        return "\n".join(f"![{unescape(found['text'])}]({found[name]}#only-{name})" for name in ("light", "dark"))

    return _PICTURE.sub(images, text)
