# Derived from fibonacci/_async/transports/transport.py by tests/mirror.py; change that file, not this one.
"""What a client needs of a transport."""

from __future__ import annotations

from typing import Protocol

from fibonacci._core.deadline import Deadline
from fibonacci._core.messages import HTTPRequest, HTTPResponse


class Transport(Protocol):
    """What a client sends requests through: one HTTP request in, the complete response out.

    It retries nothing and follows no redirect. Pass one as `transport=`. The client closes only a transport that it has
    made itself, from a name.

    Example:
        ```python
        from fibonacci import Fibonacci
        from fibonacci.transports import SocketTransport, Deadline, HTTPRequest, HTTPResponse


        class RecordingTransport:
            def __init__(self) -> None:
                self.urls: list[str] = []
                self.inner = SocketTransport()

            def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
                self.urls.append(request.url)
                return self.inner.send(request, deadline)

            def close(self) -> None:
                self.inner.close()


        recording = RecordingTransport()
        recorded = Fibonacci(transport=recording)
        recorded.health.check()
        assert recording.urls[0].endswith("/health")
        ```
    """

    def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
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

    def close(self) -> None:
        """Close the connections that the transport has opened."""
        ...
