"""What a client needs of a transport."""

from __future__ import annotations

from typing import Protocol

from fibonacci._core.deadline import Deadline
from fibonacci._core.messages import HTTPRequest, HTTPResponse


class AsyncTransport(Protocol):
    """What a client sends requests through: one HTTP request in, the complete response out.

    It retries nothing and follows no redirect. Pass one as `transport=`. The client closes only a transport that it has
    made itself, from a name.

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
        """Send a request and read the complete response.

        Args:
            request: The request, with the API key in its headers: they belong in no log.
            deadline: The end of the whole call; the transport waits for nothing beyond it.

        Returns:
            The response, whatever its status, with its body as received.

        Raises:
            TransportError: If there is no complete response; its kind decides about a retry.
        """
        ...

    async def aclose(self) -> None:
        """Close the connections that the transport has opened."""
        ...
