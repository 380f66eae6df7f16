"""What the SDK keeps of an HTTP response: status, headers, rate limit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime


class Headers(Mapping[str, str]):
    """The headers of a response.

    Lookups ignore case. Repeated headers are joined with a comma.

    Args:
        pairs: The names, in upper or lower case, and the values, in the order in which they were received.

    Example:
        ```python
        assert workflow.response.headers["content-type"] == workflow.response.headers["Content-Type"]
        ```
    """

    __slots__ = ("_values",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._values: dict[str, str] = {}
        for name, value in pairs:
            name = name.lower()
            self._values[name] = f"{self._values[name]}, {value}" if name in self._values else value

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Headers({self._values!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """The rate limit, as the headers of a response report it.

    The platform documents the headers `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset`.

    Example:
        ```python
        limit = workflow.response.rate_limit
        print(f"{limit.remaining} of {limit.limit} requests are left until {limit.reset_at:%H:%M:%S}")
        ```
    """

    limit: int
    """The number of requests that the plan allows in a window, such as 60."""

    remaining: int
    """The number of requests left in the current window."""

    reset_at: datetime
    """The time at which the next window begins (UTC)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseInfo:
    """The HTTP response that a model or a page came in.

    Example:
        ```python
        response = workflow.response
        print(response.status_code, response.request_id, response.attempts, f"{response.elapsed:.3f} s")
        ```
    """

    status_code: int
    """The HTTP status code, such as 200."""

    request_id: str | None
    """The platform's ID of the request, such as `"req_abc123"`. None if it sent none."""

    headers: Headers
    """The headers of the response. Lookups ignore case."""

    rate_limit: RateLimit | None
    """The rate limit at the time of this response. None if the response doesn't report it."""

    attempts: int
    """The number of times that the request was sent. 1 if there were no retries."""

    elapsed: float
    """The seconds from the start of the call to the response, including waits."""
