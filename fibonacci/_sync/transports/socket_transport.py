# Derived from fibonacci/_async/transports/socket_transport.py by tests/tools/mirror.py; change that file, not this one.
"""The default transport: HTTP/1.1 over the SDK's own connections."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from fibonacci._core.config import (
    DEFAULT_CONNECT_TIMEOUT,
    DEFAULT_MAX_CONNECTIONS,
    DEFAULT_MAX_IDLE_CONNECTIONS,
    DEFAULT_MAX_RESPONSE_BYTES,
)
from fibonacci._core.deadline import Deadline
from fibonacci._core.messages import HTTPRequest, HTTPResponse
from fibonacci._core.option_checks import check_seconds
from fibonacci._core.transport_errors import (
    TransportError,
    connect_error_from,
    is_network_failure,
    transport_error_from,
)
from fibonacci._sync.transports.connector import Connector
from fibonacci._sync.transports.http11 import HTTP11Connection
from fibonacci._sync.transports.per_loop import PerLoop
from fibonacci._sync.transports.pool import ConnectionPool
from fibonacci._sync.transports.transport import TransportBase

if TYPE_CHECKING:
    from fibonacci._core.option_types import ClientCert

IDLE_TIMEOUT = 15.0


class SocketTransport(TransportBase):
    """HTTP/1.1 over plain sockets: h11 reads and writes it, a pool keeps the connections.

    It may be used from several threads, in several event loops one after another, and after a fork: each event loop and
    each process has connections of its own, in one pool for each origin.

    Args:
        ca_bundle: A PEM file of certificate authorities to trust beside the system's, or a folder of them, named by
            their hashes.
        max_response_bytes: The largest body in bytes, as received, before decompression. Default: 67,108,864 (64 MiB).
        client_cert: The client's certificate for mutual TLS: the path of a PEM file that holds certificate and key, or
            `(certificate, key)`, or `(certificate, key, password)`.
        connect_timeout: Seconds for one attempt to connect: name lookup, TCP, proxy and TLS handshake. Default: 5.
        max_connections: The largest number of connections in use for one origin; other requests queue. Default: 1,000.
        max_idle_connections: The largest number of idle connections that are kept for one origin. Default: 100.
        idle_timeout: Seconds after which an idle connection is not used again; 0 uses none twice. Default: 15.

    Raises:
        ConfigurationError: If a number is out of range, or there is no such file.
        TypeError: If an argument has the wrong type.

    Example:
        ```python
        from fibonacci import Fibonacci
        from fibonacci.transports import SocketTransport

        transport = SocketTransport(max_connections=10)
        client = Fibonacci(transport=transport)
        client.health.check()
        transport.close()
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
        super().__init__(
            ca_bundle=ca_bundle,
            max_response_bytes=max_response_bytes,
            client_cert=client_cert,
            connect_timeout=connect_timeout,
            max_connections=max_connections,
            max_idle_connections=max_idle_connections,
        )
        self._idle_timeout = check_seconds("idle_timeout", idle_timeout)
        self._pools: PerLoop[dict[str, ConnectionPool]] = PerLoop(dict)

    @property
    def _connections(self) -> list[HTTP11Connection]:
        """The open connections of the present event loop, in no particular order; the tests look at them."""
        return [connection for pool in self._pools.get().values() for connection in pool.connections]

    def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        """Send a request and read the complete response.

        Args:
            request: The request, with the API key in its headers.
            deadline: The end of the whole call.

        Returns:
            The response, whatever its status, with its body as received.

        Raises:
            TransportError: If there is no complete response.
        """
        try:
            pool = self._pool(request.origin)
        except TransportError:
            raise
        except Exception as error:
            if not is_network_failure(error):
                raise
            raise connect_error_from(error) from error
        try:
            return pool.send(request, deadline, self._max_response_bytes, self._close_idle)
        except Exception as error:
            if not is_network_failure(error):
                raise
            failure = transport_error_from(error)
            failure.proxy = pool.proxy
            raise failure from failure.cause

    def close(self) -> None:
        """Close the idle connections; those in use are closed when their call ends."""
        for pools in self._pools.clear():
            for pool in list(pools.values()):
                pool.close()

    def _options(self) -> dict[str, Any]:
        return {**super()._options(), "idle_timeout": self._idle_timeout}

    def _pool(self, origin: str) -> ConnectionPool:
        pools = self._pools.get()
        pool = pools.get(origin)
        return pools.setdefault(origin, self._new_pool(origin)) if pool is None else pool

    def _close_idle(self) -> int:
        """Close the idle connections of the present event loop; return how many there were."""
        return sum(pool.close_idle() for pool in list(self._pools.get().values()))

    def _new_pool(self, origin: str) -> ConnectionPool:
        return ConnectionPool(
            Connector(
                origin,
                connect_timeout=self._connect_timeout,
                ca_bundle=self._ca_bundle,
                client_cert=self._client_cert,
            ),
            max_connections=self._max_connections,
            max_idle_connections=self._max_idle_connections,
            idle_timeout=self._idle_timeout,
            first_byte_timeout=self._connect_timeout,
        )
