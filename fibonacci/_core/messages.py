"""What a call gives a transport, and gets of it: HTTP messages as plain bytes, the deadline, and the phases."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from itertools import pairwise
from time import monotonic
from typing import Literal, Protocol


class TimeSource(Protocol):
    """A source of time; the module `time` satisfies it."""

    def monotonic(self) -> float:
        """Return the time of a clock that never goes back; only differences of it mean anything.

        Returns:
            Seconds from an unspecified moment.
        """
        ...

    def time(self) -> float:
        """Return the time of day.

        Returns:
            Seconds since 1970-01-01 UTC, without leap seconds.
        """
        ...


class DeadlineExceeded(Exception):
    """The deadline of a call has passed.

    A transport raises it. It never leaves the client, whose call raises an `APITimeoutError`.

    Example:
        ```python
        from fibonacci.transports import Deadline, DeadlineExceeded

        try:
            Deadline(0).require()
        except DeadlineExceeded as error:
            print(error)  # prints: the call's time is up
        ```
    """


class Deadline:
    """A moment on the monotonic clock, or none.

    Every step of a call (attempts, waits, queueing for a connection, reading the body) asks the same deadline for the
    time that remains, so that `timeout` bounds the whole call and not one step of it.

    Args:
        seconds: Seconds from now; None for no limit.

    Example:
        ```python
        from fibonacci.transports import Deadline

        assert Deadline(None).remaining() is None
        assert 0 < Deadline(5).remaining() <= 5
        ```
    """

    __slots__ = ("_at", "_clock", "_reason")

    def __init__(self, seconds: float | None, _clock: TimeSource = time) -> None:
        self._clock = _clock
        self._at = None if seconds is None else _clock.monotonic() + seconds
        self._reason = "the call's time is up"

    def remaining(self) -> float | None:
        """Return the time that remains.

        Returns:
            Seconds, never negative; None when there is no limit.
        """
        return None if self._at is None else max(0.0, self._at - self._clock.monotonic())

    def require(self) -> float | None:
        """Return the time that remains, of which there has to be some.

        Returns:
            Seconds, more than 0; None when there is no limit.

        Raises:
            DeadlineExceeded: If no time remains.
        """
        if self._at is None:
            return None
        seconds = self._at - self._clock.monotonic()
        if seconds <= 0:
            raise self.exceeded()
        return seconds

    def at_most(self, seconds: float, reason: str) -> Deadline:
        """Return the deadline of one step of the call.

        Args:
            seconds: The longest that the step may take, in seconds from now.
            reason: What a `DeadlineExceeded` says when the step has taken that long.

        Returns:
            A deadline so many seconds from now, or this one if it is earlier.
        """
        remaining = self.remaining()
        if remaining is not None and remaining <= seconds:
            return self
        step = Deadline(seconds, self._clock)
        step._reason = reason
        return step

    def exceeded(self, detail: str = "") -> DeadlineExceeded:
        """Return the exception for this deadline; it is not raised.

        Args:
            detail: What was waited for, in a few words; empty for none.

        Returns:
            The exception, whose text has the reason and the detail.
        """
        return DeadlineExceeded(f"{self._reason}: {detail}" if detail else self._reason)

    def cap(self, seconds: float | None) -> float | None:
        """Limit the timeout of a step to the time that remains.

        Args:
            seconds: The timeout in seconds; None for no limit.

        Returns:
            The smaller of the timeout and the remaining seconds; None when neither has a limit.
        """
        remaining = self.remaining()
        return remaining if seconds is None else seconds if remaining is None else min(remaining, seconds)


def allows(deadline: Deadline, seconds: float) -> bool:
    """Whether time remains after a wait of so many seconds."""
    remaining = deadline.remaining()
    return remaining is None or seconds < remaining


Phase = Literal["queue", "dns", "connect", "proxy", "tls", "send", "wait", "body"]
"""What a transport does for a call.

`queue`: wait for a free connection. `dns`: look up the host's name. `connect`: connect to the host or the proxy.
`proxy`: have the proxy connect. `tls`: perform the TLS handshake. `send`: send the request. `wait`: wait for the head
of the response. `body`: read its body.
"""

#: The phases in which a request has reached the server, or may have.
SENT: frozenset[Phase | None] = frozenset({"send", "wait", "body", None})


class Phases:
    """The phases of a call, over all its attempts.

    Example:
        ```python
        from fibonacci.transports import Phases

        phases = Phases()
        phases.enter("connect")
        phases.enter("wait")
        phases.stop()
        assert phases.current == "wait"
        assert set(phases.seconds) == {"connect", "wait"}
        ```
    """

    __slots__ = ("_entered", "current")

    current: Phase | None
    """The phase that was entered last; None before the first."""

    def __init__(self) -> None:
        self.current = None
        self._entered: list[tuple[Phase | None, float]] = []

    def enter(self, phase: Phase | None) -> None:
        """Begin a phase; the one before it ends.

        Args:
            phase: The phase; None while it is not known.
        """
        self.current = phase
        self._entered.append((phase, monotonic()))

    def stop(self) -> None:
        """End the present phase, which stays the `current` one."""
        self._entered.append((None, monotonic()))

    @property
    def seconds(self) -> dict[str, float]:
        """The seconds of each phase that has ended, by its name."""
        seconds: dict[str, float] = {}
        for (phase, began), (_, ended) in pairwise(self._entered):
            if phase is not None:
                seconds[phase] = seconds.get(phase, 0.0) + ended - began
        return seconds


#: The status of a server that is not responsible for the host; a request may be repeated on another connection.
MISDIRECTED = 421


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HTTPRequest:
    """One HTTP request, as a transport is given it.

    Example:
        ```python
        from fibonacci.transports import HTTPRequest

        request = HTTPRequest(
            method="GET",
            origin="https://api.fibonacci.dev",
            target="/v1/health",
            headers=[(b"accept", b"*/*")],
            body=b"",
        )
        print(request.url)  # prints: https://api.fibonacci.dev/v1/health
        ```
    """

    method: str
    """The HTTP method, in capitals."""

    origin: str
    """The scheme, host and port, such as `https://api.fibonacci.dev`."""

    target: str
    """The path and query, percent-encoded."""

    headers: list[tuple[bytes, bytes]]
    """The names, in lower case, and the values, in the order in which they are sent. The API key is among them."""

    body: bytes
    """The body in bytes, which is JSON in UTF-8; empty for none."""

    _: KW_ONLY

    is_repeatable: bool = False
    """Whether the client sends the request again if no response is received, so that a transport may give up early on a
    connection that seems dead. False for a POST or PATCH that must not be sent twice, for the last attempt, and for the
    attempt after one without a response."""

    on_wait: Callable[[float, str], object] | None = field(default=None, compare=False)
    """Called by a transport, once, when the request has waited a second for a connection: with the seconds, and with a
    few words on what it waits for. That of the async client returns an awaitable."""

    phases: Phases = field(default_factory=Phases, compare=False)
    """What the call is doing: a transport enters each phase as it begins, and the error of a timeout names the last."""

    @property
    def url(self) -> str:
        """The origin and the target in one, such as `https://api.fibonacci.dev/v1/health`."""
        return f"{self.origin}{self.target}"

    def __repr__(self) -> str:
        return f"HTTPRequest({self.method} {self.url})"  # never the headers: they hold the API key


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HTTPResponse:
    """One HTTP response, as a transport returns it.

    Example:
        ```python
        from fibonacci.transports import HTTPResponse

        response = HTTPResponse(
            status=200,
            headers=[(b"Content-Type", b"application/json")],
            body=b'{"data": {"status": "healthy"}}',
        )
        print(response)  # prints: HTTPResponse(200, 31 bytes)
        ```
    """

    status: int
    """The HTTP status code, such as 200."""

    headers: list[tuple[bytes, bytes]]
    """The names and the values as received, in their order."""

    body: bytes
    """The body as received, in bytes: compressed where `Content-Encoding` says so, unless `decoded` is True."""

    _: KW_ONLY

    decoded: bool = False
    """Whether the transport has already decoded the body's `Content-Encoding`."""

    def __repr__(self) -> str:
        return f"HTTPResponse({self.status}, {len(self.body)} bytes)"


def check_response(response: object) -> HTTPResponse:
    """Return what a transport has returned, if it is a response.

    Raises:
        TypeError: If it is none, or one of its parts has another type.
    """
    if not isinstance(response, HTTPResponse):
        raise TypeError(f"a transport must return an HTTPResponse, not {type(response).__name__}")
    if type(response.status) is not int or not 100 <= response.status <= 999:
        raise TypeError(f"the status of an HTTPResponse must be an int from 100 to 999, not {response.status!r}")
    if type(response.body) is not bytes:
        raise TypeError(f"the body of an HTTPResponse must be bytes, not {type(response.body).__name__}")
    return response
