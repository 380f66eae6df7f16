"""Help with misspelled names."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from typing import Final

_MAX_CANDIDATES: Final = 1000  # each is compared letter by letter


def hint(name: str, known: Collection[str]) -> str:
    """Return the end of a message that suggests the nearest known name; empty if none is near."""
    near = get_close_matches(name, known, n=1) if len(known) <= _MAX_CANDIDATES else []
    return f"; did you mean {near[0]!r}?" if near else ""
