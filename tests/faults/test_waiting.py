"""`executions.wait` and `workflows.run` while polls fail, with a clock that is moved by sleeping."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from fibonacci import (
    AuthenticationError,
    ExecutionFailedError,
    NotFoundError,
    QuotaExceededError,
    WaitTimeoutError,
)
from fibonacci.models import Execution
from fibonacci.transports import Deadline, HTTPRequest, HTTPResponse
from tests.faults.refusals import rate_limit
from tests.kit.assertions import check_rows, each_row
from tests.kit.clock import FakeClock, Standstill
from tests.kit.limits import limits_of
from tests.kit.mode import Mode, both_modes
from tests.kit.peer import Peer
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
}


def test_wait_survives_failed_polls(mode: Mode, clock: FakeClock) -> None:
    def check(failure: Step) -> None:
        updates: list[str | None] = []

        def on_update(seen: Execution) -> None:
            updates.append(seen.status)

        with ScriptedServer(RUNNING, *[failure] * 5, DONE) as server:
            client = mode.client_of(server)
            ended = mode.run(client.executions.wait("exec_1", timeout=3600, on_update=on_update))
        assert (ended.status, ended.outputs) == ("completed", {"a": 1})
        assert updates == ["running", "completed"]
        assert len(server.requests) == server.delivered == 7

    check_rows(FAILURES.items(), check)


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
    assert 60 <= took <= 60.5 + standstill.seconds
    assert len(server.requests) > 5


def test_at_the_deadline_without_any_response(mode: Mode, clock: FakeClock) -> None:
    with ScriptedServer(FAILURES["500"]) as server:
        ended = mode.end(mode.client_of(server).executions.wait, "exec_1", timeout=20)
    assert isinstance(ended.error, WaitTimeoutError)
    assert ended.error.execution is None
    assert str(ended.error) == "execution exec_1 could not be seen when the time to wait was up"
    assert server.delivered > 3


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


def test_polls_become_less_frequent(mode: Mode, clock: FakeClock) -> None:
    with ScriptedServer(*[RUNNING] * 12, DONE) as server:
        mode.run(mode.client_of(server).executions.wait("exec_1"))
    assert clock.slept[0] == 1.0
    assert clock.slept == sorted(clock.slept)
    assert max(clock.slept) == clock.slept[-1] == 15.0
    assert len(clock.slept) == len(server.requests) - 1 == 12


@each_row(
    ("timeout", "sleeps"),
    [
        (6.0, [1.0, 1.5, 2.25, 0.75, 0.5]),
        (1.625, [1.0, 0.3125, 0.3125]),
        (1.5, [1.0, 0.5]),
        (1.25, [0.75, 0.5]),
        (0.75, [0.375, 0.375]),
    ],
)
def test_time_is_kept_for_a_last_poll_before_the_deadline(timeout: float, sleeps: list[float], mode: Mode) -> None:
    transport, clock = (
        ScriptedTransport(http_response({"data": {"execution_id": "exec_1", "status": "running"}})),
        FakeClock(),
    )
    ended = mode.end(mode.client_of(transport, clock=clock).executions.wait, "exec_1", timeout=timeout)
    assert str(ended.error) == "execution exec_1 was running when the time to wait was up"
    assert clock.slept == sleeps
    assert len(transport.requests) == len(sleeps)


def _told(remaining: Callable[[], int], status: Callable[[], str]) -> Step:
    """Respond with an execution, and with a rate limit of 60 requests in a minute of which some remain."""

    def step(peer: Peer) -> None:
        body = json.dumps({"data": {"execution_id": "exec_1", "status": status()}}).encode()
        respond(200, body, rate_limit(remaining(), 60)(int(time.time())))(peer)

    return step


def test_polls_take_a_fair_share_of_the_rate_limit(mode: Mode, clock: FakeClock) -> None:
    with ScriptedServer(*[_told(lambda: 8, lambda: "running")] * 4, DONE) as server:
        mode.run(mode.client_of(server).executions.wait("exec_1"))
    # With 8 requests left for 60 s, polling takes half of them at the most: one in 15 s.
    assert clock.slept[0] == pytest.approx(15, abs=1)
    assert all(second >= 1 for second in clock.slept)
    assert len(server.requests) == 5


def test_on_update_is_called_for_changes_only(mode: Mode, clock: FakeClock) -> None:
    seen: list[str | None] = []

    def on_update(execution: Execution) -> None:
        seen.append(execution.status)

    steps = ["pending", "pending", "running", "running", "pending_approval", "something_new", "running"]
    with ScriptedServer(*map(_execution, steps), DONE) as server:
        wait = mode.client_of(server).executions.wait
        mode.run(wait("exec_1", on_update=on_update))
    assert seen == ["pending", "running", "pending_approval", "something_new", "running", "completed"]
    assert len(server.requests) == 8


def test_the_time_alone_is_no_change_of_an_execution(mode: Mode, clock: FakeClock) -> None:
    def running(milliseconds: int, **others: object) -> Step:
        return _execution("running", duration_ms=milliseconds, updated_at=f"2026-01-01T00:00:{milliseconds}Z", **others)

    def on_update(execution: Execution) -> None:
        seen.append(execution.duration_ms)

    steps = [running(10), running(11), running(12, nodes_executed=1), running(13, nodes_executed=1)]
    seen: list[float | None] = []
    with ScriptedServer(*steps, running(14, nodes_executed=1, error="a"), DONE) as server:
        mode.run(mode.client_of(server).executions.wait("exec_1", on_update=on_update))
    assert seen == [10, 12, 14, None]
    assert len(server.requests) == 6


@both_modes
def test_an_error_in_on_update_propagates(mode: Mode, clock: FakeClock) -> None:
    def on_update(execution: object) -> None:
        raise LookupError("mine")

    with ScriptedServer(RUNNING, DONE) as server:
        client = mode.client_of(server)
        assert isinstance(mode.end(client.executions.wait, "exec_1", on_update=on_update).error, LookupError)
        # What the wait had taken for itself is free again.
        assert mode.run(client.executions.wait("exec_1")).succeeded
    assert limits_of(server).pollers == 0
    assert len(server.requests) == 2


def test_run_executes_once_and_survives_failed_polls(mode: Mode, clock: FakeClock) -> None:
    steps = [RUNNING, *FAILURES.values(), RUNNING, DONE]
    with ScriptedServer(*steps) as server:
        ended = mode.run(mode.client_of(server).workflows.run("wf-1", inputs={"a": 1}, timeout=3600))
    assert ended.succeeded
    assert server.by_method()["POST"] == 1
    assert server.delivered == len(steps)


@each_row("status", ["failed", "cancelled"])
def test_run_raises_for_an_execution_that_failed(status: str, mode: Mode, clock: FakeClock) -> None:
    with ScriptedServer(RUNNING, _execution(status)) as server:
        ended = mode.end(mode.client_of(server).workflows.run, "wf-1")
    assert isinstance(ended.error, ExecutionFailedError)
    assert ended.error.execution.status == status
    assert len(server.requests) == 2


def test_run_at_the_deadline_holds_the_execution(mode: Mode, clock: FakeClock) -> None:
    with ScriptedServer(RUNNING) as server:
        ended = mode.end(mode.client_of(server).workflows.run, "wf-1", timeout=30)
    assert isinstance(ended.error, WaitTimeoutError)
    assert ended.error.execution is not None
    assert ended.error.execution.id == "exec_1"
    assert server.by_method()["POST"] == 1


def test_run_whose_start_is_unknown_is_not_started_again(mode: Mode, clock: FakeClock) -> None:
    with ScriptedServer(raw_then_reset(b"")) as server:
        ended = mode.end(mode.client_of(server).workflows.run, "wf-1", timeout=30)
    assert ended.api_error.outcome_unknown
    assert [request.method for request in server.requests] == ["POST"]
