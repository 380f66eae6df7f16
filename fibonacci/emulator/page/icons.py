"""Icons: a state has a shape besides its color."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fibonacci.emulator.page.html import HTMLElement, h

_CIRCLE: Final = "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8Z"
_PATHS: Final[Mapping[str, str]] = {
    "check": f"{_CIRCLE}M5 8.2l2.1 2.1L11 6",
    "cross": f"{_CIRCLE}M5.7 5.7l4.6 4.6M10.3 5.7l-4.6 4.6",
    "play": f"{_CIRCLE}M6.5 5.2v5.6L11 8Z",
    "hand": f"{_CIRCLE}M6.3 5.3v5.4M9.7 5.3v5.4",
    "slash": f"{_CIRCLE}M3.8 12.2l8.4-8.4",
    "dash": "M4 8h8",
    "circle": _CIRCLE,
    "triangle": "M8 2.2L14.6 13.8H1.4ZM8 6.5v3.4M8 11.6v.4",
}


def icon(name: str) -> HTMLElement:
    """Return an icon; a word beside it has to say the same."""
    shape = h.path(d=_PATHS[name])
    return h.svg(shape, class_="icon", viewBox="0 0 16 16", width=16, height=16, aria_hidden="true", focusable="false")
