"""A small FastAPI service on the platform: one client for all requests, opened and closed in the app's lifespan.

Serve it with `uvicorn --factory examples.fastapi_service:create_app` and FIBONACCI_API_KEY set. Run as a script, it is
exercised in process, on an emulator.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from math import ceil
from typing import Annotated, Any

import anyio
import httpx
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from fibonacci import (
    AsyncFibonacci,
    ExecutionFailedError,
    FibonacciError,
    NotFoundError,
    QuotaExceededError,
    RateLimitError,
    WaitTimeoutError,
)
from fibonacci.emulator import Emulator

router = APIRouter()

TIME_LIMIT = 60.0  # seconds for a result


def shared_client(request: Request) -> AsyncFibonacci:
    """Return the app's one client."""
    client: AsyncFibonacci = request.app.state.fibonacci
    return client


Client = Annotated[AsyncFibonacci, Depends(shared_client)]


class ExecutionView(BaseModel):
    """An execution as the service returns it."""

    id: str
    status: str | None
    outputs: dict[str, object]


@router.post("/workflows/{workflow_id}/runs", status_code=202)
async def start(workflow_id: str, inputs: dict[str, object], client: Client) -> ExecutionView:
    execution = await client.workflows.execute(workflow_id, inputs=inputs)
    return ExecutionView(id=execution.id, status=execution.status, outputs=execution.outputs)


@router.get("/workflows/{workflow_id}/runs")
async def latest(workflow_id: str, client: Client, limit: int = 20) -> list[dict[str, Any]]:
    # FastAPI cannot return the list itself, which fetches its pages as you read it.
    return [execution.to_dict() for execution in await client.executions.list(workflow_id=workflow_id).take(limit)]


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


@router.post("/workflows/{workflow_id}/results")
async def run(workflow_id: str, inputs: dict[str, object], client: Client, request: Request) -> Response:
    # `cancel_on_exit` cancels the execution when the caller disconnects, and when there is no result in time.
    async with canceled_on_disconnect(request), asyncio.timeout(TIME_LIMIT):
        execution = await client.workflows.run(workflow_id, inputs=inputs, cancel_on_exit=True)
        return JSONResponse(execution.outputs)
    return Response(status_code=499)  # the caller has disconnected


@router.get("/runs/{execution_id}")
async def follow(execution_id: str, client: Client) -> ExecutionView:
    execution = await client.executions.get(execution_id)
    return ExecutionView(id=execution.id, status=execution.status, outputs=execution.outputs)


def on_error(request: Request, error: Exception) -> Response:
    """Answer 404, 422, 503 with Retry-After, 504 or 502, with the reason and the ID of an execution that failed."""
    body: dict[str, object] = {"error": type(error).__name__}
    if isinstance(error, ExecutionFailedError | WaitTimeoutError) and error.execution is not None:
        body["id"] = error.execution.id
    if isinstance(error, ExecutionFailedError):
        body["reason"] = error.reason
    if isinstance(error, RateLimitError | QuotaExceededError):
        return JSONResponse(body, 503, {"Retry-After": str(ceil(error.retry_after or 1))})
    if isinstance(error, TimeoutError):  # of the SDK, and of `asyncio.timeout`
        return JSONResponse(body, 504)
    if isinstance(error, ValueError):  # an argument that the SDK refuses, such as limit=-1
        return JSONResponse(body | {"reason": str(error)}, 422)
    return JSONResponse(body, 404 if isinstance(error, NotFoundError) else 502)


def create_app(make_client: Callable[[], AsyncFibonacci] = AsyncFibonacci) -> FastAPI:
    """Make the app; tests give it a client of their own."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with make_client() as client:
            app.state.fibonacci = client
            yield

    app = FastAPI(lifespan=lifespan)
    app.include_router(router)
    app.add_exception_handler(FibonacciError, on_error)
    app.add_exception_handler(TimeoutError, on_error)
    return app


async def main() -> None:
    emulator = Emulator()
    node = {"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}
    workflow = await emulator.async_client().workflows.create(name="Greeter", definition={"nodes": [node]})

    app = create_app(emulator.async_client)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://app") as http:
        started = await http.post(f"/workflows/{workflow.id}/runs", json={"name": "Ada"})
        print(started.status_code, started.json()["status"])  # prints: 202 completed
        followed = await http.get(f"/runs/{started.json()['id']}")
        print(followed.status_code, followed.json()["outputs"])  # prints: 200 {'greet': ...Ada...}
        result = await http.post(f"/workflows/{workflow.id}/results", json={"name": "Ada"})
        print(result.status_code, result.json())  # prints: 200 {'greet': ...Ada...}
        failed = await http.post(f"/workflows/{workflow.id}/results", json={})
        print(failed.status_code, failed.json()["reason"])  # prints: 502 {{input.name}} has no value...
        listed = await http.get(f"/workflows/{workflow.id}/runs")
        print([run["status"] for run in listed.json()])  # prints: ['failed', 'completed', 'completed']
        refused = await http.get(f"/workflows/{workflow.id}/runs?limit=-1")
        print(refused.status_code, refused.json()["reason"])  # prints: 422 n must be 0 or more, not -1
        missing = await http.get("/runs/exec_missing")
        print(missing.status_code, missing.json())  # prints: 404 {'error': 'NotFoundError'}


if __name__ == "__main__":
    asyncio.run(main())
