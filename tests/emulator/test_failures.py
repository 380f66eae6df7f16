"""Injected failures in both clients, on a socket and in process."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fibonacci import (
    APIConnectionError,
    APIResponseError,
    APITimeoutError,
    Fibonacci,
    FibonacciError,
    RateLimitError,
    ServerError,
)
from fibonacci.emulator import Emulator
from fibonacci.emulator.facade import app_of
from fibonacci.emulator.faults import FailureError
from fibonacci.emulator.http.messages import ServerRequest
from tests.kit.assertions import appears, check_rows, each_row
from tests.kit.mode import Mode

SET = "PUT /memory/{key}"
CREATE = "POST /workflows"
Made = Callable[..., Any]


@pytest.fixture(params=["socket", "in process"])
def make(request: pytest.FixtureRequest, emulator: Emulator, mode: Mode) -> Made:
    """Make a client of the emulator, in each mode, on a socket and in process."""

    def make(**options: Any) -> Any:
        if request.param == "socket":
            return mode.client_of(emulator, **options)
        return emulator.client(**options) if mode.name == "sync" else emulator.async_client(**options)

    return make


def names(emulator: Emulator) -> list[str]:
    return [str(workflow.name) for workflow in emulator.client().workflows.list()]


def test_a_status_is_sent_to_the_given_number_of_requests(emulator: Emulator, make: Made, mode: Mode) -> None:
    failure = emulator.fail("POST /workflows", status=503, times=2)
    client = make(max_retries=0)
    for left in (1, 0):
        with pytest.raises(ServerError, match="injected by the emulator") as caught:
            mode.run(client.workflows.create(name="x"))
        assert (caught.value.status_code, caught.value.code) == (503, "service_unavailable")
        assert (failure.remaining, failure.delivered) == (left, 2 - left)
    mode.run(client.workflows.create(name="y"))
    assert names(emulator) == ["y"]
    assert [request.status for request in emulator.requests.to(CREATE)] == [503, 503, 201]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("reset", APIConnectionError),
        ("no_reply", APIConnectionError),
        ("cut", APIConnectionError),
        ("html", APIResponseError),
    ],
)
def test_a_broken_response(emulator: Emulator, make: Made, mode: Mode, kind: Any, error: type[FibonacciError]) -> None:
    failure = emulator.fail(CREATE, kind)
    with pytest.raises(error) as caught:
        mode.run(make().workflows.create(name="x"))
    assert getattr(caught.value, "outcome_unknown", None) is True
    assert failure.delivered == 1
    assert names(emulator) == (["x"] if kind in ("no_reply", "cut") else [])
    (request,) = emulator.requests.to(CREATE)
    assert request.status == {"cut": 201, "html": 200}.get(kind)
    mode.run(make().workflows.create(name="y"))  # the broken connection is not reused


def test_a_rate_limit(emulator: Emulator, make: Made, mode: Mode) -> None:
    failure = emulator.fail(CREATE, "rate_limit", retry_after=90)
    with pytest.raises(RateLimitError) as caught:
        mode.run(make(timeout=5).workflows.create(name="x"))
    assert caught.value.code == "rate_limit_exceeded"
    assert (caught.value.retry_after, failure.delivered) == (90, 1)
    assert caught.value.rate_limit is not None
    assert caught.value.rate_limit.remaining == 0


def test_a_delay_and_a_drip(emulator: Emulator, make: Made, mode: Mode) -> None:
    client = make()
    emulator.fail(SET, "delay", seconds=0.05)
    emulator.fail(SET, "drip", seconds=0.0)
    began = time.perf_counter()
    assert mode.run(client.memory.set("k", 1)).value == 1
    assert time.perf_counter() - began >= 0.05
    assert mode.run(client.memory.set("k", 2)).value == 2
    assert [failure.delivered for failure in emulator.failures] == [1, 1]


@pytest.mark.parametrize("is_in_process", [False, True])
def test_what_is_too_slow_is_a_timeout(mode: Mode, is_in_process: bool) -> None:
    def check(kind: Any) -> None:
        with Emulator() as emulator:
            client = emulator.async_client() if is_in_process else mode.client_of(emulator)
            mode.run(client.memory.set("k", 1))  # the connection exists, so that the timeout is for the response alone
            failure = emulator.fail(CREATE, kind, seconds=None if kind == "stall" else 1.3)
            error = mode.end(client.with_options(timeout=1.0).workflows.create, name="x").api_error
            assert type(error) is APITimeoutError
            assert error.outcome_unknown
            assert names(emulator) == ([] if kind == "stall" else ["x"])
            assert appears(lambda: failure.delivered == 1)  # on a socket a delay is counted at its end
            mode.run(client.workflows.create(name="y"))  # the broken connection is not reused

    check_rows([(kind, kind) for kind in ("delay", "drip", "stall")], check, at_once=3)


def test_closing_the_emulator_ends_waiting_deliveries() -> None:
    emulator = Emulator()
    with emulator, Fibonacci(emulator.api_key, base_url=emulator.base_url, timeout=0.6, max_retries=0) as client:
        emulator.fail("GET /health", "stall")
        emulator.fail("GET /memory/{key}", "delay", seconds=60.0)
        emulator.fail("GET /workflows/{workflow_id}", "drip", seconds=60.0)
        acts: list[Callable[[], object]] = [
            client.health.check, lambda: client.memory.get("k"), lambda: client.workflows.get("wf-1"),
        ]  # fmt: skip
        with ThreadPoolExecutor() as threads:
            calls = [threads.submit(act) for act in acts]
        assert [type(call.exception()) for call in calls] == [APITimeoutError] * 3
        began = time.perf_counter()
    assert time.perf_counter() - began < 5


@each_row(
    ("order", "body", "content_type"),
    [
        ({"body": {"error": {"code": "mine", "message": "x"}}}, b'{"error":{"code":"mine","message":"x"}}', None),
        ({"body": b"\xff"}, b"\xff", "text/plain; charset=utf-8"),
        ({"body": b"", "headers": {"content-type": "a/b", "X-More": "1"}}, b"", "a/b"),
        ({"headers": {"retry-after": "5"}, "retry_after": 4}, None, None),
        ({"status": 204, "body": "nothing"}, b"", "no content has no type"),
        ({"kind": "html", "status": 502, "body": "<p>"}, b"<p>", "text/html; charset=utf-8"),
    ],
)
def test_a_response_as_specified(order: dict[str, Any], body: bytes | None, content_type: str | None) -> None:
    emulator = Emulator()
    emulator.fail("GET /health", **order)
    response = app_of(emulator).handle(ServerRequest("GET", "/v1/health", {}))
    headers = {name.lower(): value for name, value in response.headers}
    assert len(headers) == len(response.headers)
    if body is not None:
        assert response.body == body
    assert headers.get("retry-after") in (None, "5")
    assert response.status == order.get("status", 500)
    if response.status != 204:
        assert headers["content-type"] == (content_type or "application/json")
        assert headers["content-length"] == str(len(response.body))
        assert "x-request-id" in headers


@each_row(
    ("order", "field"),
    [
        ({"route": "GET /tool"}, "route"),
        ({"kind": "explode"}, "kind"),
        ({"times": 0}, "times"),
        ({"status": 600}, "status"),
        ({"kind": "delay", "seconds": -1}, "seconds"),
        ({"kind": "reset", "seconds": 1}, "seconds"),
        ({"kind": "reset", "status": 500}, "status"),
        ({"headers": {"a": "b\r\nc: d"}}, "headers"),
        ({"headers": {"Content-Length": "1"}}, "headers"),
        ({"retry_after": "soon\n"}, "headers"),
    ],
)
def test_an_invalid_failure_changes_nothing(order: dict[str, Any], field: str) -> None:
    emulator = Emulator()
    with pytest.raises(FailureError, match=f"^{field} ") as caught:
        emulator.fail(**order)
    assert caught.value.field == field
    assert (len(emulator.failures), app_of(emulator).faults.is_active) == (0, False)


def test_the_oldest_matching_failure_is_used_first() -> None:
    emulator = Emulator()
    client = emulator.client(max_retries=0)
    emulator.fail("GET /tools", status=500)
    emulator.fail("GET *", status=502, times=2)
    emulator.fail("* /tools", status=503, times=None)
    statuses = [_status(lambda: client.tools.list().first()) for _ in range(5)]
    assert statuses == [500, 502, 502, 503, 503]
    assert _status(client.health.check) == 200
    assert [(failure.delivered, failure.remaining) for failure in emulator.failures] == [(1, 0), (2, 0), (2, None)]
    assert repr(emulator.failures[2]) == "<InjectedFailure status 503 for * /tools, always, delivered 2>"
    emulator.failures.clear()
    assert _status(lambda: client.tools.list().first()) == 200
    assert (len(emulator.failures), emulator.failures.delivered) == (0, 0)


def _status(call: Callable[[], object]) -> int:
    try:
        call()
    except FibonacciError as error:
        return int(getattr(error, "status_code", 0))
    return 200


def test_failures_come_before_keys_and_rate_limits() -> None:
    emulator = Emulator(rate_limit=(1, 60))
    emulator.fail("*", status=500, times=3)
    client = emulator.client(api_key="wrong", max_retries=0)
    assert [_status(client.health.check) for _ in range(4)] == [500, 500, 500, 401]
    assert _status(emulator.client().health.check) == 200


def test_chaos_is_reproducible_with_a_seed() -> None:
    def outcomes(seed: int) -> list[int]:
        emulator = Emulator()
        failures = emulator.chaos(random_seed=seed, rate=0.3, route="GET /tools")
        client = emulator.client(max_retries=0)
        got = [_status(lambda: client.tools.list().first()) for _ in range(40)]
        assert _status(client.health.check) == 200
        assert emulator.failures.delivered == sum(status != 200 for status in got)
        assert {failure.kind for failure in failures} == {"status", "reset", "no_reply", "cut"}
        return got

    first = outcomes(7)
    assert outcomes(7) == first != outcomes(8)
    assert set(first) == {200, 503, 0}
