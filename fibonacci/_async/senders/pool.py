"""The SDK's own connections: httpcore's, in a last-in-first-out pool.

httpx's own pool is not used for two measured faults: a cancelled call can poison it for good, and it slows down with
the square of its connections. This one takes the connection that was used last, closes any that did not end cleanly,
and bounds the number in use.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Hashable

import httpcore

from fibonacci._async import _runtime
from fibonacci._async.senders import _network
from fibonacci._async.senders.deadline_network import AsyncDeadlineBackend, AsyncDeadlineStream
from fibonacci._async.senders.whole_body import AsyncWholeBody
from fibonacci._core.deadline import Deadline
from fibonacci._core.proxies import proxy_for
from fibonacci._core.send_failures import failure_of
from fibonacci._core.sockets import drop, has_leftovers
from fibonacci._core.tls import ssl_context
from fibonacci._core.wire import FailureKind, SendFailure, WireRequest, WireResponse

MAX_CONNECTIONS = 1000
KEEP_ALIVE = 15.0

_BEFORE_THE_REQUEST: dict[FailureKind, FailureKind] = {"unknown": "never_sent", "timeout": "timeout_never_sent"}


class AsyncPool:
    """The connections to one origin, in one event loop.

    Args:
        origin: Scheme, host and port.
        ca_bundle: A PEM file of authorities to trust beside the system's; None for none.

    Raises:
        SendFailure: If the environment names a proxy that cannot be one.
    """

    def __init__(self, origin: str, ca_bundle: str | None) -> None:
        backend = AsyncDeadlineBackend(_network.backend())
        # Only the factory of httpcore's pool is used: it knows how to connect through each kind of proxy.
        self._factory = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context(ca_bundle) if origin.startswith("https:") else None,
            proxy=_proxy(origin, ca_bundle),
            network_backend=backend,
            keepalive_expiry=KEEP_ALIVE,
        )
        self._origin = httpcore.URL(origin).origin
        self._places = _runtime.Places(MAX_CONNECTIONS)
        self._idle: list[tuple[float, httpcore.AsyncConnectionInterface]] = []
        # What is open when the pool is forgotten is closed without a warning and without a word to the event loop.
        weakref.finalize(self, _drop_all, backend.streams)

    async def take(self, deadline: Deadline) -> httpcore.AsyncConnectionInterface:
        """The connection that was used last and is still good, else a new one, when a place is free in time.

        Raises:
            SendFailure: If no place became free in time.
        """
        if not await self._places.take(deadline.remaining()):
            raise SendFailure("timeout_never_sent", None)
        try:
            return await self._reusable() or self._factory.create_connection(self._origin)
        except BaseException:
            self._places.give_back()
            raise

    async def give_back(self, connection: httpcore.AsyncConnectionInterface) -> None:
        """Keep a connection that ended cleanly, close any other, and close one that has been idle for too long."""
        self._places.give_back()
        now = time.monotonic()
        if connection.is_idle() and not has_leftovers(connection):
            self._idle.append((now, connection))
        else:
            with _runtime.shield():
                await connection.aclose()
        try:
            has_expired = self._idle[0][0] + KEEP_ALIVE < now
        except IndexError:  # none is idle, or another thread was faster
            return
        oldest = self._pop(0) if has_expired else None
        if oldest is not None:
            await oldest.aclose()

    async def aclose(self) -> None:
        """Close the connections that are not in use."""
        while (connection := self._pop(-1)) is not None:
            await connection.aclose()

    async def _reusable(self) -> httpcore.AsyncConnectionInterface | None:
        while (connection := self._pop(-1)) is not None:
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return None

    def _pop(self, index: int) -> httpcore.AsyncConnectionInterface | None:
        try:
            return self._idle.pop(index)[1]
        except IndexError:  # another thread was faster
            return None


class AsyncPoolSender:
    """Sends over the SDK's own connections: a pool for each event loop and each process.

    Args:
        ca_bundle: A PEM file of authorities to trust beside the system's; None for none.
        max_response_bytes: The largest body that is taken, in bytes, as it comes over the wire.
    """

    def __init__(self, *, ca_bundle: str | None, max_response_bytes: int) -> None:
        self._ca_bundle = ca_bundle
        self._limit = max_response_bytes
        self._process = os.getpid()
        self._pools: weakref.WeakKeyDictionary[Hashable, AsyncPool] = weakref.WeakKeyDictionary()

    async def send(self, request: WireRequest, deadline: Deadline) -> WireResponse:
        """Send a request and read the whole response; see `AsyncSender`."""
        pool = self.pool(request.origin)
        connection = await pool.take(deadline)
        try:
            return await self._exchange(connection, request, deadline)
        except SendFailure:
            raise
        except Exception as error:
            raise failure_of(error) from error
        finally:
            await pool.give_back(connection)

    async def aclose(self) -> None:
        """Close the connections that are not in use."""
        pool = self._pools.pop(_runtime.current_loop(), None)
        if pool is not None:
            await pool.aclose()
        self._pools.clear()

    def pool(self, origin: str) -> AsyncPool:
        """The pool of the present process and event loop."""
        if self._process != os.getpid():
            # After a fork the connections are the parent's: two processes must not talk over one of them.
            self._process = os.getpid()
            self._pools = weakref.WeakKeyDictionary()
        loop = _runtime.current_loop()
        pool = self._pools.get(loop)
        if pool is None:
            pool = self._pools.setdefault(loop, AsyncPool(origin, self._ca_bundle))
        return pool

    async def _exchange(
        self, connection: httpcore.AsyncConnectionInterface, request: WireRequest, deadline: Deadline
    ) -> WireResponse:
        reading = deadline.copy()
        timeouts = {"connect": deadline, "read": reading, "write": deadline, "pool": deadline}
        body = AsyncWholeBody(request.body)
        try:
            response = await connection.handle_async_request(
                httpcore.Request(
                    request.method,
                    request.origin + request.target,
                    headers=request.headers,
                    content=body,
                    extensions={"timeout": timeouts},
                )
            )
        except Exception as error:
            failure = failure_of(error)
            if not body.is_begun:
                # Not even the head has left whole: what broke was a proxy's tunnel, or a connection kept for too long.
                failure.kind = _BEFORE_THE_REQUEST.get(failure.kind, failure.kind)
            raise failure from error
        try:
            whole = WireResponse(response.status, response.headers, await self._body(response, reading))
        except BaseException:
            with _runtime.shield():
                await response.aclose()
            raise
        await response.aclose()
        return whole

    async def _body(self, response: httpcore.Response, reading: Deadline) -> bytes:
        body = bytearray()
        try:
            async for chunk in response.aiter_stream():
                if len(body) <= self._limit:
                    body += chunk
                if len(body) > self._limit:
                    # Leaving the loop would leave httpcore's generators open; the next read fails, and they end.
                    reading.end()
        except httpcore.ReadTimeout:
            if len(body) <= self._limit:
                raise
        if len(body) > self._limit:
            raise SendFailure("too_large", None, WireResponse(response.status, response.headers, bytes(body)))
        return bytes(body)


def _proxy(origin: str, ca_bundle: str | None) -> httpcore.Proxy | None:
    try:
        found = proxy_for(origin)
    except ValueError as error:
        raise SendFailure("proxy", error) from error
    if found is None:
        return None
    context = ssl_context(ca_bundle) if found.url.startswith("https:") else None
    return httpcore.Proxy(found.url, auth=found.auth, ssl_context=context)


def _drop_all(streams: set[AsyncDeadlineStream]) -> None:
    for stream in list(streams):
        drop(stream.get_extra_info("socket"))
