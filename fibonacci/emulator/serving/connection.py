"""One connection of a client: HTTP/1.1 with keep-alive, parsed and written by h11."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from dataclasses import replace
from http import HTTPStatus
from typing import Final, Protocol

import h11

from fibonacci.emulator.faults.fault import SILENT
from fibonacci.emulator.faults.response import FailingResponse
from fibonacci.emulator.faults.socket_delivery import deliver
from fibonacci.emulator.http.errors import HTTPException, bad_request, payload_too_large
from fibonacci.emulator.http.messages import ServerRequest, ServerResponse, decoded_headers, encoded_headers

MAX_HEAD: Final = 64 * 1024
"""The largest head of a request, in bytes."""

_STATUSES: Final = frozenset(HTTPStatus)
_CHUNK: Final = 64 * 1024
_LINGER_SECONDS: Final = 1.0


class Application(Protocol):
    """What a server serves."""

    def handle(self, request: ServerRequest) -> ServerResponse:
        """Handle one request; called from many threads."""
        ...

    def refuse(self, error: HTTPException, request: ServerRequest | None) -> ServerResponse:
        """Return the response to a request that cannot be read, or of which the head alone could be."""
        ...

    def body_limit(self, request: ServerRequest) -> int:
        """Return the largest body of a request, in bytes; what the body holds does not count."""
        ...


class ServerConnection:
    """Serves one socket until either side closes it.

    Args:
        sock: The socket.
        app: The application.
        closing: Set when the server closes.
    """

    def __init__(self, sock: socket.socket, app: Application, closing: threading.Event) -> None:
        self._socket = sock
        self._app = app
        self._closing = closing
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)

    def serve(self) -> None:
        """Handle requests one after the other, then close the socket."""
        with self._socket, contextlib.suppress(OSError):  # the client has closed: nothing is left to send
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while self._serve_one():
                self._http.start_next_cycle()

    def close(self) -> None:
        """Close the connection from another thread; it ends every read and write."""
        with contextlib.suppress(OSError):  # it may be closed already
            self._socket.shutdown(socket.SHUT_RDWR)

    def _serve_one(self) -> bool:
        """Handle one request; return whether another may follow."""
        head: h11.Request | None = None
        try:
            head = self._read_head()
            if head is None:
                return False
            request = _request(head)
            _require_host(request)
            body = self._read_body(head, self._app.body_limit(request))
        except h11.RemoteProtocolError as error:
            self._refuse(bad_request(f"The request is not HTTP/1.1: {error}"), head)
            return False
        except HTTPException as error:
            self._refuse(error, head)
            return False
        if not self._deliver(self._app.handle(replace(request, body=body) if body else request), head.method):
            return False
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            return True
        self._linger()
        return False

    def _read_head(self) -> h11.Request | None:
        event = self._next_event()
        return event if isinstance(event, h11.Request) else None

    def _read_body(self, head: h11.Request, limit: int) -> bytes:
        length = next((value for name, value in head.headers if name == b"content-length"), b"0")
        if int(length) > limit:
            raise payload_too_large(limit)
        parts: list[bytes] = []
        size = 0
        while isinstance(event := self._next_event(), h11.Data):
            size += len(event.data)
            if size > limit:
                raise payload_too_large(limit)
            parts.append(event.data)
        return b"".join(parts)

    def _next_event(self) -> h11.Event | None:
        """Read until an event is complete; `None` if h11 is paused until the next cycle."""
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Event):
                return event
            if event is h11.PAUSED:
                return None
            if self._http.they_are_waiting_for_100_continue:
                self._write(self._http.send(h11.InformationalResponse(status_code=100, headers=[])))
            self._http.receive_data(self._socket.recv(_CHUNK))

    def _deliver(self, response: ServerResponse, method: bytes) -> bool:
        """Send a response, with its failure if it has one; return whether the connection stays open."""
        if not isinstance(response, FailingResponse):
            self._send(response, method)
            return True
        head, body = (b"", b"") if response.failure.kind in SILENT else self._encode(response, method)
        return deliver(self._socket, response.failure, head, body, self._closing)

    def _send(self, response: ServerResponse, method: bytes) -> None:
        """Write head and body at once: Nagle's algorithm would delay the second of two small writes."""
        head, body = self._encode(response, method)
        self._write(head + body)

    def _encode(self, response: ServerResponse, method: bytes) -> tuple[bytes, bytes]:
        """Return the head and the body as bytes."""
        head = h11.Response(
            status_code=response.status, headers=encoded_headers(response.headers), reason=_reason(response.status)
        )
        parts = [self._http.send(head)]
        if response.body and method != b"HEAD":
            parts.append(self._http.send(h11.Data(data=response.body)))
        parts.append(self._http.send(h11.EndOfMessage()))
        return parts[0] or b"", b"".join(part for part in parts[1:] if part)

    def _refuse(self, error: HTTPException, head: h11.Request | None) -> None:
        """Send an error and close: the begin of the next request is unknown."""
        response = self._app.refuse(error, None if head is None else _request(head))
        response = replace(response, headers=[*response.headers, ("Connection", "close")])
        self._send(response, b"" if head is None else head.method)
        self._linger()

    def _write(self, data: bytes | None) -> None:
        self._socket.sendall(data or b"")

    def _linger(self) -> None:
        """Read on for a moment: a close with unread data sends RST, which discards the response in flight."""
        self._socket.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + _LINGER_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            if not self._socket.recv(_CHUNK):
                return


def _require_host(request: ServerRequest) -> None:
    """Refuse HTTP/1.0 without `Host`; of HTTP/1.1 without one, or with several, h11 makes an error."""
    if "host" not in request.headers:
        raise bad_request("The header Host is missing.", "Host")


def _reason(status: int) -> str:
    return HTTPStatus(status).phrase if status in _STATUSES else ""


def _request(head: h11.Request) -> ServerRequest:
    target, headers = head.target.decode("ascii"), decoded_headers(head.headers)
    if target.startswith(("http://", "https://")):  # the absolute form is valid too, and its host counts
        headers["host"], _, path = target.partition("://")[2].partition("/")
        target = f"/{path}"
    return ServerRequest(head.method.decode("ascii"), target, headers)
