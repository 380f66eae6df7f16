"""One failure on order: what goes wrong, what it answers, and how often it has happened."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Literal, get_args

from fibonacci.emulator.http.errors import HTTPException
from fibonacci.emulator.http.replies import encode_error, to_json

FailureKind = Literal["status", "rate_limit", "html", "reset", "stall", "no_reply", "cut", "drip", "delay"]
"""What goes wrong.

Instead of what was asked for:

- `status`: an answer with that status, in the documented form of errors unless a body is given;
- `rate_limit`: a 429 with `Retry-After` and nothing remaining;
- `html`: a web page with status 200, like that of a login or a proxy;
- `reset`: the connection is reset;
- `stall`: the request is read, and never answered.

After what was asked for has been done:

- `no_reply`: the connection is closed without an answer;
- `cut`: half of the answer comes, and the connection is closed;
- `drip`: the answer comes a byte at a time, each `seconds` after the one before;
- `delay`: the answer comes `seconds` later.
"""

KINDS: Final[tuple[FailureKind, ...]] = get_args(FailureKind)
SILENT: Final = frozenset({"reset", "stall", "no_reply"})
"""The kinds that let no answer out."""

_STATUS: Final[Mapping[str, int]] = {"status": 500, "rate_limit": 429, "html": 200}
_SECONDS: Final[Mapping[str, float]] = {"drip": 0.05, "delay": 1.0}
_LONGEST: Final = 3600.0
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?|")
_FRAMING: Final = frozenset({"content-length", "transfer-encoding"})
_PAGE: Final = b"<!doctype html>\n<html><head><title>Sign in</title></head><body>Please sign in.</body></html>\n"


class FailureError(ValueError):
    """An order that makes no sense.

    Attributes:
        field: The argument at fault.
        message: What is wrong with it.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field} {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureSpec:
    """What is ordered; see `Emulator.fail`.

    Raises:
        FailureError: When it makes no sense.
    """

    route: str = "*"
    kind: FailureKind = "status"
    times: int | None = 1
    status: int | None = None
    body: Any = None
    headers: Mapping[str, str] | None = None
    retry_after: float | str | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        self._demand("kind", self.kind in KINDS, f"is one of {', '.join(KINDS)}")
        self._demand("times", self.times is None or self.times >= 1, "is at least 1, or None for always")
        self._demand("status", self.status is None or 200 <= self.status <= 599, "is from 200 to 599")
        self._demand("seconds", self.seconds is None or 0 <= self.seconds <= _LONGEST, f"is from 0 to {_LONGEST:g}")
        for name, value in self.given_headers().items():
            is_sound = bool(_NAME.fullmatch(name) and _VALUE.fullmatch(value)) and name.lower() not in _FRAMING
            self._demand("headers", is_sound, f"cannot hold {name}: {value}")
        self._demand("seconds", self.seconds is None or self.kind in _SECONDS, f"belongs to {' and '.join(_SECONDS)}")
        for name in ("status", "body", "headers", "retry_after"):
            belongs = getattr(self, name) is None or self.kind in _STATUS
            self._demand(name, belongs, f"belongs to {', '.join(_STATUS)}")

    def given_headers(self) -> dict[str, str]:
        """Return the headers that were asked for."""
        retry_after = 1 if self.kind == "rate_limit" and self.retry_after is None else self.retry_after
        return overlaid({} if retry_after is None else {"Retry-After": f"{retry_after}"}, self.headers or {})

    def _demand(self, field: str, is_right: bool, rule: str) -> None:
        if not is_right:
            raise FailureError(field, f"{rule}, not {getattr(self, field)!r}")


class Failure:
    """A failure that was ordered, and how often it has happened.

    Attributes:
        order: What was ordered.
        route: The requests that it is for.
        kind: What goes wrong.
        times: To how many requests it is to happen; `None` for all of them.
        status: The status of the answer, of the kinds that make one up.
        seconds: The wait of `drip` and `delay`.
        delivered: To how many requests it has happened: the answer was sent, or the connection was treated as ordered.
    """

    def __init__(self, order: FailureSpec) -> None:
        self.order: Final = order
        self.route: Final = order.route
        self.kind: Final[FailureKind] = order.kind
        self.times: Final = order.times
        self.status: Final = _STATUS.get(order.kind) if order.status is None else order.status
        self.seconds: Final = _SECONDS.get(order.kind, 0.0) if order.seconds is None else order.seconds
        self.delivered: int = 0
        self._taken = 0
        self._lock = threading.Lock()

    @property
    def remaining(self) -> int | None:
        """To how many further requests it will happen; `None` for all of them."""
        return None if self.times is None else self.times - self._taken

    @property
    def is_done_first(self) -> bool:
        """Whether what was asked for is done before it goes wrong."""
        return self.status is None and self.kind not in ("reset", "stall")

    def take(self) -> None:
        """Use it for one request."""
        self._taken += 1

    def happened(self) -> None:
        """Count it; called when nothing can keep it from happening any more."""
        with self._lock:
            self.delivered += 1

    def body(self) -> bytes:
        """Return the body of the answer that it makes up."""
        given = self.order.body
        if self.status in (None, HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            return b""
        if given is None:
            return _PAGE if self.kind == "html" else _error(self.status or 0)
        return given.encode() if isinstance(given, str) else given if isinstance(given, bytes) else to_json(given)

    def headers(self, now: float) -> dict[str, str]:
        """Return the headers that stand in the place of those that every answer has."""
        headers: dict[str, str] = {}
        if self.kind == "html":
            headers["Content-Type"] = "text/html; charset=utf-8"
        elif isinstance(self.order.body, str | bytes):
            headers["Content-Type"] = "text/plain; charset=utf-8"
        if self.kind == "rate_limit" and not isinstance(self.order.retry_after, str):
            wait = 1 if self.order.retry_after is None else self.order.retry_after
            headers |= {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(math.ceil(now + wait))}
        return overlaid(headers, self.order.given_headers())

    def __repr__(self) -> str:
        what = self.kind if self.status is None else f"{self.kind} {self.status}"
        times = "always" if self.times is None else f"{self.times} times"
        return f"<Failure {what} for {self.route}, {times}, delivered {self.delivered}>"


def overlaid(headers: Mapping[str, str], others: Mapping[str, str]) -> dict[str, str]:
    """Return headers with others in their place, whatever the case of their names."""
    names = {name.lower() for name in others}
    return {**{name: value for name, value in headers.items() if name.lower() not in names}, **others}


def _error(status: int) -> bytes:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        code = "rate_limit_exceeded"
    else:
        names = {each.value: each.name.lower() for each in HTTPStatus}
        code = names.get(status, "ordered_failure")
    return encode_error(HTTPException(status, code, "This failure was ordered from the emulator."))
