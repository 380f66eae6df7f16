# Derived from fibonacci/_async/senders/__init__.py by tests/mirror.py; change that file, not this one.
"""The ways to send a request: over the SDK's own connections, or through an HTTP client that the user gave."""

from __future__ import annotations

from typing import Protocol

from fibonacci._core.deadline import Deadline
from fibonacci._core.wire import WireRequest, WireResponse


class Sender(Protocol):
    """Sends one request and brings back the whole response."""

    def send(self, request: WireRequest, deadline: Deadline) -> WireResponse:
        """Send a request.

        Raises:
            SendFailure: If no whole response came back, with what that means for repeating it.
        """
        ...

    def close(self) -> None:
        """Close the connections that are the sender's own."""
        ...
