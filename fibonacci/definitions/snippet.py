"""The line of a fault as its author wrote it, with a caret under the place."""

from __future__ import annotations

from typing import Final

from fibonacci._display.text import cell_width, clusters
from fibonacci._text import visible

_WIDEST: Final = 100
"""The cells of a line that are shown; a longer line is cut around the place."""
_BEFORE: Final = 60
"""The cells before the place that stay of such a line."""
_CUT: Final = "..."
_TAB: Final = "    "


def snippet(number: int, line: str, column: int | None = None) -> str:
    r"""Return a line with its number and, below it, a caret.

    Args:
        number: The number of the line.
        line: The line, without its break.
        column: The place in the line, counted from 1 in characters; None shows no caret.

    Returns:
        One line of text, or two. Nothing in them can be carried out by a terminal, and the caret is under the place
        where characters are wide, or shown as escapes.

    Example:
        >>> print(snippet(12, "name: 日本\t{{x}}", 10))
           12 | name: 日本    {{x}}
              |               ^
    """
    place = len(line) if column is None else column - 1
    before, after = _shown(line[:place]), _shown(line[place:])
    if cell_width(before) + cell_width(after) > _WIDEST:
        if cell_width(before) > _BEFORE:
            before = _CUT + _last(before, _BEFORE)
        rest = _first(after, _WIDEST - cell_width(before))
        after = rest if rest == after else rest + _CUT
    shown = f"{number:>5} | {before}{after}".rstrip()
    return shown if column is None else f"{shown}\n      | {' ' * cell_width(before)}^"


def _shown(text: str) -> str:
    return visible(text.replace("\t", _TAB))


def _first(text: str, width: int) -> str:
    """Return the beginning of a text that takes at most so many cells."""
    end = 0
    for cluster, cells in clusters(text):
        width -= cells
        if width < 0:
            break
        end += len(cluster)
    return text[:end]


def _last(text: str, width: int) -> str:
    """Return the end of a text that takes at most so many cells."""
    excess, start = cell_width(text) - width, 0
    for cluster, cells in clusters(text):
        if excess <= 0:
            break
        excess -= cells
        start += len(cluster)
    return text[start:]
