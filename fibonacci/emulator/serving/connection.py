"""One connection of a client: HTTP/1.1 with keep-alive, parsed and written by h11.

Nothing here waits for the client, so that a slow client doesn't take up a thread. `proceed` takes what has arrived, or
sends what there is room for, and `stage` says what the connection is waiting for. Only the handling of a complete
request has a thread, and the delivery of an injected failure.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import replace
from http import HTTPStatus
from typing import Final, Literal, Protocol

import h11

from fibonacci.emulator.faults import SILENT, FailingResponse, deliver
from fibonacci.emulator.http.messages import (
    HTTPException,
    ServerRequest,
    ServerResponse,
    bad_request,
    decoded_headers,
    encoded_headers,
    payload_too_large,
    request_timeout,
)

MAX_HEAD: Final = 64 * 1024
"""The largest head of a request, in bytes."""

MAX_FIELDS: Final = 100
"""The largest number of fields in the head of a request."""

MAX_UNREAD: Final = 16 * 1024 * 1024
"""How many bytes of a body that is refused are read and dropped, so that its client sees the response."""

Stage = Literal["idle", "head", "body", "ready", "sending", "closing", "closed"]
"""What a connection waits for.

`idle`: the first byte of a next request. `head`, `body`: the rest of it. `ready`: a thread that handles it.
`sending`: that the client reads the response. `closing`: that it closes, after the last one. `closed`: nothing more.
"""

_STATUSES: Final = frozenset(HTTPStatus)
_CHUNK: Final = 64 * 1024


class Application(Protocol):
    """What a server serves."""

    def handle(self, request: ServerRequest) -> ServerResponse:
        """Handle one request, called from many threads."""
        ...

    def refuse(self, error: HTTPException, request: ServerRequest | None) -> ServerResponse:
        """Return the response to a request that could not be read, or only its head."""
        ...

    def body_limit(self, request: ServerRequest) -> int | None:
        """Return the largest body of a request, in bytes, or `None` if its head is refused, so that none is read."""
        ...


class ServerConnection:
    """One socket until either side closes it. One thread at a time may use it.

    Args:
        sock: The socket.
        app: The application.
        closing: Set when the server closes.

    Attributes:
        stage: What it waits for. On a new one, a head.
    """

    def __init__(self, sock: socket.socket, app: Application, closing: threading.Event) -> None:
        self._socket = sock
        self._app = app
        self._closing = closing
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._unread = MAX_UNREAD
        self._unsent = memoryview(b"")
        self._await_request()
        self.stage: Stage = "head"
        sock.setblocking(False)
        with contextlib.suppress(OSError):  # the client has closed: reading will tell
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fileno(self) -> int:
        """Return the number of the socket, for a selector."""
        return self._socket.fileno()

    def proceed(self) -> None:
        """Send what is left of a response, or take what has arrived."""
        if self.stage == "sending":
            self._send()
        else:
            self._receive()

    def _receive(self) -> None:
        try:
            data = self._socket.recv(_CHUNK)
        except (BlockingIOError, TimeoutError):
            return
        except OSError:  # the client has closed
            self.stage = "closed"
            return
        if self.stage != "closing":
            self._http.receive_data(data)
            self._read()
            return
        self._unread -= len(data)
        if not data or self._unread < 0:
            self.stage = "closed"

    def expire(self) -> None:
        """End what it waits for, which has taken too long: a request that has begun is refused, all else closes."""
        if self.stage == "body" or (self.stage == "head" and self._http.trailing_data[0]):
            self._refuse(request_timeout())
        else:
            self.stage = "closed"

    def respond(self, patience: float) -> None:
        """Handle the request that is ready and send its response.

        Args:
            patience: Seconds to wait for the next request.
        """
        response = self._response()
        if isinstance(response, FailingResponse):
            self._deliver(response)
        else:
            # At once: Nagle's algorithm would delay the second of two small writes.
            self._unsent = memoryview(b"".join(self._encode(response)))
            self._send()
        if self.stage == "idle":
            self._socket.settimeout(patience)
            self._receive()
            self._socket.settimeout(0)

    def _send(self) -> None:
        try:
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:  # the client has closed
            self.stage = "closed"
            return
        if self._unsent:
            self.stage = "sending"
        else:
            self._await_next()

    def _await_next(self) -> None:
        """Take up the next request, or the end of the connection."""
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            self._await_request()
            self._read()
            return
        with contextlib.suppress(OSError):  # the client has closed: reading will tell
            self._socket.shutdown(socket.SHUT_WR)  # a close with unread data would discard the response in flight
        self.stage = "closing"

    def interrupt(self) -> None:
        """End every read and write, from another thread."""
        with contextlib.suppress(OSError):  # it may be closed already
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _await_request(self) -> None:
        self._method = b""
        self._request: ServerRequest | None = None
        self._refusal: HTTPException | None = None
        self._is_body_refused = False
        self._limit = 0
        self._size = 0
        self._body: list[bytes] = []

    def _read(self) -> None:
        """Read what has arrived, up to the end of a request."""
        try:
            self.stage = self._next_stage()
        except h11.RemoteProtocolError as error:
            self._refuse(bad_request(f"The request is not HTTP/1.1: {error}"))
        except HTTPException as error:
            self._refuse(error)
        except OSError:  # the client has closed
            self.stage = "closed"

    def _refuse(self, error: HTTPException) -> None:
        self._refusal = error
        self.stage = "ready"

    def _next_stage(self) -> Stage:
        while (event := self._http.next_event()) is not h11.NEED_DATA:
            match event:
                case h11.Request():
                    self._begin(event)
                    if self._is_body_refused:
                        return "ready"
                case h11.Data():
                    self._size += len(event.data)
                    if self._size > self._limit:
                        raise payload_too_large(self._limit)
                    self._body.append(event.data)
                case h11.EndOfMessage():
                    return "ready"
                case _:
                    return "closed"
        if self._http.they_are_waiting_for_100_continue:
            self._socket.send(self._http.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
        if self._request is not None:
            return "body"
        return "head" if self._http.trailing_data[0] else "idle"

    def _begin(self, head: h11.Request) -> None:
        """Decide by the head of a request whether its body is read."""
        self._method = head.method
        if len(head.headers) > MAX_FIELDS:
            raise bad_request(f"The request has more than {MAX_FIELDS} header fields.")
        request = self._request = _request(head)
        if "host" not in request.headers:  # of HTTP/1.1 without one, or with several, h11 makes an error
            raise bad_request("The Host header is missing.", "Host")
        length = int(request.headers.get("content-length", "0"))
        if length == 0 and "transfer-encoding" not in request.headers:
            return
        limit = self._app.body_limit(request)
        if limit is None:
            self._is_body_refused = True
        elif length > limit:
            raise payload_too_large(limit)
        else:
            self._limit = limit

    def _response(self) -> ServerResponse:
        """Return the response to the request that is ready, which says if it is the last on this connection."""
        request = self._request
        if self._refusal is not None:  # where the next request begins is not known
            response, is_last = self._app.refuse(self._refusal, request), True
        else:
            assert request is not None
            complete = replace(request, body=b"".join(self._body)) if self._body else request
            response = self._app.handle(complete)
            # A caller who is not known must not keep a connection from others.
            is_last = self._is_body_refused or response.status == HTTPStatus.UNAUTHORIZED
        if is_last:
            response = replace(response, headers=[*response.headers, ("Connection", "close")])
        return response

    def _deliver(self, response: FailingResponse) -> None:
        """Send a response with its failure, which may take as long as the client waits."""
        head, body = (b"", b"") if response.failure.kind in SILENT else self._encode(response)
        self.stage = "closed"
        with contextlib.suppress(OSError):  # the client has closed
            self._socket.settimeout(None)
            if deliver(self._socket, response.failure, head, body, self._closing):
                self._socket.settimeout(0)
                self._await_next()

    def _encode(self, response: ServerResponse) -> tuple[bytes, bytes]:
        """Return the head and the body as bytes."""
        head = h11.Response(
            status_code=response.status, headers=encoded_headers(response.headers), reason=_reason(response.status)
        )
        parts = [self._http.send(head)]
        if response.body and self._method != b"HEAD":
            parts.append(self._http.send(h11.Data(data=response.body)))
        parts.append(self._http.send(h11.EndOfMessage()))
        return parts[0] or b"", b"".join(part for part in parts[1:] if part)


def _reason(status: int) -> str:
    return HTTPStatus(status).phrase if status in _STATUSES else ""


def _request(head: h11.Request) -> ServerRequest:
    target, headers = head.target.decode("ascii"), decoded_headers(head.headers)
    if target.startswith(("http://", "https://")):  # the absolute form is valid too, and its host counts
        headers["host"], _, path = target.partition("://")[2].partition("/")
        target = f"/{path}"
    return ServerRequest(head.method.decode("ascii"), target, headers)
