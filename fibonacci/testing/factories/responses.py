"""What surrounds every object: the HTTP side of an answer, the plan's pace, pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

from fibonacci.models import Headers, Page, RateLimit, ResponseInfo

T = TypeVar("T")


def make_rate_limit(limit: int = 60, remaining: int = 59, reset_at: datetime | None = None) -> RateLimit:
    """Make what an answer says about the plan's pace.

    Args:
        limit: Requests in a window.
        remaining: Requests left in it.
        reset_at: When the next window begins; a fixed time when not given.

    Returns:
        The pace.
    """
    return RateLimit(limit, remaining, reset_at or datetime(2026, 1, 2, 3, 5, tzinfo=UTC))


def make_response(
    status_code: int = 200,
    *,
    request_id: str | None = "req_abc123",
    headers: Mapping[str, str] | None = None,
    rate_limit: RateLimit | None = None,
    attempts: int = 1,
    elapsed: float = 0.05,
) -> ResponseInfo:
    """Make the HTTP side of an answer.

    Args:
        status_code: The HTTP status.
        request_id: The platform's id of the request.
        headers: The headers; the content type alone when not given.
        rate_limit: The plan's pace; that of `make_rate_limit()` when not given.
        attempts: How many times the request was sent.
        elapsed: Seconds that the call took.

    Returns:
        What a model has as `.response`.

    Example:
        >>> make_response(503, attempts=3).attempts
        3
    """
    given = {"content-type": "application/json"} if headers is None else headers
    return ResponseInfo(
        status_code, request_id, Headers(given.items()), rate_limit or make_rate_limit(), attempts, elapsed
    )


def make_page(items: Iterable[T], *, next_cursor: str | None = None, response: ResponseInfo | None = None) -> Page[T]:
    """Make a page of a list, as `pager.pages()` yields it.

    Args:
        items: The objects of the page.
        next_cursor: Where the next page begins.
        response: The HTTP side of its answer.

    Returns:
        The page.

    Example:
        >>> len(make_page(["first", "second"]))
        2
    """
    return Page(list(items), response or make_response(), next_cursor)
