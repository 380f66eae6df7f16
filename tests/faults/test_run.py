"""`workflows.run`: why an execution failed, and the notes on whatever ends a run or a wait early."""

from __future__ import annotations

import asyncio
import pickle
import threading
import time
import traceback
from functools import partial
from typing import Any

import pytest

from fibonacci import (
    APIConnectionError,
    APITimeoutError,
    AsyncFibonacci,
    ConflictError,
    ExecutionCancelledError,
    ExecutionFailedError,
    NotFoundError,
    PermissionDeniedError,
    WaitTimeoutError,
)
from fibonacci.emulator import Emulator
from fibonacci.models import Execution
from tests.faults.test_waiting import StallingTransport
from tests.kit.assertions import each_row
from tests.kit.clock import FakeClock
from tests.kit.limits import limits_of
from tests.kit.mode import Mode, each_mode
from tests.kit.nodes import llm, tool
from tests.kit.peer import Peer
from tests.kit.server import ScriptedServer
from tests.kit.steps import Step, raw_then_reset, respond, respond_json

NOTE = "execution id: exec_1"
CONTINUES = ". The execution keeps running: wait again with executions.wait, or end it with executions.cancel"
MAY_HAVE_STARTED = ". The execution may have been started: look for it with executions.list before you start it again"
KEY = "sk-secret-of-mine"
ID_REDACTED = "execution id: [API key]"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(runs=True)


def execution(status: str, **more: object) -> Step:
    return respond_json({"data": {"execution_id": "exec_1", "status": status, **more}})


CANCEL = {"cancel_on_exit": True}
ASKED = "the execution was canceled, as cancel_on_exit asks"
NOT_CANCELED = "canceling the execution failed, so it may still be running"
FAILURE = "execution exec_1 failed"
FAILED = execution("failed", error={"message": "m", "code": "c"})


def notes_of(error: BaseException | None) -> list[str]:
    return list(getattr(error, "__notes__", ()))


def create(emulator: Emulator, *nodes: dict[str, Any]) -> str:
    return emulator.client().workflows.create(name="x", definition={"nodes": list(nodes)}).id


ENDS: list[tuple[list[Step], dict[str, Any], type[Exception], str, list[str], str]] = [
    ([execution("failed", error="m")], {}, ExecutionFailedError, "execution exec_1 failed: m", [NOTE], "POST GET"),
    # The reason is read once more, but for an execution that was polled.
    ([execution("failed"), FAILED], {}, ExecutionFailedError, "execution exec_1 failed: m", [NOTE], "POST GET"),
    ([execution("running"), FAILED], {}, ExecutionFailedError, "execution exec_1 failed: m", [NOTE], "POST GET"),
    ([execution("running"), execution("failed")], {}, ExecutionFailedError, FAILURE, [NOTE], "POST GET"),
    ([execution("failed"), respond(404)], {}, ExecutionFailedError, FAILURE, [NOTE], "POST GET"),
    ([execution("failed"), respond(200, b"<html>")], {}, ExecutionFailedError, FAILURE, [NOTE], "POST GET"),
    ([execution("failed"), respond(500)], {}, ExecutionFailedError, FAILURE, [NOTE], "POST GET GET GET"),
    ([execution("failed"), raw_then_reset(b"")], {}, ExecutionFailedError, FAILURE, [NOTE], "POST GET GET GET"),
    ([execution("cancelled")], {}, ExecutionCancelledError, "execution exec_1 was canceled", [NOTE], "POST GET"),
    ([execution("running")], {}, WaitTimeoutError, "execution exec_1 was running when", [NOTE + CONTINUES], "POST GET"),
    ([execution("pending_approval")], {}, WaitTimeoutError, "execution exec_1 was p", [NOTE + CONTINUES], "POST GET"),
    ([execution("running"), respond(404)], {}, NotFoundError, "GET /executions/exec_1: ", [NOTE], "POST GET"),
    # Nothing is canceled that has ended, or was not started.
    ([FAILED], CANCEL, ExecutionFailedError, "execution exec_1 failed: m", [NOTE], "POST GET"),
    ([respond(409)], CANCEL, ConflictError, "POST /workflows/wf-1/execute: ", ["no execution id"], "POST"),
    ([execution("running"), respond(403), execution("cancelled")], CANCEL, PermissionDeniedError, "GET ", [NOTE, ASKED],
     "POST GET POST"),
    ([execution("running"), respond(403), respond(409)], CANCEL, PermissionDeniedError, "GET ",
     [NOTE, "the execution was not canceled, because it had already ended"], "POST GET POST"),
    ([execution("running"), respond(403), respond(500)], CANCEL, PermissionDeniedError, "GET ",
     [NOTE, f"{NOT_CANCELED}: POST /executions/exec_1/cancel: status 500"], "POST GET POST"),
    ([execution("running"), respond(403), raw_then_reset(b"")], CANCEL, PermissionDeniedError, "GET ",
     [NOTE, f"{NOT_CANCELED}: POST /executions/exec_1/cancel: "], "POST GET POST"),
]  # fmt: skip
"""What the server does, options, the error, the beginning of its text and of its notes, and the first requests."""


@each_row(("steps", "options", "kind", "text", "notes", "methods"), ENDS)
def test_how_a_run_ends(
    steps: list[Step],
    options: dict[str, Any],
    kind: type[Exception],
    text: str,
    notes: list[str],
    methods: str,
    mode: Mode,
    clock: FakeClock,
) -> None:
    with ScriptedServer(*steps) as server:
        error = mode.end(mode.client_of(server).workflows.run, "wf-1", timeout=30, **options).error
    assert type(error) is kind
    assert str(error) == text if text == FAILURE else str(error).startswith(text)
    for note, begin in zip(notes_of(error), notes, strict=True):
        assert note == begin if begin.startswith(NOTE) else note.startswith(begin)
    sent = " ".join(request.method for request in server.requests)
    assert sent.startswith(methods) if kind in (WaitTimeoutError, NotFoundError) else sent == methods  # which poll on
    if isinstance(error, WaitTimeoutError):
        assert (error.execution and error.execution.id, error.idempotency_key) == ("exec_1", None)
    if isinstance(error, ExecutionFailedError):
        assert (error.execution.id, error.__cause__) == ("exec_1", None)


class TestReason:
    def test_the_node_and_its_error(self, mode: Mode, emulator: Emulator) -> None:
        workflow = create(emulator, llm("greet", "Greet {{input.name}}"), llm("after", "{{greet}}"))
        ended = mode.end(mode.client_of(emulator).workflows.run, workflow)
        assert isinstance(ended.error, ExecutionFailedError)
        reason = "{{input.name}} has no value: there is no 'name'"
        assert ended.error.reason == reason
        assert str(ended.error) == f"execution {ended.error.execution.id} failed at node 'greet': {reason}"
        assert ended.error.execution.trace is not None
        assert [(request.method, request.template) for request in emulator.requests][1:] == [
            ("POST", "/workflows/{workflow_id}/execute"),
            ("GET", "/executions/{execution_id}"),
        ]

    def test_it_is_within_the_deadline(self, mode: Mode) -> None:
        clock = FakeClock()
        transport = StallingTransport(clock, "failed")
        ended = mode.end(mode.client_of(transport, clock=clock).workflows.run, "wf-1", timeout=3)
        assert isinstance(ended.error, ExecutionFailedError)
        assert (transport.remaining, clock.skipped) == ([3, 3], 3)


class TestTimeUp:
    """Whose time is up decides what `run` raises."""

    def test_before_an_execution_was_received(self, mode: Mode) -> None:
        clock = FakeClock()
        transport = StallingTransport(clock, None)
        run = mode.client_of(transport, clock=clock).workflows.run
        error = mode.end(run, "wf-1", timeout=30, idempotency_key="job-7").error
        assert type(error) is WaitTimeoutError
        assert clock.skipped == 30
        assert (error.execution, error.idempotency_key) == (None, "job-7")
        assert str(error) == (
            "no execution of workflow wf-1 was received within the time to wait, and it may have been started"
        )
        assert type(error.__cause__) is APITimeoutError
        assert error.__cause__.outcome_unknown
        assert notes_of(error) == [f"no execution id was received (idempotency key: job-7){MAY_HAVE_STARTED}"]
        copied = pickle.loads(pickle.dumps(error))
        assert (copied.idempotency_key, copied.__cause__.outcome_unknown) == ("job-7", True)
        assert len(transport.requests) == 1

    def test_before_anything_was_sent(self, mode: Mode) -> None:
        with ScriptedServer(lambda peer: peer.stall()) as server:
            client = mode.client_of(server, max_connections=1, timeout=30)
            mode.begin(client.tools.get, "calculator")
            while not server.requests:
                time.sleep(0.005)
            ended = mode.end(client.workflows.run, "wf-1", timeout=0.3)
        assert type(ended.error) is WaitTimeoutError
        assert str(ended.error) == (
            "no execution of workflow wf-1 was received within the time to wait, and nothing was started"
        )
        assert isinstance(ended.error.__cause__, APITimeoutError)
        assert not ended.error.__cause__.outcome_unknown
        assert notes_of(ended.error) == [
            f"no execution id was received (idempotency key: {ended.error.idempotency_key})"
        ]

    def test_a_shorter_timeout_of_the_call_is_its_own(self, mode: Mode) -> None:
        clock = FakeClock()
        transport = StallingTransport(clock, None)
        ended = mode.end(mode.client_of(transport, clock=clock, timeout=20).workflows.run, "wf-1", timeout=30)
        assert type(ended.error) is APITimeoutError
        assert ended.api_error.outcome_unknown
        assert clock.skipped == 20


class TestWhatIsReturned:
    """It doesn't depend on whether the run ended within the response to `execute`."""

    def test_a_quick_run_is_as_complete_as_a_slow_one(self, mode: Mode, emulator: Emulator) -> None:
        workflow = create(emulator, llm("greet", "Greet {{input.name}}"))
        ended = mode.run(mode.client_of(emulator).workflows.run(workflow, inputs={"name": "Ada"}))
        assert (ended.workflow_id, ended.inputs) == (workflow, {"name": "Ada"})
        assert ended.created_at is not None
        assert [node.id for node in ended.trace] == ["greet"]
        assert ended == mode.run(mode.client_of(emulator).executions.get(ended.id))

    def test_a_response_that_has_everything_is_not_read_again(self, mode: Mode, clock: FakeClock) -> None:
        fields: dict[str, Any] = {"workflow_id": "wf-1", "inputs": {}, "trace": []}
        with ScriptedServer(execution("completed", created_at="2026-01-01T00:00:00Z", **fields)) as server:
            mode.run(mode.client_of(server).workflows.run("wf-1"))
        assert [request.method for request in server.requests] == ["POST"]

    @each_row(
        "read",
        [respond(500), respond(404), raw_then_reset(b""), respond(200, b"<html>"), execution("running")],
    )
    def test_a_read_that_fails_costs_no_result(self, read: Step, mode: Mode, clock: FakeClock) -> None:
        with ScriptedServer(execution("completed", outputs={"a": 1}), read) as server:
            ended = mode.run(mode.client_of(server).workflows.run("wf-1", inputs={"b": 2}))
        assert (ended.succeeded, ended.outputs, ended.workflow_id, ended.inputs) == (True, {"a": 1}, "wf-1", {"b": 2})

    @each_row("method", ["run", "execute"])
    def test_what_the_sdk_knows_is_there_and_not_in_dumps(self, method: str, mode: Mode, clock: FakeClock) -> None:
        given = {"names": ["Ada"]}
        with ScriptedServer(execution("completed", outputs={"a": 1})) as server:
            call = getattr(mode.client_of(server).workflows, method)
            ended = mode.run(call("wf-1", inputs=given))
        given["names"].append("Bob")
        for each in (ended, pickle.loads(pickle.dumps(ended)), ended.model_copy(deep=True)):
            assert (each.workflow_id, each.inputs) == ("wf-1", {"names": ["Ada"]})
            assert each.to_dict()["inputs"] == {"names": ["Ada"]}
            assert each.model_dump(mode="json").keys() == {"execution_id", "status", "outputs"}

    def test_what_the_platform_sends_comes_first(self, mode: Mode, clock: FakeClock) -> None:
        sent = {"workflow_id": "wf-2", "inputs": {"b": 2}}
        with ScriptedServer(execution("running", **sent)) as server:
            started = mode.run(mode.client_of(server).workflows.execute("wf-1", inputs={"a": 1}))
        assert (started.workflow_id, started.inputs) == ("wf-2", {"b": 2})


class TestNotes:
    """What ends a run or a wait carries the execution's id, once."""

    @each_row("method", ["run", "wait"])
    def test_on_errors_of_the_callback(self, method: str, mode: Mode, clock: FakeClock) -> None:
        def fail(seen: Execution) -> None:
            raise ValueError(seen.id)

        with ScriptedServer(execution("running")) as server:
            client = mode.client_of(server)
            calls = {"run": client.workflows.run, "wait": client.executions.wait}
            ended = mode.end(calls[method], "exec_1", on_update=fail)
        assert isinstance(ended.error, ValueError)
        assert notes_of(ended.error) == [NOTE]
        assert limits_of(server).pollers == 0

    @each_row("options", [{}, {"idempotency_key": "job-7"}])
    def test_the_key_while_the_id_is_not_known(self, options: dict[str, str], mode: Mode, clock: FakeClock) -> None:
        with ScriptedServer(raw_then_reset(b"")) as server:
            ended = mode.end(mode.client_of(server).workflows.run, "wf-1", **options)
        assert isinstance(ended.error, APIConnectionError)
        assert ended.error.outcome_unknown
        assert len(server.requests) == 1
        key = server.last.one("Idempotency-Key")
        assert key == options.get("idempotency_key", key)
        assert notes_of(ended.error) == [f"no execution id was received (idempotency key: {key}){MAY_HAVE_STARTED}"]

    @each_row("key", [KEY, lambda: KEY])
    def test_an_api_key_in_place_of_an_id_is_redacted(self, key: Any, mode: Mode, clock: FakeClock) -> None:
        echo = respond_json({"data": {"execution_id": KEY, "status": "running"}})
        failed = respond_json({"data": {"execution_id": KEY, "status": "failed", "error": KEY}})
        lost = "no execution id was received (idempotency key: [API key])"
        with (
            ScriptedServer(echo) as server,
            ScriptedServer(respond(404)) as missing,
            ScriptedServer(failed) as failing,
        ):
            client, other = mode.client_of(server, api_key=key), mode.client_of(missing, api_key=key)
            for call, arguments, notes in (
                (client.executions.wait, (KEY,), [ID_REDACTED + CONTINUES]),
                (client.workflows.run, ("wf-1",), [ID_REDACTED + CONTINUES]),
                (other.executions.wait, (KEY,), [ID_REDACTED]),
                (partial(other.workflows.run, idempotency_key=KEY), ("wf-1",), [lost]),
                (mode.client_of(failing, api_key=key).workflows.run, ("wf-1",), [ID_REDACTED]),
            ):
                ended = mode.end(call, *arguments, timeout=5)
                assert notes_of(ended.error) == notes
                assert KEY not in "".join(traceback.format_exception(ended.error))

    def test_none_when_nothing_was_sent(self, mode: Mode, clock: FakeClock) -> None:
        run = mode.client("key", base_url="http://127.0.0.1:9").workflows.run
        for arguments in ({"inputs": {"a": float("nan")}}, {"inputs": {"a": object()}}, {"timeout": 0}):
            ended = mode.end(run, "wf-1", **arguments)
            assert isinstance(ended.error, TypeError | ValueError)
            assert notes_of(ended.error) == []


class TestCancelOnExit:
    @each_mode
    @each_row(("cancel", "status"), [(True, "cancelled"), (False, "running")])
    def test_at_the_timeout(self, cancel: bool, status: str, mode: Mode, emulator: Emulator, clock: FakeClock) -> None:
        emulator.reset()
        workflow = create(emulator, tool("a", "wait", {"seconds": 600}))
        run = mode.client_of(emulator).workflows.run
        ended = mode.end(run, workflow, timeout=30, cancel_on_exit=cancel, idempotency_key="k")
        (left,) = emulator.client().executions.list()
        assert isinstance(ended.error, WaitTimeoutError)
        assert left.status == status
        notes = [f"execution id: {left.id}", ASKED] if cancel else [f"execution id: {left.id}{CONTINUES}"]
        assert notes_of(ended.error) == notes

    def test_on_an_error_of_the_callback(self, mode: Mode, clock: FakeClock) -> None:
        def fail(seen: Execution) -> None:
            raise LookupError(seen.id)

        with ScriptedServer(execution("running"), execution("cancelled")) as server:
            client = mode.client_of(server, headers={"Idempotency-Key": "job-7"})
            ended = mode.end(client.workflows.run, "wf-1", on_update=fail, cancel_on_exit=True)
        assert isinstance(ended.error, LookupError)
        assert notes_of(ended.error) == [NOTE, ASKED]
        assert [request.path for request in server.requests] == ["/workflows/wf-1/execute", "/executions/exec_1/cancel"]
        keys = [request.one("Idempotency-Key") for request in server.requests]
        assert keys[0] == "job-7" != keys[1]

    @each_row("response", [respond(500), raw_then_reset(b"")])
    def test_the_log_says_what_may_still_be_running(
        self, response: Step, mode: Mode, clock: FakeClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.clear()
        with ScriptedServer(execution("running"), respond(403), response) as server:
            mode.end(mode.client_of(server).workflows.run, "wf-1", cancel_on_exit=True)
        (logged,) = [record for record in caplog.records if record.levelname == "WARNING"]
        assert vars(logged)["execution_id"] == "exec_1"
        assert logged.getMessage().startswith(f"execution exec_1 may still be running: {NOT_CANCELED}")

    @pytest.mark.parametrize(("turns", "closes"), [(0, True), (4, True), (12, False)])
    def test_at_the_end_of_the_event_loop(self, emulator: Emulator, turns: int, closes: bool) -> None:
        async def main() -> None:
            has_begun = asyncio.Event()
            run = client.workflows.run(workflow, on_update=lambda _: has_begun.set(), cancel_on_exit=True)
            task = asyncio.create_task(run)
            await has_begun.wait()
            task.cancel()
            for _ in range(turns):  # the cancellation has got that far when `asyncio.run` cancels every task
                await asyncio.sleep(0)
            if closes:
                await client.aclose()

        workflow = create(emulator, tool("a", "wait", {"seconds": 600}))
        client = AsyncFibonacci(emulator.api_key, base_url=emulator.base_url)
        asyncio.run(main())
        (left,) = emulator.client().executions.list()
        assert left.status == "cancelled"

    @each_mode
    def test_closing_waits_for_it(self, mode: Mode) -> None:
        def fail(seen: Execution) -> None:
            raise LookupError(seen.id)

        def respond_late(peer: Peer) -> object:
            is_sent.set()
            assert may_end.wait(20)
            return execution("cancelled")(peer)

        is_sent, may_end = threading.Event(), threading.Event()
        with ScriptedServer(execution("running"), respond_late) as server:
            client = mode.client_of(server)
            running = mode.begin(client.workflows.run, "wf-1", on_update=fail, cancel_on_exit=True)
            assert is_sent.wait(20)
            closing = mode.begin(client.aclose if mode.is_async else client.close)
            with pytest.raises(TimeoutError):
                closing.result(0.1)
            may_end.set()
            assert closing.result(20).error is None
            assert notes_of(running.result(20).error) == [NOTE, ASKED]

    def test_a_server_that_does_not_respond_delays_it_for_seconds_only(self, mode: Mode) -> None:
        def fail(seen: Execution) -> None:
            raise LookupError(seen.id)

        clock = FakeClock()
        transport = StallingTransport(clock)
        run = mode.client_of(transport, clock=clock).workflows.run
        ended = mode.end(run, "wf-1", on_update=fail, cancel_on_exit=True)
        assert type(ended.error) is LookupError
        assert "canceling the execution failed" in notes_of(ended.error)[1]
        assert (len(transport.requests), clock.skipped) == (2, 5)
