"""The differences between two definitions as text."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any, Final

from fibonacci._text import visible
from fibonacci.definitions.comparison.change import DefinitionChange
from fibonacci.definitions.comparison.normalization import canonical
from fibonacci.definitions.json_types import is_object

_SIGNS: Final = {"added": "+", "removed": "-", "changed": "~"}
_WIDEST: Final = 60
"""Characters of a value that stands in one line with the other one; longer texts are compared line by line."""
_WIDEST_PLACE: Final = 32
_MOST_LINES: Final = 24


def diff_text(changes: Sequence[DefinitionChange]) -> str:
    """Return a line for each difference, and for long texts a small unified diff below it."""
    if not changes:
        return "no differences"
    widths = [len(change.location) for change in changes if not _is_node(change) and not _is_long(change)]
    width = max((each for each in widths if each <= _WIDEST_PLACE), default=0)
    return "\n".join(line for change in changes for line in _lines(change, width + 1))


def _lines(change: DefinitionChange, width: int) -> Iterator[str]:
    start = f"{_SIGNS[change.kind]} {visible(change.location)}"
    if _is_node(change):
        yield f"{start} ({_type_of(change)})"
        return
    start = f"{_SIGNS[change.kind]} {visible(change.location) + ':':{width}}"
    if _is_long(change):
        yield start.rstrip()
        yield from _unified(change.old, change.new)
    elif change.kind == "changed":
        yield f"{start} {_short(change.old)} -> {_short(change.new)}"
    else:
        yield f"{start} {_short(change.new if change.kind == 'added' else change.old)}"


def _is_node(change: DefinitionChange) -> bool:
    return change.node is not None and change.location == change.node


def _type_of(change: DefinitionChange) -> str:
    node = change.new if change.kind == "added" else change.old
    return visible(str(node.get("type", "no type"))) if is_object(node) else "no type"


def _is_long(change: DefinitionChange) -> bool:
    """Tell whether two texts are compared line by line."""
    if not (isinstance(change.old, str) and isinstance(change.new, str)):
        return False
    return any("\n" in text or len(text) > _WIDEST for text in (change.old, change.new))


def _unified(old: str, new: str) -> Iterator[str]:
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), n=1, lineterm=""))[2:]
    if not lines:  # only the line breaks differ
        lines = [f"-{old!r}", f"+{new!r}"]
    yield from (f"    {visible(line)}" for line in lines[:_MOST_LINES])
    if len(lines) > _MOST_LINES:
        yield f"    ... {len(lines) - _MOST_LINES} more lines"


def _short(value: Any) -> str:
    text = repr(value) if isinstance(value, str | bool | int | float | None) else canonical(value)
    return visible(text if len(text) <= 2 * _WIDEST else f"{text[: 2 * _WIDEST]}...")
