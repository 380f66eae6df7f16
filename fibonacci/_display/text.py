"""Shortening texts from the platform, and measuring how many terminal cells a text takes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final

#: How many characters of a text are shown, in a field and in a table cell.
LONG = 500

_JOINER: Final = "\N{ZERO WIDTH JOINER}"
_EMOJI_STYLE: Final = "\N{VARIATION SELECTOR-16}"
_SKIN_TONES: Final = "".join(map(chr, range(0x1F3FB, 0x1F400)))


def cut(text: str, length: int = LONG) -> str:
    """Cut a text to a length, and add its number of characters if it was longer."""
    return text if len(text) <= length else f"{text[:length]}\N{HORIZONTAL ELLIPSIS} ({len(text):,} characters)"


def cell_width(text: str) -> int:
    """Return the number of a terminal's cells that a text takes."""
    return len(text) if text.isascii() else sum(width for _, width in clusters(text))


def clusters(text: str) -> Iterator[tuple[str, int]]:
    """Yield the characters as they are drawn (an emoji is one), and how many cells each takes."""
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
