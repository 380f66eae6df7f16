"""The application as the transport of a client in the same process, without a socket.

This file alone in the emulator imports the client's public transport types: a transport takes and returns them. It is
imported only when a client is requested, so that no other part of the emulator can depend on the client. A bug of the
client must not affect the server that tests it.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from typing import Any, Final

import anyio
import anyio.to_thread

from fibonacci.emulator.app import App
from fibonacci.emulator.faults import FailingResponse, InjectedFailure
from fibonacci.emulator.http.messages import ServerRequest, ServerResponse, decoded_headers, encoded_headers
from fibonacci.emulator.state.clock import VirtualClock
from fibonacci.transports import Deadline, HTTPRequest, HTTPResponse, TransportError

_MAY_WAIT: Final = "/execut"
"""Part of the paths whose handlers may wait for user handlers: `/workflows/{id}/execute` and `/executions`."""


class InProcessTransport:
    """A `Transport` that calls the application. It has no connections, so you don't need to close it.

    Args:
        app: The application.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        """Handle a request (see `Transport.send`)."""
        _check_open(self._app)
        response = self._app.handle(_received(request))
        seconds = _delivery_seconds(response, deadline)
        if seconds > 0:  # even a sleep of 0 s takes the timer's slack, 50 µs
            time.sleep(seconds)
        return _delivered(response)

    def close(self) -> None:
        """Do nothing: there is no connection."""


class AsyncInProcessTransport:
    """An `AsyncTransport` that calls the application, for any event loop. You don't need to close it.

    Args:
        app: The application.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        """Handle a request (see `AsyncTransport.send`)."""
        _check_open(self._app)
        received = _received(request)
        if _MAY_WAIT in received.target:  # the event loop must not wait for user handlers
            response = await anyio.to_thread.run_sync(self._app.handle, received)
        else:
            response = self._app.handle(received)
        await anyio.sleep(_delivery_seconds(response, deadline))
        return _delivered(response)

    async def aclose(self) -> None:
        """Do nothing: there is no connection."""


class SkippingClock:
    """The clock of a client whose timeouts count what the emulator has skipped. Its own waits take real time.

    Args:
        clock: The emulator's clock.
        sleep: Waits for that many seconds, in the mode of the client.
    """

    def __init__(self, clock: VirtualClock, sleep: Callable[[float], Any]) -> None:
        self.sleep = sleep
        self._clock = clock

    def monotonic(self) -> float:
        """Return the machine's monotonic time, and what was skipped."""
        return time.monotonic() + self._clock.skipped

    def time(self) -> float:
        """Return the time of day, and what was skipped."""
        return time.time() + self._clock.skipped


def _check_open(app: App) -> None:
    """Refuse a request if the file of the state is closed, as a socket on which nothing listens does.

    Raises:
        TransportError: If it is closed.
    """
    if app.store.is_closed:
        reason = "the emulator is closed: open its file again with start()"
        raise TransportError("never_sent", ConnectionRefusedError(errno.ECONNREFUSED, reason))


def _received(request: HTTPRequest) -> ServerRequest:
    return ServerRequest(request.method, request.target, decoded_headers(request.headers), request.body)


def _delivery_seconds(response: ServerResponse, deadline: Deadline) -> float:
    """Return how many seconds the delivery of a response takes.

    Raises:
        TransportError: At once if it would not end before the deadline, because nothing else can happen until then. The
            deadline then counts as passed, so that nothing is retried, as on a socket.
    """
    if not isinstance(response, FailingResponse):
        return 0.0
    failure, remaining = response.failure, deadline.remaining()
    bytes_apart = len(response.body) if failure.kind == "drip" else 1
    seconds = failure.seconds * bytes_apart
    if failure.kind == "stall" or (remaining is not None and seconds > remaining):
        failure.count_delivery()
        if remaining is not None:
            deadline.end()
        raise TransportError("timeout", TimeoutError("timed out"))
    return seconds


def _delivered(response: ServerResponse) -> HTTPResponse:
    if not isinstance(response, FailingResponse):
        return _sent(response, response.body)
    failure = response.failure
    failure.count_delivery()
    error = _connection_error(failure)
    if error is None:
        return _sent(response, response.body)
    received = _sent(response, response.body[: len(response.body) // 2]) if failure.kind == "cut" else None
    raise TransportError("unknown", error, received)


def _connection_error(failure: InjectedFailure) -> Exception | None:
    """Return the exception that a failure causes on a socket, or None if the response arrives."""
    match failure.kind:
        case "reset":
            return ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
        case "no_reply":
            return EOFError("the server closed the connection before it responded")
        case "cut":
            return EOFError("the server closed the connection before the end of the response")
        case _:
            return None


def _sent(response: ServerResponse, body: bytes) -> HTTPResponse:
    return HTTPResponse(status=response.status, headers=encoded_headers(response.headers), body=body)
