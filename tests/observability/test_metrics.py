"""OpenTelemetry's metrics of the calls: names, units and attributes by its conventions, and few time series."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from fibonacci import APIConnectionError, ExecutionFailedError, NotFoundError, RateLimitError
from fibonacci.emulator import Emulator
from fibonacci.integrations.opentelemetry import OpenTelemetryTracing
from tests.kit.clock import FakeClock
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer

WORKFLOW = {"data": {"id": "wf-1"}}
TEMPLATE = "/workflows/{workflow_id}"
REQUESTS = "http.client.request.duration"
CALLS = "fibonacci.client.call.duration"
RETRIES = "fibonacci.client.retries"
WAITS = "fibonacci.client.rate_limit.wait.duration"
EXECUTIONS = "fibonacci.client.execution.duration"


class Measured:
    """What a reader has collected."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self.tracing = OpenTelemetryTracing(meter_provider=MeterProvider([self._reader]))

    def metrics(self) -> dict[str, Any]:
        """Return the metrics by name."""
        data = self._reader.get_metrics_data()
        if data is None:
            return {}
        ((scope,),) = ([*resource.scope_metrics] for resource in data.resource_metrics)
        assert scope.scope.name == "fibonacci"
        return {metric.name: metric for metric in scope.metrics}

    def points(self, name: str) -> list[tuple[dict[str, Any], Any]]:
        """Return the attributes of each time series, and its data point."""
        metric = self.metrics().get(name)
        return [] if metric is None else [(dict(point.attributes), point) for point in metric.data.data_points]


@pytest.fixture
def measured() -> Measured:
    return Measured()


def common(server: ScriptedServer) -> dict[str, Any]:
    return {
        "http.request.method": "GET",
        "server.address": "127.0.0.1",
        "server.port": server.port,
        "url.template": TEMPLATE,
    }


def test_requests_calls_and_retries(mode: Mode, server: ScriptedServer, clock: FakeClock, measured: Measured) -> None:
    server.add_response({}, status=503)
    for number in range(3):
        server.add_response({"data": {"id": f"wf-{number}"}})
    client = mode.client_of(server, tracing=measured.tracing)
    for number in range(3):
        mode.run(client.workflows.get(f"wf-{number}"))  # ids make no time series of their own
    refused = {**common(server), "http.response.status_code": 503, "error.type": "503"}
    fine = {**common(server), "http.response.status_code": 200}
    counts = {name: [(labels, point.count) for labels, point in measured.points(name)] for name in (REQUESTS, CALLS)}
    assert counts == {REQUESTS: [(refused, 1), (fine, 3)], CALLS: [(fine, 3)]}
    ((labels, point),) = measured.points(RETRIES)
    assert (labels, point.value) == (common(server), 1)
    assert {metric.unit for metric in measured.metrics().values()} == {"s", "{retry}"}


def test_the_buckets_are_those_of_the_conventions(mode: Mode, server: ScriptedServer, measured: Measured) -> None:
    server.add_response(WORKFLOW)
    mode.run(mode.client_of(server, tracing=measured.tracing).workflows.get("wf-1"))
    ((_, request),), ((_, call),) = measured.points(REQUESTS), measured.points(CALLS)
    assert request.explicit_bounds == (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
    assert call.explicit_bounds[-1] == 3600
    assert 0 < request.sum <= call.sum < 5


def test_errors_are_classes_or_statuses(mode: Mode, server: ScriptedServer, measured: Measured) -> None:
    server.add_response({"error": {"code": "not_found", "message": "no wf-77"}}, status=404)
    client = mode.client_of(server, tracing=measured.tracing)
    with pytest.raises(NotFoundError):
        mode.run(client.workflows.get("wf-77"))
    unreachable = mode.client("key", base_url="http://127.0.0.1:1/v1", max_retries=0, tracing=measured.tracing)
    with pytest.raises(APIConnectionError):
        mode.run(unreachable.request("BREW", "/pot/77"))  # neither the method nor the path is one of the API's
    missing = {**common(server), "http.response.status_code": 404}
    other = {"http.request.method": "_OTHER", "server.address": "127.0.0.1", "server.port": 1}
    assert [labels for labels, _ in measured.points(REQUESTS)] == [
        {**missing, "error.type": "404"},
        {**other, "error.type": "never_sent"},
    ]
    assert [labels for labels, _ in measured.points(CALLS)] == [
        {**missing, "error.type": "NotFoundError"},
        {**other, "error.type": "APIConnectionError"},
    ]


def stating(remaining: int, reset_in: float, clock: FakeClock) -> dict[str, str]:
    reset = str(int(clock.time() + reset_in))
    return {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": str(remaining), "X-RateLimit-Reset": reset}


def test_waits_for_the_rate_limit(mode: Mode, server: ScriptedServer, clock: FakeClock, measured: Measured) -> None:
    server.add_response(WORKFLOW, headers=stating(0, 5, clock))
    server.add_response(WORKFLOW)
    client = mode.client_of(server, tracing=measured.tracing)
    mode.run(client.workflows.get("wf-1"))
    assert measured.points(WAITS) == []
    with pytest.raises(RateLimitError):  # refused at once: that is no wait
        mode.run(client.with_options(timeout=1).workflows.get("wf-1"))
    mode.run(client.workflows.get("wf-1"))
    ((labels, point),) = measured.points(WAITS)
    assert (labels, point.count) == (common(server), 1)
    assert point.sum == pytest.approx(6, abs=0.01)
    server.add_response({}, status=429, headers={"Retry-After": "7"})
    server.add_response(WORKFLOW)
    mode.run(client.workflows.get("wf-1"))
    ((_, point),) = measured.points(WAITS)
    assert point.count == 2
    assert 13 <= point.sum < 14.1


def test_runs_and_waits(mode: Mode, clock: FakeClock, measured: Measured) -> None:
    emulator = Emulator()
    make: Callable[..., Any] = emulator.async_client if mode.is_async else emulator.client
    client = make(tracing=measured.tracing)
    fine = mode.run(client.workflows.create(name="Fine"))
    node = {"id": "a", "type": "llm", "instruction": "{{input.missing}}"}
    broken = mode.run(client.workflows.create(name="Broken", definition={"nodes": [node]}))
    execution = mode.run(client.workflows.run(fine.id))
    mode.run(client.executions.wait(execution.id))
    with pytest.raises(ExecutionFailedError):
        mode.run(client.workflows.run(broken.id))
    found = [labels for labels, _ in measured.points(EXECUTIONS)]
    (address,) = {labels["server.address"] for labels in found}
    server = {"server.address": address, "server.port": found[0]["server.port"]}
    assert found == [
        {"fibonacci.operation": "run", "fibonacci.execution.status": "completed", **server},
        {"fibonacci.operation": "wait", "fibonacci.execution.status": "completed", **server},
        {
            "fibonacci.operation": "run",
            "fibonacci.execution.status": "failed",
            "error.type": "ExecutionFailedError",
            **server,
        },
    ]


def test_with_the_api_alone_nothing_is_measured_and_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("opentelemetry.sdk")]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "fibonacci.integrations.opentelemetry")
    tracing = import_module("fibonacci.integrations.opentelemetry").OpenTelemetryTracing()
    client = Emulator().client(tracing=tracing)
    assert client.workflows.run(client.workflows.create(name="Empty").id).succeeded
