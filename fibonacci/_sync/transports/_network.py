"""Blocking sockets. Written by hand, like its twin for asyncio and trio."""

from __future__ import annotations

import errno
import math
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from fibonacci._core.messages import Deadline, Phases, allows
from fibonacci._core.transport_errors import is_network_failure
from fibonacci._net.sockets import (
    GRACE,
    READ_SIZE,
    STAGGER,
    Address,
    ConnectionAttempts,
    connect_error,
    expect_acknowledgment,
    is_readable,
    known_addresses,
    new_socket,
    resolver,
    wait_connected,
)
from fibonacci._sync import _runtime

if TYPE_CHECKING:
    from queue import SimpleQueue

# Seconds for which the thread of deadlines waits for another call.
_LINGER = 5.0

T = TypeVar("T")
U = TypeVar("U")


def connect(host: str, port: int, deadline: Deadline, phases: Phases) -> SocketStream:
    """Connect to a host. When it has several addresses, they are raced (RFC 8305).

    Raises:
        OSError: If no address accepts.
        DeadlineExceeded: If none does in time.
    """
    addresses = known_addresses(host, port) or _resolve(host, port, deadline, phases)
    if not addresses:
        raise OSError(errno.EADDRNOTAVAIL, f"{host} has no address")
    phases.enter("connect")
    if len(addresses) == 1:
        return SocketStream(_connect_to(addresses[0], deadline))
    return SocketStream(_race(ConnectionAttempts(addresses), deadline))


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
        """Read some bytes, or none at the end."""
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
        """Send what the system accepts, and return the rest."""
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

    def is_readable(self) -> bool:
        """Whether data has been received, or the peer has closed."""
        return is_readable(self._sock)

    def expect_acknowledgment(self, seconds: float) -> None:
        """Have the connection end if the peer doesn't acknowledge what is sent. 0 for no bound."""
        expect_acknowledgment(self._sock, seconds)


class DeadlineTimer:
    """Ends what another library does for a call when its time is up, and has been for a moment.

    One thread closes the connections of all calls. It is started by the first call, and ends a few seconds after the
    last. Nothing here takes a lock that a caller may hold: a call may be made in a signal handler.
    """

    def __init__(self) -> None:
        from queue import SimpleQueue  # most programs call nothing of another library

        self._calls: set[_TimedCall] = set()
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._wakes_at = math.inf  # when the thread looks at the calls next; infinite while it is not known
        self._runs = threading.Lock()  # held by the thread while it runs; nothing waits for it

    def run(self, deadline: Deadline, operation: Callable[[], T], close: Callable[[], object]) -> T:
        """Return the result of an operation.

        Args:
            deadline: The end of the call.
            operation: The operation.
            close: Closes the connection that the operation uses, so that it ends. Called in another thread.

        Raises:
            DeadlineExceeded: If it hasn't ended in time.
        """
        seconds = deadline.remaining()
        if seconds is None:
            return operation()
        call = _TimedCall(monotonic() + seconds + GRACE, close)
        self._calls.add(call)
        try:
            if call.ends_at < self._wakes_at:
                self._wake.put(None)
            self._start_thread()
            result = operation()
        except Exception as error:
            if call.is_over and is_network_failure(error):
                raise deadline.exceeded() from None  # its text would say that the connection was closed
            raise
        finally:
            self._calls.discard(call)
        if call.is_over:  # a response that ends with its connection seems complete
            raise deadline.exceeded()
        return result

    def _start_thread(self) -> None:
        if not self._runs.locked():
            with suppress(RuntimeError):  # no thread is left: the limits of the library's single steps remain
                threading.Thread(target=self._run, name="fibonacci-deadlines", daemon=True).start()

    def _run(self) -> None:
        # Taken by the thread alone: one whose start was interrupted runs, or does not, and either way it is known.
        while self._calls and self._runs.acquire(blocking=False):
            try:
                self._close_in_time()
            finally:
                self._runs.release()
            # A call that came before the release has started no thread.

    def _close_in_time(self) -> None:
        """Close the connections of calls whose time is up, until there has been no call for a while."""
        from queue import Empty

        while True:
            self._wakes_at = math.inf
            now = monotonic()
            for call in [call for call in [*self._calls] if call.ends_at <= now]:
                self._calls.discard(call)
                with suppress(Exception):  # of a library with other insides: the other calls need the thread
                    call.end()
            self._wakes_at = min((call.ends_at for call in [*self._calls]), default=now + _LINGER)
            try:
                self._wake.get(timeout=max(0.0, self._wakes_at - monotonic()))
            except Empty:
                if not self._calls:
                    return


class _TimedCall:
    def __init__(self, ends_at: float, close: Callable[[], object]) -> None:
        self.ends_at = ends_at
        self.is_over = False
        self._close = close

    def end(self) -> None:
        self.is_over = True
        self._close()


def _timeout_cause(error: TimeoutError, deadline: Deadline, detail: str = "") -> Exception:
    """Return what timed out.

    With an errno, the operating system gave up. Without one, and before the deadline, a signal handler raised it.
    """
    return error if error.errno or deadline.remaining() != 0 else deadline.exceeded(detail)


def _resolve(host: str, port: int, deadline: Deadline, phases: Phases) -> Sequence[Address]:
    phases.enter("dns")
    deadline.require()
    lookup = resolver.lookup(host, port)
    ended = _runtime.WakeEvent()
    lookup.add_done_callback(ended.set)
    seconds = deadline.remaining()
    ended.sleep(math.inf if seconds is None else seconds)
    if not lookup.has_ended:
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
