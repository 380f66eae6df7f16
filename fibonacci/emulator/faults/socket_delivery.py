"""Failures as they happen on a socket."""

from __future__ import annotations

import socket
import struct
import threading
from typing import Final

from fibonacci.emulator.faults.fault import Failure

_RESET: Final = struct.pack("ii", 1, 0)  # linger for no time: closing is a reset, and no farewell
_CHUNK: Final = 64 * 1024


def deliver(sock: socket.socket, failure: Failure, head: bytes, body: bytes, closing: threading.Event) -> bool:
    """Let a failure happen to one answer.

    It is counted before the client can notice, so that whoever has seen it finds it counted.

    Args:
        sock: The connection.
        failure: What is to happen.
        head: The head of the answer; empty when none is to come.
        body: The body of the answer.
        closing: Set when the emulator closes: nothing waits any longer then.

    Returns:
        Whether another request may follow on this connection.
    """
    if failure.kind == "delay" and closing.wait(failure.seconds):
        return False
    failure.happened()
    match failure.kind:
        case "stall":
            _stall(sock)
            return False
        case "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
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
    """Answer nothing until the client has gone, or the emulator closes the connection."""
    while sock.recv(_CHUNK):
        pass


def _drip(sock: socket.socket, data: bytes, seconds: float, closing: threading.Event) -> bool:
    for byte in data:
        if closing.wait(seconds):
            return False
        sock.sendall(bytes([byte]))
    return True
