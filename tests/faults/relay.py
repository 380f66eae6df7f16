"""TCP relays before a real server, which lose responses or forget connections."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from tests.kit.listener import Listener


class ForgetfulRelay(Listener):
    """Passes all bytes on, until it forgets: then it swallows what comes on the connections that there are.

    Neither side is notified, as with a NAT or a load balancer whose table was lost. New connections work.

    Attributes:
        swallowed: How many pieces have been swallowed.
    """

    def __init__(self, port: int) -> None:
        super().__init__()
        self._target = port
        self._remembered_from = 0
        self.swallowed = 0

    def forget(self) -> None:
        """Forget the connections that there are."""
        with self.lock:
            self._remembered_from = self.connections + 1

    def serve(self, sock: socket.socket, number: int) -> None:
        """Relay one connection in both directions."""
        with socket.create_connection(("127.0.0.1", self._target)) as target:
            back = threading.Thread(target=self._pass_on, args=(target, sock, number), daemon=True)
            back.start()
            self._pass_on(sock, target, number)
            with suppress(OSError):
                target.shutdown(socket.SHUT_RDWR)
            back.join()

    def _pass_on(self, source: socket.socket, sink: socket.socket, number: int) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if number >= self._remembered_from:
                    sink.sendall(data)
                else:
                    self.swallowed += 1


class LosingRelay(Listener):
    """Passes requests on; resets the client's side of the first few connections in place of the response.

    Attributes:
        lost: How many responses have been lost.
    """

    def __init__(self, port: int, *, losses: int) -> None:
        super().__init__()
        self._target = port
        self._losses = losses
        self.lost = 0

    def serve(self, sock: socket.socket, number: int) -> None:
        """Relay one connection in both directions."""
        with socket.create_connection(("127.0.0.1", self._target)) as target:
            back = threading.Thread(target=self._pass_back, args=(target, sock), daemon=True)
            back.start()
            with suppress(OSError):
                while data := sock.recv(65536):
                    target.sendall(data)
            with suppress(OSError):
                target.shutdown(socket.SHUT_RDWR)
            back.join()

    def _pass_back(self, source: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if self.lost < self._losses:
                    # The work is done by now: this is its response.
                    self.lost += 1
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    client.shutdown(socket.SHUT_RD)
                    client.close()
                    return
                client.sendall(data)
