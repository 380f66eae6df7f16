"""Blocking sockets. Written by hand: this file's twin is the one for asyncio and trio."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence

from fibonacci._core.deadline import Deadline, DeadlineExceeded
from fibonacci._net.sockets import READ_SIZE, Address, QuietSocket, is_address, is_readable


def connect(host: str, port: int, deadline: Deadline) -> SocketStream:
    """Connect to the first address of a host that answers.

    Raises:
        OSError: If none does.
        DeadlineExceeded: If none does in time.
    """
    found = _look_up(host, port, deadline)
    if not found:
        raise OSError(f"{host} has no address")
    for left in range(len(found), 1, -1):
        try:
            return _connect_to(found[-left], deadline.share(left))
        except (OSError, DeadlineExceeded):
            pass  # the next address may answer
    return _connect_to(found[-1], deadline)


class SocketStream:
    """A plain socket.

    Attributes:
        taken: How many bytes the system has taken to send, at the most.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.taken = 0

    def read(self, deadline: Deadline) -> bytes:
        """Read some bytes; none at the end."""
        self._sock.settimeout(deadline.left())
        try:
            return self._sock.recv(READ_SIZE)
        except TimeoutError as error:
            raise _late_or_failed(error) from None

    def write(self, data: bytes, deadline: Deadline) -> None:
        """Write all bytes."""
        rest = memoryview(data)
        while rest:
            self._sock.settimeout(deadline.left())
            try:
                sent = self._sock.send(rest)
            except TimeoutError as error:
                raise _late_or_failed(error) from None
            self.taken += sent
            rest = rest[sent:]

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def is_readable(self) -> bool:
        """Whether something has come, or the other side has closed."""
        return is_readable(self._sock)


def _late_or_failed(error: TimeoutError) -> Exception:
    """What a time-out is: one with a number is the system's, which gave the connection up."""
    return error if error.errno else DeadlineExceeded("the call's time is up")


def _connect_to(address: Address, deadline: Deadline) -> SocketStream:
    family, kind, protocol, _, place = address
    left = deadline.left()
    sock = QuietSocket(family, kind, protocol)  # fails where the system has no such family, such as IPv6
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(left)
        sock.connect(place)
    except TimeoutError as error:
        sock.close()
        raise _late_or_failed(error) from None
    except BaseException:
        sock.close()
        raise
    return SocketStream(sock)


def _look_up(host: str, port: int, deadline: Deadline) -> Sequence[Address]:
    """The addresses of a host. The system's look-up cannot be bounded in time, so it gets a thread of its own."""
    if is_address(host):  # no name service has to be asked
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    found: list[Address] = []
    failures: list[Exception] = []

    def look_up() -> None:
        try:
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:  # a label of a name may be too long to be encoded
            failures.append(error)

    thread = threading.Thread(target=look_up, name="fibonacci-name-lookup", daemon=True)
    thread.start()
    thread.join(deadline.left())
    if failures:
        raise failures[0]
    if thread.is_alive():
        raise DeadlineExceeded("the name service did not answer in time")
    return found
