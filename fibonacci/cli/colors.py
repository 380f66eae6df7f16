"""Colors of a terminal."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from fibonacci._text import printable
from fibonacci.cli.standard_streams import is_terminal

if TYPE_CHECKING:
    import argparse
    from typing import TextIO

_CODES: Final = {"red": 31, "green": 32, "yellow": 33, "cyan": 36}
_SIGNS: Final = {"+": "green", "-": "red", "~": "yellow", "@": "cyan"}
# Differences and the lines of a long text stand four spaces deeper each; a space after them is a line that is the same.
_SIGN: Final = re.compile(r"(?: {4})*([-+~@])")


class ColoredText(str):
    """A text with colors, in which other control characters are escaped: a terminal may have it as it is."""

    __slots__ = ()


def uses_color(options: argparse.Namespace, stream: TextIO | None) -> bool:
    """Tell whether a stream is shown in color: on a terminal that has colors, unless they are turned off."""
    is_off = options.no_color or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return is_terminal(stream) and not is_off


def color_changes(text: str) -> ColoredText:
    """Return the text of a difference or a plan with its added, removed and changed lines in their colors."""
    return ColoredText("\n".join(map(_colored_change, text.split("\n"))))


def _colored_change(line: str) -> str:
    sign = _SIGN.match(line)
    return printable(line) if sign is None else colored(line, _SIGNS[sign[1]])


def colored(text: str, color: str) -> ColoredText:
    """Return a text in a color: `red`, `green`, `yellow` or `cyan`."""
    return ColoredText(f"\x1b[{_CODES[color]}m{printable(text)}\x1b[0m")
