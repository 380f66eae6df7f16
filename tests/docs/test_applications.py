"""The examples of applications in the processes that they are for: ASGI servers, and a Celery worker that is killed.

They also run as scripts, in `test_examples.py`.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest

from fibonacci import Fibonacci
from fibonacci.emulator import Emulator, LLMCall
from fibonacci.testing import in_environment
from tests.docs.processes import PATIENCE, ApplicationProcess, running
from tests.emulator.handling import wait_until
from tests.kit.assertions import each_row
from tests.kit.redis import RedisServer
from tests.kit.systems import needs_fork, needs_signals

pytestmark = pytest.mark.slow

JSON_HEADERS = "Content-Type: application/json\r\nContent-Length: 2\r\n"


def slow_workflow(client: Fibonacci) -> str:
    """Create a workflow that takes a minute; return its id."""
    node = {"id": "pause", "type": "tool", "tool": "wait", "params": {"seconds": 60}}
    return client.workflows.create(name="Slow", definition={"nodes": [node]}).id


def statuses(client: Fibonacci, workflow_id: str) -> list[str | None]:
    return [execution.status for execution in client.executions.list(workflow_id=workflow_id)]


@contextmanager
def serving(
    application: str, emulator: Emulator, folder: Path
) -> Generator[tuple[ApplicationProcess, Callable[[str], socket.socket]]]:
    """Serve an application; yield the server, and what sends a request and returns when its execution is polled."""
    arguments = ("uvicorn", "--port", "0", "--timeout-graceful-shutdown", "1", application)
    with running(*arguments, emulator=emulator, folder=folder) as server:
        port = server.until(lambda: re.search(r"http://127\.0\.0\.1:(\d+)", server.output))[1]

        def call(path: str) -> socket.socket:
            before = emulator.requests.to("GET /executions/{id}").count
            caller = socket.create_connection(("127.0.0.1", int(port)), timeout=PATIENCE)
            caller.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{JSON_HEADERS}\r\n{{}}".encode())
            server.until(lambda: emulator.requests.to("GET /executions/{id}").count > before)
            return caller

        yield server, call


@needs_signals
def test_fastapi_cancels_the_execution_when_the_caller_disconnects_and_when_the_server_shuts_down(
    emulator: Emulator, client: Fibonacci, tmp_path: Path
) -> None:
    workflow_id = slow_workflow(client)
    path = f"/workflows/{workflow_id}/results"
    with serving("examples.fastapi_service:app", emulator=emulator, folder=tmp_path) as (server, call):
        call(path).close()
        server.until(lambda: statuses(client, workflow_id) == ["cancelled"])
        assert "Traceback" not in server.output
        with call(path):
            os.kill(server.pid, signal.SIGTERM)
            wait_until(lambda: statuses(client, workflow_id) == ["cancelled", "cancelled"])


def test_django_cancels_the_execution_when_the_caller_disconnects(
    emulator: Emulator, client: Fibonacci, tmp_path: Path
) -> None:
    workflow_id = slow_workflow(client)
    with serving("examples.django_service:application", emulator=emulator, folder=tmp_path) as (server, call):
        call(f"/workflows/{workflow_id}/runs").close()
        server.until(lambda: statuses(client, workflow_id) == ["cancelled"])
        assert "Traceback" not in server.output


def called(method: str, path: str, **body: Any) -> httpx.Response:
    """Call the FastAPI service in process."""
    app = import_module("examples.fastapi_service").app

    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://a") as http,
        ):
            return await http.request(method, path, **body)

    return asyncio.run(call())


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Generator[Emulator]:
    with in_environment(Emulator()) as emulator:
        monkeypatch.setenv("FIBONACCI_MAX_RETRIES", "0")
        monkeypatch.setenv("FIBONACCI_TIMEOUT", "2")
        yield emulator


def test_fastapi_starts_runs_and_follows_them(client: Fibonacci) -> None:
    node = {"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}
    runs = f"/workflows/{client.workflows.create(name='Greeter', definition={'nodes': [node]}).id}/runs"
    started = called("POST", runs, json={"name": "Ada"})
    assert started.status_code == 202
    followed = called("GET", f"/runs/{started.json()['id']}")
    assert (followed.status_code, followed.json()["status"]) == (200, "completed")
    result = called("POST", runs.replace("/runs", "/results"), json={"name": "Ada"})
    assert (result.status_code, result.json()) == (200, followed.json()["outputs"])
    listed = called("GET", f"{runs}?limit=5")
    assert [run["status"] for run in listed.json()] == ["completed", "completed"]
    refused = called("GET", f"{runs}?limit=-1")
    assert (refused.status_code, refused.json()["reason"]) == (422, "n must be 0 or more, not -1")
    missing = called("GET", "/runs/exec_missing")
    assert (missing.status_code, missing.json()) == (404, {"error": "NotFoundError"})


def test_the_execution_is_canceled_when_there_is_no_result_in_time(
    emulator: Emulator, client: Fibonacci, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow_id = slow_workflow(client)
    monkeypatch.setattr("examples.fastapi_service.TIME_LIMIT", 1.0)
    response = called("POST", f"/workflows/{workflow_id}/results", json={})
    assert (response.status_code, response.json()) == (504, {"error": "TimeoutError"})
    assert statuses(client, workflow_id) == ["cancelled"]


@each_row(
    ("failure", "status", "error", "retry_after"),
    [
        ({"status": 429, "body": {"error": {"code": "quota_exceeded"}}}, 503, "QuotaExceededError", "1"),
        ({"kind": "stall"}, 504, "APITimeoutError", None),
        ({"status": 403}, 502, "PermissionDeniedError", None),
        ({"kind": "rate_limit", "retry_after": 2}, 503, "RateLimitError", "2"),
    ],
)
def test_fastapi_answers_for_a_call_that_fails(
    emulator: Emulator, failure: dict[str, Any], status: int, error: str, retry_after: str | None
) -> None:
    emulator.fail("POST /workflows/{id}/execute", **failure)
    response = called("POST", "/workflows/wf-1/runs", json={})
    assert (response.status_code, response.json()) == (status, {"error": error})
    assert response.headers.get("Retry-After") == retry_after


def test_fastapi_names_the_reason_and_the_execution_that_failed(emulator: Emulator, client: Fibonacci) -> None:
    node = {"id": "greet", "type": "llm", "instruction": "Hello {{input.name}}"}
    workflow_id = client.workflows.create(name="Greeter", definition={"nodes": [node]}).id
    response = called("POST", f"/workflows/{workflow_id}/results", json={})
    execution = client.executions.list(workflow_id=workflow_id).first()
    assert execution is not None
    reason = "{{input.name}} has no value: there is no 'name'"
    assert response.status_code == 502
    assert response.json() == {"error": "ExecutionFailedError", "id": execution.id, "reason": reason}


# The worker of the example; it opens a connection before it forks, and sends itself a task.
WORKER = """
import os
from pathlib import Path

from celery.signals import task_prerun, task_success, worker_ready

from examples.celery_tasks import app, client, greet

app.conf.update(worker_lost_wait=0.1, broker_connection_retry_on_startup=True)
client.health.check()


@worker_ready.connect
def send(**named):
    greet.delay(os.environ["WORKFLOW_ID"], "Ada")


@task_prerun.connect
def begin(task_id, **named):
    with Path("deliveries").open("a") as file:
        file.write(f"{os.getpid()} {task_id}\\n")


@task_success.connect
def succeed(result, **named):
    Path("result").write_text(result)
"""


@needs_fork
def test_a_killed_celery_worker_runs_the_workflow_once(
    emulator: Emulator, client: Fibonacci, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end, calls = threading.Event(), threading.Event(), list[str]()

    @emulator.llm
    def answer(call: LLMCall) -> str:
        calls.append(call.execution_id)
        begun.set()
        may_end.wait(PATIENCE)
        return f"{call.instruction}!"

    node = {"id": "greet", "type": "llm", "instruction": "Hello {{input.name}}"}
    workflow_id = client.workflows.create(name="Greeter", definition={"nodes": [node]}).id
    broker = RedisServer()
    monkeypatch.setenv("WORKFLOW_ID", workflow_id)
    monkeypatch.setenv("CELERY_BROKER_URL", broker.url)
    (tmp_path / "worker.py").write_text(WORKER, "utf-8")
    deliveries, result = tmp_path / "deliveries", tmp_path / "result"
    options = ("--concurrency", "1", "--without-gossip", "--without-mingle", "--without-heartbeat")
    with (
        broker.running(),
        running("celery", "--app", "worker", "worker", *options, emulator=emulator, folder=tmp_path) as worker,
    ):
        worker.until(begun.is_set)
        first_process, _ = deliveries.read_text("utf-8").split()
        os.kill(int(first_process), signal.SIGKILL)
        worker.until(lambda: deliveries.read_text("utf-8").count("\n") == 2)
        may_end.set()
        worker.until(lambda: result.exists() and result.read_text("utf-8"))
    (first, task), (second, same_task) = (line.split() for line in deliveries.read_text("utf-8").splitlines())
    assert first != second
    assert task == same_task
    assert result.read_text("utf-8") == "Hello Ada!"
    assert statuses(client, workflow_id) == ["completed"]
    assert len(calls) == 1
    assert emulator.requests.to(f"POST /workflows/{workflow_id}/execute").count == 2
