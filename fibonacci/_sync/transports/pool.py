# Derived from fibonacci/_async/transports/pool.py by tests/mirror.py; change that file, not this one.
"""A last-in-first-out pool of connections.

httpx's own pool is not used for two measured faults: a canceled call can leave it unusable, and it slows down with the
square of its connections. This one takes the connection that was used last, closes any that did not end cleanly, bounds
the number in use and the number idle, and queues while the process has no file descriptor left.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterable

from fibonacci._core.deadline import Deadline
from fibonacci._core.messages import HTTPRequest, HTTPResponse
from fibonacci._core.retry import may_be_sent_twice
from fibonacci._core.transport_errors import TransportError, cause_chain
from fibonacci._net.sockets import readable
from fibonacci._sync import _runtime
from fibonacci._sync.transports.connector import Connector
from fibonacci._sync.transports.http11 import HTTP11Connection, SilentConnection, StaleConnection

# Seconds of idleness after which a connection is not trusted with a request that must not be sent twice. Servers and
# load balancers close idle connections, some when they are reloaded: what is under way to them then is lost.
_TRUSTED_IDLE = 3.0
_SWEEP_INTERVAL = 1.0
# Seconds of waiting for a connection after which the caller is told.
_TOLD_AFTER = 1.0
# Seconds between two attempts to open a connection while no file descriptor is left. One caller at a time makes them.
_DESCRIPTOR_INTERVAL = 0.02


class ConnectionPool:
    """The connections to one origin, in one event loop.

    Args:
        connector: Makes connections.
        max_connections: The largest number of connections in use.
        max_idle_connections: The largest number of idle connections.
        idle_timeout: Seconds after which an idle connection is not used again.
        patience: Seconds that a connection which may have died has at least for the first byte of a response.
    """

    def __init__(
        self,
        connector: Connector,
        *,
        max_connections: int,
        max_idle_connections: int,
        idle_timeout: float,
        patience: float,
    ) -> None:
        self._connector = connector
        self._capacity = _runtime.CapacityLimiter(max_connections)
        self._without_descriptor = _runtime.CapacityLimiter(1)
        self._clock = _runtime.SystemClock()
        self._max_idle = max_idle_connections
        self._idle_timeout = idle_timeout
        self._patience = patience
        self._slowest = 0.0  # seconds that the first byte of a response has taken
        self._swept_at = time.monotonic()
        self._idle: list[HTTP11Connection] = []
        self._active: set[HTTP11Connection] = set()

    @property
    def proxy(self) -> str | None:
        """The URL of the proxy, without user and password; None for none."""
        return self._connector.proxy

    @property
    def connections(self) -> list[HTTP11Connection]:
        """The open connections, those in use first."""
        return [*self._active, *self._idle]

    def send(
        self, request: HTTPRequest, deadline: Deadline, limit: int, free_descriptors: Callable[[], int]
    ) -> HTTPResponse:
        """Send a request on a connection and read the complete response.

        Args:
            request: The request.
            deadline: The end of the call.
            limit: The largest body in bytes, as received, before decompression.
            free_descriptors: Called when no file descriptor is left: closes connections that can be done without, and
                returns how many there were.

        Raises:
            TransportError: If no connection was free in time or could be made; see also `exchange` of a connection.
        """
        while True:
            connection = self._acquire(request, deadline, free_descriptors)
            try:
                return self._exchange(connection, request, deadline, limit)
            except StaleConnection:
                pass  # another one; a new connection is not stale
            finally:
                self._release(connection)

    def _exchange(
        self, connection: HTTP11Connection, request: HTTPRequest, deadline: Deadline, limit: int
    ) -> HTTPResponse:
        try:
            response = connection.exchange(request, deadline, limit, self._patience_with(connection, request))
        except SilentConnection:
            # What made one connection die silently, such as a NAT that forgot it, did not spare others as old.
            self._close_idle(other for other in list(self._idle) if other.ended_at < connection.began_at)
            raise
        if request.is_repeatable or may_be_sent_twice(request.method):
            self._slowest = max(self._slowest, connection.response_time)
        return response

    def close_idle(self) -> int:
        """Close the idle connections; return how many there were."""
        return self._close_idle(list(self._idle))

    def _acquire(
        self, request: HTTPRequest, deadline: Deadline, free_descriptors: Callable[[], int]
    ) -> HTTP11Connection:
        """Return the connection that was used last and is still open, else a new one.

        Raises:
            TransportError: If no capacity was released in time, or no connection could be made.
        """
        self._sweep()
        wait: _Wait | None = None
        if not self._capacity.acquire_nowait():
            wait = _Wait(request, self._capacity)
            if not self._capacity.acquire(deadline, wait.patience, wait.tell):
                raise TransportError("timeout_never_sent")
        try:
            # Those who wait for a descriptor were here first.
            connection = None if self._without_descriptor.in_use else self._pop_reusable(request)
            if connection is None:
                wait = wait or _Wait(request, self._capacity)
                connection = self._open(request, deadline, wait, free_descriptors)
        except BaseException:
            self._capacity.release()
            raise
        self._active.add(connection)
        return connection

    def _release(self, connection: HTTP11Connection) -> None:
        """Keep a connection that ended cleanly, and close any other."""
        self._active.discard(connection)
        if connection.is_reusable:
            self._idle.append(connection)
            if len(self._idle) > self._max_idle:
                self._close_idle(self._idle[:1])
        else:
            connection.close()
        self._capacity.release()
        self._sweep()

    def _open(
        self, request: HTTPRequest, deadline: Deadline, wait: _Wait, free_descriptors: Callable[[], int]
    ) -> HTTP11Connection:
        """Return a new connection; when no descriptor is left, wait for one or for a connection that is released."""
        try:
            return self._connector.connect(deadline)
        except TransportError as error:
            if not _lacks_descriptors(error):
                raise
            shortage = error
        wait.reason = ", no file descriptor is left"
        if not self._without_descriptor.acquire(deadline, wait.patience, wait.tell):
            raise _out_of_descriptors(shortage) from shortage
        try:
            while True:
                if (connection := self._pop_reusable(request)) is not None:
                    return connection
                try:
                    return self._connector.connect(deadline)
                except TransportError as error:
                    if deadline.remaining() == 0:
                        raise _out_of_descriptors(shortage) from shortage
                    if not _lacks_descriptors(error):
                        raise
                if not free_descriptors():
                    self._clock.sleep(deadline.cap(_DESCRIPTOR_INTERVAL) or 0)
                    if wait.patience == 0:
                        wait.tell()
        finally:
            self._without_descriptor.release()

    def _patience_with(self, connection: HTTP11Connection, request: HTTPRequest) -> float | None:
        """Return the seconds after which no response means that the connection has died; None for never."""
        if not request.is_repeatable or not connection.exchanges:
            return None
        return max(self._patience, 2 * self._slowest)

    def _pop_reusable(self, request: HTTPRequest) -> HTTP11Connection | None:
        """Remove and return the last idle connection that the request may use; close those that nothing may use."""
        now = time.monotonic()
        trusted = self._idle_timeout if request.is_repeatable else min(self._idle_timeout, _TRUSTED_IDLE)
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            age = now - connection.ended_at
            if age >= self._idle_timeout or connection.is_closed_by_server():
                connection.close()
            elif age < trusted:
                return connection
            else:
                self._idle.append(connection)
                return None

    def _sweep(self) -> None:
        """Close the idle connections that nothing may use any more, about once a second while there are calls."""
        now = time.monotonic()
        if now - self._swept_at < _SWEEP_INTERVAL:
            return
        self._swept_at = now
        idle = [(connection, connection.fileno()) for connection in list(self._idle)]
        ended = readable([descriptor for _, descriptor in idle if descriptor >= 0])
        self._close_idle(
            connection
            for connection, descriptor in idle
            if descriptor in ended or descriptor < 0 or now - connection.ended_at >= self._idle_timeout
        )

    def _close_idle(self, connections: Iterable[HTTP11Connection]) -> int:
        """Close those that are idle still; return how many there were."""
        closed = 0
        for connection in connections:
            try:
                self._idle.remove(connection)
            except ValueError:  # another thread has taken it
                continue
            connection.close()
            closed += 1
        return closed


class _Wait:
    """The wait of a request for a connection; its caller is told once, when it has taken a second.

    Attributes:
        reason: What is waited for beside a connection that is released.
    """

    def __init__(self, request: HTTPRequest, capacity: _runtime.CapacityLimiter) -> None:
        self._on_wait = request.on_wait
        self._capacity = capacity
        self._began = time.monotonic()
        self._is_told = request.on_wait is None
        self.reason = ""

    @property
    def patience(self) -> float | None:
        """Seconds until the caller is to be told; None when it is not, or has been."""
        return None if self._is_told else max(0.0, self._began + _TOLD_AFTER - time.monotonic())

    def tell(self) -> None:
        """Tell the caller.

        Raises:
            TransportError: If that fails.
        """
        self._is_told = True
        if self._on_wait is None:
            return
        what = f"{self._capacity.in_use} of {self._capacity.total} in use{self.reason}"
        try:
            _runtime.resolve(self._on_wait(time.monotonic() - self._began, what))
        except Exception as error:
            raise TransportError("never_sent", error) from error


def _lacks_descriptors(error: TransportError) -> bool:
    return any(getattr(inner, "errno", None) in (errno.EMFILE, errno.ENFILE) for inner in cause_chain(error))


def _out_of_descriptors(shortage: TransportError) -> TransportError:
    return TransportError("timeout_never_sent", shortage.cause)
