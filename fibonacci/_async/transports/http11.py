"""One connection that speaks HTTP/1.1 over a stream, with h11 reading and writing it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import h11

from fibonacci._async import _runtime
from fibonacci._core.messages import MISDIRECTED, Deadline, DeadlineExceeded, HTTPRequest, HTTPResponse
from fibonacci._core.transport_errors import TransportError
from fibonacci._net.sockets import ACKNOWLEDGED_IN, ROOM

if TYPE_CHECKING:
    from fibonacci._async.transports.tls import AsyncStream
    from fibonacci._core.messages import Phases


# A server may report that it is still at work (102), even every second. More than that is a fault.
_MAX_INFORMATIONAL = 1000
# Steps of the parser (small events, or pieces of so many bytes) between two checkpoints: a millisecond or two. The most
# expensive bytes are those of many short headers.
_STEPS_PER_CHECKPOINT = 100
_BYTES_PER_STEP = 640


class AsyncResponseReader:
    """Reads responses from a stream, however they are cut into pieces.

    One read may bring thousands of small events: among them are checkpoints, where other tasks run and the deadline is
    checked.

    Args:
        stream: What to read from.
        http: The state of the connection.
        peer: What responds, for errors: a server or a proxy.
    """

    def __init__(self, stream: AsyncStream, http: h11.Connection, peer: str = "server") -> None:
        self._stream = stream
        self._http = http
        self._peer = peer
        self._steps = 0

    async def read(self, deadline: Deadline) -> None:
        """Read some bytes from the stream.

        Raises:
            EOFError: If the peer closes the connection before it responds.
        """
        received = await self._stream.read(deadline)
        if not received and self._http.their_state is h11.SEND_RESPONSE:
            raise EOFError(f"the {self._peer} closed the connection before it responded")
        self._steps += len(received) // _BYTES_PER_STEP
        self._http.receive_data(received)

    async def head(self, deadline: Deadline) -> h11.Response:
        """Return the head of the final response.

        Raises:
            h11.RemoteProtocolError: If there is none, or too many informational responses come before it.
        """
        for _ in range(_MAX_INFORMATIONAL + 1):
            event = await self.event(deadline)
            if isinstance(event, h11.Response):
                return event
            if not isinstance(event, h11.InformationalResponse):
                break
        else:
            raise h11.RemoteProtocolError(f"more than {_MAX_INFORMATIONAL} informational responses and no final one")
        raise h11.RemoteProtocolError("no response")

    async def event(self, deadline: Deadline) -> object:
        """Return the next event of the connection, reading from the stream if it needs more bytes."""
        while True:
            self._steps += 1
            if self._steps >= _STEPS_PER_CHECKPOINT:
                self._steps = 0
                await _runtime.checkpoint()
                deadline.require()
            if (event := self._http.next_event()) is not h11.NEED_DATA:
                return event
            await self.read(deadline)


# Bytes of the largest head of a response. Some servers send more than h11's limit.
_MAX_HEAD = 100 * 1024


class StaleConnection(ConnectionError):
    """The server has closed an idle connection: nothing of the request was sent."""


class AsyncHTTP11Connection:
    """A connection to a server, or to a proxy that forwards requests to it.

    Args:
        stream: What carries it.
        prefix: The origin, put before the target of each request: a forwarding proxy needs the whole URL.
        headers: Headers to send with each request, in addition to its own.

    Attributes:
        is_reusable: Whether the last exchange ended cleanly, with nothing left over for the next one.
        is_idle: Whether no exchange is under way.
        exchanges: How many exchanges have begun.
        began_at: When the last exchange began, on the monotonic clock.
        ended_at: When it ended.
    """

    def __init__(self, stream: AsyncStream, *, prefix: str = "", headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        self._stream = stream
        self._prefix = prefix
        self._headers = headers
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)
        self._reader = AsyncResponseReader(stream, self._http)
        self.is_reusable: bool = False
        self.is_idle: bool = True
        self.exchanges: int = 0
        self.began_at: float = 0.0
        self.ended_at: float = 0.0

    async def exchange(self, request: HTTPRequest, deadline: Deadline, limit: int) -> HTTPResponse:
        """Send a request and read the complete response.

        Args:
            request: The request.
            deadline: The end of the call.
            limit: The largest body in bytes, as received, before decompression.

        Raises:
            StaleConnection: If the server has closed the connection since its last exchange.
            TransportError: If the body is too large.
            OSError: If the connection breaks.
            DeadlineExceeded: If the complete response isn't received in time. h11.ProtocolError: If the response isn't
                HTTP/1.1, or the request can't be.
        """
        self.began_at = time.monotonic()
        self.is_reusable = self.is_idle = False
        self.exchanges += 1
        phases = request.phases
        phases.enter("send")
        try:
            is_complete = await self._send(request, deadline)
            phases.enter("wait")
            await self._wait_for_response(deadline)
            return await self._receive(deadline, limit, phases, is_complete=is_complete)
        finally:
            self.is_idle = True
            self.ended_at = time.monotonic()

    def is_ended(self) -> bool:
        """Whether the server has closed the idle connection, or somebody has closed it here."""
        return self._stream.is_readable()

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def __repr__(self) -> str:
        state = "idle" if self.is_idle else "active"
        return f"<{type(self).__name__} {state}, {self.exchanges} exchange{'' if self.exchanges == 1 else 's'}>"

    async def _send(self, request: HTTPRequest, deadline: Deadline) -> bool:
        """Send a request, or return False if the server closed the connection before it had read all of it."""
        head = h11.Request(
            method=request.method,
            target=self._prefix + request.target,
            headers=[*request.headers, *self._headers] if self._headers else request.headers,
        )
        data = self._http.send(head) or b""
        if request.body:
            data += self._http.send(h11.Data(data=request.body)) or b""
        data += self._http.send(h11.EndOfMessage()) or b""
        before = self._stream.bytes_sent
        # Looked at as late as can be: servers that are reloaded close their idle connections all at once.
        if self.exchanges > 1:
            if self.is_ended():
                raise StaleConnection("the server has closed the idle connection")
            # Not for one that must not be sent twice: with a bound, Linux also ends it after one lost keepalive probe.
            is_bounded = request.is_repeatable and len(data) <= ROOM
            self._stream.expect_acknowledgment((deadline.cap(4 * ACKNOWLEDGED_IN) or 0.0) / 4 if is_bounded else 0.0)
        try:
            await self._stream.write(data, deadline)
        except (OSError, DeadlineExceeded) as error:
            is_broken = getattr(error, "errno", None) is not None  # else it is the deadline, or of a signal handler
            if self._stream.bytes_sent == before:
                request.phases.enter("connect")  # nothing was sent
                if is_broken and self.exchanges > 1:
                    raise StaleConnection("the server has closed the idle connection") from error
                raise
            if not is_broken:
                raise
            # The server may have responded before it had read everything, and closed.
            return False
        return True

    async def _wait_for_response(self, deadline: Deadline) -> None:
        """Wait for the first bytes of the response."""
        try:
            return await self._reader.read(deadline)
        except DeadlineExceeded:
            if self.exchanges == 1:
                raise
        # Raised here, so that the exception above doesn't become the cause.
        idle = self.began_at - self.ended_at
        raise DeadlineExceeded(f"no response on a connection that had been idle for {idle:.1f} s")

    async def _receive(self, deadline: Deadline, limit: int, phases: Phases, *, is_complete: bool) -> HTTPResponse:
        head = await self._reader.head(deadline)
        phases.enter("body")
        status, headers = head.status_code, head.headers.raw_items()
        body = bytearray()
        while isinstance(event := await self._reader.event(deadline), h11.Data):
            body += event.data
            if len(body) > limit:
                raise TransportError("too_large", None, HTTPResponse(status=status, headers=headers, body=bytes(body)))
        if is_complete and self._http.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}:
            # Bytes beyond the end of the response would be taken for the response to the next request.
            # A server that says 421 isn't responsible for the host on this connection.
            is_reusable = not self._http.trailing_data[0] and status != MISDIRECTED
            self._http.start_next_cycle()
            self.is_reusable = is_reusable  # last, as a signal may interrupt the call at each line
        return HTTPResponse(status=status, headers=headers, body=bytes(body))
