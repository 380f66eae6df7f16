"""A TCP relay before a real server, which can lose answers."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class LosingRelay:
    """Passes requests on and, for the first few connections, resets the client's side in place of the answer.

    Attributes:
        lost: How many answers have been lost.
    """

    def __init__(self, port: int, *, losses: int) -> None:
        self._target = port
        self._losses = losses
        self._threads: list[threading.Thread] = []
        self._stopped = False
        self._sockets: list[socket.socket] = []
        self.lost = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped = True
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port)):
            pass
        self._acceptor.join()
        self._listener.close()
        for sock in self._sockets:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for sock in self._sockets:
            sock.close()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            if self._stopped:
                client.close()
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            self._sockets += [client, server]
            for act in (lambda c=client, s=server: _pass_on(c, s), lambda c=client, s=server: self._answer(c, s)):
                thread = threading.Thread(target=act, daemon=True)
                self._threads.append(thread)
                thread.start()

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if self.lost < self._losses:
                    # The work is done by now, for here is its answer.
                    self.lost += 1
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    client.shutdown(socket.SHUT_RD)
                    client.close()
                    return
                client.sendall(data)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
