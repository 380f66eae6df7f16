"""Factories of what accompanies a model: responses, rate limits, pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

from fibonacci.models import Headers, Page, RateLimit, ResponseInfo

T = TypeVar("T")


def make_rate_limit(limit: int = 60, remaining: int = 59, reset_at: datetime | None = None) -> RateLimit:
    """Make a rate limit, as the headers of a response report it.

    Args:
        limit: The number of requests that the plan allows in a window.
        remaining: The number of requests left in it.
        reset_at: The time at which the next window begins, with a time zone. Default: a fixed time, in UTC.

    Returns:
        The value of a response's `.rate_limit`.

    Example:
        >>> make_rate_limit(limit=300, remaining=0).remaining
        0
    """
    reset_at = reset_at or datetime(2026, 1, 2, 3, 5, tzinfo=UTC)
    return RateLimit(limit=limit, remaining=remaining, reset_at=reset_at)


def make_response(
    status_code: int = 200,
    *,
    request_id: str | None = "req_abc123",
    headers: Mapping[str, str] | None = None,
    rate_limit: RateLimit | None = None,
    attempts: int = 1,
    elapsed: float = 0.05,
) -> ResponseInfo:
    """Make the HTTP response that a model came in.

    Args:
        status_code: The HTTP status code.
        request_id: The platform's id of the request.
        headers: The headers by name; `Content-Type` alone by default.
        rate_limit: The rate limit; that of `make_rate_limit()` by default.
        attempts: The number of times that the request was sent.
        elapsed: The seconds that the call took, waits included.

    Returns:
        The value of a model's `.response`.

    Example:
        >>> make_response(503, attempts=3).attempts
        3
    """
    fields = {"content-type": "application/json"} if headers is None else headers
    return ResponseInfo(
        status_code=status_code,
        request_id=request_id,
        headers=Headers(fields.items()),
        rate_limit=rate_limit or make_rate_limit(),
        attempts=attempts,
        elapsed=elapsed,
    )


def make_page(items: Iterable[T], *, next_cursor: str | None = None, response: ResponseInfo | None = None) -> Page[T]:
    """Make a page of a list, the last one by default.

    Args:
        items: What is on the page, in this order.
        next_cursor: The cursor of the next page; None for the last page.
        response: The HTTP response that it came in; a successful one by default.

    Returns:
        A page as `pager.pages()` yields it.

    Example:
        >>> len(make_page(["first", "second"]))
        2
    """
    return Page(items=list(items), response=response or make_response(), next_cursor=next_cursor)
