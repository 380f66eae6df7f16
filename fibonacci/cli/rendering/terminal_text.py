"""Texts on a terminal: control characters made visible, and texts cut to a width in cells."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from fibonacci._display.text import cell_width, clusters, printable

# Marks that change the order or the lines of what stands around them.
_LAYOUT: Final = re.compile("[\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_SPACING: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(text: str) -> str:
    r"""Return a text whose control characters are escaped, except for line breaks and tabs.

    >>> visible("\x1b[2Jgone")
    '\\x1b[2Jgone'
    """
    return _LAYOUT.sub(_escaped, printable(text))


def visible_line(text: str) -> str:
    """Return a text in one line: line breaks and tabs are escaped too."""
    return visible(re.sub("[\n\r\t]", lambda found: _SPACING[found[0]], text))


def visible_json(text: str) -> str:
    """Return a JSON text with the same meaning, whose control characters are escaped as JSON does it."""
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(
        f"\\u{ord(each):04x}" if each != "\n" and (unicodedata.category(each) == "Cc" or _LAYOUT.match(each)) else each
        for each in text
    )


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


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
