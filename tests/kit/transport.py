"""The transport of the tests: it returns given responses and raises given errors, and records the requests."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Mapping
from typing import Any

from fibonacci.transports import Deadline, HTTPRequest, HTTPResponse
from tests.kit.steps import content


def http_response(body: Any = None, status: int = 200, headers: Mapping[str, str] | None = None) -> HTTPResponse:
    """Return a response with the given body as JSON; text and bytes are taken as they are."""
    fields, data = content(body, status, headers)
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
    return HTTPResponse(status=status, headers=raw, body=data)


class ScriptedTransport:
    """The transport of a sync client.

    Args:
        results: The response or error of the first request, the second, and so on; the last is repeated.

    Attributes:
        api_key: A key of its own, for the client keeps the limits of a key at an address for the whole process.
        base_url: The base URL for a client.
        requests: Every request that was sent.
        remaining: The seconds that each had left; None where there was no limit.
        closed: How often it was closed.
    """

    def __init__(self, *results: HTTPResponse | Exception) -> None:
        self._script = deque(results)
        self.api_key = f"sk-test-{uuid.uuid4().hex}"
        self.base_url = "https://api.example.com/v1"
        self.requests: list[HTTPRequest] = []
        self.remaining: list[float | None] = []
        self.closed = 0

    def add_response(self, body: Any = None, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Add a response to the script: text and bytes as they are, other bodies as JSON."""
        self._script.append(http_response(body, status, headers))

    def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        """Return or raise the next result."""
        self.requests.append(request)
        self.remaining.append(deadline.remaining())
        result = self._script.popleft() if len(self._script) > 1 else self._script[0]
        if isinstance(result, Exception):
            raise result
        return result

    def close(self) -> None:
        """Count the call."""
        self.closed += 1

    def in_mode(self, *, is_async: bool) -> Any:
        """Return the transport as a client of either mode takes it."""
        return AsyncScriptedTransport(self) if is_async else self


class AsyncScriptedTransport:
    """The same transport for an async client."""

    def __init__(self, transport: ScriptedTransport) -> None:
        self._transport = transport

    async def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        """Return or raise the next result."""
        return self._transport.send(request, deadline)

    async def aclose(self) -> None:
        """Count the call."""
        self._transport.close()
