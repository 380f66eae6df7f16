"""The application on a socket: one thread that accepts connections, and one per connection."""

from __future__ import annotations

import selectors
import socket
import threading
from collections import deque
from contextlib import suppress
from typing import Final

from fibonacci.emulator.serving.connection import Application, ServerConnection

_RETRY: Final = 0.05
"""Seconds between two attempts to start a thread, where the system has none left."""


class SocketServer:
    """Listens from construction until `close`.

    Args:
        app: The application.
        host: The address.
        port: The port; 0 for a free one.

    Raises:
        OSError: If the address cannot be used.
        RuntimeError: If the system has no thread left. Nothing listens then.
    """

    def __init__(self, app: Application, host: str, port: int) -> None:
        self._app = app
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=1024)
        self._listener.setblocking(False)  # the client may have closed before its connection is accepted
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._connections: dict[ServerConnection, threading.Thread] = {}
        self._acceptor = threading.Thread(target=self._accept, name="fibonacci-emulator", daemon=True)
        try:
            self._acceptor.start()
        except BaseException:
            self._close_sockets()
            raise

    @property
    def port(self) -> int:
        """The port."""
        port: int = self._listener.getsockname()[1]
        return port

    def close(self) -> None:
        """Stop listening, close all connections, and join all threads."""
        self._closing.set()
        self._wake_writer.send(b"x")
        self._acceptor.join()
        with self._lock:
            connections = dict(self._connections)
        for connection in connections:
            connection.close()
        for thread in connections.values():
            thread.join()
        self._close_sockets()

    def _close_sockets(self) -> None:
        for sock in (self._listener, self._wake_reader, self._wake_writer):
            sock.close()

    def _accept(self) -> None:
        accepted: deque[socket.socket] = deque()  # which wait for a thread
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._wake_reader, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select(_RETRY if accepted else None)}
                if self._wake_reader in ready:
                    break
                if self._listener in ready:
                    with suppress(OSError):  # the client closed before its connection was accepted
                        accepted.append(self._listener.accept()[0])
                while accepted and self._serve(accepted[0]):
                    accepted.popleft()
        for sock in accepted:
            sock.close()

    def _serve(self, sock: socket.socket) -> bool:
        """Serve a connection in a thread; return False where none can be started."""
        connection = ServerConnection(sock, self._app, self._closing)
        thread = threading.Thread(target=self._run, args=(connection,), name="fibonacci-emulator", daemon=True)
        with self._lock:
            self._connections[connection] = thread
        try:
            thread.start()
        except RuntimeError:  # the system has no thread left
            with self._lock:
                del self._connections[connection]
            return False
        return True

    def _run(self, connection: ServerConnection) -> None:
        try:
            connection.serve()
        finally:
            with self._lock:
                del self._connections[connection]
