"""Transports that check each exchange against `docs/openapi.yaml` on its way."""

from __future__ import annotations

from fibonacci.transports import AsyncTransport, Deadline, HTTPRequest, HTTPResponse
from tests.contract.conformance import validate_exchange


class AsyncConformingTransport:
    """The same for the async client."""

    def __init__(self, inner: AsyncTransport) -> None:
        self._inner = inner
        self.calls: list[str] = []

    async def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        response = await self._inner.send(request, deadline)
        self.calls.append(_check(request, response))
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


def _check(request: HTTPRequest, response: HTTPResponse) -> str:
    sent, received = (
        {name.decode("latin-1"): value.decode("latin-1") for name, value in message.headers}
        for message in (request, response)
    )
    return validate_exchange(request.method, request.url, sent, request.body, response.status, received, response.body)
