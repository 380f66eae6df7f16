"""OpenTelemetry's spans over `run` and `wait`: their calls are children, ids and outcome are attributes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import anyio
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from fibonacci import APIError, AsyncFibonacci, ExecutionFailedError, Fibonacci, NotFoundError, WaitTimeoutError
from fibonacci._core.tracing import ExecutionTracing, WaitSpan
from fibonacci.emulator import Emulator
from fibonacci.integrations.opentelemetry import OpenTelemetryTracing
from fibonacci.models import Execution
from tests.faults.calls import KEY
from tests.faults.test_secrets import ECHOES
from tests.kit.clock import FakeClock
from tests.kit.mode import Mode
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import respond_json

EXECUTE, GET = "fibonacci POST /workflows/{workflow_id}/execute", "fibonacci GET /executions/{execution_id}"


def execution(status: str, **more: object) -> dict[str, Any]:
    return {"data": {"execution_id": "exec_1", "workflow_id": "wf-1", "status": status, **more}}


class Recorder:
    """A tracer, and the spans that have ended."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracing = OpenTelemetryTracing(self.provider)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    def one(self, name: str) -> ReadableSpan:
        """Return the one span of a name."""
        (found,) = (span for span in self.spans if span.name == name)
        return found

    def tree(self) -> dict[str, list[str]]:
        """Return the names of the children of each span that has some, in the order of their ends."""
        names = {span.context.span_id: span.name for span in self.spans if span.context is not None}
        tree: dict[str, list[str]] = {}
        for span in self.spans:
            parent = "" if span.parent is None else names.get(span.parent.span_id, "?")
            tree.setdefault(parent, []).append(span.name)
        return tree


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def test_a_run_is_a_span_over_its_calls(
    mode: Mode, server: ScriptedServer, clock: FakeClock, recorder: Recorder
) -> None:
    server.add_response(execution("running"))
    server.add_response({}, status=503)
    server.add_response(execution("running"))
    server.add_response(execution("completed"))
    seen: list[Execution] = []
    client = mode.client_of(server, tracing=recorder.tracing)
    mode.run(client.workflows.run("wf-1", on_update=seen.append))
    assert recorder.tree() == {
        "": ["fibonacci run"],
        "fibonacci run": [EXECUTE, GET, GET],
        EXECUTE: ["POST"],
        GET: ["GET", "GET", "GET"],
    }
    run = recorder.one("fibonacci run")
    assert attributes(run) == {
        "fibonacci.operation": "run",
        "fibonacci.workflow.id": "wf-1",
        "fibonacci.execution.id": "exec_1",
        "fibonacci.execution.status": "completed",
        "server.address": "127.0.0.1",
        "server.port": server.port,
    }
    assert (run.status.status_code, list(run.events)) == (StatusCode.UNSET, [])
    assert [execution.status for execution in seen] == ["running", "completed"]
    attempts = [span for span in recorder.spans if span.name in ("GET", "POST")]
    assert [request.one("traceparent") for request in server.requests] == [
        f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
        for context in (span.context for span in attempts)
        if context is not None
    ]
    assert len({span.context.trace_id for span in recorder.spans if span.context is not None}) == 1


def test_a_wait_is_a_span_too(mode: Mode, server: ScriptedServer, clock: FakeClock, recorder: Recorder) -> None:
    server.add_response(execution("running"))
    server.add_response(execution("failed"))
    client = mode.client_of(server, tracing=recorder.tracing)
    mode.run(client.executions.wait("exec_1"))
    assert recorder.tree()["fibonacci wait"] == [GET, GET]
    wait = recorder.one("fibonacci wait")
    assert attributes(wait)["fibonacci.execution.id"] == "exec_1"
    assert attributes(wait)["fibonacci.execution.status"] == "failed"
    assert wait.status.status_code is StatusCode.UNSET  # the wait itself has not failed


def test_an_error_of_the_run_itself_is_recorded_on_its_span(
    mode: Mode, server: ScriptedServer, clock: FakeClock, recorder: Recorder
) -> None:
    server.add_response(execution("failed", error="no model"))
    client = mode.client_of(server, tracing=recorder.tracing, max_retries=0)
    with pytest.raises(ExecutionFailedError):
        mode.run(client.workflows.run("wf-1"))
    run = recorder.one("fibonacci run")
    assert [event.name for event in run.events] == ["exception"]
    assert run.status.status_code is StatusCode.ERROR
    assert attributes(run)["error.type"] == "ExecutionFailedError"
    assert attributes(run)["fibonacci.execution.status"] == "failed"
    assert list(recorder.one(EXECUTE).events) == []


def test_an_error_of_a_call_is_recorded_once(mode: Mode, server: ScriptedServer, recorder: Recorder) -> None:
    server.add_response({"error": {"code": "not_found", "message": "none"}}, status=404)
    client = mode.client_of(server, tracing=recorder.tracing)
    with pytest.raises(NotFoundError):
        mode.run(client.workflows.run("wf-1"))
    run, call = recorder.one("fibonacci run"), recorder.one(EXECUTE)
    assert [event.name for event in call.events] == ["exception"]
    assert list(run.events) == []
    assert run.status.status_code is call.status.status_code is StatusCode.ERROR
    assert attributes(run)["error.type"] == attributes(call)["error.type"] == "NotFoundError"
    assert attributes(call)["http.response.status_code"] == 404


def test_the_time_is_up(mode: Mode, server: ScriptedServer, clock: FakeClock, recorder: Recorder) -> None:
    server.add_response(execution("running"))
    server.add_response(execution("running"))
    server.add_response(execution("running"))
    client = mode.client_of(server, tracing=recorder.tracing)
    with pytest.raises(WaitTimeoutError):
        mode.run(client.workflows.run("wf-1", timeout=2.5))
    run = recorder.one("fibonacci run")
    assert attributes(run)["fibonacci.execution.status"] == "running"
    assert attributes(run)["error.type"] == "WaitTimeoutError"


def test_a_wait_for_the_rate_limit_is_an_event_of_the_call(
    mode: Mode, server: ScriptedServer, clock: FakeClock, recorder: Recorder
) -> None:
    server.add_response({}, status=429, headers={"Retry-After": "3"})
    server.add_response(execution("completed"))
    client = mode.client_of(server, tracing=recorder.tracing)
    mode.run(client.workflows.run("wf-1"))
    (event,) = recorder.one(EXECUTE).events
    assert event.name == "fibonacci.rate_limit.wait"
    seconds = dict(event.attributes or {})["fibonacci.rate_limit.wait.duration"]
    assert isinstance(seconds, float)
    assert 3 <= seconds < 3.5


JOBS = 5


@pytest.fixture
def meeting() -> Iterator[ScriptedServer]:
    """Return a server that responds when the requests of all jobs have arrived: they are under way at once."""
    barrier = threading.Barrier(JOBS)

    def respond(peer: Peer) -> None:
        barrier.wait(10)
        respond_json(execution("completed"))(peer)

    with ScriptedServer(respond) as server:
        yield server


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_tasks_at_once_do_not_mix_their_spans_up(loop: str, meeting: ScriptedServer, recorder: Recorder) -> None:
    tracer = recorder.provider.get_tracer("the application")

    async def job(client: AsyncFibonacci, number: int) -> None:
        with tracer.start_as_current_span(f"job {number}"):
            await client.workflows.run("wf-1")

    async def main() -> None:
        options: dict[str, Any] = {"base_url": meeting.base_url, "tracing": recorder.tracing}
        async with AsyncFibonacci(meeting.api_key, **options) as client, anyio.create_task_group() as group:
            for number in range(JOBS):
                group.start_soon(job, client, number)

    anyio.run(main, backend=loop)
    check_jobs(recorder)


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_a_cancellation_is_no_exception_event_and_the_request_to_cancel_is_a_child(
    loop: str, emulator: Emulator, recorder: Recorder
) -> None:
    async def main() -> None:
        async with AsyncFibonacci(emulator.api_key, base_url=emulator.base_url) as client:
            node = {"id": "pause", "type": "tool", "tool": "wait", "params": {"seconds": 60}}
            workflow = await client.workflows.create(name="Slow", definition={"nodes": [node]})
        options: dict[str, Any] = {"base_url": emulator.base_url, "tracing": recorder.tracing}
        async with AsyncFibonacci(emulator.api_key, **options) as client:
            with anyio.CancelScope() as scope:
                await client.workflows.run(workflow.id, on_update=lambda _: scope.cancel(), cancel_on_exit=True)

    anyio.run(main, backend=loop)
    run = recorder.one("fibonacci run")
    cancel = "fibonacci POST /executions/{execution_id}/cancel"
    assert recorder.tree()["fibonacci run"] == [EXECUTE, cancel]
    assert (run.status.status_code, list(run.events)) == (StatusCode.UNSET, [])
    assert attributes(run)["error.type"] in ("CancelledError", "Cancelled")


def test_threads_at_once_do_not_mix_their_spans_up(meeting: ScriptedServer, recorder: Recorder) -> None:
    tracer = recorder.provider.get_tracer("the application")
    with Fibonacci(meeting.api_key, base_url=meeting.base_url, tracing=recorder.tracing) as client:

        def job(number: int) -> None:
            with tracer.start_as_current_span(f"job {number}"):
                client.workflows.run("wf-1")

        with ThreadPoolExecutor() as pool:
            list(pool.map(job, range(JOBS)))
    check_jobs(recorder)


def check_jobs(recorder: Recorder) -> None:
    """Check that each job is a trace of its own: the job, its run, the run's calls, and their attempts."""
    traces: dict[int, list[str]] = {}
    for span in recorder.spans:
        assert span.context is not None
        traces.setdefault(span.context.trace_id, []).append(span.name)
    calls = ["POST", EXECUTE, "GET", GET]
    expected = [[*calls, "fibonacci run", f"job {number}"] for number in range(JOBS)]
    assert sorted(traces.values()) == expected


class OwnTracing:
    """A tracer as the first version of the protocol has it: calls and attempts only."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    @contextmanager
    def call(self, method: str, template: str, base_url: str) -> Generator[OwnSpan]:
        self.seen.append(f"{method} {template}")
        yield OwnSpan()

    @contextmanager
    def attempt(self, method: str, url: str, number: int, headers: list[tuple[bytes, bytes]]) -> Generator[OwnSpan]:
        self.seen.append(f"attempt {number}")
        yield OwnSpan()


class OwnSpan:
    """A span with the one method that a span must have."""

    def set_response(self, status_code: int, request_id: str | None) -> None:
        pass


def test_a_tracer_needs_calls_and_attempts_only(mode: Mode, server: ScriptedServer, clock: FakeClock) -> None:
    server.add_response({}, status=429, headers={"Retry-After": "3"})
    server.add_response(execution("running"))
    server.add_response(execution("completed"))
    server.add_response(execution("completed"))
    own = OwnTracing()
    client = mode.client_of(server, tracing=own)
    mode.run(client.workflows.run("wf-1"))
    mode.run(client.executions.wait("exec_1"))
    execute, poll = "POST /workflows/{workflow_id}/execute", "GET /executions/{execution_id}"
    assert own.seen == [execute, "attempt 1", "attempt 2", poll, "attempt 1", poll, "attempt 1"]


# What an error says is without the key for every echo, which the tests of secrets check.
@pytest.mark.parametrize("echo", ["an error's JSON, escaped", "a status line that is none", "the target of a redirect"])
def test_a_key_is_in_no_span(echo: str, recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with ScriptedServer(ECHOES[echo]) as server, Mode("sync") as mode:
        client = mode.client_of(
            server, api_key=KEY, max_response_bytes=1_000_000, max_retries=1, tracing=recorder.tracing
        )
        for path in (f"/{KEY}", f"/x?key={quote(KEY, safe='')}"):
            with pytest.raises(APIError):
                client.request("POST", path)
        with pytest.raises(APIError):
            client.workflows.run(KEY)
    assert {span.name for span in recorder.spans} == {"POST", "fibonacci POST", "fibonacci run", EXECUTE}
    assert [span.name for span in recorder.spans if KEY in span.to_json()] == []
    assert KEY not in caplog.text


def test_it_has_what_a_tracer_may_have(recorder: Recorder) -> None:
    """The types say the same: type checkers compare the integration with the interfaces."""
    tracing: ExecutionTracing = recorder.tracing
    with tracing.execution("wait", "https://api.example", workflow_id=None, execution_id="exec_1") as over:
        over.set_execution(Execution.model_validate({"id": "exec_1", "status": "running"}))
        with recorder.tracing.call("GET", "", "https://api.example") as call:
            waiting: WaitSpan = call
            waiting.add_rate_limit_wait(1.0)
    assert recorder.tree() == {"fibonacci wait": ["fibonacci GET"], "": ["fibonacci wait"]}


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})
