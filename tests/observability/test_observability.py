"""What a user can see of the calls: the log, `on_retry`, and OpenTelemetry's spans."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from fibonacci import APIConnectionError, RetryEvent
from fibonacci.integrations.opentelemetry import OpenTelemetryTracing
from tests.kit.clock import FakeClock
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer

WORKFLOW = {"data": {"id": "wf-1"}}


class TestLog:
    def test_there_is_one_logger_and_it_has_no_handler_of_its_own(self, mode: Mode, server: ScriptedServer) -> None:
        server.add_response(WORKFLOW)
        client: Any = mode.client_of(server)
        mode.run(client.workflows.get("wf-1"))
        assert logging.getLogger("fibonacci").handlers == []

    def test_each_attempt_is_a_line_at_debug_and_each_retry_one_at_info(
        self, mode: Mode, server: ScriptedServer, clock: FakeClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG, logger="fibonacci")
        server.add_response({}, status=503)
        server.add_response(WORKFLOW, headers={"X-Request-Id": "req_9"})
        client: Any = mode.client_of(server)
        mode.run(client.workflows.get("wf-1"))
        lines = [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "fibonacci"]
        assert lines[0] == ("DEBUG", "GET /workflows/wf-1: attempt 1: status 503, request id -")
        assert lines[1][0] == "INFO"
        assert lines[1][1].startswith("GET /workflows/wf-1: attempt 1: status 503; retry in 0.")
        assert lines[2] == ("DEBUG", "GET /workflows/wf-1: attempt 2: status 200, request id req_9")
        assert len(lines) == 3

    def test_a_call_loads_neither_logging_nor_opentelemetry_and_later_calls_have_records(
        self, server: ScriptedServer
    ) -> None:
        for number in (1, 2):
            server.add_response({"data": {"id": f"wf-{number}"}})
        program = f"""
import sys
from fibonacci import Fibonacci
with Fibonacci("key", base_url={server.base_url!r}) as client:
    client.workflows.get("wf-1")
    assert not [name for name in sys.modules if name.partition(".")[0] in ("logging", "opentelemetry")]
    import logging
    logging.basicConfig(level=logging.DEBUG)
    client.workflows.get("wf-2")
"""
        done = subprocess.run(
            [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}\n{program}"],
            capture_output=True,
            check=True,
            text=True,
        )
        assert [line for line in done.stderr.splitlines() if "fibonacci" in line] == [
            "DEBUG:fibonacci:GET /workflows/wf-2: attempt 1: status 200, request id -"
        ]


class TestOnRetry:
    def test_on_retry_is_called_for_each_retry(self, mode: Mode, server: ScriptedServer, clock: FakeClock) -> None:
        events: list[RetryEvent] = []
        server.add_response({}, status=503, headers={"Retry-After": "3"})
        server.add_response({}, status=502)
        server.add_response(WORKFLOW)
        client: Any = mode.client_of(server, on_retry=events.append)
        workflow = mode.run(client.workflows.get("wf-1"))
        assert [(event.method, event.path, event.attempt, event.reason) for event in events] == [
            ("GET", "/workflows/wf-1", 1, "status 503"),
            ("GET", "/workflows/wf-1", 2, "status 502"),
        ]
        assert 3 <= events[0].seconds < 3.5
        assert clock.slept == [event.seconds for event in events]
        assert workflow.response.attempts == 3
        assert workflow.response.elapsed >= 3

    def test_the_cause_is_named_where_no_response_came(self, mode: Mode, clock: FakeClock) -> None:
        events: list[RetryEvent] = []
        base_url = "http://127.0.0.1:1/v1"
        client: Any = mode.client("key-of-a-test", base_url=base_url, on_retry=events.append)
        with pytest.raises(APIConnectionError):
            mode.run(client.workflows.get("wf-1"))
        assert [event.reason for event in events] == ["no connection to the server"] * 2

    def test_an_async_on_retry_is_awaited(self, server: ScriptedServer, clock: FakeClock) -> None:
        from fibonacci import AsyncFibonacci

        told: list[int] = []

        async def tell(event: RetryEvent) -> None:
            await asyncio.sleep(0)
            told.append(event.attempt)

        async def main() -> None:
            async with AsyncFibonacci(server.api_key, base_url=server.base_url, on_retry=tell) as client:
                await client.workflows.get("wf-1")

        server.add_response({}, status=503)
        server.add_response(WORKFLOW)
        asyncio.run(main())
        assert told == [1]


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracing(spans: InMemorySpanExporter) -> OpenTelemetryTracing:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return OpenTelemetryTracing(provider)


class TestOpenTelemetry:
    def test_one_span_for_the_call_and_a_child_for_each_attempt(
        self,
        mode: Mode,
        server: ScriptedServer,
        clock: FakeClock,
        tracing: OpenTelemetryTracing,
        spans: InMemorySpanExporter,
    ) -> None:
        server.add_response({}, status=503)
        server.add_response(WORKFLOW, headers={"X-Request-Id": "req_9"})
        client: Any = mode.client_of(server, tracing=tracing)
        mode.run(client.workflows.get("wf-1"))
        first, second, call = spans.get_finished_spans()
        assert (first.name, second.name, call.name) == ("GET", "GET", "fibonacci GET /workflows/{workflow_id}")
        assert (first.kind, second.kind, call.kind) == (SpanKind.CLIENT, SpanKind.CLIENT, SpanKind.INTERNAL)
        assert call.context is not None
        assert [span.parent and span.parent.span_id for span in (first, second)] == [call.context.span_id] * 2
        port = int(server.base_url.split(":")[2].split("/")[0])
        common = {"http.request.method": "GET", "server.address": "127.0.0.1", "server.port": port}
        url = f"{server.base_url}/workflows/wf-1"
        failed = {"url.full": url, "http.response.status_code": 503, "error.type": "503"}
        resent = {"url.full": url, "http.response.status_code": 200, "http.request.resend_count": 1}
        told = {
            "url.template": "/workflows/{workflow_id}",
            "http.response.status_code": 200,
            "fibonacci.request_id": "req_9",
        }
        assert attributes(first) == {**common, **failed}
        assert attributes(second) == {**common, **resent}
        assert attributes(call) == {**common, **told}
        assert first.status.status_code is StatusCode.ERROR
        assert second.status.status_code is call.status.status_code is StatusCode.UNSET

    def test_a_path_without_a_template_is_no_span_name(
        self, mode: Mode, server: ScriptedServer, tracing: OpenTelemetryTracing, spans: InMemorySpanExporter
    ) -> None:
        server.add_response({"data": 1})
        client: Any = mode.client_of(server, tracing=tracing)
        mode.run(client.request("GET", "/users/ada"))
        call = spans.get_finished_spans()[-1]
        assert call.name == "fibonacci GET"
        assert "url.template" not in attributes(call)

    def test_without_the_extra_the_error_names_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "opentelemetry", None)
        monkeypatch.delitem(sys.modules, "fibonacci.integrations.opentelemetry")
        with pytest.raises(ImportError, match=r"pip install 'fibonacci-sdk\[otel\]'"):
            import_module("fibonacci.integrations.opentelemetry")


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})
