"""Texts on a terminal: control characters made visible, and widths in cells."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from fibonacci._display.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

# Marks that change the order or the lines of what stands around them.
_LAYOUT: Final = re.compile("[\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_JOINER: Final = "\N{ZERO WIDTH JOINER}"
_EMOJI_STYLE: Final = "\N{VARIATION SELECTOR-16}"
_SKIN_TONES: Final = "".join(map(chr, range(0x1F3FB, 0x1F400)))
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


def cell_width(text: str) -> int:
    """Return the number of a terminal's cells that a text takes."""
    return len(text) if text.isascii() else sum(width for _, width in _clusters(text))


def fitted(text: str, width: int, ellipsis: str) -> str:
    """Return a text that takes exactly so many cells: it is cut, or filled with spaces."""
    missing = width - cell_width(text)
    if missing >= 0:
        return text + " " * missing
    mark = ellipsis[:width]
    kept, taken = "", len(mark)
    for cluster, cells in _clusters(text):
        taken += cells
        if taken > width:
            break
        kept += cluster
    return kept + mark + " " * (width - cell_width(kept + mark))


def _clusters(text: str) -> Iterator[tuple[str, int]]:
    """Yield the characters as they are drawn, an emoji with its parts, and the cells of each."""
    cluster, width = "", 0
    for character in text:
        is_tone = width == 2 and character in _SKIN_TONES
        if cluster and (is_tone or cluster[-1] == _JOINER or not _width(character)):
            cluster += character
            width = 2 if character == _EMOJI_STYLE else width
        else:
            yield cluster, width
            cluster, width = character, _width(character)
    yield cluster, width


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
