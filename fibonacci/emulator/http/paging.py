"""Pagination with an opaque cursor."""

from __future__ import annotations

import binascii
import logging
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from fibonacci._log_records import log
from fibonacci.emulator.http.errors import Detail, invalid
from fibonacci.emulator.http.query import Query
from fibonacci.emulator.http.replies import Reply, page
from fibonacci.emulator.state.tables import Record

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200

_LARGEST: Final = 2**63  # the numbers of records are smaller

_log: Final = logging.getLogger("fibonacci.emulator")


class Rows(Protocol):
    """Reads a list from any number on, so that no page costs more than another."""

    def __call__(self, *, newest_first: bool, after: int | None) -> Iterator[tuple[int, Record]]:
        """Iterate over the records behind a number, each with its permanent number.

        Args:
            newest_first: The order of the numbers: descending, else ascending.
            after: The number; `None` for the begin of the list.
        """
        ...


def paged(
    rows: Rows,
    query: Query,
    *,
    kind: str,
    newest_first: bool = False,
    show: Callable[[Record], Any] = lambda record: record,
) -> Reply:
    """Return the page that a query selects. Of the list, the page and one record more are read.

    Args:
        rows: Reads the list.
        query: Holds `limit` and `cursor`.
        kind: The name of the list; a cursor of another list is refused.
        newest_first: The order of the numbers.
        show: Returns the public form of a record. A record that has none, because it is damaged, is logged and skipped.

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
    for number, record in rows(newest_first=newest_first, after=after):
        if len(items) == limit:
            return page(items, _cursor(kind, last))
        try:
            items.append(show(record))
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
            log(_log, logging.ERROR, "record %d of %s is damaged", number, kind, with_exception=True)
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
    if name != kind or _cursor(kind, value) != text or not 0 <= value < _LARGEST:
        raise invalid(Detail("cursor", "not a cursor of this list"))
    return value
