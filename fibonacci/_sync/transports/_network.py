"""Blocking sockets. Written by hand, like its twin for asyncio and trio."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence

from fibonacci._core.deadline import Deadline, DeadlineExceeded
from fibonacci._net.sockets import READ_SIZE, Address, QuietSocket, is_address, is_readable


def connect(host: str, port: int, deadline: Deadline) -> SocketStream:
    """Connect to the first address of a host that accepts.

    Raises:
        OSError: If none does.
        DeadlineExceeded: If none does in time.
    """
    found = _resolve(host, port, deadline)
    if not found:
        raise OSError(f"{host} has no address")
    for remaining in range(len(found), 1, -1):
        try:
            return _connect_to(found[-remaining], deadline.split(remaining))
        except (OSError, DeadlineExceeded):
            pass  # the next address may accept
    return _connect_to(found[-1], deadline)


class SocketStream:
    """A plain socket.

    Attributes:
        bytes_sent: How many bytes the system has accepted to send, at most.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.bytes_sent: int = 0

    def read(self, deadline: Deadline) -> bytes:
        """Read some bytes; return none at the end."""
        self._sock.settimeout(deadline.require())
        try:
            return self._sock.recv(READ_SIZE)
        except TimeoutError as error:
            raise _timeout_cause(error) from None

    def write(self, data: bytes, deadline: Deadline) -> None:
        """Write all bytes."""
        rest = memoryview(data)
        while rest:
            self._sock.settimeout(deadline.require())
            try:
                sent = self._sock.send(rest)
            except TimeoutError as error:
                raise _timeout_cause(error) from None
            self.bytes_sent += sent
            rest = rest[sent:]

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def fileno(self) -> int:
        """Return the socket's descriptor; negative when it is closed."""
        return self._sock.fileno()

    def is_readable(self) -> bool:
        """Whether data has been received, or the peer has closed."""
        return is_readable(self._sock)


def _timeout_cause(error: TimeoutError) -> Exception:
    """Return what timed out: with an errno, the operating system gave up; without, the deadline has passed."""
    return error if error.errno else DeadlineExceeded("the call's time is up")


def _connect_to(address: Address, deadline: Deadline) -> SocketStream:
    family, kind, protocol, _, target = address
    left = deadline.require()
    sock = QuietSocket(family, kind, protocol)  # fails where the system has no such family, such as IPv6
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(left)
        sock.connect(target)
    except TimeoutError as error:
        sock.close()
        raise _timeout_cause(error) from None
    except BaseException:
        sock.close()
        raise
    return SocketStream(sock)


def _resolve(host: str, port: int, deadline: Deadline) -> Sequence[Address]:
    """Return the addresses of a host. The system's lookup has no time limit, so it runs in a thread of its own."""
    if is_address(host):  # needs no name service
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    found: list[Address] = []
    failures: list[Exception] = []

    def lookup() -> None:
        try:
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:  # a label of a name may be too long to be encoded
            failures.append(error)

    thread = threading.Thread(target=lookup, name="fibonacci-name-lookup", daemon=True)
    thread.start()
    thread.join(deadline.require())
    if failures:
        raise failures[0]
    if thread.is_alive():
        raise DeadlineExceeded("the name service did not respond in time")
    return found
