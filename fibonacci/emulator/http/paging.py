"""Pagination with an opaque cursor."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from typing import Any, Final

from fibonacci.emulator.http.errors import Detail, invalid
from fibonacci.emulator.http.query import Query
from fibonacci.emulator.http.replies import Reply, page
from fibonacci.emulator.state.store import Record

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200


def paged(
    rows: Iterator[tuple[int, Record]],
    query: Query,
    *,
    kind: str,
    newest_first: bool = False,
    keep: Callable[[Record], bool] = lambda _: True,
    show: Callable[[Record], Any] = lambda record: record,
) -> Reply:
    """Return the page that a query selects.

    Args:
        rows: The records with their permanent numbers, descending if `newest_first`, else ascending.
        query: Holds `limit` and `cursor`.
        kind: The name of the list; a cursor of another list is refused.
        newest_first: The order of the numbers.
        keep: Returns whether a record belongs to the list.
        show: Returns the public form of a record.

    Returns:
        The page. The cursor is the number of its last record, so that records created or deleted between two pages
        make no record appear twice.

    Raises:
        HTTPException: 422 if the limit or the cursor is not valid.
    """
    limit = query.integer("limit", default=DEFAULT_LIMIT, lowest=1, highest=MAX_LIMIT)
    after = _read_cursor(query, kind)
    items: list[Any] = []
    last = 0
    for number, record in rows:
        if after is not None and (number >= after if newest_first else number <= after):
            continue
        if not keep(record):
            continue
        if len(items) == limit:
            return page(items, _cursor(kind, last))
        items.append(show(record))
        last = number
    return page(items, None)


def _cursor(kind: str, number: int) -> str:
    return urlsafe_b64encode(f"{kind}:{number}".encode()).decode().rstrip("=")


def _read_cursor(query: Query, kind: str) -> int | None:
    text = query.text("cursor")
    if text is None:
        return None
    try:
        name, _, number = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii").partition(":")
        value = int(number)
    except (binascii.Error, ValueError):
        name, value = "", 0
    if name != kind or _cursor(kind, value) != text:
        raise invalid(Detail("cursor", "not a cursor of this list"))
    return value
