"""Definitions as PNG, by resvg. It comes with the extra `png`, and needs no other program or system library."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import sqrt
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from fibonacci.definitions.diagrams.svg import FONT_FAMILIES, LIGHT_SHEET, STYLE_SHEET, svg

if TYPE_CHECKING:
    from fibonacci.definitions.authoring.builder import WorkflowBuilder
    from fibonacci.definitions.document import Document
    from fibonacci.models import Execution


try:
    from resvg_py import svg_to_bytes
except ImportError as _error:
    raise ImportError("PNG needs resvg-py: pip install 'fibonacci-sdk[png]'") from _error

_ZOOM: Final = 2.0  # sharp on high-density screens too
_MOST_PIXELS: Final = 40e6  # a renderer needs four bytes for each
_NOTHING: Final = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>'
_LETTER: Final = _NOTHING.replace("><", f"><text y='9' font-family='{FONT_FAMILIES}'>M</text><")
_SANS_SERIF: Final = (None, "DejaVu Sans")  # None is the first that Fontconfig prefers, installed or not


def png(
    definition: Document | WorkflowBuilder | Mapping[str, Any] | BaseModel, *, execution: Execution | None = None
) -> bytes:
    """Draw a definition as `svg` does, in the light colors, at twice its size.

    Args:
        definition: The definition, as for `svg`.
        execution: An execution whose states and durations are shown.

    Returns:
        The picture. A very large one is scaled down to 40 million pixels.

    Raises:
        OSError: If the system has no font, so that the texts would be missing.
        TypeError: If an argument has another type.
        ValueError: If the definition contains itself.
    """
    family = _sans_serif_family()
    picture = svg(definition, execution=execution).replace(STYLE_SHEET, LIGHT_SHEET)  # resvg knows no variables
    width, height = map(float, re.findall(r'(?:width|height)="([0-9.]+)"', picture)[:2])
    zoom = min(_ZOOM, sqrt(_MOST_PIXELS / (width * height)))
    return bytes(svg_to_bytes(svg_string=picture, zoom=zoom, sans_serif_family=family))


def _sans_serif_family() -> str | None:
    """Return the font for sans-serif texts if the families that the picture names are missing."""
    blank = svg_to_bytes(svg_string=_NOTHING)
    for family in _SANS_SERIF:
        if svg_to_bytes(svg_string=_LETTER, sans_serif_family=family) != blank:
            return family
    raise OSError("the system has no font to draw text with: install one, such as DejaVu, or draw SVG")
