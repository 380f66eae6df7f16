# Derived from fibonacci/_async/transports/http11.py by tests/mirror.py; change that file, not this one.
"""One connection that speaks HTTP/1.1: h11 reads and writes it, a stream carries it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h11

from fibonacci._core.deadline import Deadline, DeadlineExceeded
from fibonacci._core.messages import HTTPRequest, HTTPResponse
from fibonacci._core.transport_errors import TransportError, connect_error_from

if TYPE_CHECKING:
    from fibonacci._sync.transports.stream import Stream

# Bytes of the largest head of a response; h11's own limit is smaller than what some servers send.
_MAX_HEAD = 100 * 1024


class HTTP11Connection:
    """A connection to a server, or to a proxy that forwards requests to it.

    Args:
        stream: What carries it.
        prefix: The origin, put before the target of each request: a forwarding proxy needs the whole URL.
        headers: Headers to send with each request beside its own.

    Attributes:
        is_reusable: Whether the last exchange ended cleanly, with nothing left over for the next one.
        is_idle: Whether no exchange is under way.
        exchanges: How many exchanges have begun.
    """

    def __init__(self, stream: Stream, *, prefix: str = "", headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        self._stream = stream
        self._prefix = prefix
        self._headers = headers
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)
        self.is_reusable: bool = False
        self.is_idle: bool = True
        self.exchanges: int = 0

    def exchange(self, request: HTTPRequest, deadline: Deadline, limit: int) -> HTTPResponse:
        """Send a request and read the complete response.

        Args:
            request: The request.
            deadline: The end of the call.
            limit: The largest body in bytes, as received, before decompression.

        Raises:
            TransportError: If nothing of the request was sent, or the body is too large.
            OSError: If the connection breaks.
            DeadlineExceeded: If the complete response is not received in time.
            h11.ProtocolError: If the response is not HTTP/1.1, or the request cannot be.
        """
        self.is_reusable = self.is_idle = False
        self.exchanges += 1
        try:
            return self._exchange(request, deadline, limit)
        finally:
            self.is_idle = True

    def is_closed_by_server(self) -> bool:
        """Whether the server has closed an idle connection, or has sent unsolicited data."""
        return self._stream.is_readable()

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def __repr__(self) -> str:
        state = "idle" if self.is_idle else "active"
        return f"<{type(self).__name__} {state}, {self.exchanges} exchange{'' if self.exchanges == 1 else 's'}>"

    def _exchange(self, request: HTTPRequest, deadline: Deadline, limit: int) -> HTTPResponse:
        is_complete = self._send(request, deadline)
        response = self._receive(deadline, limit)
        if is_complete and self._http.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}:
            # Bytes beyond the end of the response would be taken for the response to the next request.
            self.is_reusable = not self._http.trailing_data[0]
            self._http.start_next_cycle()
        return response

    def _send(self, request: HTTPRequest, deadline: Deadline) -> bool:
        """Send a request; return False when the server closed the connection before it had read all of it."""
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
        try:
            self._stream.write(data, deadline)
        except (OSError, DeadlineExceeded) as error:
            if self._stream.bytes_sent == before:
                # Nothing was sent: the server had closed an idle connection.
                raise connect_error_from(error) from error
            if isinstance(error, DeadlineExceeded):
                raise
            # The server may have responded before it had read everything, and closed.
            return False
        return True

    def _receive(self, deadline: Deadline, limit: int) -> HTTPResponse:
        event = self._event(deadline)
        while not isinstance(event, h11.Response):  # informational responses
            event = self._event(deadline)
        status, headers = event.status_code, event.headers.raw_items()
        body = bytearray()
        while isinstance(event := self._event(deadline), h11.Data):
            body += event.data
            if len(body) > limit:
                raise TransportError("too_large", None, HTTPResponse(status, headers, bytes(body)))
        return HTTPResponse(status, headers, bytes(body))

    def _event(self, deadline: Deadline) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            received = self._stream.read(deadline)
            if not received and self._http.their_state is h11.SEND_RESPONSE:
                raise EOFError("the server closed the connection before it responded")
            self._http.receive_data(received)
        return event
