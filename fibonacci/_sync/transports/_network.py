"""Blocking sockets. Written by hand, like its twin for asyncio and trio."""

from __future__ import annotations

import errno
import socket
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from fibonacci._core.deadline import Deadline, allows
from fibonacci._net.sockets import (
    READ_SIZE,
    Address,
    connect_error,
    is_readable,
    literal_address,
    new_socket,
    wait_connected,
)

if TYPE_CHECKING:
    from fibonacci._net.addresses import ConnectionAttempts

T = TypeVar("T")
U = TypeVar("U")


def connect(host: str, port: int, deadline: Deadline) -> SocketStream:
    """Connect to a host. When it has several addresses, they are raced (RFC 8305).

    Raises:
        OSError: If no address accepts.
        DeadlineExceeded: If none does in time.
    """
    literal = literal_address(host, port)
    addresses = _resolve(host, port, deadline) if literal is None else [literal]
    if not addresses:
        raise OSError(errno.EADDRNOTAVAIL, f"{host} has no address")
    if len(addresses) == 1:
        return SocketStream(_connect_to(addresses[0], deadline))
    from fibonacci._net.addresses import ConnectionAttempts

    return SocketStream(_race(ConnectionAttempts(host, port, addresses, monotonic()), deadline))


class SocketStream:
    """A plain socket.

    Attributes:
        bytes_sent: How many bytes the system has accepted to send, at most.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        sock.settimeout(0.0)
        self.bytes_sent: int = 0

    def read(self, deadline: Deadline) -> bytes:
        """Read some bytes; return none at the end."""
        return self._within(deadline, self._sock.recv, READ_SIZE)

    def write(self, data: bytes, deadline: Deadline) -> None:
        """Write all bytes."""
        deadline.require()
        rest = memoryview(data)
        with suppress(BlockingIOError):  # at first without a wait, which would let other threads run before
            rest = self._send(rest)
        while rest:
            rest = self._within(deadline, self._send, rest)

    def _send(self, data: memoryview) -> memoryview:
        """Send what the system accepts; return the rest."""
        sent = self._sock.send(data)
        self.bytes_sent += sent
        return data[sent:]

    def _within(self, deadline: Deadline, operation: Callable[[U], T], argument: U) -> T:
        """Return the result of an operation of the socket, for which it may block until the deadline."""
        self._sock.settimeout(deadline.require())
        try:
            result = operation(argument)
        except TimeoutError as error:
            raise _timeout_cause(error, deadline) from None
        self._sock.settimeout(0.0)
        return result

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def fileno(self) -> int:
        """Return the socket's descriptor; negative when it is closed."""
        return self._sock.fileno()

    def is_readable(self) -> bool:
        """Whether data has been received, or the peer has closed."""
        return is_readable(self._sock)


def _timeout_cause(error: TimeoutError, deadline: Deadline, detail: str = "") -> Exception:
    """Return what timed out.

    With an errno, the operating system gave up; without one, before the deadline, a signal handler raised it.
    """
    return error if error.errno or deadline.remaining() != 0 else deadline.exceeded(detail)


def _resolve(host: str, port: int, deadline: Deadline) -> Sequence[Address]:
    from fibonacci._net.names import resolver  # not needed for an address

    left = deadline.require()
    lookup = resolver.lookup(host, port)
    if not lookup.wait(left):
        raise deadline.exceeded("the name service did not respond")
    return lookup.result()


def _connect_to(address: Address, deadline: Deadline) -> socket.socket:
    left = deadline.require()
    sock = new_socket(address)
    try:
        sock.settimeout(left)
        sock.connect(address[4])
    except TimeoutError as error:
        sock.close()
        raise _timeout_cause(error, deadline, f"no response from {address[4][0]}") from None
    except BaseException:
        sock.close()
        raise
    return sock


def _race(attempts: ConnectionAttempts, deadline: Deadline) -> socket.socket:
    """Return the socket that is connected first. Each turn begins an attempt, and waits for one to end."""
    from fibonacci._net.addresses import STAGGER

    upcoming = deque(attempts.order)
    pending: dict[socket.socket, Address] = {}
    try:
        while upcoming or pending:
            if upcoming:
                _begin(upcoming.popleft(), pending, attempts)
            ended = wait_connected(pending, deadline.cap(STAGGER if upcoming else None)) if pending else []
            if pending and not ended and not (upcoming and allows(deadline, 0)):
                raise deadline.exceeded(str(attempts))
            for sock in ended:
                address = pending.pop(sock)
                error = connect_error(sock)
                if error is None:
                    attempts.succeed(address, monotonic())
                    return sock
                sock.close()
                attempts.fail(address, error)
    finally:
        for sock in pending:
            sock.close()
    raise attempts.error()


def _begin(address: Address, pending: dict[socket.socket, Address], attempts: ConnectionAttempts) -> None:
    """Begin to connect to an address."""
    try:
        sock = new_socket(address)
    except OSError as error:
        attempts.fail(address, error)
        return
    pending[sock] = address
    sock.setblocking(False)
    try:
        sock.connect(address[4])
    except BlockingIOError:
        pass
    except OSError as error:
        del pending[sock]
        sock.close()
        attempts.fail(address, error)
