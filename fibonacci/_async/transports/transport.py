"""What a client needs from a transport, and what the SDK's transports have in common."""

from __future__ import annotations

import os
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from fibonacci._core.messages import Deadline, HTTPRequest, HTTPResponse
from fibonacci._core.options import (
    check_ca_bundle,
    check_client_cert,
    check_count,
    check_positive_int,
    check_positive_seconds,
)

if TYPE_CHECKING:
    from fibonacci._core.option_types import ClientCert


class AsyncTransport(Protocol):
    """What sends a client's requests: one HTTP request in, the complete response out.

    Pass your own as `transport=`. It must not retry, and must not follow redirects. The client never closes it: it
    closes only transports that it made itself, as for `transport="socket"`.

    Example:
        ```python
        from fibonacci import AsyncFibonacci
        from fibonacci.transports import AsyncSocketTransport, Deadline, HTTPRequest, HTTPResponse


        class RecordingTransport:
            def __init__(self) -> None:
                self.urls: list[str] = []
                self.inner = AsyncSocketTransport()

            async def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
                self.urls.append(request.url)
                return await self.inner.send(request, deadline)

            async def aclose(self) -> None:
                await self.inner.aclose()


        recording = RecordingTransport()
        recorded = AsyncFibonacci(transport=recording)
        await recorded.health.check()
        assert recording.urls[0].endswith("/health")
        ```
    """

    async def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        """Send a request, and read the complete response.

        Args:
            request: The request. Its headers contain the API key, so never log them.
            deadline: The end of the whole call. The transport must not wait beyond it.

        Returns:
            The response, whatever its status, with its body as received.

        Raises:
            TransportError: If there is no complete response. Its `kind` decides whether the SDK retries.
        """
        ...

    async def aclose(self) -> None:
        """Close the connections that the transport has opened."""
        ...


class AsyncTransportBase:
    """A transport that makes connections itself.

    Args:
        ca_bundle: A PEM file or a folder of CAs to trust in addition to the system's.
        max_response_bytes: The largest body in bytes, as received.
        client_cert: The client's certificate.
        connect_timeout: Seconds for one attempt to connect.
        max_connections: The largest number of connections in use per origin.
        max_idle_connections: The largest number of idle connections to keep per origin.

    Raises:
        ConfigurationError: If a number is out of range, or a file doesn't exist.
        TypeError: If an argument has the wrong type.
    """

    def __init__(
        self,
        *,
        ca_bundle: str | os.PathLike[str] | None,
        max_response_bytes: int,
        client_cert: ClientCert | None,
        connect_timeout: float,
        max_connections: int,
        max_idle_connections: int,
    ) -> None:
        self._ca_bundle = check_ca_bundle("ca_bundle", ca_bundle)
        self._max_response_bytes = check_positive_int("max_response_bytes", max_response_bytes)
        self._client_cert = check_client_cert("client_cert", client_cert)
        self._connect_timeout = check_positive_seconds("connect_timeout", connect_timeout)
        self._max_connections = check_positive_int("max_connections", max_connections)
        self._max_idle_connections = check_count("max_idle_connections", max_idle_connections)

    async def aclose(self) -> None:
        """Close the connections that the transport has opened."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        if "_max_idle_connections" not in vars(self):  # an argument was refused
            return f"<{type(self).__name__}, not made>"
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._options().items())})"

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        # Connections stay in the process and the event loop that have made them.
        return partial(type(self), **self._options()), ()

    def _options(self) -> dict[str, Any]:
        """Return the arguments that make the same transport."""
        return {
            "ca_bundle": self._ca_bundle,
            "max_response_bytes": self._max_response_bytes,
            "client_cert": self._client_cert,
            "connect_timeout": self._connect_timeout,
            "max_connections": self._max_connections,
            "max_idle_connections": self._max_idle_connections,
        }
