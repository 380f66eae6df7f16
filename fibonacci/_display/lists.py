"""HTML of pages and pagers: the items as rows, and how to read more. Nothing is fetched for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fibonacci._display.html import code, display, escaped, table, value
from fibonacci._display.text import counted

if TYPE_CHECKING:
    from fibonacci.models.page import Page

_ROWS = 20
_COLUMNS = 8


def page_html(page: Page[Any]) -> str:
    """Return the first items of a page as rows."""
    return display(_items(page))


def pager_html(name: str, call: str, page: Page[Any] | None) -> str:
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
    if page is None:
        return display(f"<p>{title}: nothing is fetched yet.</p>", how)
    return display(f"<p>{title}: its first page, as {code('first()')} fetched it.</p>", _items(page), how)


def _items(page: Page[Any]) -> str:
    from fibonacci.models._base import Model

    items = page.items
    shown = items[:_ROWS]
    rows = [item.to_dict() if isinstance(item, Model) else {"value": item} for item in shown]
    # A column that is empty in all rows takes no room: a notebook is narrow.
    names = list(dict.fromkeys(name for row in rows for name, each in row.items() if each not in (None, {}, [])))
    columns = names[:_COLUMNS]
    title = f"<strong>Page</strong> of {counted(len(items), 'item')}"
    if len(items) > len(shown):
        title += f", the first {len(shown)}"
    if len(names) > len(columns):
        title += f"; {counted(len(names) - len(columns), 'column')} left out"
    title += "; more pages follow" if page.next_cursor is not None else ""
    if not rows:
        return f"<p>{title}</p>"
    cells = ([str(number), *(value(row.get(name)) for name in columns)] for number, row in enumerate(rows))
    return table(title, ["#", *columns], cells)
