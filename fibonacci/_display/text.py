"""Texts of the platform, made harmless and short."""

from __future__ import annotations

import unicodedata

#: The characters of a text that are shown, in a field and in a table's cell.
LONG = 500


def printable(text: str) -> str:
    r"""Return a text whose control characters are escaped: a terminal would execute them.

    >>> printable("\x1b[2Jgone")
    '\\x1b[2Jgone'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(character) for character in text)


def cut(text: str, length: int = LONG) -> str:
    """Return a text that is at most so long, with the number of its characters where it was longer."""
    return text if len(text) <= length else f"{text[:length]}\N{HORIZONTAL ELLIPSIS} ({len(text):,} characters)"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, such as `1 field` or `1,200 items`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _visible(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cs"):
        return character
    return character.encode("unicode_escape").decode("ascii")
