"""A TCP relay before a real server, which loses responses or forgets connections."""

from __future__ import annotations

import ctypes
import socket
import struct
import threading
from contextlib import suppress

from tests.kit.listener import Listener

_SO_ATTACH_FILTER = 26


class Relay(Listener):
    """Passes all bytes on, but for what it loses or forgets.

    What it forgets is as with a NAT or a load balancer whose table was lost: the packets on the connections that there
    are get lost, neither side is notified, and new connections work.

    Args:
        port: That of the server.
        losses: How many responses are lost: the client's side is reset in place of each.

    Attributes:
        lost: How many have been lost.
    """

    def __init__(self, port: int, *, losses: int = 0) -> None:
        super().__init__()
        self._target = port
        self._losses = losses
        self._socks: list[socket.socket] = []
        self.lost = 0

    def forget(self) -> None:
        """Forget the connections that there are."""
        for sock in self._socks:
            drop_packets(sock)

    def serve(self, sock: socket.socket, number: int) -> None:
        """Relay one connection in both directions."""
        self._socks.append(sock)
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


def drop_packets(sock: socket.socket) -> None:
    """Have the system drop each packet that a socket receives, without an acknowledgment (Linux)."""
    program = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # BPF: return 0 bytes
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", 1, ctypes.addressof(program)))


def may_drop_packets() -> bool:
    """Whether the system lets this user do that: some sandboxes let root alone."""
    with socket.socket() as sock:
        try:
            drop_packets(sock)
        except OSError:
            return False
    return True
