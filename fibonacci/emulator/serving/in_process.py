"""The emulator as the transport of an httpx client: the same requests and answers, without a socket."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator

import anyio
import anyio.to_thread
import httpx

from fibonacci.emulator.app.app import App
from fibonacci.emulator.faults.fault import Failure
from fibonacci.emulator.http.messages import ServerRequest, ServerResponse


class EmulatorTransport(httpx.BaseTransport):
    """For `httpx.Client`."""

    def __init__(self, app: App) -> None:
        self._app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        response = self._app.handle(_request(request, request.read()))
        if response.failure is None:
            return _answer(response)
        time.sleep(_wait(response.failure, request))
        return _failing(response, response.failure)


class AsyncEmulatorTransport(httpx.AsyncBaseTransport):
    """For `httpx.AsyncClient`. It answers at once, but for ordered delays and executions that wait for handlers."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        asked = _request(request, await request.aread())
        if "/execut" in asked.target:  # it may wait a moment for the user's handlers; the loop goes on meanwhile
            response = await anyio.to_thread.run_sync(self._app.handle, asked)
        else:
            response = self._app.handle(asked)
        if response.failure is None:
            return _answer(response)
        await anyio.sleep(_wait(response.failure, request))
        return _failing(response, response.failure)


def http_client(app: App) -> httpx.Client:
    """Return an httpx client that reaches the emulator only; it holds nothing that has to be closed."""
    return httpx.Client(transport=EmulatorTransport(app), trust_env=False)


def async_http_client(app: App) -> httpx.AsyncClient:
    """Return an async httpx client that reaches the emulator only; it holds nothing that has to be closed."""
    return httpx.AsyncClient(transport=AsyncEmulatorTransport(app), trust_env=False)


def _request(request: httpx.Request, body: bytes) -> ServerRequest:
    return ServerRequest(request.method, request.url.raw_path.decode("ascii"), request.headers, body)


def _answer(response: ServerResponse) -> httpx.Response:
    return httpx.Response(response.status, headers=response.headers, stream=httpx.ByteStream(response.body))


def _wait(failure: Failure, request: httpx.Request) -> float:
    """Return how many seconds an answer is delayed.

    Raises:
        httpx.TransportError: What a transport raises when no answer comes, or comes too late: the client need not wait
            for that, since nothing else can happen meanwhile.
    """
    limit = request.extensions.get("timeout", {}).get("read")
    is_late = failure.seconds > (float("inf") if limit is None else limit)
    if failure.kind == "stall" or is_late:
        failure.happened()
        raise httpx.ReadTimeout("timed out", request=request)
    if failure.kind == "reset":
        failure.happened()
        raise httpx.ReadError("[Errno 104] Connection reset by peer", request=request)
    if failure.kind == "no_reply":
        failure.happened()
        raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)
    return failure.seconds if failure.kind == "delay" else 0.0


def _failing(response: ServerResponse, failure: Failure) -> httpx.Response:
    failure.happened()
    if failure.kind not in ("cut", "drip"):
        return _answer(response)
    return httpx.Response(response.status, headers=response.headers, stream=_FailingBody(response.body, failure))


class _FailingBody(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that ends after its half, or comes a byte at a time."""

    def __init__(self, body: bytes, failure: Failure) -> None:
        self._is_cut = failure.kind == "cut"
        self._parts = [body[: len(body) // 2]] if self._is_cut else [body[at : at + 1] for at in range(len(body))]
        self._pause = failure.seconds

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            time.sleep(self._pause)
            yield part
        self._end()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            await anyio.sleep(self._pause)
            yield part
        self._end()

    def _end(self) -> None:
        if self._is_cut:
            message = "peer closed connection without sending complete message body (incomplete chunked read)"
            raise httpx.RemoteProtocolError(message)
