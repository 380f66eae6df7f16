"""What every server of the tests has in common: a loopback port, a thread for each connection, TLS, and an end."""

from __future__ import annotations

import socket
import ssl
import threading
import uuid
from abc import ABC, abstractmethod
from contextlib import suppress
from types import TracebackType
from typing import Self

_HANDSHAKE_SECONDS = 5.0


class Listener(ABC):
    """Accepts connections on a free port of the loopback interface from `__enter__` to `__exit__`.

    It is made of plain threads and sockets, so that nothing stands between a test and the bytes on the network.

    Args:
        tls: The server's side of TLS; None for plain TCP.
        receive_buffer: Bytes that the system buffers of what is not read; None for the system's default.
        host: The loopback address to listen at.
        port: The port; 0 for a free one.

    Attributes:
        api_key: A key of its own, for the client keeps the limits of a key at an address for the whole process.
        connections: The number of connections that were made.
        stopped: Set when the server closes.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        receive_buffer: int | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._tls = tls
        self._host = host
        self.port = port
        self._receive_buffer = receive_buffer
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self.api_key = f"sk-test-{uuid.uuid4().hex}"
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.connections = 0

    @abstractmethod
    def serve(self, sock: socket.socket, number: int) -> None:
        """Serve one connection until it ends; it may raise OSError. Connections count from 1."""

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{'http' if self._tls is None else 'https'}://{self._host}:{self.port}"

    @property
    def base_url(self) -> str:
        """The base URL for a client."""
        return f"{self.origin}/v1"

    @property
    def live_connections(self) -> int:
        """The number of connections that are open now."""
        with self.lock:
            return len(self._open)

    def hang_up(self) -> None:
        """Shut every open connection down."""
        with self.lock:
            for sock in self._open:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        self._listener = socket.create_server((self._host, self.port), backlog=1024)
        if self._receive_buffer is not None:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
        self.port = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        with suppress(OSError), socket.create_connection((self._host, self.port)):
            pass  # wakes the acceptor
        self._acceptor.join()
        self._listener.close()
        self.hang_up()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            if self.stopped.is_set():
                sock.close()
                return
            with self.lock:
                self.connections += 1
                number = self.connections
                self._open.add(sock)
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            thread = threading.Thread(target=self._run, args=(sock, number), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self, accepted: socket.socket, number: int) -> None:
        sock = accepted
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                sock = self._shake_hands(accepted, self._tls)
            self.serve(sock, number)
        except OSError:
            pass  # the client may leave at any time
        finally:
            with self.lock:
                self._open -= {accepted, sock}
            sock.close()
            accepted.close()

    def _shake_hands(self, accepted: socket.socket, tls: ssl.SSLContext) -> socket.socket:
        accepted.settimeout(_HANDSHAKE_SECONDS)
        sock = tls.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
        with self.lock:
            self._open.discard(accepted)
            self._open.add(sock)
        try:
            sock.do_handshake()
        except OSError:
            # Read until the client leaves: a reset could overtake the alert that tells it why.
            with suppress(OSError):
                while socket.socket.recv(sock, 65536):
                    pass
            with self.lock:
                self._open.discard(sock)
            sock.close()
            raise
        # With TLS 1.3 a client's refusal of the certificate comes after the server's side is done.
        sock.settimeout(None)
        return sock
