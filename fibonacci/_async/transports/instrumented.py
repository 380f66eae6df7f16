"""Sending in the sight of tools that watch httpx.

OpenTelemetry's and Sentry's instrumentation, and libraries that mock or record, put functions of their own in place of
httpx's and httpcore's. Where that has been done, requests go through an httpx client, so that these tools see them; the
connections below it are the SDK's own all the same, with everything that they promise.
"""

from __future__ import annotations

from pathlib import Path
from types import FunctionType
from typing import Any, cast

import httpcore
import httpx

from fibonacci._async.transports import AsyncTransport
from fibonacci._async.transports.httpx_transport import AsyncHTTPXTransport
from fibonacci._async.transports.pool import AsyncSocketTransport
from fibonacci._core.deadline import Deadline
from fibonacci._core.messages import HTTPRequest, HTTPResponse, TransportError, TransportErrorKind

_HOMES = tuple(str(Path(file).parent) for file in (httpx.__file__, httpcore.__file__))
_SEEN_AS: dict[TransportErrorKind, type[Exception]] = {
    "never_sent": httpcore.ConnectError,
    "tls": httpcore.ConnectError,
    "name": httpcore.ConnectError,
    "timeout_never_sent": httpcore.ConnectTimeout,
    "timeout": httpcore.ReadTimeout,
    "proxy": httpcore.ProxyError,
    "invalid": httpcore.LocalProtocolError,
}


class AsyncWatch:
    """Chooses the way for each call: straight, or through httpx when somebody watches it.

    Args:
        pools: The sender whose connections are used either way.
        max_response_bytes: The largest body that is taken, in bytes, as it comes over the wire.
    """

    def __init__(self, pools: AsyncSocketTransport, *, max_response_bytes: int) -> None:
        self._pools = pools
        self._limit = max_response_bytes
        self._through_httpx: _AsyncThroughHttpx | None = None

    def sender(self) -> AsyncTransport:
        """The sender for the next call."""
        client = httpx.AsyncClient
        chooses = getattr(client, "_transport_for_url", client.send)  # it is not public, so it may go
        watched = (client.send, chooses, httpx.AsyncHTTPTransport.handle_async_request)
        if all(_is_own(function) for function in watched) and not _is_pool_replaced():
            return self._pools
        if self._through_httpx is None:
            self._through_httpx = _AsyncThroughHttpx(self._pools, max_response_bytes=self._limit)
        return self._through_httpx

    async def aclose(self) -> None:
        """Close what httpx and a recorder may have opened."""
        through, self._through_httpx = self._through_httpx, None
        if through is not None:
            await through.client.aclose()


class _AsyncThroughHttpx(AsyncHTTPXTransport):
    """Sends through an httpx client of its own, over the SDK's connections."""

    def __init__(self, pools: AsyncSocketTransport, *, max_response_bytes: int) -> None:
        transport = httpx.AsyncHTTPTransport(verify=False)  # it never connects: the pools below it do
        vars(transport)["_pool"] = _Pools(pools)
        self.client = httpx.AsyncClient(transport=transport, trust_env=False)
        super().__init__(self.client, max_response_bytes=max_response_bytes)

    async def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        """Send a request and read the whole response; see `AsyncTransport`."""
        try:
            return await super().send(request, deadline)
        except TransportError as failure:
            # What the tools saw was httpx's name for it; what it was is said by the failure that it came from.
            inner = failure.cause
            while inner is not None and not isinstance(inner, TransportError):
                inner = inner.__cause__
            raise inner or failure from None

    def _options(self, deadline: Deadline) -> dict[str, Any]:
        return {**super()._options(deadline), "extensions": {"deadline": deadline}}


class _Pools(httpcore.AsyncConnectionPool):
    """The SDK's connections, as httpcore's pool: that is what httpx's transport wants."""

    def __init__(self, pools: AsyncSocketTransport) -> None:
        super().__init__()
        self._pools = pools

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        if _is_pool_replaced():
            return await super().handle_async_request(request)
        body = bytearray()
        async for chunk in cast("Any", request.stream):
            body += chunk
        url = request.url
        origin = bytes(httpcore.URL(scheme=url.scheme, host=url.host, port=url.port, target=b"")).decode()
        wire = HTTPRequest(request.method.decode(), origin, url.target.decode(), request.headers, bytes(body))
        try:
            response = await self._pools.send(wire, cast("Any", request).extensions["deadline"])
        except TransportError as failure:
            raise _SEEN_AS.get(failure.kind, httpcore.ReadError)(str(failure.cause or failure)) from failure
        return httpcore.Response(response.status, headers=response.headers, content=response.body)


def _is_pool_replaced() -> bool:
    return not _is_own(httpcore.AsyncConnectionPool.handle_async_request)


def _is_own(function: object) -> bool:
    # A wrapper may show another's code, but not another's type.
    return type(function) is FunctionType and function.__code__.co_filename.startswith(_HOMES)
