"""Tools that instrument httpx see the calls of the default clients, whenever they begin and end."""

from __future__ import annotations

import functools
import gzip
import socket
from collections.abc import Iterator
from typing import Any

import httpcore
import httpx
import pytest
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from fibonacci import APIConnectionError, APITimeoutError, NotFoundError
from fibonacci.emulator import Emulator
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer
from tests.kit.steps import dripping, head


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    HTTPXClientInstrumentor().instrument(tracer_provider=provider)
    yield spans
    HTTPXClientInstrumentor().uninstrument()


def test_opentelemetry_sees_the_calls(mode: Mode, emulator: Emulator, exporter: InMemorySpanExporter) -> None:
    client: Any = mode.client_of(emulator)
    workflow = mode.run(client.workflows.create(name="Instrumented"))
    with pytest.raises(NotFoundError):
        mode.run(client.workflows.get("unknown"))
    urls = [str((span.attributes or {})["http.url"]) for span in exporter.get_finished_spans()]
    assert urls == [f"{emulator.base_url}/workflows", f"{emulator.base_url}/workflows/unknown"]
    assert workflow.response.attempts == 1


def test_opentelemetry_propagates_its_trace(
    mode: Mode, server: ScriptedServer, caller: Any, exporter: InMemorySpanExporter
) -> None:
    server.add_response({"data": {"id": "wf-1"}})
    mode.run(caller.workflows.create(name="Traced"))
    (span,) = exporter.get_finished_spans()
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" in server.last.one("traceparent")
    assert server.last.one("Authorization") == f"Bearer {server.api_key}"


def test_headers_added_by_instrumentation_are_sent_and_it_sees_the_response(
    mode: Mode, server: ScriptedServer, caller: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    real, real_async = httpx.Client.send, httpx.AsyncClient.send

    # As Sentry's instrumentation does it.
    def send(client: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        request.headers["sentry-trace"] = "trace-1"
        response = real(client, request, **options)
        seen.append(response.status_code)
        return response

    async def send_async(client: httpx.AsyncClient, request: httpx.Request, **options: Any) -> httpx.Response:
        request.headers["sentry-trace"] = "trace-1"
        response = await real_async(client, request, **options)
        seen.append(response.status_code)
        return response

    monkeypatch.setattr(httpx.Client, "send", send)
    monkeypatch.setattr(httpx.AsyncClient, "send", send_async)
    server.add_response(gzip.compress(b'{"data": {"id": "wf-1"}}'), 201, {"Content-Encoding": "gzip"})
    assert mode.run(caller.workflows.create(name="Instrumented")).id == "wf-1"
    server.add_response({"error": {"code": "not_found"}}, 404)
    with pytest.raises(NotFoundError):
        mode.run(caller.workflows.get("wf-2"))
    assert seen == [201, 404]
    assert [sent.one("sentry-trace") for sent in server.requests] == ["trace-1"] * 2
    assert len(server.requests[0].one("Idempotency-Key")) == 32
    assert server.connections == 1


def test_a_mock_in_place_of_the_transport_responds(
    mode: Mode, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def respond(transport: object, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"data": {"id": "wf-1", "name": "Mocked"}})

    async def respond_async(transport: object, request: httpx.Request) -> httpx.Response:
        return respond(transport, request)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", respond)
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", respond_async)
    client: Any = mode.client_of(emulator)
    assert mode.run(client.workflows.get("wf-1")).name == "Mocked"


def test_the_timeout_holds_while_instrumented(mode: Mode, exporter: InMemorySpanExporter) -> None:
    """Also for a head that never ends, which httpx alone would read for as long as it comes."""
    with ScriptedServer(dripping(b"", head(200) * 99)) as server:
        client = mode.client_of(server, timeout=0.5)
        with pytest.raises(APITimeoutError) as caught:
            mode.run(client.request("POST", "/x"))
    assert server.delivered == 1
    assert 0.5 <= caught.value.elapsed < 5
    assert len(exporter.get_finished_spans()) == 1


@pytest.mark.parametrize(
    ("option", "variable", "is_seen"),
    [(None, None, True), (None, "socket", False), ("httpx", None, True)],
)
def test_a_switch_that_nobody_asked_for_is_told_once(
    mode: Mode,
    emulator: Emulator,
    exporter: InMemorySpanExporter,
    option: str | None,
    variable: str | None,
    is_seen: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("fibonacci._core.logs._is_switch_logged", False)
    if variable is not None:
        monkeypatch.setenv("FIBONACCI_TRANSPORT", variable)
    for _ in range(2):
        client = mode.client_of(emulator, transport=option)
        mode.run(client.health.check())
        mode.run(client.with_options(timeout=7).health.check())
    assert len(exporter.get_finished_spans()) == (4 if is_seen else 0)
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(told) == (option is None and variable is None)
    for text in told:
        assert "httpx.HTTPTransport.handle_request" in text or "httpx.Async" in text or "httpx.Client" in text
        assert all(choice in text for choice in ('transport="httpx"', '"socket"', "FIBONACCI_TRANSPORT"))


def test_instrumentation_may_begin_and_end_between_calls_which_keep_their_connections(
    mode: Mode, server: ScriptedServer, caller: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    for instrumented in (False, True, True, False):
        with monkeypatch.context() as patch:
            if instrumented:
                patch.setattr(httpx.Client, "send", _noting(httpx.Client.send, seen))
                patch.setattr(httpx.AsyncClient, "send", _noting(httpx.AsyncClient.send, seen))
            server.add_response({"data": 1})
            assert mode.run(caller.request("POST", "/x", json={"a": 1})) == 1
        assert server.last.body == b'{"a":1}'
    assert (len(seen), server.connections) == (2, 2)  # the SDK's own, and the one of httpx


def test_instrumentation_sees_failures_as_httpx_exceptions(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Exception] = []
    real, real_async = httpx.Client.send, httpx.AsyncClient.send

    def send(client: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        try:
            return real(client, request, **options)
        except Exception as error:
            seen.append(error)
            raise

    async def send_async(client: httpx.AsyncClient, request: httpx.Request, **options: Any) -> httpx.Response:
        try:
            return await real_async(client, request, **options)
        except Exception as error:
            seen.append(error)
            raise

    monkeypatch.setattr(httpx.Client, "send", send)
    monkeypatch.setattr(httpx.AsyncClient, "send", send_async)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nothing listens there
        base_url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        client: Any = mode.client("key-of-a-test", base_url=base_url, max_retries=0)
        with pytest.raises(APIConnectionError, match=r"no connection to \S+:\d+: Connection refused") as caught:
            mode.run(client.workflows.create(name="x"))
    assert [type(error) for error in seen] == [httpx.ConnectError]
    assert not caught.value.outcome_unknown
    assert isinstance(caught.value.__cause__, httpx.ConnectError)


def test_what_a_replaced_pool_forwards_reaches_the_server(
    mode: Mode, server: ScriptedServer, caller: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recorder such as vcrpy puts itself in place of httpcore's pool."""
    passed: list[str] = []
    for kind, name in (
        (httpcore.ConnectionPool, "handle_request"),
        (httpcore.AsyncConnectionPool, "handle_async_request"),
    ):
        monkeypatch.setattr(kind, name, _noting_request(getattr(kind, name), passed))
    server.add_response({"data": {"id": "wf-1"}})
    assert mode.run(caller.workflows.get("wf-1")).id == "wf-1"
    assert passed == ["GET"]
    assert server.last.one("Authorization") == f"Bearer {server.api_key}"


def _noting(send: Any, seen: list[str]) -> Any:
    @functools.wraps(send)
    def noting(client: Any, request: httpx.Request, **options: Any) -> Any:
        seen.append(request.url.path)
        return send(client, request, **options)

    return noting


def _noting_request(handle: Any, seen: list[str]) -> Any:
    @functools.wraps(handle)
    def noting(pool: Any, request: httpcore.Request) -> Any:
        seen.append(request.method.decode())
        return handle(pool, request)

    return noting
