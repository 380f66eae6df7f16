# Derived from fibonacci/_async/senders/observed.py by tests/mirror.py; change that file, not this one.
"""Sending in the sight of tools that watch httpx.

OpenTelemetry's and Sentry's instrumentation and several mock libraries put functions of their own in place of httpx's.
Where that has been done, requests go through an httpx client, so that these tools see them; the connections below it
are the SDK's own all the same, with everything that they promise.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import FunctionType
from typing import Any, cast

import httpcore
import httpx

from fibonacci._core.deadline import Deadline
from fibonacci._sync.senders import Sender
from fibonacci._sync.senders.given_client import GivenClientSender
from fibonacci._sync.senders.pool import Pool, PoolSender

_HTTPX = str(Path(httpx.__file__).parent)


class Watch:
    """Chooses the way for each call: straight, or through httpx when somebody watches it.

    Args:
        pools: The sender whose connections are used either way.
        max_response_bytes: The largest body that is taken, in bytes, as it comes over the wire.
    """

    def __init__(self, pools: PoolSender, *, max_response_bytes: int) -> None:
        self._pools = pools
        self._limit = max_response_bytes
        self._through_httpx: _ThroughHttpx | None = None

    def sender(self) -> Sender:
        """The sender for the next call."""
        if _is_own(httpx.Client.send) and _is_own(httpx.HTTPTransport.handle_request):
            return self._pools
        if self._through_httpx is None:
            self._through_httpx = _ThroughHttpx(self._pools, max_response_bytes=self._limit)
        return self._through_httpx


def _is_own(function: object) -> bool:
    # A wrapper may show another's code, but not another's type.
    return type(function) is FunctionType and function.__code__.co_filename.startswith(_HTTPX)


class _ThroughHttpx(GivenClientSender):
    """Sends through an httpx client of its own, over the SDK's connections."""

    def __init__(self, pools: PoolSender, *, max_response_bytes: int) -> None:
        transport = httpx.HTTPTransport(verify=False)  # it never connects: the pools below it do
        vars(transport)["_pool"] = _PoolsAsOne(pools)
        super().__init__(httpx.Client(transport=transport, trust_env=False), max_response_bytes=max_response_bytes)

    def _limits(self, deadline: Deadline) -> dict[str, Any]:
        return {"extensions": {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), deadline)}}


class _PoolsAsOne:
    """What httpx's transport takes for a connection pool."""

    def __init__(self, pools: PoolSender) -> None:
        self._pools = pools

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        url = request.url
        pool = self._pools.pool(f"{url.scheme.decode()}://{_authority(url)}")
        connection = pool.take(cast("Any", request).extensions["timeout"]["pool"])
        try:
            response = connection.handle_request(request)
        except BaseException:
            pool.give_back(connection)
            raise
        body = _Body(response, pool, connection)
        return httpcore.Response(response.status, headers=response.headers, content=body)


class _Body:
    """The body of a response, whose end gives the connection back."""

    def __init__(self, response: httpcore.Response, pool: Pool, connection: httpcore.ConnectionInterface) -> None:
        self._response = response
        self._pool = pool
        self._connection: httpcore.ConnectionInterface | None = connection

    def __iter__(self) -> Iterator[bytes]:
        yield from self._response.iter_stream()

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                self._response.close()
            finally:
                self._pool.give_back(connection)


def _authority(url: httpcore.URL) -> str:
    host = url.host.decode()
    return host if url.port is None else f"{host}:{url.port}"
