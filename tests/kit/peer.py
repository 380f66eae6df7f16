"""The server's end of one HTTP/1.1 connection, and the requests that are read from it."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

_RESET = struct.pack("ii", 1, 0)
_PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One request as it reached the server.

    Attributes:
        target: Path and query as sent, nothing decoded.
        headers: Names and values as sent.
        connection: The number of the connection that it came on, from 1.
        at: When it was read whole, on the monotonic clock.
    """

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    connection: int = 0
    at: float = field(default_factory=time.monotonic)

    @property
    def path(self) -> str:
        """The path below the base URL."""
        return self.target.partition("?")[0].removeprefix("/v1")

    @property
    def query(self) -> str:
        """The query, without its question mark."""
        return self.target.partition("?")[2]

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)

    def all(self, name: str) -> list[str]:
        """Return every value of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def one(self, name: str) -> str:
        """Return the value of a header that is present exactly once."""
        (value,) = self.all(name)
        return value


class Peer:
    """The server's end of one connection, on which a step responds or fails.

    Attributes:
        request: The request that was read last.
        sent: The number of bytes that were sent.
        is_closed: Whether no further request is to be read.
    """

    request: ReceivedRequest

    def __init__(self, sock: socket.socket, stopped: threading.Event, number: int = 0) -> None:
        self._sock = sock
        self._number = number
        self._stopped = stopped
        self._unread = b""
        self.sent = 0
        self.is_closed = False

    @property
    def tls(self) -> ssl.SSLSocket:
        """The connection as one of TLS."""
        assert isinstance(self._sock, ssl.SSLSocket)
        return self._sock

    def send(self, data: bytes) -> None:
        """Send all bytes."""
        for at in range(0, len(data), _PIECE):
            self._sock.sendall(data[at : at + _PIECE])
            self.sent += min(_PIECE, len(data) - at)

    def cork(self, corked: bool) -> None:
        """Hold back what is sent, or release it all at once."""
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, corked)

    def drip(self, data: bytes, every: float) -> None:
        """Send byte by byte, until the client leaves or the server closes."""
        for byte in data:
            if self._stopped.wait(every):
                return
            self.send(bytes([byte]))

    def pause(self, seconds: float) -> bool:
        """Wait; return False when the server closes."""
        return not self._stopped.wait(seconds)

    def stall(self) -> None:
        """Send nothing until the client leaves."""
        with suppress(OSError):
            while not self._stopped.is_set() and self._sock.recv(65536):
                pass
        self.is_closed = True

    def freeze(self) -> None:
        """Neither read nor send until the server closes."""
        self._stopped.wait()
        self.is_closed = True

    def reset(self) -> None:
        """Close with a TCP reset."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.is_closed = True
        self._sock.close()

    def close(self) -> None:
        """Close in the regular way."""
        self.is_closed = True
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def read_slowly(self, size: int, every: float) -> None:
        """Read a few bytes at intervals, until the client leaves or the server closes."""
        with suppress(OSError):
            while not self._stopped.wait(every) and self._sock.recv(size):
                pass
        self.is_closed = True

    def read_request(self) -> bool:
        """Read a request; return False when there is no further one."""
        while b"\r\n\r\n" not in self._unread:
            if not self._read_more():
                return False
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = [line.partition(":") for line in lines]
        headers = [(name.strip(), value.strip()) for name, _, value in pairs]
        length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
        while len(self._unread) < length:
            if not self._read_more():
                return False
        body, self._unread = self._unread[:length], self._unread[length:]
        method, target, _ = first.split(" ")
        self.request = ReceivedRequest(method, target, headers, body, self._number)
        return True

    def _read_more(self) -> bool:
        data = self._sock.recv(65536)
        self._unread += data
        return bool(data)
