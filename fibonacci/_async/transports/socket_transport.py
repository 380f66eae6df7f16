"""The default transport: HTTP/1.1 over the SDK's own connections, in a last-in-first-out pool.

It doesn't use httpx's pool because of two measured faults. A canceled call can leave that pool unusable, and it slows
down with the square of its connections. This pool takes the connection that was used last, and closes any that didn't
end cleanly. It limits the connections in use and the idle ones.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from fibonacci._async import _runtime
from fibonacci._async.transports.connector import AsyncConnector
from fibonacci._async.transports.http11 import AsyncHTTP11Connection, StaleConnection
from fibonacci._async.transports.loops import AsyncCapacityLimiter, AsyncCapacityShare, AsyncPerLoop
from fibonacci._async.transports.transport import AsyncTransportBase
from fibonacci._core.config import (
    DEFAULT_CONNECT_TIMEOUT,
    DEFAULT_MAX_CONNECTIONS,
    DEFAULT_MAX_IDLE_CONNECTIONS,
    DEFAULT_MAX_RESPONSE_BYTES,
)
from fibonacci._core.messages import MISDIRECTED, SENT, Deadline, HTTPRequest, HTTPResponse
from fibonacci._core.options import check_seconds
from fibonacci._core.transport_errors import is_network_failure, transport_error_from
from fibonacci._net.sockets import lacks_descriptor
from fibonacci._system.concurrency import snapshot

if TYPE_CHECKING:
    from fibonacci._core.option_types import ClientCert


# Idle seconds after which a connection carries no request that must not be sent twice. Servers and load balancers close
# idle connections, some when they are reloaded: a request that is in flight at that moment is lost.
_TRUSTED_IDLE = 3.0
_SWEEP_INTERVAL = 1.0
# Seconds for which more idle connections than `max_idle_connections` are kept.
_SHRINK_DELAY = 0.2
# Seconds after which a wait for a connection is reported.
_REPORTED_AFTER = 1.0


class AsyncConnectionPool:
    """The connections to one origin, in one event loop.

    Args:
        connector: Makes connections.
        options: Those of the transport by name: `max_connections`, `max_idle_connections` and `idle_timeout`.
    """

    def __init__(self, connector: AsyncConnector, options: Mapping[str, Any]) -> None:
        self._connector = connector
        self._capacity = AsyncCapacityLimiter(options["max_connections"])
        self._max_idle: int = options["max_idle_connections"]
        self._idle_timeout: float = options["idle_timeout"]
        self._swept_at = time.monotonic()
        self._is_shrinking = False
        self._is_closed = False
        self._idle: list[AsyncHTTP11Connection] = []
        self._active: weakref.WeakSet[_Use] = weakref.WeakSet()

    @property
    def proxy(self) -> str | None:
        """The URL of the proxy, without user and password. None for no proxy."""
        return self._connector.proxy

    @property
    def connections(self) -> list[AsyncHTTP11Connection]:
        """The open connections, those in use first."""
        active = [use.connection for use in snapshot(self._active.__iter__, None)]
        return [*(connection for connection in active if connection is not None), *self._idle]

    async def send(
        self, request: HTTPRequest, deadline: Deadline, limit: int, free_descriptors: Callable[[], int]
    ) -> HTTPResponse:
        """Send a request on a connection, and read the complete response.

        Args:
            request: The request.
            deadline: The end of the call.
            limit: The largest body in bytes, as received, before decompression.
            free_descriptors: Called when no file descriptor is left. It closes connections that aren't needed, and
                returns how many.

        Raises:
            DeadlineExceeded: If no connection was free in time. See also `connect` of a connector and `exchange` of a
                connection.
        """
        self.sweep()
        use = _Use()
        try:
            if not self._capacity.acquire_nowait(use):
                await self._wait_for_capacity(use, request, deadline)
            response = None
            while response is None:
                connection = self._pop_reusable(request) or await self._open(request, deadline, free_descriptors)
                use.connection = connection
                self._active.add(use)
                response = await self._exchange(connection, request, deadline, limit)
                if response is None:
                    self._put_back(use)
            return response
        finally:
            self._put_back(use)
            self._capacity.release(use)

    async def _exchange(
        self, connection: AsyncHTTP11Connection, request: HTTPRequest, deadline: Deadline, limit: int
    ) -> HTTPResponse | None:
        """Return the response, or None if the server had closed the connection and nothing was sent."""
        try:
            response = await connection.exchange(request, deadline, limit)
        except StaleConnection:  # a new connection isn't stale
            return None
        except OSError:
            # What ended one connection without notice, such as a NAT, has ended the others that were idle as long.
            if connection.exchanges > 1:
                self._close_idle(other for other in list(self._idle) if other.ended_at < connection.began_at)
            raise
        if response.status == MISDIRECTED:
            self.close_idle()  # they lead to the same server
        return response

    def close_idle(self) -> int:
        """Close the idle connections, and return how many there were."""
        return self._close_idle(list(self._idle))

    def close(self) -> None:
        """Close the idle connections now, and those in use when their exchange ends."""
        self._is_closed = True
        self.close_idle()

    async def _wait_for_capacity(self, use: _Use, request: HTTPRequest, deadline: Deadline) -> None:
        """Wait until there is capacity for a connection, and acquire it. A wait of a second is reported once.

        Raises:
            DeadlineExceeded: If none was released in time.
        """
        request.phases.enter("queue")
        began = time.monotonic()
        if request.on_wait is not None:
            if await self._capacity.acquire(use, deadline.cap(_REPORTED_AFTER)):
                return
            if deadline.remaining() != 0:
                await _runtime.resolve("on_wait", request.on_wait(time.monotonic() - began, self._figures))
        if not await self._capacity.acquire(use, deadline.remaining()):
            raise deadline.exceeded(self._figures)

    @property
    def _figures(self) -> str:
        return f"{self._capacity.in_use} of {self._capacity.total} in use"

    async def _open(
        self, request: HTTPRequest, deadline: Deadline, free_descriptors: Callable[[], int]
    ) -> AsyncHTTP11Connection:
        """Return a new connection. If no descriptor is left, idle connections are closed to make room."""
        try:
            return await self._connector.connect(deadline, request.phases)
        except OSError as error:
            if not lacks_descriptor(error) or not free_descriptors():
                raise
        return await self._connector.connect(deadline, request.phases)

    def _put_back(self, use: _Use) -> None:
        """Keep a connection that ended cleanly, and close any other."""
        self._active.discard(use)
        # Forget it first, so that no interrupt makes it idle twice. At worst it is closed as garbage.
        connection, use.connection = use.connection, None
        if connection is None:
            return
        if connection.is_reusable:
            self._idle.append(connection)
            if self._is_closed:
                self.close_idle()
            elif len(self._idle) > self._max_idle:
                self._shrink()
        else:
            connection.close()

    def _pop_reusable(self, request: HTTPRequest) -> AsyncHTTP11Connection | None:
        """Remove and return the last idle connection that the request may use, and close those that are too old."""
        now = time.monotonic()
        trusted = self._idle_timeout if request.is_repeatable else min(self._idle_timeout, _TRUSTED_IDLE)
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            age = now - connection.ended_at
            if age >= self._idle_timeout:
                connection.close()
            elif age < trusted:
                return connection
            else:
                self._idle.append(connection)
                return None

    def _shrink(self) -> None:
        """Close the idle connections beyond `max_idle_connections`, a little later if possible.

        Calls that come in waves then find the connections of the last wave.
        """
        if not self._is_shrinking:
            later = partial(_call_if_alive, weakref.WeakMethod(self._close_oldest))
            self._is_shrinking = self._max_idle > 0 and _runtime.call_later(_SHRINK_DELAY, later)
        if not self._is_shrinking:
            self._close_oldest()

    def _close_oldest(self) -> None:
        self._is_shrinking = False
        self._close_idle(self._idle[: max(0, len(self._idle) - self._max_idle)])

    def sweep(self) -> None:
        """Close the idle connections that nothing may use any more, about once a second while there are calls."""
        now = time.monotonic()
        if now - self._swept_at < _SWEEP_INTERVAL:
            return
        self._swept_at = now
        ended = (idle for idle in list(self._idle) if idle.is_ended() or now - idle.ended_at >= self._idle_timeout)
        self._close_idle(ended)

    def _close_idle(self, connections: Iterable[AsyncHTTP11Connection]) -> int:
        """Close the connections that are still idle, and return how many there were."""
        closed = 0
        for connection in connections:
            try:
                self._idle.remove(connection)
            except ValueError:  # another thread has taken it
                continue
            connection.close()
            closed += 1
        return closed


class _Use(AsyncCapacityShare):
    """What one request uses of a pool: a place, and a connection."""

    __slots__ = ("connection",)

    def __init__(self) -> None:
        super().__init__()
        self.connection: AsyncHTTP11Connection | None = None


def _call_if_alive(reference: weakref.WeakMethod[Callable[[], None]]) -> None:
    method = reference()
    if method is not None:
        method()


IDLE_TIMEOUT = 15.0


class AsyncSocketTransport(AsyncTransportBase):
    """The default transport: HTTP/1.1 over plain sockets, with a pool of connections.

    You can use it from several threads, in several event loops one after another, and after a fork. Each event loop and
    each process has its own connections, in one pool per origin. The library h11 reads and writes the HTTP.

    Args:
        ca_bundle: A PEM file of CAs to trust in addition to the system's, or a folder of such files, named by their
            hashes.
        max_response_bytes: The largest body in bytes, as received, before decompression. Default: 67,108,864 (64 MiB).
        client_cert: Your certificate for mutual TLS: the path of a PEM file with certificate and key, or
            `(certificate, key)`, or `(certificate, key, password)`.
        connect_timeout: Seconds for one attempt to connect: name lookup, TCP, proxy and TLS handshake. Default: 5.
        max_connections: The largest number of connections in use per origin. Further requests wait for a free one.
            Default: 1,000.
        max_idle_connections: The largest number of idle connections to keep per origin. Default: 100.
        idle_timeout: Seconds after which an idle connection isn't used again. With 0, no connection is used twice.
            Default: 15.

    Raises:
        ConfigurationError: If a number is out of range, or a file doesn't exist.
        TypeError: If an argument has the wrong type.

    Example:
        ```python
        from fibonacci import AsyncFibonacci
        from fibonacci.transports import AsyncSocketTransport

        transport = AsyncSocketTransport(max_connections=10)
        client = AsyncFibonacci(transport=transport)
        await client.health.check()
        await transport.aclose()
        ```
    """

    def __init__(
        self,
        *,
        ca_bundle: str | os.PathLike[str] | None = None,
        max_response_bytes: int = DEFAULT_MAX_RESPONSE_BYTES,
        client_cert: ClientCert | None = None,
        connect_timeout: float = DEFAULT_CONNECT_TIMEOUT,
        max_connections: int = DEFAULT_MAX_CONNECTIONS,
        max_idle_connections: int = DEFAULT_MAX_IDLE_CONNECTIONS,
        idle_timeout: float = IDLE_TIMEOUT,
    ) -> None:
        # The signature is the one list of the options: the base class checks them by name.
        super().__init__(dict(locals()))
        self._options["idle_timeout"] = check_seconds("idle_timeout", idle_timeout)
        self._pools: AsyncPerLoop[dict[str, AsyncConnectionPool]] = AsyncPerLoop(dict)

    @property
    def _connections(self) -> list[AsyncHTTP11Connection]:
        """The open connections of the current event loop, in no particular order. The tests look at them."""
        return [connection for pool in self._pools.get().values() for connection in pool.connections]

    async def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        """Send a request, and read the complete response.

        Args:
            request: The request, with the API key in its headers.
            deadline: The end of the whole call.

        Returns:
            The response, whatever its status, with its body as received.

        Raises:
            TransportError: If there is no complete response.
        """
        pool: AsyncConnectionPool | None = None
        try:
            pool = self._pool(request.origin)
            return await pool.send(request, deadline, self._options["max_response_bytes"], self._close_idle)
        except Exception as error:
            if not is_network_failure(error):
                raise
            phase = request.phases.current
            failure = transport_error_from(error, is_sent=phase is not None and phase in SENT)
            failure.proxy = None if pool is None else pool.proxy
            raise failure from failure.cause

    async def aclose(self) -> None:
        """Close the idle connections now, and those in use when their call ends."""
        for pools in self._pools.clear():
            for pool in list(pools.values()):
                pool.close()

    def _pool(self, origin: str) -> AsyncConnectionPool:
        pools = self._pools.get()
        pool = pools.get(origin)
        if pool is None:
            for other in list(pools.values()):  # nothing else closes connections to a server that is gone
                other.sweep()
            connector = AsyncConnector(origin, self._options)
            pool = pools.setdefault(origin, AsyncConnectionPool(connector, self._options))
        return pool

    def _close_idle(self) -> int:
        """Close the idle connections of the current event loop, and return how many there were."""
        return sum(pool.close_idle() for pool in list(self._pools.get().values()))
