"""`executions.wait` and `workflows.run` while polls fail, with a clock that is moved by sleeping."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from fibonacci import (
    APIConnectionError,
    APIError,
    APIResponseError,
    AuthenticationError,
    NotFoundError,
    QuotaExceededError,
    WaitTimeoutError,
)
from fibonacci.models import Execution
from fibonacci.transports import Deadline, HTTPRequest, HTTPResponse, TransportError
from tests.kit.assertions import check_rows, each_row
from tests.kit.certificates import Authority
from tests.kit.clock import START, FakeClock, Standstill
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer
from tests.kit.steps import Step, error_body, raw_then_close, raw_then_reset, refusing, respond
from tests.kit.transport import ScriptedTransport, http_response


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(runs=True)


def _execution(status: str, **more: object) -> Step:
    body = json.dumps({"data": {"execution_id": "exec_1", "status": status, **more}}).encode()
    return respond(200, body)


RUNNING = _execution("running")
DONE = _execution("completed", outputs={"a": 1})
FAILURES: dict[str, Step] = {
    "500": respond(500, b"oops"),
    "502 with HTML": respond(502, b"<html>", content_type="text/html"),
    "429": refusing(429, {"Retry-After": "0"}),
    "429, long": refusing(429, {"Retry-After": "100"}),
    "503": refusing(503, {"Retry-After": "0"}),
    "a reset": raw_then_reset(b""),
    "a close": raw_then_close(b""),
    "HTML with 200": respond(200, b"<html>", content_type="text/html"),
    "JSON of another kind": respond(200, b'{"data": [1]}'),
    "another's execution": respond(200, b'{"data": {"execution_id": "exec_2", "status": "completed"}}'),
}


@each_row("last", [RUNNING, FAILURES["500"], FAILURES["a reset"]])
def test_at_the_deadline_the_error_holds_the_last_execution(
    last: Step, mode: Mode, clock: FakeClock, standstill: Standstill
) -> None:
    with ScriptedServer(RUNNING, last) as server:
        began = clock.monotonic()
        ended = mode.end(mode.client_of(server).executions.wait, "exec_1", timeout=60)
        took = clock.monotonic() - began
    assert type(ended.error) is WaitTimeoutError
    assert ended.error.execution is not None
    assert (ended.error.execution.id, ended.error.execution.status) == ("exec_1", "running")
    assert "exec_1" in str(ended.error)
    assert notes(ended.error)[0].startswith("execution id: exec_1. The execution ")
    assert 60 <= took <= 60.5 + standstill.seconds
    assert len(server.requests) > 5


CALLS: dict[str, Callable[[Any], Any]] = {
    "wait": lambda client: client.executions.wait("exec_1", timeout=20),
    "wait_all": lambda client: client.executions.wait_all(["exec_1"], timeout=20),
    "watch": lambda client: client.executions.watch("exec_1", timeout=20),
}
GATEWAYS = {f"HTML with {status}": respond(status, b"<html>", content_type="text/html") for status in (401, 403, 404)}
FINAL: dict[str, Step] = {
    name: FAILURES[name] for name in ("HTML with 200", "JSON of another kind", "another's execution")
}
CURABLE: dict[str, Step] = {**{name: step for name, step in FAILURES.items() if name not in FINAL}, **GATEWAYS}


def failed(mode: Mode, call: str, client: Any) -> Any:
    """Return the error of one of the calls."""
    return mode.end(lambda: CALLS[call](client)).error


def notes(error: Exception | None) -> list[str]:
    return getattr(error, "__notes__", [])


@each_row("call", CALLS)
def test_what_is_final_ends_a_wait_that_has_not_seen_anything(
    call: str, mode: Mode, clock: FakeClock, authority: Authority
) -> None:
    def check(failure: Step) -> None:
        with ScriptedServer(failure) as server:
            error = failed(mode, call, mode.client_of(server))
        assert type(error) is APIResponseError
        assert len(server.requests) == 1

    check_rows(FINAL.items(), check)
    with ScriptedServer(DONE, tls=authority.expired()) as server:
        untrusted = failed(mode, call, mode.client_of(server, ca_bundle=authority.file))
    unknown = failed(mode, call, mode.client("key", base_url="https://unknown.invalid/v1"))
    for error, text in ((untrusted, "certificate verify failed"), (unknown, "whose name cannot be resolved")):
        assert type(error) is APIConnectionError
        assert text in str(error)
        assert error.is_permanent
    assert clock.slept == []


@each_row("call", CALLS)
def test_what_may_pass_is_polled_through_and_is_why_the_time_ran_out(call: str, mode: Mode, clock: FakeClock) -> None:
    def check(failure: Step) -> None:
        with ScriptedServer(failure) as server:
            error = failed(mode, call, mode.client_of(server))
        assert isinstance(error, WaitTimeoutError)
        assert error.execution is None
        assert isinstance(error.__cause__, APIError)
        assert re.search(r"exec_1 was never seen.*; \d+ polls have failed: GET /executions/exec_1: ", str(error))
        assert str(error).endswith(str(error.__cause__))
        assert notes(error) == (["execution id: exec_1"] if call == "wait" else [])
        assert clock.slept

    check_rows(CURABLE.items(), check)
    refused = failed(mode, call, mode.client("key", base_url="http://127.0.0.1:9"))
    assert isinstance(refused, WaitTimeoutError)
    assert isinstance(refused.__cause__, APIConnectionError)
    assert not refused.__cause__.is_permanent


@each_row("call", CALLS)
def test_what_the_platform_did_not_say_is_polled_through_once_it_has_responded(
    call: str, mode: Mode, clock: FakeClock
) -> None:
    def check(failure: HTTPResponse | Exception) -> None:
        transport = ScriptedTransport(running, *[failure] * 3, done)
        result = mode.run(CALLS[call](mode.client_of(transport, max_retries=0)))
        assert (result if call == "wait" else result[-1]).succeeded
        assert len(transport.requests) == 5

    running, done = (
        http_response({"data": {"execution_id": "exec_1", "status": status, "outputs": {}}})
        for status in ("running", "completed")
    )
    failures: dict[str, HTTPResponse | Exception] = {
        "an untrusted certificate": TransportError("tls", OSError("certificate verify failed")),
        "an unknown name": TransportError("name", OSError("Name or service not known")),
        "a login page": http_response("<html>", headers={"Content-Type": "text/html"}),
        "a gateway": http_response("<html>", 404, headers={"Content-Type": "text/html"}),
        "a broken connection": TransportError("unknown"),
    }
    check_rows(failures.items(), check)


def test_what_was_seen_is_said_with_its_age(mode: Mode, clock: FakeClock) -> None:
    failure = TransportError("tls", OSError("certificate verify failed"))
    transport = ScriptedTransport(http_response({"data": {"execution_id": "exec_1", "status": "running"}}), failure)
    error = mode.end(mode.client_of(transport).executions.wait, "exec_1", timeout=60).error
    said = r"not seen to end in the time to wait: last seen running 60 s ago; \d polls have failed since: GET .*"
    assert re.search(f"^execution exec_1 was {said}certificate verify failed", str(error))
    assert notes(error) == [
        "execution id: exec_1. The execution may still be running: wait again with executions.wait, or end it with"
        " executions.cancel"
    ]


def test_an_outage_of_polls_is_logged_when_it_begins_and_when_it_ends(
    mode: Mode, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()
    with ScriptedServer(*[FAILURES["500"]] * 6, RUNNING, FAILURES["a reset"], DONE) as server:
        mode.run(mode.client_of(server, max_retries=0).executions.wait("exec_1"))
    logged = [record for record in caplog.records if record.levelname == "WARNING"]
    assert [record.getMessage().partition(":")[0] for record in logged] == [
        "polling execution exec_1 fails, trying again",
        "polling execution exec_1 works again after 6 failures",
        "polling execution exec_1 fails, trying again",
        "polling execution exec_1 works again after 1 failure",
    ]
    assert "status 500" in logged[0].getMessage()
    assert {vars(record)["execution_id"] for record in logged} == {"exec_1"}


def test_a_replica_may_lag_behind_the_execute_of_a_run(
    mode: Mode, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    missing = respond(404, error_body("not_found"))
    caplog.clear()
    with ScriptedServer(RUNNING, missing, missing, DONE) as server:
        assert mode.run(mode.client_of(server).workflows.run("wf-1")).succeeded
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []
    began = clock.monotonic()
    with ScriptedServer(RUNNING, missing) as server:
        error = mode.end(mode.client_of(server).workflows.run, "wf-1").error
    assert type(error) is NotFoundError
    assert 10 <= clock.monotonic() - began < 20
    with ScriptedServer(missing) as server:
        assert type(mode.end(mode.client_of(server).executions.wait, "exec_1").error) is NotFoundError
    assert len(server.requests) == 1


class StallingTransport(ScriptedTransport):
    """Responds to the first request, if at all. To the others there is no response until their time is up."""

    def __init__(self, clock: FakeClock, status: str | None = "running") -> None:
        super().__init__(http_response({"data": {"execution_id": "exec_1", "status": status}}))
        self._clock = clock
        self._responds = status is not None

    def send(self, request: HTTPRequest, deadline: Deadline) -> HTTPResponse:
        """Return the response, or let the time pass."""
        response = super().send(request, deadline)
        if self._responds and len(self.requests) == 1:
            return response
        self._clock.advance(deadline.remaining() or 0)
        raise deadline.exceeded()


def test_a_poll_without_a_response_ends_with_the_wait(mode: Mode) -> None:
    clock = FakeClock()
    transport = StallingTransport(clock)
    began = clock.monotonic()
    ended = mode.end(mode.client_of(transport, clock=clock).executions.wait, "exec_1", timeout=70)
    assert isinstance(ended.error, WaitTimeoutError)
    assert ended.error.execution is not None
    # Of 70 s, 60 s went by in the second poll and 2.5 s between polls. The last one finds no time to be sent in.
    assert transport.remaining == [60, 60, 7.5, 0]
    assert clock.monotonic() - began == 70


@each_row(
    ("step", "error"),
    [
        (respond(404, error_body()), NotFoundError),
        (respond(401, error_body()), AuthenticationError),
        (respond(429, error_body("quota_exceeded")), QuotaExceededError),
    ],
)
def test_a_permanent_error_ends_the_wait(step: Step, error: type[Exception], mode: Mode, clock: FakeClock) -> None:
    with ScriptedServer(RUNNING, step) as server:
        ended = mode.end(mode.client_of(server).executions.wait, "exec_1")
    assert type(ended.error) is error
    assert len(server.requests) == 2


@each_row(
    ("timeout", "sleeps"),
    [
        (6.0, [1.0, 1.5, 2.25, 0.75, 0.5]),
        (1.625, [1.0, 0.3125, 0.3125]),
        (0.75, [0.375, 0.375]),
    ],
)
def test_time_is_kept_for_a_last_poll_before_the_deadline(timeout: float, sleeps: list[float], mode: Mode) -> None:
    clock = FakeClock()
    transport = ScriptedTransport(http_response({"data": {"execution_id": "exec_1", "status": "running"}}))
    ended = mode.end(mode.client_of(transport, clock=clock).executions.wait, "exec_1", timeout=timeout)
    assert str(ended.error) == "execution exec_1 was running when the time to wait was up"
    assert clock.slept == sleeps
    assert len(transport.requests) == len(sleeps)


@each_row(("remaining", "seconds"), [(0, 15), (8, 15), (50, 12), (120, 5), (601, 1), (1_000_000, 1)])
def test_polls_take_a_tenth_of_what_the_rate_limit_has_left(remaining: int, seconds: float, mode: Mode) -> None:
    clock, transport = FakeClock(), ScriptedTransport()
    headers = {"X-RateLimit-Limit": "1000000", "X-RateLimit-Reset": str(int(START) + 60)}
    for status in ("running", "completed"):
        body = {"data": {"execution_id": "exec_1", "status": status}}
        transport.add_response(body, headers={**headers, "X-RateLimit-Remaining": str(remaining)})
    mode.run(mode.client_of(transport, clock=clock).executions.wait("exec_1"))
    assert abs(clock.slept[0] - seconds) < 0.3


def test_on_update_is_called_for_changes_only(mode: Mode, clock: FakeClock) -> None:
    """Not for that of the time."""
    statuses = ["pending", "pending", "running", "running", "pending_approval", "something_new", "running"]
    steps = [
        _execution(status, duration_ms=time, updated_at=f"2026-01-01T00:00:{time}Z", nodes_executed=time // 17)
        for time, status in enumerate([*statuses, "running"], 10)
    ]

    def on_update(execution: Execution) -> None:
        seen.append((execution.status, execution.duration_ms))

    seen: list[tuple[str | None, float | None]] = []
    with ScriptedServer(*steps, DONE) as server:
        mode.run(mode.client_of(server).executions.wait("exec_1", on_update=on_update))
    assert [status for status, _ in seen] == [*dict.fromkeys(statuses), "running", "running", "completed"]
    assert [time for _, time in seen] == [10, 12, 14, 15, 16, 17, None]
    assert len(server.requests) == 9


def test_run_executes_once_and_survives_failed_polls(mode: Mode, clock: FakeClock) -> None:
    steps = [RUNNING, *FAILURES.values(), RUNNING, DONE]
    with ScriptedServer(*steps) as server:
        ended = mode.run(mode.client_of(server).workflows.run("wf-1", inputs={"a": 1}, timeout=3600))
    assert ended.succeeded
    assert server.by_method()["POST"] == 1
    assert server.delivered == len(steps)
