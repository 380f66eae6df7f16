"""Definitions as PNG, by resvg, which comes with the extra `png` and needs no program and no system library."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from fibonacci.definitions.diagrams.flat_svg import flat_svg
from fibonacci.definitions.diagrams.palette import FONT_FAMILIES
from fibonacci.definitions.diagrams.svg import svg

if TYPE_CHECKING:
    from fibonacci.models import Execution

try:
    from resvg_py import svg_to_bytes
except ImportError as _error:
    raise ImportError("PNG needs resvg-py: pip install 'fibonacci-sdk[png]'") from _error

_ZOOM: Final = 2.0  # sharp on screens of high density, too
_MOST_PIXELS: Final = 40e6  # a renderer takes four bytes for each
_NOTHING: Final = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>'
_LETTER: Final = _NOTHING.replace("><", f"><text y='9' font-family='{FONT_FAMILIES}'>M</text><")
_SANS_SERIF: Final = (None, "DejaVu Sans")  # None is the first that Fontconfig prefers, installed or not


def png(definition: Mapping[str, Any] | BaseModel, *, execution: Execution | None = None) -> bytes:
    """Draw a definition as `svg` does, in the light colors, at twice its size.

    Args:
        definition: The definition, also in plain JSON. It may have faults.
        execution: An execution whose states and durations are shown.

    Returns:
        The picture. A very large one is drawn smaller, at 40 million pixels.

    Raises:
        OSError: If the system has no font, so that the texts would be missing.
        TypeError: If an argument has another type.
        ValueError: If the definition holds itself.
    """
    family = _sans_serif_family()
    picture = flat_svg(svg(definition, execution=execution))
    zoom = min(_ZOOM, sqrt(_MOST_PIXELS / (picture.width * picture.height)))
    return bytes(svg_to_bytes(svg_string=picture.text, zoom=zoom, sans_serif_family=family))


def _sans_serif_family() -> str | None:
    """Return what to draw sans-serif texts with where the families that the picture names are missing."""
    blank = svg_to_bytes(svg_string=_NOTHING)
    for family in _SANS_SERIF:
        if svg_to_bytes(svg_string=_LETTER, sans_serif_family=family) != blank:
            return family
    raise OSError("the system has no font to draw texts with: install one, such as DejaVu, or draw SVG")
