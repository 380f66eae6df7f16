"""Small changes to the text of a TOML file that leave all else as it is, comments included.

A file may be written in many ways, of which these functions change the common one. Who calls them compares what the
new text holds with what it should hold.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import Final, cast

_VALUE: Final = r"""(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|true|false)"""


def with_value(text: str, table: tuple[str, ...], name: str, value: str | bool | None) -> str:
    """Return the text with another value in a table.

    Args:
        text: The text.
        table: The name of the table, part by part; empty for what precedes all tables. One that is missing is added.
        name: The name of the value, of letters and underscores.
        value: The value, without control characters; None removes it.
    """
    lines = text.splitlines(keepends=True)
    span = _span(lines, table)
    if span is None:
        added = "" if value is None else _assignment(name, value)
        return f"{_ended(text)}\n[{'.'.join(table)}]\n{added}" if text.strip() else f"[{'.'.join(table)}]\n{added}"
    start, end = span
    pattern = re.compile(rf"(\s*{name}\s*=\s*){_VALUE}(.*)", re.DOTALL)
    for number in range(start, end):
        if found := pattern.fullmatch(lines[number]):
            lines[number] = "" if value is None else f"{found[1]}{_literal(value)}{found[2]}"
            return "".join(lines)
    if value is not None:
        if end and not lines[end - 1].endswith("\n"):
            lines[end - 1] += "\n"
        gap = "" if table or not "".join(lines[end:]).strip() else "\n"
        lines.insert(end, _assignment(name, value) + gap)
    return "".join(lines)


def without_table(text: str, table: tuple[str, ...]) -> str:
    """Return the text without a table; what stands before its heading and after its last value remains."""
    lines = text.splitlines(keepends=True)
    span = _span(lines, table)
    if span is None:
        return text
    start, end = span
    before, after = "".join(lines[: start - 1]), "".join(lines[end:])
    return before + (after.lstrip("\r\n") if before.endswith("\n\n") or not before else after)


def _span(lines: list[str], table: tuple[str, ...]) -> tuple[int, int] | None:
    """Return the lines of a table's values: from the one after its heading to the one after its last value."""
    headings = {number: heading for number, line in enumerate(lines) if (heading := _heading(line)) is not None}
    if table:
        start = next((number + 1 for number, heading in headings.items() if heading == table), None)
        if start is None:
            return None
    else:
        start = 0
    end = min((number for number in headings if number >= start), default=len(lines))
    # Blank lines and comments before the next heading belong to that.
    while end > start and (not lines[end - 1].strip() or (lines[end - 1].lstrip().startswith("#") and table)):
        end -= 1
    if not table:
        end = _top_end(lines, end)
    return start, end


def _top_end(lines: list[str], end: int) -> int:
    """Return the end of what precedes all tables: a comment right above the first heading belongs to that."""
    if end < len(lines) and not lines[end].strip():
        return end
    while end and lines[end - 1].lstrip().startswith("#"):
        end -= 1
    return end


def _heading(line: str) -> tuple[str, ...] | None:
    """Return the name of the table that a line begins; an empty one for an array of tables, None for another line."""
    if not line.lstrip().startswith("["):
        return None
    try:
        inner: object = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return None
    parts: list[str] = []
    while isinstance(inner, dict) and inner:
        (name, inner), *_ = cast("dict[str, object]", inner).items()
        parts.append(name)
    return tuple(parts) if inner == {} else ()


def _assignment(name: str, value: str | bool) -> str:
    return f"{name} = {_literal(value)}\n"


def _literal(value: str | bool) -> str:
    return json.dumps(value, ensure_ascii=False)


def _ended(text: str) -> str:
    return text if text.endswith("\n") else f"{text}\n"
