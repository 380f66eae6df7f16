"""One connection of a client: HTTP/1.1 with keep-alive, parsed and written by h11."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import replace
from http import HTTPStatus
from typing import Final

import h11

from fibonacci.emulator.app import App
from fibonacci.emulator.faults import SILENT, FailingResponse, deliver
from fibonacci.emulator.http.messages import (
    HTTPException,
    ServerRequest,
    ServerResponse,
    bad_request,
    decoded_headers,
    encoded_headers,
    payload_too_large,
    refused,
)

MAX_HEAD: Final = 64 * 1024
"""The largest head of a request, in bytes."""

_MAX_UNREAD: Final = 16 * 1024 * 1024
"""How many bytes of a refused body are read and dropped, so that the client sees the response."""
_UNREAD_PATIENCE: Final = 5.0
"""Seconds without such a byte after which the connection is closed."""

_STATUSES: Final = frozenset(HTTPStatus)
_CHUNK: Final = 64 * 1024


class ServerConnection:
    """One socket until either side closes it.

    Args:
        sock: The socket.
        app: The application.
        closing: Set when the server closes.
        patience: Seconds to wait for the client to send or to read more.
    """

    def __init__(self, sock: socket.socket, app: App, closing: threading.Event, patience: float) -> None:
        self._socket = sock
        self._app = app
        self._closing = closing
        self._patience = patience
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._request: ServerRequest | None = None
        self._method = b""

    def serve(self) -> None:
        """Handle one request after the other, until the client closes or takes too long."""
        with contextlib.suppress(OSError):
            self._socket.settimeout(self._patience)
            # At once: Nagle's algorithm would delay the second of two small writes.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while self._exchange():
                self._http.start_next_cycle()
            self._socket.shutdown(socket.SHUT_WR)  # a close with unread data would discard the response in flight
            self._socket.settimeout(_UNREAD_PATIENCE)
            unread = _MAX_UNREAD
            while unread > 0 and (data := self._socket.recv(_CHUNK)):
                unread -= len(data)

    def interrupt(self) -> None:
        """End every read and write, from another thread."""
        with contextlib.suppress(OSError):  # it may be closed already
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _exchange(self) -> bool:
        """Handle a request and send its response, and return whether another one may follow."""
        try:
            request = self._read()
            if request is None:
                return False
            response = self._app.handle(request)
            # An unknown caller must not block a connection that others need.
            is_last = self._http.their_state is h11.SEND_BODY or response.status == HTTPStatus.UNAUTHORIZED
        except h11.RemoteProtocolError as error:
            response, is_last = self._refused(bad_request(f"The request is not HTTP/1.1: {error}")), True
        except HTTPException as error:
            response, is_last = self._refused(error), True
        except TimeoutError:
            if self._request is None and not self._http.trailing_data[0]:
                return False
            response, is_last = (
                self._refused(refused(408, "request_timeout", "request", "The request did not arrive in time.")),
                True,
            )
        if is_last:
            response = replace(response, headers=[*response.headers, ("Connection", "close")])
        if isinstance(response, FailingResponse):
            head, body = (b"", b"") if response.failure.kind in SILENT else self._encode(response)
            self._socket.settimeout(None)
            is_open = deliver(self._socket, response.failure, head, body, self._closing)
            self._socket.settimeout(self._patience)
            if not is_open:
                raise ConnectionAbortedError
        else:
            self._socket.sendall(b"".join(self._encode(response)))
        return self._http.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}

    def _refused(self, error: HTTPException) -> ServerResponse:
        return self._app.refuse(error, self._request)

    def _read(self) -> ServerRequest | None:
        """Read a request, or return None if the client has closed. A body that its head rules out is not read."""
        self._request, self._method = None, b""
        limit, size, body = 0, 0, list[bytes]()
        while True:
            event = self._http.next_event()
            match event:
                case h11.NEED_DATA:
                    if self._http.they_are_waiting_for_100_continue:
                        proceed = self._http.send(h11.InformationalResponse(status_code=100, headers=[]))
                        self._socket.sendall(proceed or b"")
                    self._http.receive_data(self._socket.recv(_CHUNK))
                case h11.Request():
                    accepted = self._begin(event)
                    if accepted is None:
                        return self._request
                    limit = accepted
                case h11.Data():
                    size += len(event.data)
                    if size > limit:
                        raise payload_too_large(limit)
                    body.append(event.data)
                case h11.EndOfMessage():
                    assert self._request is not None
                    return replace(self._request, body=b"".join(body)) if body else self._request
                case _:
                    return None

    def _begin(self, head: h11.Request) -> int | None:
        """Return how many bytes the body of a request may have, judging by its head, or None if it is refused."""
        self._method = head.method
        request = self._request = _request(head)
        if "host" not in request.headers:  # h11 itself refuses HTTP/1.1 without one or with several
            raise bad_request("The Host header is missing.", "Host")
        length = int(request.headers.get("content-length", "0"))
        if length == 0 and "transfer-encoding" not in request.headers:
            return 0
        limit = self._app.body_limit(request)
        if limit is not None and length > limit:
            raise payload_too_large(limit)
        return limit

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
