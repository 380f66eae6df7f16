# Derived from fibonacci/_async/transports/httpx_transport.py by tests/tools/mirror.py; change that file, not this one.
"""Sending through a client of httpx or httpx2, yours or the transport's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from fibonacci._core.config import (
    DEFAULT_CONNECT_TIMEOUT,
    DEFAULT_MAX_CONNECTIONS,
    DEFAULT_MAX_IDLE_CONNECTIONS,
    DEFAULT_MAX_RESPONSE_BYTES,
)
from fibonacci._core.messages import MISDIRECTED, SENT, Deadline, HTTPRequest, HTTPResponse
from fibonacci._core.options import check_http_client
from fibonacci._core.transport_errors import (
    TransportError,
    is_network_failure,
    transport_error_from,
)
from fibonacci._net.httpx_trace import HTTPXTrace
from fibonacci._net.proxies import SOCKS_REMEDY, proxy_for
from fibonacci._sync.transports import _network
from fibonacci._sync.transports.loops import PerLoop
from fibonacci._sync.transports.transport import TransportBase

if TYPE_CHECKING:
    from fibonacci._core.option_types import ClientCert


class HTTPXTransport(TransportBase):
    """A transport that sends requests through a client of httpx or httpx2.

    You can pass your own client. httpx has a timeout for each step and none for a whole call, so the transport itself
    ends a request whose time is up. All options except `max_response_bytes` apply only to clients that the transport
    makes itself.

    Args:
        client: An `httpx.Client` or `httpx2.Client`, used as it is and never closed. Default: the transport
            makes its own httpx clients, one per origin, event loop and process, and `close` closes them.
        ca_bundle: A PEM file of CAs to trust in addition to the system's, or a folder of such files, named by their
            hashes.
        max_response_bytes: The largest body in bytes, as received, before decompression. Default: 67,108,864 (64 MiB).
        client_cert: Your certificate for mutual TLS: the path of a PEM file with certificate and key, or
            `(certificate, key)`, or `(certificate, key, password)`.
        connect_timeout: Seconds for one attempt to connect. Default: 5. A client that you pass keeps its setting.
        max_connections: The largest number of connections in use. Further requests wait for a free one. Default: 1,000.
        max_idle_connections: The largest number of idle connections to keep. Default: 100.

    Raises:
        ConfigurationError: If `client` is neither an `httpx.Client` nor an `httpx2.Client`, or a file doesn't
            exist.
        TypeError: If an argument has the wrong type.

    Example:
        ```python
        from fibonacci import Fibonacci
        from fibonacci.transports import HTTPXTransport

        transport = HTTPXTransport()
        client = Fibonacci(transport=transport)
        client.health.check()
        transport.close()
        ```
    """

    def __init__(
        self,
        client: Any = None,
        *,
        ca_bundle: str | os.PathLike[str] | None = None,
        max_response_bytes: int = DEFAULT_MAX_RESPONSE_BYTES,
        client_cert: ClientCert | None = None,
        connect_timeout: float = DEFAULT_CONNECT_TIMEOUT,
        max_connections: int = DEFAULT_MAX_CONNECTIONS,
        max_idle_connections: int = DEFAULT_MAX_IDLE_CONNECTIONS,
    ) -> None:
        self._client = check_http_client(client, name="client", close="close")
        # The signature is the one list of the options: the base class checks them by name.
        super().__init__(dict(locals()))
        self._options = {"client": self._client, **self._options}
        self._max_response_bytes: int = self._options["max_response_bytes"]
        self._own: PerLoop[dict[str, Any]] = PerLoop(dict)
        self._timers = PerLoop(_network.DeadlineTimer)

    def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        """Send a request, and read the complete response.

        Args:
            request: The request, with the API key in its headers.
            deadline: The end of the whole call.

        Returns:
            The response, whatever its status, with its body as received.

        Raises:
            TransportError: If there is no complete response.
        """
        request.phases.enter("queue")
        try:
            client = self._own_client(request.origin) if self._client is None else self._client
            with HTTPXTrace(client, request.phases) as trace:
                exchange = partial(self._exchange, client, request, deadline, trace)
                try:
                    return self._timers.get().run(deadline, exchange, trace.shut_down)
                except Exception as error:
                    if trace.refusal is not None and type(error).__name__ == "ProxyError":
                        raise trace.refusal from error
                    raise
        except Exception as error:
            if self._client is None and not is_network_failure(error):
                raise
            failure = transport_error_from(error, is_sent=request.phases.current in SENT)
            failure.proxy = self._proxy_url(request.origin)
            raise failure from failure.cause

    def _exchange(self, client: Any, request: HTTPRequest, deadline: Deadline, trace: HTTPXTrace) -> HTTPResponse:
        def observe(event: str, info: Mapping[str, Any]) -> None:
            for unusable in trace.observe(event, info):
                unusable.close()

        trace.callback = observe
        built = client.build_request(
            request.method,
            request.url,
            headers=request.headers,
            content=request.body,
            timeout=_timeouts(client, deadline),
            extensions={"trace": observe},
        )
        # No redirects and no auth of the client's own: the key goes to the platform alone.
        response = client.send(built, stream=True, follow_redirects=False, auth=None)
        try:
            received = self._read(response, deadline)
            if received.status == MISDIRECTED and response.extensions.get("http_version") == b"HTTP/1.1":
                response.extensions["network_stream"].close()
            return received
        finally:
            response.close()

    def close(self) -> None:
        """Close the clients that the transport has made for the current event loop, but never yours."""
        own = self._own.pop() or {}
        self._own.clear()
        for client in own.values():
            client.close()

    def _own_client(self, origin: str) -> Any:
        clients = self._own.get()
        # Two threads may make one at the same time. The first is kept, and the other hasn't opened anything.
        return clients.get(origin) or clients.setdefault(origin, self._new_client(origin))

    def _new_client(self, origin: str) -> Any:
        # Imported here, as a client that the user passes may be of httpx2.
        import httpx

        from fibonacci._net.tls import ssl_context

        proxy = proxy_for(origin)
        if proxy is not None and proxy.is_socks and find_spec("socksio") is None:
            raise TransportError("proxy", OSError(SOCKS_REMEDY))
        # The client's certificate is for the platform. A proxy behind TLS doesn't get it.
        options = self._options
        proxy_context = ssl_context(options["ca_bundle"]) if proxy is not None and proxy.is_secure else None
        return httpx.Client(
            verify=ssl_context(options["ca_bundle"], options["client_cert"]),
            timeout=httpx.Timeout(None, connect=options["connect_timeout"]),
            limits=httpx.Limits(
                max_connections=options["max_connections"], max_keepalive_connections=options["max_idle_connections"]
            ),
            trust_env=False,  # its reading of NO_PROXY differs
            proxy=None if proxy is None else httpx.Proxy(proxy.url, auth=proxy.auth, ssl_context=proxy_context),
        )

    def _read(self, response: Any, deadline: Deadline) -> HTTPResponse:
        if response.is_stream_consumed:
            # It was made whole, as a mock transport does, so httpx has decoded the body too.
            return self._bounded(
                HTTPResponse(
                    status=response.status_code, headers=response.headers.raw, body=response.content, decoded=True
                )
            )
        body = bytearray()
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > self._max_response_bytes:
                break
            if deadline.remaining() == 0:
                raise TransportError("timeout")
        return self._bounded(HTTPResponse(status=response.status_code, headers=response.headers.raw, body=bytes(body)))

    def _proxy_url(self, origin: str) -> str | None:
        """Return the URL of the client's proxy, without user and password. None if it isn't known."""
        try:
            proxy = None if self._client is not None else proxy_for(origin)
        except TransportError:  # the variable isn't a URL
            return None
        return None if proxy is None else proxy.url

    def _bounded(self, response: HTTPResponse) -> HTTPResponse:
        if len(response.body) > self._max_response_bytes:
            raise TransportError("too_large", None, response)
        return response


def _timeouts(client: Any, deadline: Deadline) -> Any:
    """Return the timeouts of a request: the client's to connect, and the remaining time to read, write and queue."""
    remaining = deadline.remaining()
    timeout: Any = getattr(client, "timeout", None)
    if not hasattr(timeout, "connect"):
        return remaining
    return deadline.cap(timeout.connect), remaining, remaining, remaining
