"""The emulator as the transport of an httpx client: the same requests and answers, without a socket."""

from __future__ import annotations

import httpx
from anyio import to_thread

from fibonacci.emulator.app import App
from fibonacci.emulator.messages import Request


class EmulatorTransport(httpx.BaseTransport):
    """For `httpx.Client`."""

    def __init__(self, app: App) -> None:
        self._app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        return _answer(self._app, request, request.read())


class AsyncEmulatorTransport(httpx.AsyncBaseTransport):
    """For `httpx.AsyncClient`. It answers at once, unless an execution waits for the user's handlers."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        body = await request.aread()
        if request.url.path.endswith("/execute"):
            return await to_thread.run_sync(_answer, self._app, request, body)
        return _answer(self._app, request, body)


def http_client(app: App) -> httpx.Client:
    """Return an httpx client that reaches the emulator only; it holds nothing that has to be closed."""
    return httpx.Client(transport=EmulatorTransport(app), trust_env=False)


def async_http_client(app: App) -> httpx.AsyncClient:
    """Return an async httpx client that reaches the emulator only; it holds nothing that has to be closed."""
    return httpx.AsyncClient(transport=AsyncEmulatorTransport(app), trust_env=False)


def _answer(app: App, request: httpx.Request, body: bytes) -> httpx.Response:
    target = request.url.raw_path.decode("ascii")
    response = app.handle(Request(request.method, target, request.headers, body))
    return httpx.Response(response.status, headers=response.headers, stream=httpx.ByteStream(response.body))
