"""HTML of values and tables, without scripts, colors or fonts: it looks as the page around it, dark or light.

Whatever comes from the platform passes through `escaped`. Styles stand in attributes: notebooks remove style sheets.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from datetime import datetime
from html import escape
from typing import cast

from fibonacci._display.text import LONG, counted, cut
from fibonacci._text import printable

_HEADER = (
    "text-align:left;vertical-align:top;border-bottom:1px solid color-mix(in srgb, currentColor 20%, transparent);"
    "white-space:pre"
)
_CELL = f"{_HEADER}-wrap;overflow-wrap:anywhere"
_NESTED = 4 * LONG
_NAME = 60
_SHORT = 32


def escaped(text: object) -> str:
    """Return any text as HTML that shows it."""
    return escape(printable(str(text)))


def line(text: str) -> str:
    """Return a short text, which is not broken where a table is narrow."""
    return f'<span style="white-space:pre">{escaped(text)}</span>'


def name(text: object) -> str:
    """Return the name of a row as HTML."""
    return escaped(cut(str(text), _NAME))


def faint(text: str) -> str:
    """Return a text of less weight than those around it."""
    return f'<span style="opacity:.65">{escaped(text)}</span>'


def code(text: str) -> str:
    """Return a piece of code."""
    return f"<code>{escaped(text)}</code>"


def value(shown: object) -> str:
    """Return a value of a field: objects and lists can be opened, long texts are cut."""
    if shown is None:
        return faint("None")
    if isinstance(shown, datetime):
        shown = shown.isoformat(" ", "seconds")
    if isinstance(shown, str):
        return line(shown) if len(shown) <= _SHORT else escaped(cut(shown))
    if isinstance(shown, Mapping | list):
        noun = "field" if isinstance(shown, Mapping) else "item"
        members = cast("Sized", shown)
        return _nested(counted(len(members), noun), members) if members else faint(f"no {noun}s")
    return escaped(cut(str(shown)))


def _nested(title: str, shown: object) -> str:
    """Return a title that opens to a value as JSON."""
    text = cut(json_text(shown, indent=2), _NESTED)
    summary = f'<summary style="white-space:nowrap">{escaped(title)}</summary>'
    return f'<details>{summary}<pre style="margin:0">{escaped(text)}</pre></details>'


def json_text(shown: object, indent: int | None = None) -> str:
    """Return a value as JSON, or what Python says of it where it has no JSON form, such as a row that was not sent."""
    try:
        return json.dumps(shown, indent=indent, ensure_ascii=False, default=str)
    except (TypeError, ValueError):
        return str(shown)


def html_of(shown: object) -> str | None:
    """Return the HTML that an object has for notebooks; None if it has none."""
    display_hook: Callable[[], str] | None = getattr(shown, "_repr_html_", None)
    return None if display_hook is None else display_hook()


def table(title: str, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table.

    Args:
        title: What is in it, as HTML.
        headers: The names of the columns, as texts; empty where the names of the rows suffice.
        rows: The cells of each row, as HTML; the first is the row's header.
    """
    names = "".join(f'<th scope="col" style="{_HEADER}">{escaped(cut(each, _NAME))}</th>' for each in headers)
    head = f"<thead><tr>{names}</tr></thead>" if names else ""
    body = "".join(f"<tr>{_row(cells)}</tr>" for cells in rows)
    return f'<table><caption style="text-align:left">{title}</caption>{head}<tbody>{body}</tbody></table>'


def bar_of(share: float, total: float, before: float = 0.0) -> str:
    """Return a bar that shows a share of a total.

    Args:
        share: The share.
        total: The total.
        before: What of the total lies before it.
    """
    left, width = (100 * each / total if total else 0.0 for each in (before, share))
    bar = f"margin-left:{left:.1f}%;width:{width:.1f}%;min-width:2px;height:.7em;background:currentColor;opacity:.5"
    return f'<div style="width:10em"><div style="{bar}"></div></div>'


def display(*parts: str) -> str:
    """Return parts as one thing to display, which scrolls where the page is too narrow."""
    return f'<div style="overflow-x:auto">{"".join(parts)}</div>'


def _row(cells: Sequence[str]) -> str:
    header, *others = cells
    first = f'<th scope="row" style="{_HEADER}">{header}</th>'
    return first + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in others)
