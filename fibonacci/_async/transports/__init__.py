"""The ways to send a request: over the SDK's own connections, or through an HTTP client that the user gave."""

from __future__ import annotations

from typing import Protocol

from fibonacci._core.deadline import Deadline
from fibonacci._core.messages import HTTPRequest, HTTPResponse


class AsyncTransport(Protocol):
    """Sends one request and brings back the whole response."""

    async def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        """Send a request.

        Raises:
            TransportError: If no whole response came back, with what that means for repeating it.
        """
        ...

    async def aclose(self) -> None:
        """Close the connections that are the sender's own."""
        ...
