"""Injected faults: what goes wrong, for which requests, and how it happens on a socket."""

from __future__ import annotations

import math
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from random import Random
from typing import Any, Final, Literal, get_args

from fibonacci._texts.suggestions import did_you_mean
from fibonacci.emulator.http.messages import HTTPException, ServerRequest, ServerResponse, encode_error
from fibonacci.emulator.http.router import RoutePattern, Router
from fibonacci.emulator.state.json_encoding import to_json

FailureKind = Literal["status", "rate_limit", "html", "reset", "stall", "no_reply", "cut", "drip", "delay"]
"""What goes wrong.

The request isn't carried out:

- `status`: The response has the `status` that you pass, in the documented error envelope unless you pass a body.
- `rate_limit`: The response is a 429 with `Retry-After` and `X-RateLimit-Remaining: 0`.
- `html`: The response is a web page with status 200, like that of a login or a proxy.
- `reset`: The connection is reset.
- `stall`: The request is read, but no response is sent.

The request is carried out first:

- `no_reply`: The connection is closed without a response.
- `cut`: Half of the response is sent, and then the connection is closed.
- `drip`: The response is sent one byte at a time, with `seconds` between them.
- `delay`: The response is sent `seconds` later.
"""

KINDS: Final[tuple[FailureKind, ...]] = get_args(FailureKind)
SILENT: Final = frozenset({"reset", "stall", "no_reply"})
"""The kinds that send no response."""

_DEFAULT_STATUS: Final[Mapping[str, int]] = {"status": 500, "rate_limit": 429, "html": 200}
_DEFAULT_SECONDS: Final[Mapping[str, float]] = {"drip": 0.05, "delay": 1.0}
_MAX_SECONDS: Final = 3600.0
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?|")
_FRAMING: Final = frozenset({"content-length", "transfer-encoding"})
_LOGIN_PAGE: Final = b"<!doctype html>\n<html><head><title>Sign in</title></head><body>Please sign in.</body></html>\n"


class FailureError(ValueError):
    """The specification of a failure isn't valid.

    Attributes:
        field: The argument that is wrong.
        message: What is wrong with it.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field} {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureSpec:
    """The specification of a failure. Its fields are the arguments of `Emulator.fail`.

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
        self._require("kind", self.kind in KINDS, f"must be one of {', '.join(KINDS)}")
        self._require("times", self.times is None or self.times >= 1, "must be at least 1, or None for always")
        self._require("status", self.status is None or 200 <= self.status <= 599, "must be from 200 to 599")
        self._require(
            "seconds", self.seconds is None or 0 <= self.seconds <= _MAX_SECONDS, f"must be from 0 to {_MAX_SECONDS:g}"
        )
        for name, value in self.all_headers().items():
            is_valid = bool(_NAME.fullmatch(name) and _VALUE.fullmatch(value)) and name.lower() not in _FRAMING
            self._require("headers", is_valid, f"cannot contain {name}: {value}")
        self._require(
            "seconds",
            self.seconds is None or self.kind in _DEFAULT_SECONDS,
            f"is only for {' and '.join(_DEFAULT_SECONDS)}",
        )
        for name in ("status", "body", "headers", "retry_after"):
            belongs = getattr(self, name) is None or self.kind in _DEFAULT_STATUS
            self._require(name, belongs, f"is only for {', '.join(_DEFAULT_STATUS)}")

    def all_headers(self) -> dict[str, str]:
        """Return the specified headers, including `Retry-After`."""
        retry_after = 1 if self.kind == "rate_limit" and self.retry_after is None else self.retry_after
        return override_headers({} if retry_after is None else {"Retry-After": f"{retry_after}"}, self.headers or {})

    def _require(self, field: str, is_valid: bool, rule: str) -> None:
        if not is_valid:
            raise FailureError(field, f"{rule}, not {getattr(self, field)!r}")


class InjectedFailure:
    """A failure that `emulator.fail` injects into requests, with a count of how often it has happened.

    Attributes:
        route: The requests that fail, such as `POST /workflows/{id}/execute`.
        kind: What goes wrong.
        times: How many requests fail, or `None` for all of them.
        status: The HTTP status code of the response. `None` for the kinds that don't replace the response.
        seconds: How long `drip` and `delay` wait, in real seconds.

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
        self.status: Final = _DEFAULT_STATUS.get(spec.kind) if spec.status is None else spec.status
        self.seconds: Final = _DEFAULT_SECONDS.get(spec.kind, 0.0) if spec.seconds is None else spec.seconds
        self._taken: int = 0
        self._delivered: int = 0

    @property
    def remaining(self) -> int | None:
        """How many more requests will fail, or `None` for all of them."""
        return None if self.times is None else self.times - self._taken

    @property
    def delivered(self) -> int:
        """How many requests have failed so far.

        Each counts as soon as its failure is certain, before the client can notice it.
        """
        return self._delivered

    @property
    def _description(self) -> str:
        return self.kind if self.status is None else f"{self.kind} {self.status}"

    def __repr__(self) -> str:
        times = "always" if self.times is None else f"{self.times} times"
        return f"<InjectedFailure {self._description} for {self.route}, {times}, delivered {self.delivered}>"


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
    def is_carried_out_first(self) -> bool:
        """Whether the request is carried out before it fails."""
        return self.status is None and self.kind not in ("reset", "stall")

    def unused_text(self, requested: Iterable[str]) -> str:
        """Return what to say about it if it has happened less often than it should.

        Args:
            requested: The endpoints of the requests that were received.
        """
        what = f"the failure {self._description} for {self.route!r}"
        if self.delivered:
            return f"{what} was delivered to {self.delivered} of {self.times} requests"
        return f"{what} was not delivered: no request has matched it{did_you_mean(self.route, requested)}"

    def take(self) -> None:
        """Use up one of its times for a request."""
        self._taken += 1

    def count_delivery(self) -> None:
        """Count one failed request, once nothing can prevent the failure any more."""
        with self._lock:
            self._delivered += 1

    def body(self) -> bytes:
        """Return the body of the response that replaces the regular one. Empty for the kinds that replace none."""
        given = self.spec.body
        if self.status in (None, HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            return b""
        if given is None:
            return _LOGIN_PAGE if self.kind == "html" else _error(self.status or 0)
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
    """Return headers in which `others` replace those of the same names, in upper or lower case."""
    names = {name.lower() for name in others}
    return {**{name: value for name, value in headers.items() if name.lower() not in names}, **others}


def _error(status: int) -> bytes:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        code = "rate_limit_exceeded"
    else:
        names = {status.value: status.name.lower() for status in HTTPStatus}
        code = names.get(status, "injected_failure")
    return encode_error(HTTPException(status, code, "This failure was injected by the emulator."))


@dataclass(slots=True)
class FailingResponse(ServerResponse):
    """A response whose delivery fails.

    Attributes:
        failure: What goes wrong.
    """

    failure: ActiveFailure


CHAOS: Final[tuple[FailureKind, ...]] = ("status", "reset", "no_reply", "cut")
"""The default kinds of chaos: failures that take no time and that a client can recover from."""


class FaultInjector:
    """Registry of injected failures, safe to use from many threads.

    Args:
        router: The endpoints, to check routes against.

    Attributes:
        is_active: Whether any failure may be injected. Read for every request, without the lock.
    """

    def __init__(self, router: Router[object]) -> None:
        self.is_active: bool = False
        self._router = router
        self._lock = threading.Lock()
        self._registered: list[ActiveFailure] = []
        self._pending: list[tuple[RoutePattern, ActiveFailure]] = []
        self._chaos: Callable[[ServerRequest], ActiveFailure | None] | None = None

    def inject(self, spec: FailureSpec) -> ActiveFailure:
        """Register a failure for the next requests to its route.

        Raises:
            FailureError: If no endpoint matches its route.
        """
        pattern, failure = self._pattern(spec.route), ActiveFailure(spec)
        with self._lock:
            self._registered.append(failure)
            self._pending.append((pattern, failure))
            self.is_active = True
        return failure

    def chaos(self, random_seed: int, rate: float, route: str, kinds: Sequence[FailureKind]) -> list[ActiveFailure]:
        """Replace the current chaos: random failures (see `Emulator.chaos`).

        Raises:
            FailureError: If the rate or a kind is not valid, or no endpoint matches the route.
        """
        if not 0 <= rate <= 1:
            raise FailureError("rate", f"must be a share from 0 to 1, not {rate!r}")
        pattern, random = self._pattern(route), Random(random_seed)
        specs = [
            FailureSpec(route=route, kind=kind, times=None, status=503 if kind == "status" else None)
            for kind in kinds or CHAOS
        ]
        failures = [ActiveFailure(spec) for spec in specs] if rate else []

        def draw(request: ServerRequest) -> ActiveFailure | None:
            return random.choice(failures) if pattern.matches(request) and random.random() < rate else None

        with self._lock:
            self._registered += failures
            self._chaos = draw if failures else None
            self.is_active = bool(self._pending or failures)
        return failures

    def take(self, request: ServerRequest) -> ActiveFailure | None:
        """Use up one failure for a request: the oldest pending one that matches, else one of the chaos."""
        with self._lock:
            for entry in self._pending:
                pattern, failure = entry
                if pattern.matches(request):
                    failure.take()
                    if failure.remaining == 0:
                        self._pending.remove(entry)
                        self.is_active = bool(self._pending or self._chaos)
                    return failure
            return None if self._chaos is None else self._chaos(request)

    def all(self) -> list[ActiveFailure]:
        """Return every registered failure, the oldest first."""
        with self._lock:
            return list(self._registered)

    def undelivered(self) -> list[ActiveFailure]:
        """Return the failures of `inject` that still have to happen. One without a limit has to happen once."""
        with self._lock:
            return [failure for _, failure in self._pending if failure.times is not None or not failure.delivered]

    def clear(self) -> None:
        """Remove all failures and the chaos, with their counts."""
        with self._lock:
            self._registered, self._pending, self._chaos = [], [], None
            self.is_active = False

    def _pattern(self, route: str) -> RoutePattern:
        try:
            return RoutePattern(route, self._router)
        except ValueError as error:
            raise FailureError("route", f"matches nothing: {error}") from None


class InjectedFailures:
    """The failures injected into an emulator, as a live view with the oldest first.

    Example:
        >>> from fibonacci.emulator import Emulator
        >>> emulator = Emulator()
        >>> failure = emulator.fail("GET /tools", status=503, times=2)
        >>> [tool.name for tool in emulator.client().tools.list(page_size=1)][0]
        'slack_send_message'
        >>> failure.delivered, emulator.failures.delivered
        (2, 2)
    """

    def __init__(self, injector: FaultInjector) -> None:
        self._injector = injector

    @property
    def delivered(self) -> int:
        """How many requests have failed, counted over all failures."""
        return sum(failure.delivered for failure in self)

    def clear(self) -> None:
        """Remove all failures and the chaos, along with their counts."""
        self._injector.clear()

    def __len__(self) -> int:
        return len(self._injector.all())

    def __iter__(self) -> Iterator[InjectedFailure]:
        return iter(self._injector.all())

    def __getitem__(self, index: int) -> InjectedFailure:
        return self._injector.all()[index]

    def __repr__(self) -> str:
        return repr(list(self))


_SEND_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER 0: close sends RST
_CHUNK: Final = 64 * 1024


def deliver(sock: socket.socket, failure: ActiveFailure, head: bytes, body: bytes, closing: threading.Event) -> bool:
    """Deliver one response with its failure.

    The delivery is counted before the client can notice it, so that the count is right once the client has failed.

    Args:
        sock: The connection.
        failure: What goes wrong.
        head: The head of the response. Empty for none.
        body: The body of the response.
        closing: Set when the emulator closes. It ends every wait.

    Returns:
        Whether the connection stays open for another request.
    """
    if failure.kind == "delay" and closing.wait(failure.seconds):
        return False
    failure.count_delivery()
    match failure.kind:
        case "stall":
            _stall(sock)
            return False
        case "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _SEND_RESET)
            return False
        case "no_reply":
            return False
        case "cut":
            sock.sendall(head + body[: len(body) // 2] if body else head[: len(head) // 2])
            return False
        case "drip":
            return _drip(sock, head + body, failure.seconds, closing)
        case _:
            sock.sendall(head + body)
            return True


def _stall(sock: socket.socket) -> None:
    """Read and send nothing, until the client or the emulator closes the connection."""
    sock.settimeout(None)
    while sock.recv(_CHUNK):
        pass


def _drip(sock: socket.socket, data: bytes, seconds: float, closing: threading.Event) -> bool:
    for byte in data:
        if closing.wait(seconds):
            return False
        sock.sendall(bytes([byte]))
    return True
