"""Delivery of failing responses over a socket."""

from __future__ import annotations

import socket
import struct
import threading
from typing import Final

from fibonacci.emulator.faults.fault import ActiveFailure

_SEND_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER 0: close sends RST
_CHUNK: Final = 64 * 1024


def deliver(sock: socket.socket, failure: ActiveFailure, head: bytes, body: bytes, closing: threading.Event) -> bool:
    """Deliver one response with its failure.

    The delivery is counted before the client can notice it, so that the count is right once the client has failed.

    Args:
        sock: The connection.
        failure: What goes wrong.
        head: The head of the response; empty for none.
        body: The body of the response.
        closing: Set when the emulator closes; it ends every wait.

    Returns:
        Whether the connection stays open for another request.
    """
    if failure.kind == "delay" and closing.wait(failure.seconds):
        return False
    failure.count_delivery()
    match failure.kind:
        case "stall":
            _stall(sock)
            return False
        case "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _SEND_RESET)
            return False
        case "no_reply":
            return False
        case "cut":
            sock.sendall(head + body[: len(body) // 2] if body else head[: len(head) // 2])
            return False
        case "drip":
            return _drip(sock, head + body, failure.seconds, closing)
        case _:
            sock.sendall(head + body)
            return True


def _stall(sock: socket.socket) -> None:
    """Read and send nothing, until the client or the emulator closes the connection."""
    sock.settimeout(None)
    while sock.recv(_CHUNK):
        pass


def _drip(sock: socket.socket, data: bytes, seconds: float, closing: threading.Event) -> bool:
    for byte in data:
        if closing.wait(seconds):
            return False
        sock.sendall(bytes([byte]))
    return True
