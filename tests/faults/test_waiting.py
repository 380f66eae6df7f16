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
from fibonacci._core.deadline import Deadline
from fibonacci._core.shared_limits import shared_limits
from fibonacci.models import Execution
from tests.faults.driving import COLOURS, KEY, Colour, Driver
from tests.faults.faults import answer, error_body, raw_then_close, raw_then_reset, refusing
from tests.faults.refusals import pace
from tests.faults.server import Act, FaultServer, Peer
from tests.kit.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(runs=True)


def _execution(status: str, **more: object) -> Act:
    body = json.dumps({"data": {"execution_id": "exec_1", "status": status, **more}}).encode()
    return answer(200, body)


RUNNING = _execution("running")
DONE = _execution("completed", outputs={"a": 1})
FAILURES: dict[str, Act] = {
    "500": answer(500, b"oops"),
    "502 with HTML": answer(502, b"<html>", content_type="text/html"),
    "429": refusing(429, {"Retry-After": "0"}),
    "429, long": refusing(429, {"Retry-After": "100"}),
    "503": refusing(503, {"Retry-After": "0"}),
    "a reset": raw_then_reset(b""),
    "a close": raw_then_close(b""),
    "HTML with 200": answer(200, b"<html>", content_type="text/html"),
    "JSON of another kind": answer(200, b'{"data": [1]}'),
}


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("failure", FAILURES)
def test_it_survives_polls_that_fail(failure: str, colour: Colour, clock: FakeClock) -> None:
    updates: list[str | None] = []
    acts = [RUNNING, *[FAILURES[failure]] * 9, DONE]
    with FaultServer(*acts) as server, Driver(colour, clock) as driver:
        client = driver.client(server.base_url)

        def on_update(seen: Execution) -> None:
            updates.append(seen.status)

        ended = driver.call(client.executions.wait, "exec_1", timeout=3600, on_update=on_update)
    assert (ended.status, ended.outputs) == ("completed", {"a": 1})
    assert updates == ["running", "completed"]
    assert len(server.requests) == server.delivered == 11


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("last", [RUNNING, FAILURES["500"], FAILURES["a reset"]], ids=["running", "500", "a reset"])
def test_at_the_deadline_it_gives_the_execution_as_last_seen(last: Act, colour: Colour, clock: FakeClock) -> None:
    with FaultServer(RUNNING, last) as server, Driver(colour, clock) as driver:
        began = clock.monotonic()
        ended = driver.end(driver.client(server.base_url).executions.wait, "exec_1", timeout=60)
        took = clock.monotonic() - began
    assert type(ended.error) is WaitTimeoutError
    assert ended.error.execution is not None
    assert (ended.error.execution.id, ended.error.execution.status) == ("exec_1", "running")
    assert "exec_1" in str(ended.error)
    assert 60 <= took <= 60.5
    assert len(server.requests) > 5


@pytest.mark.parametrize("colour", COLOURS)
def test_at_the_deadline_without_any_answer(colour: Colour, clock: FakeClock) -> None:
    with FaultServer(FAILURES["500"]) as server, Driver(colour, clock) as driver:
        ended = driver.end(driver.client(server.base_url).executions.wait, "exec_1", timeout=20)
    assert isinstance(ended.error, WaitTimeoutError)
    assert ended.error.execution is None
    assert server.delivered > 3


@pytest.mark.parametrize("colour", COLOURS)
def test_a_poll_that_is_never_answered_ends_with_the_wait(colour: Colour) -> None:
    with FaultServer(RUNNING, lambda peer: peer.stall()) as server, Driver(colour) as driver:
        ended = driver.end(driver.client(server.base_url).executions.wait, "exec_1", timeout=1.2)
    assert isinstance(ended.error, WaitTimeoutError)
    assert ended.error.execution is not None
    assert 1.2 <= ended.seconds <= 1.7
    assert server.delivered == len(server.requests) >= 2


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(
    ("act", "error"),
    [
        (answer(404, error_body()), NotFoundError),
        (answer(401, error_body()), AuthenticationError),
        (answer(429, error_body("quota_exceeded")), QuotaExceededError),
    ],
)
def test_what_will_not_pass_ends_it(act: Act, error: type[Exception], colour: Colour, clock: FakeClock) -> None:
    with FaultServer(RUNNING, act) as server, Driver(colour, clock) as driver:
        ended = driver.end(driver.client(server.base_url).executions.wait, "exec_1")
    assert type(ended.error) is error
    assert len(server.requests) == 2


@pytest.mark.parametrize("colour", COLOURS)
def test_polls_grow_rarer(colour: Colour, clock: FakeClock) -> None:
    with FaultServer(*[RUNNING] * 12, DONE) as server, Driver(colour, clock) as driver:
        driver.call(driver.client(server.base_url).executions.wait, "exec_1")
    assert clock.slept[0] == 1.0
    assert clock.slept == sorted(clock.slept)
    assert max(clock.slept) == clock.slept[-1] == 15.0
    assert len(clock.slept) == len(server.requests) - 1 == 12


def _told(remaining: Callable[[], int], status: Callable[[], str]) -> Act:
    """An execution, with the pace of a plan of 60 requests in a minute that has been used up to some point."""

    def act(peer: Peer) -> None:
        body = json.dumps({"data": {"execution_id": "exec_1", "status": status()}}).encode()
        answer(200, body, pace(remaining(), 60)(int(time.time())))(peer)

    return act


@pytest.mark.parametrize("colour", COLOURS)
def test_polls_keep_to_a_fair_share_of_what_is_left(colour: Colour, clock: FakeClock) -> None:
    with FaultServer(*[_told(lambda: 8, lambda: "running")] * 4, DONE) as server, Driver(colour, clock) as driver:
        driver.call(driver.client(server.base_url).executions.wait, "exec_1")
    # With 8 requests left for 60 s, polling takes half of them at the most: one in 15 s.
    assert clock.slept[0] == pytest.approx(15, abs=1)
    assert all(second >= 1 for second in clock.slept)
    assert len(server.requests) == 5


@pytest.mark.parametrize("colour", COLOURS)
def test_on_update_is_called_for_changes_only(colour: Colour, clock: FakeClock) -> None:
    seen: list[str | None] = []

    def on_update(execution: Execution) -> None:
        seen.append(execution.status)

    steps = ["pending", "pending", "running", "running", "pending_approval", "something_new", "running"]
    with FaultServer(*map(_execution, steps), DONE) as server, Driver(colour, clock) as driver:
        wait = driver.client(server.base_url).executions.wait
        driver.call(wait, "exec_1", on_update=on_update)
    assert seen == ["pending", "running", "pending_approval", "something_new", "running", "completed"]
    assert len(server.requests) == 8


@pytest.mark.parametrize("colour", COLOURS)
def test_an_error_in_on_update_is_the_users_own(colour: Colour, clock: FakeClock) -> None:
    def on_update(execution: object) -> None:
        raise LookupError("mine")

    with FaultServer(RUNNING, DONE) as server, Driver(colour, clock) as driver:
        client = driver.client(server.base_url)
        assert isinstance(driver.end(client.executions.wait, "exec_1", on_update=on_update).error, LookupError)
        # What the wait had taken for itself is free again.
        assert driver.call(client.executions.wait, "exec_1").succeeded
    assert shared_limits(server.base_url, KEY).pollers == 0
    assert len(server.requests) == 2


@pytest.mark.parametrize("colour", COLOURS)
def test_run_executes_once_and_survives_failed_polls(colour: Colour, clock: FakeClock) -> None:
    acts = [RUNNING, *FAILURES.values(), RUNNING, DONE]
    with FaultServer(*acts) as server, Driver(colour, clock) as driver:
        ended = driver.call(driver.client(server.base_url).workflows.run, "wf-1", inputs={"a": 1}, timeout=3600)
    assert ended.succeeded
    assert server.by_method()["POST"] == 1
    assert server.delivered == len(acts)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_run_says_how_it_ended(status: str, colour: Colour, clock: FakeClock) -> None:
    with FaultServer(RUNNING, _execution(status)) as server, Driver(colour, clock) as driver:
        ended = driver.end(driver.client(server.base_url).workflows.run, "wf-1")
    assert isinstance(ended.error, ExecutionFailedError)
    assert ended.error.execution.status == status
    assert len(server.requests) == 2


@pytest.mark.parametrize("colour", COLOURS)
def test_run_at_the_deadline_holds_the_execution(colour: Colour, clock: FakeClock) -> None:
    with FaultServer(RUNNING) as server, Driver(colour, clock) as driver:
        ended = driver.end(driver.client(server.base_url).workflows.run, "wf-1", timeout=30)
    assert isinstance(ended.error, WaitTimeoutError)
    assert ended.error.execution is not None
    assert ended.error.execution.id == "exec_1"
    assert server.by_method()["POST"] == 1


@pytest.mark.parametrize("colour", COLOURS)
def test_run_whose_start_is_unknown_is_not_started_again(colour: Colour, clock: FakeClock) -> None:
    with FaultServer(raw_then_reset(b"")) as server, Driver(colour, clock) as driver:
        ended = driver.end(driver.client(server.base_url).workflows.run, "wf-1", timeout=30)
    assert ended.api_error.outcome_unknown
    assert [request.method for request in server.requests] == ["POST"]


def test_the_clock_is_the_one_that_is_used(clock: FakeClock) -> None:
    ten_seconds = Deadline(10, clock)
    clock.sleep(9)
    assert 0 < (ten_seconds.remaining() or 0) <= 1
