"""Tools that watch httpx see the calls of the default clients, whenever they begin and stop to watch."""

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
from tests.colours import Colour
from tests.endpoints.recorder import Recorder


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    HTTPXClientInstrumentor().instrument(tracer_provider=provider)
    yield spans
    HTTPXClientInstrumentor().uninstrument()


def test_opentelemetry_sees_the_calls(colour: Colour, emulator: Emulator, exporter: InMemorySpanExporter) -> None:
    client: Any = colour.client(emulator.api_key, base_url=emulator.base_url)
    workflow = colour.run(client.workflows.create(name="Watched"))
    with pytest.raises(NotFoundError):
        colour.run(client.workflows.get("unknown"))
    urls = [str((span.attributes or {})["http.url"]) for span in exporter.get_finished_spans()]
    assert urls == [f"{emulator.base_url}/workflows", f"{emulator.base_url}/workflows/unknown"]
    assert workflow.response.attempts == 1


def test_opentelemetry_sends_its_trace_along(
    colour: Colour, recorder: Recorder, recorded: Any, exporter: InMemorySpanExporter
) -> None:
    recorder.give({"data": {"id": "wf-1"}})
    colour.run(recorded.workflows.create(name="Traced"))
    (span,) = exporter.get_finished_spans()
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" in recorder.last.one("traceparent")
    assert recorder.last.one("Authorization") == f"Bearer {recorder.api_key}"


def test_what_a_watcher_adds_goes_over_the_wire_and_it_sees_the_answer(
    colour: Colour, recorder: Recorder, recorded: Any, monkeypatch: pytest.MonkeyPatch
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
    recorder.give(gzip.compress(b'{"data": {"id": "wf-1"}}'), 201, {"Content-Encoding": "gzip"})
    assert colour.run(recorded.workflows.create(name="Watched")).id == "wf-1"
    recorder.give({"error": {"code": "not_found"}}, 404)
    with pytest.raises(NotFoundError):
        colour.run(recorded.workflows.get("wf-2"))
    assert seen == [201, 404]
    assert [sent.one("sentry-trace") for sent in recorder.sent] == ["trace-1"] * 2
    assert len(recorder.sent[0].one("Idempotency-Key")) == 32
    assert recorder.connections == 1


def test_watching_may_begin_and_end_between_calls(
    colour: Colour, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    client: Any = colour.client(emulator.api_key, base_url=emulator.base_url)
    colour.run(client.health.check())
    with monkeypatch.context() as patch:
        patch.setattr(httpx.Client, "send", _noting(httpx.Client.send, seen))
        patch.setattr(httpx.AsyncClient, "send", _noting(httpx.AsyncClient.send, seen))
        colour.run(client.health.secrets())
    colour.run(client.health.check())
    assert seen == ["/v1/health/secrets"]


def test_a_mock_in_place_of_the_transport_answers(
    colour: Colour, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(transport: object, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"data": {"id": "wf-1", "name": "Mocked"}})

    async def answer_later(transport: object, request: httpx.Request) -> httpx.Response:
        return answer(transport, request)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", answer)
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", answer_later)
    client: Any = colour.client(emulator.api_key, base_url=emulator.base_url)
    assert colour.run(client.workflows.get("wf-1")).name == "Mocked"


def test_the_time_limit_holds_while_watched(colour: Colour, exporter: InMemorySpanExporter) -> None:
    # Nobody accepts: the kernel completes the connection, and no answer ever comes.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        base_url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        client: Any = colour.client("key-of-a-test", base_url=base_url, timeout=0.2)
        with pytest.raises(APITimeoutError) as caught:
            colour.run(client.workflows.get("wf-1"))
    assert 0.2 <= caught.value.elapsed < 1
    assert len(exporter.get_finished_spans()) == 1


def test_connections_are_kept_while_watched(
    colour: Colour, recorder: Recorder, recorded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    for watched in (False, True, True, False):
        with monkeypatch.context() as patch:
            if watched:
                patch.setattr(httpx.Client, "send", _noting(httpx.Client.send, seen))
                patch.setattr(httpx.AsyncClient, "send", _noting(httpx.AsyncClient.send, seen))
            recorder.give({"data": 1})
            assert colour.run(recorded.request("POST", "/x", json={"a": 1})) == 1
        assert recorder.last.body == b'{"a":1}'
    assert (len(seen), recorder.connections) == (2, 2)  # the SDK's own, and the one of httpx


def test_a_watcher_sees_failures_under_the_names_that_httpx_gives_them(
    colour: Colour, monkeypatch: pytest.MonkeyPatch
) -> None:
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
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        base_url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        client: Any = colour.client("key-of-a-test", base_url=base_url, max_retries=0)
        with pytest.raises(APIConnectionError, match="no connection to the server: ") as caught:
            colour.run(client.workflows.create(name="x"))
    assert [type(error) for error in seen] == [httpx.ConnectError]
    assert not caught.value.outcome_unknown
    assert isinstance(caught.value.__cause__, httpx.ConnectError)


class TestInPlaceOfThePool:
    """Recorders such as vcrpy, and respx, put themselves in place of httpcore's pool."""

    def test_it_answers(
        self, colour: Colour, recorder: Recorder, recorded: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[httpcore.URL] = []

        def answer(pool: httpcore.ConnectionPool, request: httpcore.Request) -> httpcore.Response:
            asked.append(request.url)
            return httpcore.Response(200, content=b'{"data": {"id": "wf-1", "name": "Recorded"}}')

        async def answer_async(pool: httpcore.AsyncConnectionPool, request: httpcore.Request) -> httpcore.Response:
            return answer(pool, request)  # type: ignore[arg-type]

        monkeypatch.setattr(httpcore.ConnectionPool, "handle_request", answer)
        monkeypatch.setattr(httpcore.AsyncConnectionPool, "handle_async_request", answer_async)
        assert colour.run(recorded.workflows.get("wf-1")).name == "Recorded"
        assert [bytes(url) for url in asked] == [f"{recorder.base_url}/workflows/wf-1".encode()]
        assert recorder.connections == 0

    def test_what_it_passes_on_reaches_the_server(
        self, colour: Colour, recorder: Recorder, recorded: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        passed: list[str] = []
        for kind, name in (
            (httpcore.ConnectionPool, "handle_request"),
            (httpcore.AsyncConnectionPool, "handle_async_request"),
        ):
            monkeypatch.setattr(kind, name, _noting_request(getattr(kind, name), passed))
        recorder.give({"data": {"id": "wf-1"}})
        assert colour.run(recorded.workflows.get("wf-1")).id == "wf-1"
        assert passed == ["GET"]
        assert recorder.last.one("Authorization") == f"Bearer {recorder.api_key}"


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
