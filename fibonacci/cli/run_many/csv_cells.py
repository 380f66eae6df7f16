"""Cells of CSV that a spreadsheet would take for formulas, and run: a model may have written them.

An apostrophe before them says that they are text. Reading removes it again, so what is written is what is read.
"""

from __future__ import annotations

import re
from typing import Final

# As OWASP lists them, full-width ones among them. A cell with apostrophes before such a character gets one more.
_FORMULA: Final = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")


def text_cell(text: str) -> str:
    """Return a text as a cell that no spreadsheet runs; a number stays as it is."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def text_of_cell(cell: str) -> str:
    """Return the text that `text_cell` has made a cell of."""
    return cell[1:] if cell.startswith("'") and text_cell(cell[1:]) == cell else cell
