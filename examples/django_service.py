"""A Django project in one file: a sync view and an async view on the platform, with one client for each kind.

    pip install fibonacci-sdk Django uvicorn && fibonacci dev -- uvicorn django_service:application

Run as a script, it is exercised in process, on the platform that the environment names.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import Http404, HttpRequest, JsonResponse
from django.test import AsyncClient, Client
from django.urls import path
from django.views.decorators.http import require_POST

from fibonacci import AsyncFibonacci, Fibonacci, NotFoundError
from fibonacci.models import Execution

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["localhost", "127.0.0.1", "testserver"],
        ROOT_URLCONF=__name__,
        SECRET_KEY="not a secret",
        FIBONACCI={"timeout": 30},  # options of the clients; the key is in the environment
    )

# Each process has one client of each kind, for all its threads and requests.
client = Fibonacci(**settings.FIBONACCI)
async_client = AsyncFibonacci(**settings.FIBONACCI)


def follow(request: HttpRequest, execution_id: str) -> JsonResponse:
    try:
        return _shown(client.executions.get(execution_id))
    except NotFoundError:
        raise Http404(f"no execution {execution_id}") from None


@require_POST
async def run(request: HttpRequest, workflow_id: str) -> JsonResponse:
    # Django cancels an async view when the caller disconnects; `cancel_on_exit` then cancels the execution.
    inputs: dict[str, object] = json.loads(request.body)
    return _shown(await async_client.workflows.run(workflow_id, inputs=inputs, cancel_on_exit=True))


def _shown(execution: Execution) -> JsonResponse:
    return JsonResponse({"execution_id": execution.id, "status": execution.status, "outputs": execution.outputs})


urlpatterns = [path("runs/<execution_id>", follow), path("workflows/<workflow_id>/runs", run)]
django_application = get_asgi_application()


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Serve requests with Django, and close the async client when the server ends, which Django has no hook for."""
    if scope["type"] != "lifespan":
        await django_application(scope, receive, send)
        return
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await async_client.aclose()
    client.close()
    await send({"type": "lifespan.shutdown.complete"})


async def exercise(workflow_id: str) -> str:
    response = await AsyncClient().post(f"/workflows/{workflow_id}/runs", {"name": "Ada"}, "application/json")
    print(response.status_code, response.json()["outputs"])  # prints: 200 {'greet': ...Ada...}
    await async_client.aclose()
    return str(response.json()["execution_id"])


def main() -> None:
    node = {"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}
    workflow = client.workflows.ensure(name="Greeter", definition={"nodes": [node]})
    execution_id = asyncio.run(exercise(workflow.id))
    with client:
        followed = Client().get(f"/runs/{execution_id}")
        print(followed.status_code, followed.json()["status"])  # prints: 200 completed
        print(Client().get("/runs/exec_missing").status_code)  # prints: 404


if __name__ == "__main__":
    main()
