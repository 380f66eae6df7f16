"""A server on real sockets that fails on order, and counts what it was asked and what it did.

It is made of plain threads and sockets and knows no HTTP library, so that nothing stands between an order to fail and
the bytes on the wire. Counts are final once the server is closed: look at them after the `with` block.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

_RESET = struct.pack("ii", 1, 0)
_PIECE = 256 * 1024
_HANDSHAKE_SECONDS = 5.0


@dataclass(frozen=True)
class Received:
    """One request as it reached the server."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int = 0
    at: float = field(default_factory=time.monotonic)


class Peer:
    """The server's end of one connection, for an act to misbehave on.

    Attributes:
        request: The request that was read last.
        is_closed: Whether no further request is to be read.
    """

    request: Received

    def __init__(self, sock: socket.socket, stopped: threading.Event, number: int = 0) -> None:
        self._sock = sock
        self._number = number
        self._stopped = stopped
        self._unread = b""
        self.sent = 0
        self.is_closed = False

    def send(self, data: bytes) -> None:
        """Send all of it."""
        for at in range(0, len(data), _PIECE):
            self._sock.sendall(data[at : at + _PIECE])
            self.sent += min(_PIECE, len(data) - at)

    def cork(self, corked: bool) -> None:
        """Hold back what is sent, and let it go all at once."""
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, corked)

    def drip(self, data: bytes, every: float) -> None:
        """Send it byte by byte, for as long as the client or the server is there."""
        for byte in data:
            if self._stopped.wait(every):
                return
            self.send(bytes([byte]))

    def pause(self, seconds: float) -> bool:
        """Wait; False when the server is being closed."""
        return not self._stopped.wait(seconds)

    def stall(self) -> None:
        """Do nothing until the client has gone."""
        with suppress(OSError):
            while not self._stopped.is_set() and self._sock.recv(65536):
                pass
        self.is_closed = True

    def freeze(self) -> None:
        """Do nothing at all, not even read, until the server is closed."""
        self._stopped.wait()
        self.is_closed = True

    def reset(self) -> None:
        """Close with a TCP reset."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.is_closed = True
        self._sock.close()

    def close(self) -> None:
        """Close as if that were the proper end."""
        self.is_closed = True
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def read_slowly(self, size: int, every: float) -> None:
        """Read a little now and then, until the client or the server has gone."""
        with suppress(OSError):
            while not self._stopped.wait(every) and self._sock.recv(size):
                pass
        self.is_closed = True

    def read_request(self) -> bool:
        """Read a request; False when there is none any more."""
        while b"\r\n\r\n" not in self._unread:
            if not self._read_more():
                return False
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = [line.partition(":") for line in lines]
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        length = int(headers.get("content-length", "0"))
        while len(self._unread) < length:
            if not self._read_more():
                return False
        body, self._unread = self._unread[:length], self._unread[length:]
        method, target, _ = first.split(" ")
        self.request = Received(method, target, headers, body, self._number)
        return True

    def _read_more(self) -> bool:
        data = self._sock.recv(65536)
        self._unread += data
        return bool(data)


Act = Callable[[Peer], object]
"""What the server does when it has read a request."""


class FaultServer:
    """Listens on a free port of the loopback interface from `__enter__` to `__exit__`.

    Args:
        acts: What to do with the first request, the second, and so on; the last is done with all further ones.
        tls: The server's side of TLS; None for plain http.
        greet: What to do with a connection before anything is read from it; after it nothing is read.

    Attributes:
        requests: Every request that was read whole.
        connections: How many connections were made.
        delivered: How many acts were carried out: bytes were sent, or the connection was broken or left, as ordered.
        handshakes_failed: How many TLS handshakes came to nothing.
    """

    def __init__(self, *acts: Act, tls: ssl.SSLContext | None = None, greet: Act | None = None) -> None:
        self._acts: Sequence[Act] = acts
        self._tls = tls
        self._greet = greet
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self.requests: list[Received] = []
        self.connections = 0
        self.delivered = 0
        self.handshakes_failed = 0

    @property
    def origin(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.origin}/v1"

    @property
    def live_connections(self) -> int:
        """How many connections are open now."""
        with self._lock:
            return len(self._open)

    def by_method(self) -> Counter[str]:
        """How many requests of each method came."""
        return Counter(request.method for request in self.requests)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        if self._greet is not None:
            # What nobody reads must not fit into the system's buffers.
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            pass  # wakes the acceptor
        self._acceptor.join()
        self._listener.close()
        with self._lock:
            for sock in self._open:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            if self._stopped.is_set():
                sock.close()
                return
            with self._lock:
                self.connections += 1
                number = self.connections
                self._open.add(sock)
                self._threads = [thread for thread in self._threads if thread.is_alive()]
            thread = threading.Thread(target=self._serve, args=(sock, number), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, accepted: socket.socket, number: int) -> None:
        sock = accepted
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._greet is not None:
                self._do(self._greet, Peer(sock, self._stopped))
                return
            if self._tls is not None:
                sock = self._shake_hands(accepted)
            peer = Peer(sock, self._stopped, number)
            while not peer.is_closed and peer.read_request():
                with self._lock:
                    act = self._acts[min(len(self.requests), len(self._acts) - 1)]
                    self.requests.append(peer.request)
                self._do(act, peer)
        except OSError:
            pass  # the client has gone, as it may
        finally:
            with self._lock:
                self._open.discard(accepted)
                self._open.discard(sock)
            sock.close()
            accepted.close()

    def _do(self, act: Act, peer: Peer) -> None:
        before = peer.sent
        try:
            act(peer)
        except OSError:
            # A client that leaves in the middle has met the fault; one that left before has not.
            if peer.sent == before:
                raise
            peer.is_closed = True
        with self._lock:
            self.delivered += 1

    def _shake_hands(self, accepted: socket.socket) -> socket.socket:
        assert self._tls is not None
        accepted.settimeout(_HANDSHAKE_SECONDS)
        try:
            sock = self._tls.wrap_socket(accepted, server_side=True)
            # With TLS 1.3 a client's refusal of the certificate comes after the server's side is done.
            sock.settimeout(None)
        except OSError:
            with self._lock:
                self.handshakes_failed += 1
            raise
        with self._lock:
            self._open.discard(accepted)
            self._open.add(sock)
        return sock
