"""Making connections to one origin: directly, or through the proxy that the environment names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fibonacci._async.transports import _network
from fibonacci._async.transports.http11 import AsyncHTTP11Connection
from fibonacci._core.messages import Deadline
from fibonacci._core.transport_errors import TransportError
from fibonacci._net.proxies import SOCKS_REMEDY, proxy_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ssl import SSLContext

    from fibonacci._async.transports.tls import AsyncStream
    from fibonacci._core.messages import Phases
    from fibonacci._net.proxies import Proxy


class AsyncConnector:
    """Makes connections to one origin.

    Args:
        origin: Scheme, host and port.
        options: Those of the transport by name: `connect_timeout`, which covers name lookup, TCP, proxy and TLS
            handshake, `ca_bundle`, and `client_cert`, which only the origin gets.

    Raises:
        TransportError: If the environment names a proxy that isn't a URL, or one that speaks SOCKS.
    """

    def __init__(self, origin: str, options: Mapping[str, Any]) -> None:
        self._origin = _Endpoint(origin)
        self._options = options
        self._proxy = proxy_for(origin)
        if self._proxy is not None and self._proxy.is_socks:
            raise TransportError("proxy", OSError(SOCKS_REMEDY))

    @property
    def proxy(self) -> str | None:
        """The URL of the proxy, without user and password. None for none."""
        return None if self._proxy is None else self._proxy.url

    async def connect(self, deadline: Deadline, phases: Phases) -> AsyncHTTP11Connection:
        """Return a new connection.

        Args:
            deadline: The end of the call.
            phases: Those of the call.

        Raises:
            DeadlineExceeded: If it can't be made within `connect_timeout` and before the deadline.
            OSError: If the system, the name service, the server or the proxy refuses it.
            TransportError: If the proxy doesn't connect to the server.
        """
        seconds = self._options["connect_timeout"]
        deadline = deadline.at_most(seconds, f"no connection within connect_timeout ({seconds:g} s)")
        first = self._origin if self._proxy is None else _Endpoint(self._proxy.url)
        if self._origin.is_secure:
            self._tls_context(self._origin)  # made before a socket takes the last descriptor, and kept
        opened = await _network.connect(first.host, first.port, deadline, phases)
        stream: AsyncStream = opened
        try:
            if first.is_secure:
                stream = await self._with_tls(stream, first, deadline, phases)
            if self._proxy is None:
                return AsyncHTTP11Connection(stream)
            return await self._via_proxy(self._proxy, stream, deadline, phases)
        except BaseException:
            opened.close()
            raise

    async def _via_proxy(
        self, proxy: Proxy, stream: AsyncStream, deadline: Deadline, phases: Phases
    ) -> AsyncHTTP11Connection:
        phases.enter("proxy")
        if self._origin.is_secure:
            from fibonacci._async.transports.proxies import open_tunnel

            await open_tunnel(stream, f"{self._origin.bracketed}:{self._origin.port}", proxy.headers, deadline)
            return AsyncHTTP11Connection(await self._with_tls(stream, self._origin, deadline, phases))
        return AsyncHTTP11Connection(stream, prefix=self._origin.url, headers=proxy.headers)

    async def _with_tls(
        self, stream: AsyncStream, endpoint: _Endpoint, deadline: Deadline, phases: Phases
    ) -> AsyncStream:
        from fibonacci._async.transports.tls import AsyncTLSStream

        phases.enter("tls")
        encrypted = AsyncTLSStream(stream, self._tls_context(endpoint), endpoint.host)
        await encrypted.do_handshake(deadline)
        return encrypted

    def _tls_context(self, endpoint: _Endpoint) -> SSLContext:
        # Imported here: loading TLS takes longer than everything else that a call over plain http needs.
        from fibonacci._net.tls import ssl_context

        client_cert = self._options["client_cert"] if endpoint is self._origin else None
        return ssl_context(self._options["ca_bundle"], client_cert)


class _Endpoint:
    """The host and port of a URL."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.url = url
        self.is_secure = parts.scheme == "https"
        self.host = parts.hostname or ""
        self.bracketed = f"[{self.host}]" if ":" in self.host else self.host
        self.port = parts.port or {"https": 443, "http": 80}[parts.scheme]
