"""What a client relies on from any transport: the outcome that it must give for each thing that a network does."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from fibonacci._core.messages import Deadline, HTTPRequest, HTTPResponse
from fibonacci._core.transport_errors import TransportErrorKind, transport_error_from

Outcome = Literal["never sent", "unknown", "timeout", "canceled"]

_OUTCOMES: dict[TransportErrorKind, Outcome] = {
    "timeout": "timeout",
    "unknown": "unknown",
    "too_large": "unknown",
    "broken": "unknown",
}  # with any other kind, nothing reached the server
_BODY = b'{"data": {"id": "wf-1"}}'
_NEXT = b'{"data": "the next"}'
_GZIP = b"\x1f\x8b"
_RESET = struct.pack("ii", 1, 0)


def _response(body: bytes = _BODY, status: int = 200, headers: bytes = b"", framing: bytes | None = None) -> bytes:
    length = b"Content-Length: %d\r\n" % len(body) if framing is None else framing
    return b"HTTP/1.1 %d Status\r\n%s%s\r\n%s" % (status, headers, length, body)


_OK = _response()
_CHUNKED = b"Transfer-Encoding: chunked\r\n"
_CHUNKS = b"8\r\n%s\r\n10\r\n%s\r\n" % (_BODY[:8], _BODY[8:])


@dataclass(frozen=True)
class _Case:
    """One thing that a network or a server does.

    Attributes:
        name: What it is.
        expected: The outcome, or the status of the response that the transport must return with `_BODY`.
        sends: What the server sends when it has read the request.
        then: What it does next. `drip`: it sends the last ten bytes one by one, for longer than the call may take.
        seconds: The time limit of the call.
        is_sent: Whether the request may reach the server.
        before: Whether a request has succeeded on the same connection before.
        tls: Whether the transport is told that the server speaks TLS, which it doesn't.
    """

    name: str
    expected: Outcome | int
    sends: bytes = b""
    then: Literal["keep", "close", "reset", "stall", "drip", "refuse", "cancel"] = "keep"
    seconds: float = 30.0
    is_sent: bool = True
    before: bool = False
    tls: bool = False


_CASES = (
    _Case("nothing listens on the port", "never sent", then="refuse", is_sent=False),
    _Case("no time is left", "timeout", _OK, seconds=0.0, is_sent=False),
    _Case("the TLS handshake is answered with something else", "never sent", b"220 Hello\r\n", "close", tls=True),
    _Case("the TLS handshake isn't answered in time", "never sent", b"", "stall", 0.5, tls=True),
    _Case("closed after the request", "unknown", b"", "close"),
    _Case("reset after the request", "unknown", b"", "reset"),
    _Case("closed within the status line", "unknown", b"HTTP/1.1 20", "close"),
    _Case("closed within the headers", "unknown", b"HTTP/1.1 200 OK\r\nContent-Le", "close"),
    _Case("closed within the body", "unknown", _OK[:-1], "close"),
    _Case("reset within the body", "unknown", _OK[:-1], "reset"),
    _Case("closed before the last chunk", "unknown", _response(_CHUNKS, framing=_CHUNKED), "close"),
    _Case("closed after a status of 1xx", "unknown", b"HTTP/1.1 103 Early Hints\r\n\r\n", "close"),
    _Case("answered with something else than HTTP", "unknown", b"220 Hello\r\n\r\n", "close"),
    _Case("closed after a second request on the connection", "unknown", b"", "close", before=True),
    _Case("reset after a second request on the connection", "unknown", b"", "reset", before=True),
    _Case("no response in time", "timeout", b"", "stall", 0.5),
    _Case("no end of the headers in time", "timeout", b"HTTP/1.1 200 OK\r\nX-A: b\r\n", "stall", 0.5),
    _Case("no end of the body in time", "timeout", _OK[:-1], "stall", 0.5),
    _Case("a byte of the body now and then, and no end in time", "timeout", _OK, "drip", 0.5),
    _Case("the caller's task is canceled", "canceled", b"", "cancel"),
    _Case("a response", 200, _OK),
    _Case("a second response on the connection", 200, _OK, before=True),
    _Case("a status of 1xx before the response", 200, b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + _OK),
    _Case("a response in chunks", 200, _response(_CHUNKS + b"0\r\n\r\n", framing=_CHUNKED)),
    _Case("a response that ends with the connection", 200, _response(framing=b""), "close"),
    _Case("a body in gzip", 200, _response(gzip.compress(_BODY), headers=b"Content-Encoding: gzip\r\n")),
    _Case("two headers of one name", 200, _response(headers=b"X-Tag: a\r\nX-Tag: b\r\n")),
    _Case("a redirect", 307, _response(status=307, headers=b"Location: /v1/next\r\n")),
    _Case("an overloaded server", 503, _response(status=503)),
)
"""What a transport must do. A timeout that surely came before the request was sent is "never sent"."""


class _Server:
    """A server on a loopback port that treats the request of a case as it says, and answers those around it.

    Attributes:
        received: The requests of the case: the lines of the head, and the body.
        has_received: Set at the first of them.
    """

    def __init__(self, case: _Case) -> None:
        self._case = case
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.received: list[tuple[list[bytes], bytes]] = []
        self.has_received, self._ended = threading.Event(), threading.Event()
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        if case.then == "refuse":
            self._listener.close()
        self._threads[0].start()

    def close(self) -> None:
        """Stop it, and close every connection."""
        self._ended.set()
        for sock in (self._listener, *self._sockets):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self._sockets.append(sock)
                self._threads.append(threading.Thread(target=self._serve, args=(sock,), daemon=True))
                self._threads[-1].start()

    def _serve(self, sock: socket.socket) -> None:
        case = self._case
        with suppress(OSError), sock, sock.makefile("rb") as reader:
            if case.tls:
                reader.read(1)
                self._act(sock)
                return
            while head := [*iter(lambda: reader.readline().rstrip(b"\r\n"), b"")]:
                lengths = [line.partition(b":")[2] for line in head if line.lower().startswith(b"content-length:")]
                body = reader.read(int(lengths[0])) if lengths else b""
                if head[0].startswith(b"GET /v1/next "):
                    sock.sendall(_response(_NEXT))
                    continue
                self.received.append((head, body))
                self.has_received.set()
                if not self._act(sock):
                    return

    def _act(self, sock: socket.socket) -> bool:
        """Treat a request as the case says, and return whether the connection stays open."""
        sends, then = self._case.sends, self._case.then
        sock.sendall(sends[:-10] if then == "drip" else sends)
        if then == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        elif then in ("stall", "cancel"):
            self._ended.wait(3.0)  # a call that takes longer ignores its time limit
        elif then == "drip":
            for at in range(-10, 0):
                self._ended.wait(0.2)
                sock.sendall(sends[at:][:1])
        return then == "keep"


class _Check:
    """One case, tried on a transport. `wrong` is what the transport does wrong, or None."""

    def __init__(self, case: _Case, transport: Any, runner: asyncio.Runner) -> None:
        self._case, self._transport, self._runner = case, transport, runner
        self._is_async = hasattr(transport, "aclose")
        self._server = _Server(case)
        try:
            self.wrong = self._try()
        finally:
            self._server.close()

    def _try(self) -> str | None:
        case, server = self._case, self._server
        if case.before:
            self._send("GET", "/v1/next")
        request, result = self._send("POST", "/v1/memory/a%2Fb%20c?tag=1&tag=2&scope=", _BODY)
        if isinstance(result, HTTPResponse):
            wrong = self._wrong_response(result)
        elif case.expected == result or (case.seconds == 0 and result == "never sent"):
            wrong = None
        else:
            wrong = f"it is {result}"
        if wrong is not None:
            return f"{wrong}; right is {case.expected if isinstance(case.expected, str) else 'the response, as it is'}"
        if len(server.received) != (case.is_sent and not case.tls):
            return f"the server has got the request {len(server.received)} times"
        for head, body in server.received:
            fields = [line.split(b":", 1) for line in head[1:]]
            headers = sorted((name.lower(), value.strip()) for name, value in fields)
            missing = [header for header in request.headers if headers.count(header) != 1]
            if missing or body != _BODY or head[0] != f"{request.method} {request.target} HTTP/1.1".encode():
                return f"the server has got another request: {head[0]!r}, {body!r}, without {missing}"
        if case.then != "refuse" and not case.tls:
            _, following = self._send("GET", "/v1/next")
            if not isinstance(following, HTTPResponse) or following.body != _NEXT:
                return f"the next request comes to {following}; right is its response"
        return None

    def _send(self, method: str, target: str, body: bytes = b"") -> tuple[HTTPRequest, HTTPResponse | str]:
        case, server = self._case, self._server
        headers = [(b"host", server.address.encode()), (b"authorization", b"Bearer sk-check"), (b"x-tag", b"1")]
        if body:
            headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        origin = f"{'https' if case.tls else 'http'}://{server.address}"
        request = HTTPRequest(method=method, origin=origin, target=target, headers=headers, body=body)
        deadline = Deadline(case.seconds if body else 30.0)
        try:
            if not self._is_async:
                return request, self._transport.send(request, deadline)
            sending = self._transport.send(request, deadline)
            if case.then == "cancel" and body:
                sending = _canceled(sending, server.has_received)
            return request, self._runner.run(sending)
        except Exception as error:
            return request, _OUTCOMES.get(transport_error_from(error).kind, "never sent")

    def _wrong_response(self, response: HTTPResponse) -> str | None:
        headers = [(name.lower(), value) for name, value in response.headers]
        head, _, body = self._case.sends.rpartition(b"HTTP/1.1 ")[2].partition(b"\r\n\r\n")
        lines = head.splitlines()[1:]
        missing = [line for line in lines if (line.partition(b":")[0].lower(), line.partition(b": ")[2]) not in headers]
        expected = body if body.startswith(_GZIP) and not response.decoded else _BODY
        if (response.status, response.body, missing) == (self._case.expected, expected, []):
            return None
        return f"it is a response with {response.status}, {response.body!r}, without {missing}"


async def _canceled(sending: Coroutine[Any, Any, HTTPResponse], has_received: threading.Event) -> HTTPResponse | str:
    """Cancel the sending of a request as soon as the server has received it."""
    task = asyncio.create_task(sending)
    await asyncio.to_thread(has_received.wait, 30.0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        return await task
    return "canceled"


def check_transport(transport: Any) -> None:
    """Check that a transport gives the outcome that a client relies on, for each thing that a network or server does.

    It sends requests to servers on loopback ports, which close, reset, stall or respond. Three outcomes matter: the
    request was never sent, it's unknown whether it was carried out, or here is the response. A client sends a request
    that was never sent again, so a transport that is wrong about it lets a workflow run twice. The check takes about
    three seconds, in which calls wait until their time is up.

    Args:
        transport: A `Transport` or an `AsyncTransport` that connects directly, without a proxy. An async one gets an
            asyncio event loop of its own, so call this from a test that isn't async. It's closed at the end.

    Raises:
        AssertionError: If an outcome is wrong. The text has each case that is, with what is right.

    Example:
        ```python
        from fibonacci.testing import check_transport
        from fibonacci.transports import SocketTransport

        check_transport(SocketTransport())
        ```
    """
    is_async = hasattr(transport, "aclose")
    cases = [case for case in _CASES if is_async or case.then != "cancel"]
    with asyncio.Runner() as runner:
        try:
            checks = [(case.name, _Check(case, transport, runner).wrong) for case in cases]
        finally:
            runner.run(transport.aclose()) if is_async else transport.close()
    wrong = [f"- {name}: {what}" for name, what in checks if what is not None]
    if wrong:
        lines = "\n".join(wrong)
        raise AssertionError(f"{type(transport).__name__} is wrong in {len(wrong)} of {len(cases)} cases\n{lines}")
