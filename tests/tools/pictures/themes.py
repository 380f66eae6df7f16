"""Light and dark: the colors of a picture, and the name of its file in each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple

from fibonacci.definitions.diagrams.svg import DARK, LIGHT
from tests.tools.markdown import ROOT

IMAGES: Final = ROOT / "docs" / "images"


class Theme(NamedTuple):
    """The colors of one variant of a picture.

    Attributes:
        name: The end of the file's name, and what a browser calls the color scheme.
        colors: The colors by what they are for, as the package's diagrams have them.
    """

    name: Literal["light", "dark"]
    colors: Mapping[str, str]


THEMES: Final = (Theme("light", LIGHT), Theme("dark", DARK))


def in_both(name: str, draw: Callable[[Theme], str]) -> dict[str, str]:
    """Return a picture in light and in dark, by the names of their files."""
    return {f"{name}-{theme.name}.svg": draw(theme) for theme in THEMES}


def save(drawn: Mapping[str, str] | Mapping[str, bytes], folder: Path = IMAGES) -> None:
    """Write pictures, by the names of their files, into a folder."""
    for name, content in drawn.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
