"""Pagination with an opaque cursor, and with `skip` in the API of 0.2."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final, Protocol, TypeVar

from fibonacci.emulator.http.messages import Detail, Query, Reply, bare, invalid, page
from fibonacci.emulator.state.store import RecordT

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200

SLICE_LIMIT: Final = 100
"""The limit of lists in the API of 0.2: the default and the maximum."""

_LARGEST: Final = 2**62  # the numbers of records are smaller

RowT = TypeVar("RowT", covariant=True)


class Rows(Protocol[RowT]):
    """Reads a list from any number on, so that every page costs the same."""

    def __call__(self, *, newest_first: bool, after: int | None) -> Iterator[tuple[int, RowT]]:
        """Iterate over the records after a number, each with its permanent number.

        Args:
            newest_first: Whether numbers descend. Otherwise they ascend.
            after: The number, or `None` for the beginning of the list.
        """
        ...


def paged(
    rows: Rows[RecordT],
    query: Query,
    *,
    kind: str,
    newest_first: bool = False,
    show: Callable[[RecordT], Any] = lambda record: record,
) -> Reply:
    """Return the page that a query selects, reading only one record more than the page has.

    Args:
        rows: Reads the list.
        query: Holds `limit` and `cursor`.
        kind: The name of the list. A cursor of another list is refused.
        newest_first: The order of the numbers.
        show: Returns the public form of a record.

    Returns:
        The page. The cursor is the number of its last record, so that records created or deleted between two pages make
        no record appear twice.

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
        items.append(show(record))
        last = number
    return page(items, None)


def sliced(rows: Iterable[tuple[int, RecordT]], query: Query, show: Callable[[RecordT], Any]) -> Reply:
    """Return the part of a list that `skip` and `limit` select, as the API of 0.2 has it: without an envelope.

    The arguments are those of `paged`, except for the rows themselves. `SLICE_LIMIT` is the highest limit.
    """
    skip = query.integer("skip", default=0, lowest=0, highest=_LARGEST)
    limit = min(SLICE_LIMIT, query.integer("limit", default=SLICE_LIMIT, lowest=1, highest=_LARGEST))
    return bare([show(record) for _, record in islice(rows, skip, skip + limit)])


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
        raise invalid(Detail("cursor", "is not a cursor of this list"))
    return value
