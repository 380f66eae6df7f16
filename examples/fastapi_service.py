"""A small FastAPI service on the platform: one client for all requests, opened and closed in the app's lifespan.

pip install fibonacci-sdk fastapi uvicorn && fibonacci dev -- uvicorn fastapi_service:app
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from math import ceil
from typing import Annotated, Any

import anyio
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from fibonacci import (
    AsyncFibonacci,
    ExecutionFailedError,
    FibonacciError,
    NotFoundError,
    QuotaExceededError,
    RateLimitError,
)

TIME_LIMIT = 60.0  # seconds for a result


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    async with AsyncFibonacci() as client:
        app.state.fibonacci = client
        yield


app = FastAPI(lifespan=lifespan)


def shared_client(request: Request) -> AsyncFibonacci:
    client: AsyncFibonacci = request.app.state.fibonacci
    return client


Client = Annotated[AsyncFibonacci, Depends(shared_client)]


@app.post("/workflows/{workflow_id}/runs", status_code=202)
async def start(workflow_id: str, inputs: dict[str, object], client: Client) -> dict[str, Any]:
    return (await client.workflows.execute(workflow_id, inputs=inputs)).to_dict()


@app.get("/workflows/{workflow_id}/runs")
async def latest(workflow_id: str, client: Client, limit: int = 20) -> list[dict[str, Any]]:
    return [each.to_dict() for each in await client.executions.list(workflow_id=workflow_id).take(limit)]


@app.get("/runs/{execution_id}")
async def follow(execution_id: str, client: Client) -> dict[str, Any]:
    return (await client.executions.get(execution_id)).to_dict()


@asynccontextmanager
async def canceled_on_disconnect(request: Request) -> AsyncGenerator[None]:
    """Cancel the block, and leave it, when the caller disconnects: Starlette does not cancel a handler."""

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        scope.cancel()

    with anyio.CancelScope() as scope:
        watcher = asyncio.create_task(watch())
        try:
            yield
        finally:
            watcher.cancel()


@app.post("/workflows/{workflow_id}/results")
async def run(workflow_id: str, inputs: dict[str, object], client: Client, request: Request) -> Response:
    # `cancel_on_exit` cancels the execution when the caller disconnects, and when there is no result in time.
    async with canceled_on_disconnect(request), asyncio.timeout(TIME_LIMIT):
        return JSONResponse((await client.workflows.run(workflow_id, inputs=inputs, cancel_on_exit=True)).outputs)
    return Response(status_code=499)  # the caller has disconnected


@app.exception_handler(FibonacciError)
@app.exception_handler(TimeoutError)  # of `asyncio.timeout`
def on_error(request: Request, error: Exception) -> Response:
    """Answer 404, 422, 503 with Retry-After, 504 or 502, with the reason and the ID of an execution that failed."""
    body: dict[str, object] = {"error": type(error).__name__}
    if isinstance(error, ExecutionFailedError):
        body |= {"id": error.execution.id, "reason": error.reason}
    if isinstance(error, RateLimitError | QuotaExceededError):
        return JSONResponse(body, 503, {"Retry-After": str(ceil(error.retry_after or 1))})
    if isinstance(error, ValueError):  # an argument that the SDK refuses, such as limit=-1
        return JSONResponse(body | {"reason": str(error)}, 422)
    status = 504 if isinstance(error, TimeoutError) else 404 if isinstance(error, NotFoundError) else 502
    return JSONResponse(body, status)
