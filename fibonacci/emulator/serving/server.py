"""The application on a socket: one thread that accepts, and one for each connection."""

from __future__ import annotations

import selectors
import socket
import threading
from typing import Final

from fibonacci.emulator.app import App
from fibonacci.emulator.serving.connection import ServerConnection

_THREAD_NAME: Final = "fibonacci-emulator"
_RETRY: Final = 0.05
"""Seconds between two attempts to accept a connection, when the system has no file descriptor left."""


class SocketServer:
    """Listens from construction until `close`.

    Args:
        app: The application.
        host: The address.
        port: The port. 0 for a free one.
        connections: The largest number of connections. A further one waits to be accepted.
        patience: Seconds for which a connection waits for its client to send or to read more.

    Raises:
        OSError: If the address cannot be used.
        RuntimeError: If the system has no thread left. Nothing listens then.
    """

    def __init__(self, app: App, host: str, port: int, *, connections: int = 1_000, patience: float = 120.0) -> None:
        self._app = app
        self._patience = patience
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=1024)
        self._listener.setblocking(False)  # the client may have closed before its connection is accepted
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._closing = threading.Event()
        self._places = threading.Semaphore(connections)
        self._threads: dict[threading.Thread, ServerConnection] = {}
        self._acceptor = threading.Thread(target=self._accept, name=_THREAD_NAME, daemon=True)
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
        self._places.release()  # the acceptor may be waiting for one
        self._acceptor.join()
        for thread, connection in list(self._threads.items()):
            connection.interrupt()
            thread.join()
        self._close_sockets()

    def _close_sockets(self) -> None:
        for sock in (self._listener, self._wake_reader, self._wake_writer):
            sock.close()

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._wake_reader, selectors.EVENT_READ)
            while self._places.acquire() and not self._closing.is_set():
                selector.select()
                try:
                    sock, _ = self._listener.accept()
                except OSError:  # the client has closed, or no file descriptor is left
                    self._closing.wait(_RETRY)
                    self._places.release()
                    continue
                self._start(ServerConnection(sock, self._app, self._closing, self._patience))

    def _start(self, connection: ServerConnection) -> None:
        thread = threading.Thread(target=self._serve, args=(connection,), name=_THREAD_NAME, daemon=True)
        self._threads[thread] = connection
        try:
            thread.start()
        except RuntimeError:  # the system has none left
            del self._threads[thread]
            connection.close()
            self._places.release()

    def _serve(self, connection: ServerConnection) -> None:
        try:
            connection.serve()
        finally:
            connection.close()
            self._threads.pop(threading.current_thread())
            self._places.release()
