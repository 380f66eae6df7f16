"""Texts of unknown origin made fit for a box: clean, and short by an estimate of their width.

No font is at hand, so widths are estimated, rather too wide: the fonts of the machines differ by a fifth.
"""

from __future__ import annotations

import re
from typing import Final
from unicodedata import combining, east_asian_width

# What XML 1.0 does not allow, lone surrogates among it, and the control characters that HTML does not.
_ILLEGAL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
# Marks that reorder the text around them, or hide in it.
_INVISIBLE: Final = re.compile("[\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_ELLIPSIS: Final = "…"
_BREAKABLE: Final = " _-./"

_NARROW: Final = frozenset("iljtfrI.,:;'|!()[]{}/ -")
_WIDE: Final = frozenset("mwMW@%&—")


def clean(text: str) -> str:
    """Return a text on one line, without characters that XML does not allow and without marks that reorder it."""
    return " ".join(_INVISIBLE.sub("", _ILLEGAL.sub("\ufffd", text)).split())


def width(text: str) -> float:
    """Estimate the width of a text, in units of its font size."""
    return sum(map(_width, text))


def _width(character: str) -> float:
    if character in _NARROW:
        return 0.44
    if character in _WIDE:
        return 1.06
    if character < "\x7f":
        return 0.77 if character.isupper() else 0.68
    if combining(character):
        return 0.0
    return 1.4 if east_asian_width(character) in "WF" or character > "\uffff" else 1.0


def shorten(text: str, limit: float) -> str:
    """Return as much of a text as a width allows, in units of the font size, and an ellipsis where it was cut."""
    end = _fitting(text, limit)
    return text if end == len(text) else text[: _fitting(text, limit - _width(_ELLIPSIS))].rstrip() + _ELLIPSIS


def wrap(text: str, limit: float, lines: int) -> list[str]:
    """Break a text into lines of a width, in units of the font size; the last one is shortened.

    Args:
        text: The text, clean.
        limit: The width of a line.
        lines: The most lines that are returned.
    """
    wrapped: list[str] = []
    while len(wrapped) < lines - 1 and (end := _fitting(text, limit)) < len(text):
        end = _break(text, end)
        wrapped.append(text[:end].rstrip())
        text = text[end:].lstrip()
    return [*wrapped, shorten(text, limit)]


def _fitting(text: str, limit: float) -> int:
    """Return how many characters fit."""
    for index, character in enumerate(text):
        limit -= _width(character)
        if limit < 0:
            return index
    return len(text)


def _break(text: str, end: int) -> int:
    """Return the best place for a line break, at a place or before it."""
    if text[end] == " ":
        return end
    places = (text.rfind(character, 0, end) + 1 for character in _BREAKABLE)
    best = max(places)
    return best if best > end // 2 else max(end, 1)


def number(value: float) -> str:
    """Return a coordinate as text, to a tenth of a pixel."""
    return f"{round(value, 1):g}" if abs(value) < 100_000 else str(round(value))
