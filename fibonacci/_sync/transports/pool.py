# Derived from fibonacci/_async/transports/pool.py by tests/mirror.py; change that file, not this one.
"""A last-in-first-out pool of connections.

httpx's own pool is not used for two measured faults: a canceled call can leave it unusable, and it slows down with the
square of its connections. This one takes the connection that was used last, closes any that did not end cleanly, and
bounds the number in use.
"""

from __future__ import annotations

import time

from fibonacci._core.deadline import Deadline
from fibonacci._core.transport_errors import TransportError
from fibonacci._sync import _runtime
from fibonacci._sync.transports.connector import Connector
from fibonacci._sync.transports.http11 import HTTP11Connection


class ConnectionPool:
    """The connections to one origin, in one event loop.

    Args:
        connector: Makes connections.
        max_connections: The largest number of connections in use.
        idle_timeout: Seconds after which an idle connection is not used again.
    """

    def __init__(self, connector: Connector, *, max_connections: int, idle_timeout: float) -> None:
        self._connector = connector
        self._capacity = _runtime.CapacityLimiter(max_connections)
        self._idle_timeout = idle_timeout
        self._idle: list[tuple[float, HTTP11Connection]] = []
        self._active: set[HTTP11Connection] = set()

    @property
    def proxy(self) -> str | None:
        """The URL of the proxy, without user and password; None for none."""
        return self._connector.proxy

    @property
    def connections(self) -> list[HTTP11Connection]:
        """The open connections, those in use first."""
        return [*self._active, *(connection for _, connection in self._idle)]

    def acquire(self, deadline: Deadline) -> HTTP11Connection:
        """Return the connection that was used last and is still open, else a new one.

        Raises:
            TransportError: If no capacity was released in time, or no connection could be made.
        """
        if not self._capacity.acquire(deadline.remaining()):
            raise TransportError("timeout_never_sent")
        try:
            connection = self._pop_reusable() or self._connector.connect(deadline)
        except BaseException:
            self._capacity.release()
            raise
        self._active.add(connection)
        return connection

    def release(self, connection: HTTP11Connection) -> None:
        """Keep a connection that ended cleanly, close any other, and close one that has been idle for too long."""
        self._active.discard(connection)
        self._capacity.release()
        now = time.monotonic()
        if connection.is_reusable:
            self._idle.append((now, connection))
        else:
            connection.close()
        self._close_oldest_expired(now)

    def close(self) -> None:
        """Close the idle connections."""
        while (idle := self._pop(-1)) is not None:
            idle[1].close()

    def _pop_reusable(self) -> HTTP11Connection | None:
        """Remove and return the last usable idle connection; close the others on the way."""
        while (idle := self._pop(-1)) is not None:
            since, connection = idle
            if since + self._idle_timeout > time.monotonic() and not connection.is_closed_by_server():
                return connection
            connection.close()
        return None

    def _close_oldest_expired(self, now: float) -> None:
        try:
            has_expired = self._idle[0][0] + self._idle_timeout < now
        except IndexError:  # none is idle, or another thread was faster
            return
        oldest = self._pop(0) if has_expired else None
        if oldest is not None:
            oldest[1].close()

    def _pop(self, index: int) -> tuple[float, HTTP11Connection] | None:
        try:
            return self._idle.pop(index)
        except IndexError:  # another thread was faster
            return None
