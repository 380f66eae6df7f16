"""One injected failure: what goes wrong, what is sent, and how often it has happened."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Literal, get_args

from fibonacci.emulator.http.errors import HTTPException
from fibonacci.emulator.http.replies import encode_error
from fibonacci.emulator.state.json_encoding import to_json

FailureKind = Literal["status", "rate_limit", "html", "reset", "stall", "no_reply", "cut", "drip", "delay"]
"""What goes wrong.

Without carrying the request out:

- `status`: a response with that status, in the documented error envelope unless a body is given;
- `rate_limit`: a 429 with `Retry-After` and nothing remaining;
- `html`: a web page with status 200, like that of a login or a proxy;
- `reset`: the connection is reset;
- `stall`: the request is read, and no response is sent.

After carrying the request out:

- `no_reply`: the connection is closed without a response;
- `cut`: half of the response is sent, and the connection is closed;
- `drip`: the response is sent a byte at a time, each `seconds` after the one before;
- `delay`: the response is sent `seconds` later.
"""

KINDS: Final[tuple[FailureKind, ...]] = get_args(FailureKind)
SILENT: Final = frozenset({"reset", "stall", "no_reply"})
"""The kinds that send no response."""

_STATUS: Final[Mapping[str, int]] = {"status": 500, "rate_limit": 429, "html": 200}
_SECONDS: Final[Mapping[str, float]] = {"drip": 0.05, "delay": 1.0}
_LONGEST: Final = 3600.0
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?|")
_FRAMING: Final = frozenset({"content-length", "transfer-encoding"})
_PAGE: Final = b"<!doctype html>\n<html><head><title>Sign in</title></head><body>Please sign in.</body></html>\n"


class FailureError(ValueError):
    """The specification of a failure is not valid.

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
    """The specification of a failure; its fields are the arguments of `Emulator.fail`.

    Raises:
        FailureError: If it is not valid.
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
        self._require("kind", self.kind in KINDS, f"is one of {', '.join(KINDS)}")
        self._require("times", self.times is None or self.times >= 1, "is at least 1, or None for always")
        self._require("status", self.status is None or 200 <= self.status <= 599, "is from 200 to 599")
        self._require("seconds", self.seconds is None or 0 <= self.seconds <= _LONGEST, f"is from 0 to {_LONGEST:g}")
        for name, value in self.all_headers().items():
            is_valid = bool(_NAME.fullmatch(name) and _VALUE.fullmatch(value)) and name.lower() not in _FRAMING
            self._require("headers", is_valid, f"cannot hold {name}: {value}")
        self._require("seconds", self.seconds is None or self.kind in _SECONDS, f"belongs to {' and '.join(_SECONDS)}")
        for name in ("status", "body", "headers", "retry_after"):
            belongs = getattr(self, name) is None or self.kind in _STATUS
            self._require(name, belongs, f"belongs to {', '.join(_STATUS)}")

    def all_headers(self) -> dict[str, str]:
        """Return the headers that are specified, `Retry-After` among them."""
        retry_after = 1 if self.kind == "rate_limit" and self.retry_after is None else self.retry_after
        return override_headers({} if retry_after is None else {"Retry-After": f"{retry_after}"}, self.headers or {})

    def _require(self, field: str, is_valid: bool, rule: str) -> None:
        if not is_valid:
            raise FailureError(field, f"{rule}, not {getattr(self, field)!r}")


class InjectedFailure:
    """A failure of requests, and how often it has happened; `emulator.fail` returns one.

    Attributes:
        route: The requests that it is for, such as `POST /workflows/{id}/execute`.
        kind: What goes wrong.
        times: How many requests fail; `None` for all of them.
        status: The HTTP status code of the response, for the kinds that replace it; else `None`.
        seconds: The wait of `drip` and `delay`, in real seconds.

    Example:
        >>> from fibonacci.emulator import Emulator
        >>> failure = Emulator().fail("GET /tools", status=503, times=2)
        >>> failure.kind, failure.status, failure.remaining, failure.delivered
        ('status', 503, 2, 0)
    """

    def __init__(self, spec: FailureSpec) -> None:
        self.route: Final = spec.route
        self.kind: Final[FailureKind] = spec.kind
        self.times: Final = spec.times
        self.status: Final = _STATUS.get(spec.kind) if spec.status is None else spec.status
        self.seconds: Final = _SECONDS.get(spec.kind, 0.0) if spec.seconds is None else spec.seconds
        self._taken: int = 0
        self._delivered: int = 0

    @property
    def remaining(self) -> int | None:
        """How many further requests will fail; `None` for all of them."""
        return None if self.times is None else self.times - self._taken

    @property
    def delivered(self) -> int:
        """How many requests have failed: the response was sent, or the connection broken, as specified."""
        return self._delivered

    def __repr__(self) -> str:
        what = self.kind if self.status is None else f"{self.kind} {self.status}"
        times = "always" if self.times is None else f"{self.times} times"
        return f"<InjectedFailure {what} for {self.route}, {times}, delivered {self.delivered}>"


class ActiveFailure(InjectedFailure):
    """A failure as the emulator delivers it.

    Attributes:
        spec: The arguments of `emulator.fail`.
    """

    def __init__(self, spec: FailureSpec) -> None:
        super().__init__(spec)
        self.spec: Final = spec
        self._lock = threading.Lock()

    @property
    def is_done_first(self) -> bool:
        """Whether the request is carried out before it fails."""
        return self.status is None and self.kind not in ("reset", "stall")

    def take(self) -> None:
        """Use it up for one request."""
        self._taken += 1

    def count_delivery(self) -> None:
        """Count one failed request; called when nothing can prevent the failure any more."""
        with self._lock:
            self._delivered += 1

    def body(self) -> bytes:
        """Return the body of the response that replaces the regular one; empty for the kinds that replace none."""
        given = self.spec.body
        if self.status in (None, HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            return b""
        if given is None:
            return _PAGE if self.kind == "html" else _error(self.status or 0)
        return given.encode() if isinstance(given, str) else given if isinstance(given, bytes) else to_json(given)

    def headers(self, now: float) -> dict[str, str]:
        """Return the headers that override those of every response.

        Args:
            now: The time of the request, in Unix seconds of the emulator's clock.
        """
        headers: dict[str, str] = {}
        if self.kind == "html":
            headers["Content-Type"] = "text/html; charset=utf-8"
        elif isinstance(self.spec.body, str | bytes):
            headers["Content-Type"] = "text/plain; charset=utf-8"
        if self.kind == "rate_limit" and not isinstance(self.spec.retry_after, str):
            wait = 1 if self.spec.retry_after is None else self.spec.retry_after
            headers |= {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(math.ceil(now + wait))}
        return override_headers(headers, self.spec.all_headers())


def override_headers(headers: Mapping[str, str], others: Mapping[str, str]) -> dict[str, str]:
    """Return headers with `others` in place of those of the same names; the case of names does not matter."""
    names = {name.lower() for name in others}
    return {**{name: value for name, value in headers.items() if name.lower() not in names}, **others}


def _error(status: int) -> bytes:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        code = "rate_limit_exceeded"
    else:
        names = {each.value: each.name.lower() for each in HTTPStatus}
        code = names.get(status, "injected_failure")
    return encode_error(HTTPException(status, code, "This failure was injected by the emulator."))
