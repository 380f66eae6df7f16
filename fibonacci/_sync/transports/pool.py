# Derived from fibonacci/_async/transports/pool.py by tests/mirror.py; change that file, not this one.
"""The SDK's own connections, in a last-in-first-out pool.

httpx's own pool is not used for two measured faults: a cancelled call can poison it for good, and it slows down with
the square of its connections. This one takes the connection that was used last, closes any that did not end cleanly,
and bounds the number in use.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Hashable

from fibonacci._core.deadline import Deadline
from fibonacci._core.messages import HTTPRequest, HTTPResponse, TransportError
from fibonacci._core.transport_errors import transport_error_from
from fibonacci._sync import _runtime
from fibonacci._sync.transports.connector import Connector
from fibonacci._sync.transports.http11 import HTTP11Connection

MAX_CONNECTIONS = 1000
KEEP_ALIVE = 15.0


class Pool:
    """The connections to one origin, in one event loop.

    Args:
        connector: What makes them.
    """

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._places = _runtime.CapacityLimiter(MAX_CONNECTIONS)
        self._idle: list[tuple[float, HTTP11Connection]] = []

    def take(self, deadline: Deadline) -> HTTP11Connection:
        """The connection that was used last and is still good, else a new one, when a place is free in time.

        Raises:
            TransportError: If no place became free in time, or no connection came about.
        """
        if not self._places.take(deadline.remaining()):
            raise TransportError("timeout_never_sent", None)
        try:
            return self._reusable() or self._connector.connect(deadline)
        except BaseException:
            self._places.release()
            raise

    def release(self, connection: HTTP11Connection) -> None:
        """Keep a connection that ended cleanly, close any other, and close one that has been idle for too long."""
        self._places.release()
        now = time.monotonic()
        if connection.is_reusable:
            self._idle.append((now, connection))
        else:
            connection.close()
        try:
            has_expired = self._idle[0][0] + KEEP_ALIVE < now
        except IndexError:  # none is idle, or another thread was faster
            return
        oldest = self._pop(0) if has_expired else None
        if oldest is not None:
            oldest[1].close()

    def close(self) -> None:
        """Close the connections that are not in use."""
        while (idle := self._pop(-1)) is not None:
            idle[1].close()

    def _reusable(self) -> HTTP11Connection | None:
        while (idle := self._pop(-1)) is not None:
            since, connection = idle
            if since + KEEP_ALIVE > time.monotonic() and not connection.has_ended():
                return connection
            connection.close()
        return None

    def _pop(self, index: int) -> tuple[float, HTTP11Connection] | None:
        try:
            return self._idle.pop(index)
        except IndexError:  # another thread was faster
            return None


class SocketTransport:
    """Sends over the SDK's own connections: a pool for each event loop and each process.

    Args:
        ca_bundle: A PEM file of authorities to trust beside the system's; None for none.
        max_response_bytes: The largest body that is taken, in bytes, as it comes over the wire.
    """

    def __init__(self, *, ca_bundle: str | None, max_response_bytes: int) -> None:
        self._ca_bundle = ca_bundle
        self._limit = max_response_bytes
        self._process = os.getpid()
        self._pools: weakref.WeakKeyDictionary[Hashable, Pool] = weakref.WeakKeyDictionary()

    def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        """Send a request and read the whole response; see `Transport`."""
        try:
            pool = self._pool(request.origin)
            connection = pool.take(deadline)
            try:
                return connection.exchange(request, deadline, self._limit)
            finally:
                pool.release(connection)
        except TransportError:
            raise
        except Exception as error:
            raise transport_error_from(error) from error

    def close(self) -> None:
        """Close the connections that are not in use."""
        pool = self._pools.pop(_runtime.current_loop(), None)
        if pool is not None:
            pool.close()
        self._pools.clear()

    def _pool(self, origin: str) -> Pool:
        """The pool of the present process and event loop."""
        if self._process != os.getpid():
            # After a fork the connections are the parent's: two processes must not talk over one of them.
            self._process = os.getpid()
            self._pools = weakref.WeakKeyDictionary()
        loop = _runtime.current_loop()
        pool = self._pools.get(loop)
        if pool is None:
            pool = self._pools.setdefault(loop, Pool(Connector(origin, self._ca_bundle)))
        return pool
