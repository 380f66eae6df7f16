"""Texts on a terminal: JSON that is safe there, characters that it has, and texts cut to a width in cells."""

from __future__ import annotations

from fibonacci._display.text import cell_width, clusters
from fibonacci._text import printable


def visible_json(text: str) -> str:
    """Return a JSON text with the same meaning, whose control characters are escaped as JSON does it."""
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(each if printable(each) == each else f"\\u{ord(each):04x}" for each in text)


def encodable(text: str, encoding: str) -> str:
    """Return a text in which the characters that an encoding does not have are escaped."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def fitted(text: str, width: int, ellipsis: str) -> str:
    """Return a text that takes exactly so many cells: it is cut, or filled with spaces."""
    missing = width - cell_width(text)
    if missing >= 0:
        return text + " " * missing
    mark = ellipsis[:width]
    kept, taken = "", len(mark)
    for cluster, cells in clusters(text):
        taken += cells
        if taken > width:
            break
        kept += cluster
    return kept + mark + " " * (width - cell_width(kept + mark))
