"""Text that the author of a workflow wrote, made fit to stand in the description of a tool."""

from __future__ import annotations

import json
import unicodedata
from typing import Final

# They are not shown, and can carry a hidden message; unlike other invisible characters they are no control characters.
_VARIATION_SELECTORS: Final = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))


def cleaned(text: str, limit: int) -> str:
    """Return a text in one line of visible characters.

    Args:
        text: The text.
        limit: The most characters to return; a longer text ends in an ellipsis.
    """
    visible = "".join(character for character in text if character.isspace() or _is_visible(character))
    line = " ".join(visible.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def quoted(text: str, limit: int) -> str:
    """Return the same as a JSON string, which shows where the text ends whatever it holds."""
    return json.dumps(cleaned(text, limit), ensure_ascii=False)


def _is_visible(character: str) -> bool:
    if any(ord(character) in each for each in _VARIATION_SELECTORS):
        return False
    return not unicodedata.category(character).startswith("C")  # control, format, private, unassigned
