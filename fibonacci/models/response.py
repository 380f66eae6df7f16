"""The HTTP side of an answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime


class Headers(Mapping[str, str]):
    """The headers of an answer, looked up without regard to case; repeated ones are joined with a comma.

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


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What the `X-RateLimit-*` headers of an answer say about the plan's pace.

    Attributes:
        limit: Requests that the plan allows in a window, such as 60.
        remaining: Requests left in the present window.
        reset_at: When the next window begins (UTC).
    """

    limit: int
    remaining: int
    reset_at: datetime


@dataclass(frozen=True, slots=True)
class ResponseInfo:
    """The HTTP side of an answer.

    Attributes:
        status_code: The HTTP status, such as 200.
        request_id: The platform's id of the request, such as `"req_abc123"`; None when it sent none.
        headers: The headers of the answer.
        rate_limit: The plan's pace as of this answer; None when the answer does not tell.
        attempts: How many times the request was sent; 1 when the first was answered.
        elapsed: Seconds from the start of the call to the answer, waits included.
    """

    status_code: int
    request_id: str | None
    headers: Headers
    rate_limit: RateLimit | None
    attempts: int
    elapsed: float
