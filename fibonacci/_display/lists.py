"""HTML of pages and pagers: the items as rows, and how to read more. Nothing is fetched for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fibonacci._display.html import code, display, escaped, html_of, table, value
from fibonacci._display.text import counted

ROWS = 20
"""The items of a page that are shown."""

_COLUMNS = 8


def pager_html(name: str, call: str, page: object) -> str:
    """Return what is known of a pager.

    Args:
        name: The name of its class; that of an async one begins with `Async`.
        call: Its request, such as `GET /workflows`.
        page: Its first page where that was fetched already; None otherwise.
    """
    title = f"<strong>{escaped(name)}</strong> {code(call)}"
    is_async = name.startswith("Async")
    loop, frame = ("async for", "await pager.to_pandas()") if is_async else ("for", "pager.to_pandas()")
    how = f"<p>Read all items by {code(f'{loop} item in pager')} or {code(frame)}.</p>"
    first = html_of(page)
    if first is None:
        return display(f"<p>{title}: nothing is fetched yet.</p>", how)
    return display(f"<p>{title}: its first page, as {code('first()')} fetched it.</p>", first, how)


def page_html(rows: Sequence[Mapping[str, Any]], count: int, *, has_more: bool) -> str:
    """Return the first items of a page as rows.

    Args:
        rows: The fields of its first `ROWS` items.
        count: The number of its items.
        has_more: Whether another page follows.
    """
    # A column that is empty in all rows takes no room: a notebook is narrow.
    names = list(dict.fromkeys(name for row in rows for name, each in row.items() if each not in (None, {}, [])))
    columns = names[:_COLUMNS]
    title = f"<strong>Page</strong> of {counted(count, 'item')}"
    if count > len(rows):
        title += f", the first {len(rows)}"
    if len(names) > len(columns):
        title += f"; {counted(len(names) - len(columns), 'column')} left out"
    title += "; more pages follow" if has_more else ""
    if not rows:
        return display(f"<p>{title}</p>")
    cells = ([str(number), *(value(row.get(name)) for name in columns)] for number, row in enumerate(rows))
    return display(table(title, ["#", *columns], cells))
