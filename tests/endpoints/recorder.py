"""A server on loopback that keeps every request as it was on the wire, and answers what a test has told it."""

from __future__ import annotations

import json
import socket
import threading
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Sent:
    """A request as it came over the wire; `target` is its path and query, nothing decoded."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def path(self) -> str:
        """The path below the base URL."""
        return self.target.partition("?")[0].removeprefix("/v1")

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def one(self, name: str) -> str:
        """The value of a header that is there exactly once."""
        (value,) = self.all(name)
        return value


@dataclass(frozen=True)
class Reply:
    """What is answered."""

    status: int
    headers: dict[str, str]
    body: bytes


class Recorder:
    """Keeps requests in `sent`, and gives the replies of `give` in order; then a 599, which is never retried.

    `connections` counts those that were made.

    Each has a key of its own, as the client keeps the pace of a key at an address for the whole process.
    """

    def __init__(self) -> None:
        self.api_key = f"key-{uuid.uuid4().hex}"
        self.sent: list[Sent] = []
        self._replies: list[Reply] = []
        self.connections = 0
        self._connections: set[socket.socket] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True)

    @property
    def base_url(self) -> str:
        return f"{self.origin}/v1"

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def last(self) -> Sent:
        return self.sent[-1]

    def give(self, body: Any = None, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Give an answer in its turn: bytes and text as they are, other things as JSON."""
        fields = {"Content-Type": "application/json", **(headers or {})}
        raw = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else json.dumps(body).encode()
        self._replies.append(Reply(status, fields, b"" if status in (204, 304) else raw))

    def next_reply(self) -> Reply:
        return self._replies.pop(0) if self._replies else Reply(599, {}, b"the test gave no answer for this request")

    def opened(self, connection: socket.socket) -> None:
        self.connections += 1
        self._connections.add(connection)

    def closed(self, connection: socket.socket) -> None:
        self._connections.discard(connection)

    def hang_up(self) -> None:
        """End every connection that is open."""
        for connection in [*self._connections]:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.hang_up()


def _handler(recorder: Recorder) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            recorder.opened(self.connection)

        def finish(self) -> None:
            recorder.closed(self.connection)
            super().finish()

        def answer(self) -> None:
            method, target, _ = self.requestline.split(" ")
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            recorder.sent.append(Sent(method, target, list(self.headers.items()), body))
            reply = recorder.next_reply()
            fields = dict(reply.headers)
            if reply.status not in (204, 304):
                fields.setdefault("Content-Length", str(len(reply.body)))
            head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
            # One write: two would wait for each other's acknowledgement.
            self.wfile.write(f"HTTP/1.1 {reply.status} Status\r\n{head}\r\n".encode("latin-1") + reply.body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "REPORT"):
        setattr(Handler, f"do_{method}", Handler.answer)
    return Handler
