"""What a call passes to a transport and gets back: HTTP messages as plain bytes, the deadline, and the phases."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from time import monotonic
from typing import Literal, Protocol


class TimeSource(Protocol):
    """A source of time, such as the module `time`."""

    def monotonic(self) -> float:
        """Return the time of a clock that never goes back, so that differences between two times are meaningful.

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

    A transport raises it. It never reaches your code: the call raises an `APITimeoutError` instead.

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
    """A moment on the monotonic clock, or no limit.

    Every step of a call (attempts, waits, queueing for a connection, reading the body) asks the same deadline how much
    time is left. That way, `timeout` limits the whole call rather than each step.

    Args:
        seconds: Seconds from now. None for no limit.

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
        """Return how much time is left.

        Returns:
            Seconds, never negative. None if there is no limit.
        """
        return None if self._at is None else max(0.0, self._at - self._clock.monotonic())

    def require(self) -> float | None:
        """Return how much time is left, and raise if none is.

        Returns:
            Seconds, more than 0. None if there is no limit.

        Raises:
            DeadlineExceeded: If no time is left.
        """
        if self._at is None:
            return None
        seconds = self._at - self._clock.monotonic()
        if seconds <= 0:
            raise self.exceeded()
        return seconds

    def end(self) -> None:
        """Let no time be left, as when it has passed: for a transport of tests, in which timeouts take no time."""
        self._at = self._clock.monotonic()

    def at_most(self, seconds: float, reason: str) -> Deadline:
        """Return a deadline for one step of the call.

        Args:
            seconds: The longest that the step may take, in seconds from now.
            reason: The text of a `DeadlineExceeded` if the step takes longer.

        Returns:
            A deadline that many seconds from now, or this one if it is earlier.
        """
        remaining = self.remaining()
        if remaining is not None and remaining <= seconds:
            return self
        step = Deadline(seconds, self._clock)
        step._reason = reason
        return step

    def exceeded(self, detail: str = "") -> DeadlineExceeded:
        """Return the exception for this deadline, without raising it.

        Args:
            detail: What the call waited for, in a few words. If it is empty, the text has only the reason.

        Returns:
            The exception. Its text has the reason and the detail.
        """
        return DeadlineExceeded(f"{self._reason}: {detail}" if detail else self._reason)

    def cap(self, seconds: float | None) -> float | None:
        """Limit the timeout of a step to the time that is left.

        Args:
            seconds: The timeout in seconds. None for no limit.

        Returns:
            The timeout or the seconds left, whichever is smaller. None if neither has a limit.
        """
        remaining = self.remaining()
        return remaining if seconds is None else seconds if remaining is None else min(remaining, seconds)


def allows(deadline: Deadline, seconds: float) -> bool:
    """Whether any time is left after a wait of this many seconds."""
    remaining = deadline.remaining()
    return remaining is None or seconds < remaining


Phase = Literal["queue", "dns", "connect", "proxy", "tls", "send", "wait", "body"]
"""What a transport is doing for a call.

`queue`: waiting for a free connection. `dns`: looking up the host's name. `connect`: connecting to the host or the
proxy. `proxy`: asking the proxy to connect. `tls`: the TLS handshake. `send`: sending the request. `wait`: waiting for
the start of the response. `body`: reading its body.
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
    """The phase that was entered last. None before the first."""

    def __init__(self) -> None:
        self.current = None
        self._entered: list[tuple[Phase | None, float]] = []

    def enter(self, phase: Phase | None) -> None:
        """Begin a phase, and end the one before it.

        Args:
            phase: The phase. None if it isn't known yet.
        """
        self.current = phase
        self._entered.append((phase, monotonic()))

    def stop(self) -> None:
        """End the current phase, which stays in `current`."""
        self._entered.append((None, monotonic()))

    @property
    def seconds(self) -> dict[str, float]:
        """The seconds of each phase that has ended, by its name."""
        seconds: dict[str, float] = {}
        for (phase, began), (_, ended) in pairwise(self._entered):
            if phase is not None:
                seconds[phase] = seconds.get(phase, 0.0) + ended - began
        return seconds


#: The status of a server that isn't responsible for the host. A request may be repeated on another connection.
MISDIRECTED = 421


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HTTPRequest:
    """One HTTP request, as a transport gets it.

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
    """The names in lower case, and the values, in the order in which they are sent. They contain the API key."""

    body: bytes
    """The body in bytes, JSON in UTF-8. Empty for no body."""

    is_repeatable: bool = False
    """Whether the client will send the request again if no response arrives.

    If so, a transport may use a connection that has been idle for long. It is False for a POST or PATCH that must not
    be sent twice, and for the last attempt.
    """

    on_wait: Callable[[float, str], object] | None = field(default=None, compare=False)
    """Called by a transport, once, when the request has waited a second for a connection. Its arguments are the
    seconds, and a few words on what the request waits for. With the async client, it returns an awaitable."""

    phases: Phases = field(default_factory=Phases, compare=False)
    """What the call is doing. A transport enters each phase as it begins, and the error of a timeout names the last
    one."""

    @property
    def url(self) -> str:
        """The origin and the target together, such as `https://api.fibonacci.dev/v1/health`."""
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
    """The names and values as received, in their order."""

    body: bytes
    """The body as received, in bytes. It is compressed as `Content-Encoding` says, unless `decoded` is True."""

    decoded: bool = False
    """Whether the transport has already decoded the body's `Content-Encoding`."""

    def __repr__(self) -> str:
        return f"HTTPResponse({self.status}, {len(self.body)} bytes)"


def check_response(response: object) -> HTTPResponse:
    """Return what a transport has returned, if it is a response.

    Raises:
        TypeError: If it isn't a response, or one of its parts has another type.
    """
    if not isinstance(response, HTTPResponse):
        raise TypeError(f"a transport must return an HTTPResponse, not {type(response).__name__}")
    if type(response.status) is not int or not 100 <= response.status <= 999:
        raise TypeError(f"the status of an HTTPResponse must be an int from 100 to 999, not {response.status!r}")
    if type(response.body) is not bytes:
        raise TypeError(f"the body of an HTTPResponse must be bytes, not {type(response.body).__name__}")
    return response
