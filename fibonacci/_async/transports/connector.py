"""Making connections to one origin: directly, or through the proxy that the environment names."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fibonacci._async.transports import _network
from fibonacci._async.transports.http11 import AsyncHTTP11Connection
from fibonacci._core.messages import Deadline
from fibonacci._core.transport_errors import TransportError
from fibonacci._core.urls import left_for
from fibonacci._net.proxies import proxy_for

if TYPE_CHECKING:
    from ssl import SSLContext

    from fibonacci._async.transports.tls import AsyncStream
    from fibonacci._core.messages import Phases
    from fibonacci._net.proxy import Proxy


class AsyncConnector:
    """Makes connections to one origin.

    Args:
        origin: Scheme, host and port.
        connect_timeout: Seconds for one attempt to connect: name lookup, TCP, proxy and TLS handshake.
        ca_bundle: A file or folder of authorities to trust beside the system's. None for none.
        client_cert: The client's certificate, for the origin alone. None for none.

    Raises:
        UnicodeError: If a host's name is too long or has an empty label.
        TransportError: If the environment names a proxy that is no URL of one, or one that speaks SOCKS.
    """

    def __init__(
        self,
        origin: str,
        *,
        connect_timeout: float,
        ca_bundle: str | None = None,
        client_cert: str | tuple[str, ...] | None = None,
    ) -> None:
        self._origin = _Endpoint(origin)
        self._connect_timeout = connect_timeout
        self._ca_bundle = ca_bundle
        self._client_cert = client_cert
        self._proxy = proxy_for(origin)
        if self._proxy is not None and self._proxy.is_socks:
            from fibonacci._net.proxy import SOCKS_REMEDY

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
            TransportError: If the proxy doesn't connect to the server, or a name of this machine leads elsewhere.
        """
        seconds = self._connect_timeout
        deadline = deadline.at_most(seconds, f"no connection within connect_timeout ({seconds:g} s)")
        first = self._origin if self._proxy is None else _Endpoint(self._proxy.url)
        if self._origin.is_secure:
            self._tls_context(self._origin)  # made before a socket takes the last descriptor, and kept
        opened = await _network.connect(first.host, first.port, deadline, phases)
        stream: AsyncStream = opened
        try:
            if (reason := left_for(self._origin.url, first.host, opened.peer)) is not None:
                raise TransportError("name", reason)
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
        encrypted = AsyncTLSStream(stream, self._tls_context(endpoint), endpoint.host.partition("%")[0])
        await encrypted.do_handshake(deadline)
        return encrypted

    def _tls_context(self, endpoint: _Endpoint) -> SSLContext:
        # Imported here: loading TLS takes longer than everything else that a call over plain http needs.
        from fibonacci._net.tls import ssl_context

        return ssl_context(self._ca_bundle, self._client_cert if endpoint is self._origin else None)


class _Endpoint:
    """The host and port of a URL, with a name that isn't ASCII in its `xn--` form."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        host = parts.hostname or ""
        self.url = url
        self.is_secure = parts.scheme == "https"
        # A zone of a link-local address, as in fe80::1%eth0, is percent-encoded in a URL (RFC 6874).
        host = host.replace("%25", "%", 1) if ":" in host else host
        self.host = host if host.isascii() else host.encode("idna").decode("ascii")
        self.bracketed = f"[{self.host}]" if ":" in self.host else self.host
        self.port = parts.port or {"https": 443, "http": 80}[parts.scheme]
