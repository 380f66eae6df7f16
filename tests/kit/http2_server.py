"""A server that speaks HTTP/2 over TLS on loopback, and records what it receives."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded
from h2.exceptions import ProtocolError

from tests.kit.listener import Listener

RawHeaders = list[tuple[bytes, bytes]]


@dataclass
class HTTP2Exchange:
    """One request, and the means to respond to it."""

    h2: H2Connection
    sock: socket.socket
    stream: int
    headers: RawHeaders
    body: bytearray = field(default_factory=bytearray)

    def one(self, name: str) -> str:
        """Return the value of a header that is present exactly once."""
        (value,) = [value.decode() for key, value in self.headers if key == name.encode()]
        return value

    def respond(self, body: bytes, status: int = 200, headers: RawHeaders | None = None) -> None:
        """Send a whole response."""
        fields = [(b":status", b"%d" % status), (b"content-type", b"application/json"), *(headers or [])]
        self.h2.send_headers(self.stream, fields)
        self.h2.send_data(self.stream, body, end_stream=True)
        self._flush()

    def reset(self) -> None:
        """Reset this stream, and leave the connection open."""
        self.h2.reset_stream(self.stream)
        self._flush()

    def go_away(self) -> None:
        """Announce the end of the connection."""
        self.h2.close_connection()
        self._flush()

    def _flush(self) -> None:
        self.sock.sendall(self.h2.data_to_send())


class HTTP2Server(Listener):
    """Hands each whole request to a function.

    Args:
        tls: The server's side of TLS.
        respond: What to do with each request; it runs in the thread of its connection.

    Attributes:
        respond: The same, to be replaced.
        requests: Every request that came.
        protocols: The protocol that each connection agreed on in its TLS handshake.
    """

    def __init__(self, tls: ssl.SSLContext, respond: Callable[[HTTP2Exchange], object]) -> None:
        super().__init__(tls=tls)
        tls.set_alpn_protocols(["h2", "http/1.1"])
        self.respond = respond
        self.requests: list[HTTP2Exchange] = []
        self.protocols: list[str | None] = []

    def serve(self, sock: socket.socket, number: int) -> None:
        """Serve one connection."""
        assert isinstance(sock, ssl.SSLSocket)
        self.protocols.append(sock.selected_alpn_protocol())
        # The client may send more after it was told of the end.
        with suppress(ProtocolError):
            self._read(sock, H2Connection(H2Configuration(client_side=False, header_encoding=None)))

    def _read(self, sock: socket.socket, h2: H2Connection) -> None:
        received: dict[int, HTTP2Exchange] = {}
        h2.initiate_connection()
        sock.sendall(h2.data_to_send())
        while data := sock.recv(65536):
            for event in h2.receive_data(data):
                match event:
                    case RequestReceived(stream_id=int(stream), headers=headers):
                        raw = [(bytes(name), bytes(value)) for name, value in headers or []]
                        received[stream] = HTTP2Exchange(h2, sock, stream, raw)
                    case DataReceived(stream_id=int(stream), data=bytes(part)):
                        received[stream].body += part
                    case StreamEnded(stream_id=int(stream)):
                        self.requests.append(exchange := received.pop(stream))
                        self.respond(exchange)
                    case _:
                        pass
            sock.sendall(h2.data_to_send())
