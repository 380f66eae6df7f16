"""Sending in the sight of tools that watch httpx.

OpenTelemetry's and Sentry's instrumentation and several mock libraries put functions of their own in place of httpx's.
Where that has been done, requests go through an httpx client, so that these tools see them; the connections below it
are the SDK's own all the same, with everything that they promise.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import FunctionType
from typing import Any, cast

import httpcore
import httpx

from fibonacci._async.senders import AsyncSender
from fibonacci._async.senders.given_client import AsyncGivenClientSender
from fibonacci._async.senders.pool import AsyncPool, AsyncPoolSender
from fibonacci._core.deadline import Deadline

_HTTPX = str(Path(httpx.__file__).parent)


class AsyncWatch:
    """Chooses the way for each call: straight, or through httpx when somebody watches it.

    Args:
        pools: The sender whose connections are used either way.
        max_response_bytes: The largest body that is taken, in bytes, as it comes over the wire.
    """

    def __init__(self, pools: AsyncPoolSender, *, max_response_bytes: int) -> None:
        self._pools = pools
        self._limit = max_response_bytes
        self._through_httpx: _AsyncThroughHttpx | None = None

    def sender(self) -> AsyncSender:
        """The sender for the next call."""
        if _is_own(httpx.AsyncClient.send) and _is_own(httpx.AsyncHTTPTransport.handle_async_request):
            return self._pools
        if self._through_httpx is None:
            self._through_httpx = _AsyncThroughHttpx(self._pools, max_response_bytes=self._limit)
        return self._through_httpx


def _is_own(function: object) -> bool:
    # A wrapper may show another's code, but not another's type.
    return type(function) is FunctionType and function.__code__.co_filename.startswith(_HTTPX)


class _AsyncThroughHttpx(AsyncGivenClientSender):
    """Sends through an httpx client of its own, over the SDK's connections."""

    def __init__(self, pools: AsyncPoolSender, *, max_response_bytes: int) -> None:
        transport = httpx.AsyncHTTPTransport(verify=False)  # it never connects: the pools below it do
        vars(transport)["_pool"] = _PoolsAsOne(pools)
        super().__init__(httpx.AsyncClient(transport=transport, trust_env=False), max_response_bytes=max_response_bytes)

    def _limits(self, deadline: Deadline) -> dict[str, Any]:
        return {"extensions": {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), deadline)}}


class _PoolsAsOne:
    """What httpx's transport takes for a connection pool."""

    def __init__(self, pools: AsyncPoolSender) -> None:
        self._pools = pools

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        url = request.url
        pool = self._pools.pool(f"{url.scheme.decode()}://{_authority(url)}")
        connection = await pool.take(cast("Any", request).extensions["timeout"]["pool"])
        try:
            response = await connection.handle_async_request(request)
        except BaseException:
            await pool.give_back(connection)
            raise
        body = _Body(response, pool, connection)
        return httpcore.Response(response.status, headers=response.headers, content=body)


class _Body:
    """The body of a response, whose end gives the connection back."""

    def __init__(
        self, response: httpcore.Response, pool: AsyncPool, connection: httpcore.AsyncConnectionInterface
    ) -> None:
        self._response = response
        self._pool = pool
        self._connection: httpcore.AsyncConnectionInterface | None = connection

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._response.aiter_stream():
            yield chunk

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await self._response.aclose()
            finally:
                await self._pool.give_back(connection)


def _authority(url: httpcore.URL) -> str:
    host = url.host.decode()
    return host if url.port is None else f"{host}:{url.port}"
