# Derived from fibonacci/_async/transports/http11.py by tests/mirror.py; change that file, not this one.
"""One connection that speaks HTTP/1.1: h11 reads and writes it, a stream carries it."""

from __future__ import annotations

import h11

from fibonacci._core.deadline import Deadline, DeadlineExceeded
from fibonacci._core.messages import HTTPRequest, HTTPResponse, TransportError
from fibonacci._sync.transports.stream import Stream

# The head of an answer may be so large; h11's own limit is smaller than what some servers send.
_LARGEST_HEAD = 100 * 1024


class HTTP11Connection:
    """A connection to a server, or to a proxy that passes requests on to it.

    Args:
        stream: What it goes over.
        prefix: What stands before the target of each request: a proxy wants the whole URL.
        headers: What is sent with each request beside its own headers.

    Attributes:
        is_reusable: Whether the last exchange ended cleanly, with nothing left over for the next one.
    """

    def __init__(self, stream: Stream, *, prefix: str = "", headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        self._stream = stream
        self._prefix = prefix
        self._headers = headers
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)
        self.is_reusable = False

    def exchange(self, request: HTTPRequest, deadline: Deadline, limit: int) -> HTTPResponse:
        """Send a request and read the whole answer.

        Args:
            request: The request.
            deadline: The end of the call.
            limit: The largest body that is taken, in bytes, as it comes over the wire.

        Raises:
            TransportError: If the request has not left at all, or the body is too large.
            OSError: If the connection breaks.
            DeadlineExceeded: If the whole answer does not come in time.
            h11.ProtocolError: If the answer is not HTTP/1.1, or the request cannot be.
        """
        self.is_reusable = False
        whole = self._send(request, deadline)
        response = self._receive(deadline, limit)
        if whole and self._http.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}:
            # What has come beyond the end of the answer is nobody's: the next call would take it for its own.
            self.is_reusable = not self._http.trailing_data[0]
            self._http.start_next_cycle()
        return response

    def has_ended(self) -> bool:
        """Whether the server has closed an idle connection, or has sent what nobody asked for."""
        return self._stream.is_readable()

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def _send(self, request: HTTPRequest, deadline: Deadline) -> bool:
        """Send a request; False when the server has not taken it whole."""
        head = h11.Request(
            method=request.method,
            target=self._prefix + request.target,
            headers=[*request.headers, *self._headers] if self._headers else request.headers,
        )
        data = self._http.send(head) or b""
        if request.body:
            data += self._http.send(h11.Data(data=request.body)) or b""
        data += self._http.send(h11.EndOfMessage()) or b""
        before = self._stream.taken
        try:
            self._stream.write(data, deadline)
        except (OSError, DeadlineExceeded) as error:
            late = isinstance(error, DeadlineExceeded)
            if self._stream.taken == before:
                # Nothing at all has left: what broke was a connection that was kept for too long.
                raise TransportError("timeout_never_sent" if late else "never_sent", error) from error
            if late:
                raise
            # The server may have answered before it had read everything, and closed.
            return False
        return True

    def _receive(self, deadline: Deadline, limit: int) -> HTTPResponse:
        event = self._event(deadline)
        while not isinstance(event, h11.Response):  # interim answers
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
                raise EOFError("the server closed the connection before it had answered")
            self._http.receive_data(received)
        return event
