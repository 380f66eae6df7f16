"""A server that speaks HTTP/2 over TLS on loopback, and keeps what it gets."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded
from h2.exceptions import ProtocolError

Headers = list[tuple[bytes, bytes]]


@dataclass
class Exchange:
    """One request, and the means to answer it."""

    connection: Connection
    stream: int
    headers: Headers
    body: bytearray = field(default_factory=bytearray)

    def one(self, name: str) -> str:
        """The value of a header that is there exactly once."""
        (value,) = [value.decode() for key, value in self.headers if key == name.encode()]
        return value

    def answer(self, body: bytes, status: int = 200, headers: Headers | None = None) -> None:
        """Answer whole."""
        fields = [(b":status", b"%d" % status), (b"content-type", b"application/json"), *(headers or [])]
        self.connection.h2.send_headers(self.stream, fields)
        self.connection.h2.send_data(self.stream, body, end_stream=True)
        self.connection.flush()

    def reset(self) -> None:
        """Break this stream off, and leave the connection."""
        self.connection.h2.reset_stream(self.stream)
        self.connection.flush()

    def hang_up(self) -> None:
        """Say that the connection ends."""
        self.connection.h2.close_connection()
        self.connection.flush()


class Connection:
    """One connection: `serve` reads it until its end and hands every whole request on.

    Attributes:
        protocol: What was agreed on when TLS began.
    """

    def __init__(self, sock: ssl.SSLSocket, respond: Callable[[Exchange], object]) -> None:
        self.sock = sock
        self.protocol = sock.selected_alpn_protocol()
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self._respond = respond
        self._open: dict[int, Exchange] = {}

    def flush(self) -> None:
        self.sock.sendall(self.h2.data_to_send())

    def serve(self) -> None:
        self.h2.initiate_connection()
        self.flush()
        while data := self.sock.recv(65536):
            for event in self.h2.receive_data(data):
                match event:
                    case RequestReceived(stream_id=int(stream), headers=headers):
                        self._open[stream] = Exchange(self, stream, [(bytes(k), bytes(v)) for k, v in headers or []])
                    case DataReceived(stream_id=int(stream), data=bytes(part)):
                        self._open[stream].body += part
                    case StreamEnded(stream_id=int(stream)):
                        self._respond(self._open.pop(stream))
                    case _:
                        pass
            self.flush()


class Http2Server:
    """Listens from `__enter__` to `__exit__`.

    Args:
        tls: The server's side of TLS.
        respond: What to do with each request; it runs in the thread of its connection.

    Attributes:
        requests: Every request that came.
        connections: Every connection that was made.
    """

    def __init__(self, tls: ssl.SSLContext, respond: Callable[[Exchange], object]) -> None:
        tls.set_alpn_protocols(["h2", "http/1.1"])
        self._tls = tls
        self._respond = respond
        self._threads: list[threading.Thread] = []
        self.requests: list[Exchange] = []
        self.connections: list[Connection] = []

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for connection in self.connections:
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _start(self, target: Callable[[], object]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener is shut down in the end
            while True:
                accepted, _ = self._listener.accept()
                sock = self._tls.wrap_socket(accepted, server_side=True)
                self.connections.append(connection := Connection(sock, self._note))
                self._start(partial(_serve, connection))

    def _note(self, exchange: Exchange) -> None:
        self.requests.append(exchange)
        self._respond(exchange)


def _serve(connection: Connection) -> None:
    # The client may leave, and it may talk on when it is told to leave.
    with suppress(OSError, ProtocolError), connection.sock:
        connection.serve()
