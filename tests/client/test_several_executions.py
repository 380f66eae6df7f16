"""Calls of `executions` that send several requests, on the emulator, whose time the client's sleeps move."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from fibonacci import ConfigurationError, ConflictError, FibonacciError, NotFoundError, ServerError, WaitTimeoutError
from fibonacci.emulator import Emulator
from fibonacci.models import Execution
from tests.kit.assertions import each_row
from tests.kit.clock import FakeClock
from tests.kit.limits import limits_of
from tests.kit.mode import Mode, both_modes, each_mode
from tests.kit.nodes import llm
from tests.kit.server import ScriptedServer
from tests.kit.steps import error_body, respond, respond_json
from tests.kit.transport import ScriptedTransport


class LinkedClock(FakeClock):
    """A clock of a client whose sleeps move the emulator's time as well."""

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(runs=True)
        self._emulator = emulator

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._emulator.clock.advance(seconds)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(time="manual") as running:
        yield running


@pytest.fixture(autouse=True)
def clock(emulator: Emulator) -> FakeClock:
    return LinkedClock(emulator)


def pause(seconds: float) -> dict[str, Any]:
    return {"nodes": [{"id": "pause", "type": "tool", "tool": "wait", "params": {"seconds": seconds}}]}


def started(emulator: Emulator, *seconds: float) -> list[str]:
    """Start a workflow for each number of seconds that it takes; return the ids of the executions."""
    with emulator.client() as client:
        made = {each: client.workflows.create(name=f"Pause {each}", definition=pause(each)).id for each in {*seconds}}
        return [client.workflows.execute(made[each]).id for each in seconds]


class TestWaitAll:
    @both_modes
    def test_they_come_in_the_order_of_the_ids(self, mode: Mode, emulator: Emulator, any_client: Any) -> None:
        slow, quick, slower = started(emulator, 20, 5, 40)
        ended = mode.run(any_client.executions.wait_all([slow, quick, slower, quick]))
        assert [each.id for each in ended] == [slow, quick, slower, quick]
        assert {each.status for each in ended} == {"completed"}
        assert {len(each.outputs) for each in ended} == {1}
        assert limits_of(emulator).pollers == 0

    def test_many_take_the_requests_of_one(self, mode: Mode, emulator: Emulator, any_client: Any) -> None:
        ids = started(emulator, *[60] * 30)
        emulator.requests.clear()
        assert len(mode.run(any_client.executions.wait_all(ids))) == 30
        together = len(emulator.requests)
        (one,) = started(emulator, 60)
        emulator.requests.clear()
        mode.run(any_client.executions.wait(one))
        assert emulator.requests.to("GET /executions/{id}").count == together
        assert together <= 61  # one a second, as the emulator's limit allows

    def test_those_that_the_list_does_not_show_are_read_one_by_one(
        self, mode: Mode, emulator: Emulator, any_client: Any
    ) -> None:
        old = started(emulator, 30)
        started(emulator, *[1] * 20)  # a page of the list has 16
        new = started(emulator, 30, 30)
        emulator.requests.clear()
        ended = mode.run(any_client.executions.wait_all([*new, *old]))
        assert [each.succeeded for each in ended] == [True] * 3
        assert {each.path.rpartition("/")[2] for each in emulator.requests.to("GET /executions/{id}")} == {*old}

    def test_what_has_ended_takes_one_look(self, mode: Mode, emulator: Emulator, any_client: Any) -> None:
        ids = started(emulator, 0, 0, 0)
        emulator.requests.clear()
        mode.run(any_client.executions.wait_all(ids))
        assert [each.path for each in emulator.requests] == ["/executions"]

    def test_at_the_deadline_the_error_has_what_was_seen(
        self, mode: Mode, emulator: Emulator, any_client: Any, clock: FakeClock
    ) -> None:
        quick, slow, slower = started(emulator, 5, 500, 600)
        began = clock.monotonic()
        ended = mode.end(any_client.executions.wait_all, [slow, quick, slower], timeout=60)
        error = ended.error
        assert isinstance(error, WaitTimeoutError)
        assert str(error) == (
            f"2 of 3 executions had not ended when the time to wait was up: {slow} was running, {slower} was running"
        )
        assert [each and each.status for each in error.executions] == ["running", "completed", "running"]
        assert error.execution is not None
        assert error.execution.id == slow
        assert clock.monotonic() - began >= 60
        assert sum(clock.slept) <= 60

    def test_an_execution_that_does_not_exist(self, mode: Mode, emulator: Emulator, any_client: Any) -> None:
        (running,) = started(emulator, 60)
        error = mode.end(any_client.executions.wait_all, [running, "exec_missing"]).error
        assert isinstance(error, NotFoundError)
        assert error.path == "/executions/exec_missing"

    def test_looks_that_fail_are_repeated(self, mode: Mode, emulator: Emulator) -> None:
        ids = started(emulator, 30, 30)
        client = mode.client_of(emulator, max_retries=0)
        failures = [emulator.fail("GET /executions", status=503), emulator.fail("GET /executions", "reset")]
        assert [each.succeeded for each in mode.run(client.executions.wait_all(ids))] == [True, True]
        assert [each.delivered for each in failures] == [1, 1]

    def test_one_that_cannot_be_read_does_not_keep_the_others_from_being_read(
        self, mode: Mode, clock: FakeClock
    ) -> None:
        reads: list[str] = []

        def step(peer: Any) -> None:
            target = peer.request.path
            if target == "/executions":
                respond_json({"data": []})(peer)
                return
            reads.append(target)
            if target.endswith("/bad") and len(reads) < 6:
                respond(500, error_body())(peer)
            else:
                respond_json({"data": {"id": target.rpartition("/")[2], "status": "completed", "outputs": {}}})(peer)

        with ScriptedServer(step) as server:
            client = mode.client_of(server, max_retries=0)
            ended = mode.run(client.executions.wait_all(["bad", "good", "fine"]))
        assert [each.id for each in ended] == ["bad", "good", "fine"]
        assert reads[:3] == ["/executions/bad", "/executions/good", "/executions/fine"]

    def test_looks_take_the_fair_share_of_one_poller(self, mode: Mode) -> None:
        headers = {"X-RateLimit-Limit": "300", "X-RateLimit-Remaining": "150", "X-RateLimit-Reset": "1800000060"}
        transport, clock = ScriptedTransport(), FakeClock()
        transport.add_response({"data": []}, headers=headers)
        for status in ("running", "completed"):
            for each in ("a", "b"):
                transport.add_response({"data": {"id": each, "status": status, "outputs": {}}}, headers=headers)
        mode.run(mode.client_of(transport, clock=clock).executions.wait_all(["a", "b"]))
        # A tenth of 150 requests in 60 s is one in 4 s, and the first look took three.
        assert clock.slept == [pytest.approx(12, abs=1)]

    def test_a_list_without_outputs_is_completed_by_reading_each(self, mode: Mode, clock: FakeClock) -> None:
        def step(peer: Any) -> None:
            name = peer.request.path.rpartition("/")[2]
            listed = [{"id": each, "status": "completed"} for each in ("a", "b")]
            whole = {"id": name, "status": "completed", "outputs": {"x": name}}
            respond_json({"data": listed if name == "executions" else whole})(peer)

        with ScriptedServer(step) as server:
            ended = mode.run(mode.client_of(server).executions.wait_all(["a", "b"]))
        assert [each.outputs for each in ended] == [{"x": "a"}, {"x": "b"}]
        assert len(server.requests) == 3

    def test_nothing_to_wait_for(self, mode: Mode, emulator: Emulator, any_client: Any) -> None:
        assert mode.run(any_client.executions.wait_all(iter(()))) == []
        assert len(emulator.requests) == 0


class TestWatch:
    def test_each_change_and_the_end(self, mode: Mode, emulator: Emulator, any_client: Any) -> None:
        (execution_id,) = started(emulator, 20)
        seen: list[Execution] = mode.run(any_client.executions.watch(execution_id))
        assert [each.status for each in seen] == ["running"] * (len(seen) - 1) + ["completed"]
        assert 1 < len(seen) == len({each.duration_ms for each in seen})  # which grows while it runs
        assert seen[-1].trace is not None
        assert limits_of(emulator).pollers == 0

    def test_one_that_has_ended_is_yielded_once(self, mode: Mode, emulator: Emulator, any_client: Any) -> None:
        (execution_id,) = started(emulator, 0)
        assert [each.status for each in mode.run(any_client.executions.watch(execution_id))] == ["completed"]

    @each_mode
    def test_a_loop_that_is_left_early_leaves_nothing_behind(
        self, mode: Mode, emulator: Emulator, any_client: Any
    ) -> None:
        (execution_id,) = started(emulator, 60)

        class Enough(Exception):
            pass

        def stop(seen: Execution) -> None:
            assert seen.status == "running"
            assert limits_of(emulator).pollers == 0  # nothing is polled while the body runs
            raise Enough

        with pytest.raises(Enough):
            mode.each(any_client.executions.watch(execution_id), stop)
        assert limits_of(emulator).pollers == 0
        assert emulator.requests.to("GET /executions/{id}").count == 1

    def test_without_a_timeout_it_takes_as_long_as_it_takes(
        self, mode: Mode, emulator: Emulator, any_client: Any, clock: FakeClock
    ) -> None:
        (execution_id,) = started(emulator, 400)
        assert mode.run(any_client.executions.watch(execution_id))[-1].succeeded
        assert clock.skipped >= 400

    def test_at_the_timeout(self, mode: Mode, emulator: Emulator, any_client: Any) -> None:
        (execution_id,) = started(emulator, 3600)
        seen: list[str | None] = []
        with pytest.raises(WaitTimeoutError, match=f"execution {execution_id} was running when the time") as caught:
            mode.each(any_client.executions.watch(execution_id, timeout=60), lambda each: seen.append(each.status))
        assert {*seen} == {"running"}
        assert caught.value.execution is not None


class TestRetry:
    @both_modes
    def test_the_same_workflow_with_the_same_inputs_in_a_new_run(
        self, mode: Mode, emulator: Emulator, any_client: Any
    ) -> None:
        made = emulator.client().workflows.create(name="Greeter", definition={"nodes": [llm("a", "{{input.name}}")]})
        first = emulator.client().workflows.execute(made.id, inputs={"name": "Ada"})
        again = mode.run(any_client.executions.retry(first.id))
        assert again.id != first.id
        assert (again.workflow_id, again.inputs, again.outputs) == (made.id, {"name": "Ada"}, first.outputs)

    def test_a_start_of_unknown_outcome_is_not_repeated(self, mode: Mode, emulator: Emulator, any_client: Any) -> None:
        (execution_id,) = started(emulator, 0)
        emulator.fail("POST /workflows/{id}/execute", status=502)
        error = mode.end(any_client.executions.retry, execution_id).error
        assert isinstance(error, ServerError)
        assert error.outcome_unknown
        assert len(emulator.client().executions.list().take(9)) == 1

    @each_row(
        ("document", "what"), [({"workflow_id": "wf-1"}, "its inputs"), ({"inputs": {}}, "its workflow"), ({}, "its")]
    )
    def test_what_the_platform_does_not_tell_starts_nothing(self, mode: Mode, document: Any, what: str) -> None:
        with ScriptedServer() as server:
            server.add_response({"data": {"id": "exec_1", "status": "failed", **document}})
            error = mode.end(mode.client_of(server).executions.retry, "exec_1").error
            assert isinstance(error, FibonacciError)
            assert str(error).startswith(f"execution exec_1 can't be retried: the platform doesn't send {what}")
            assert [sent.method for sent in server.requests] == ["GET"]


@both_modes
def test_a_period_counts_back_from_now(mode: Mode, emulator: Emulator, any_client: Any, clock: FakeClock) -> None:
    (old,) = started(emulator, 0)
    clock.sleep(7200)
    (recent,) = started(emulator, 0)
    pager = any_client.executions.list(since=timedelta(hours=1))
    assert [each.id for each in mode.run(pager)] == [recent]
    assert [each.id for each in mode.run(any_client.executions.list(since=timedelta(hours=3)))] == [recent, old]


class TestCancel:
    def test_one_that_has_ended(self, mode: Mode, emulator: Emulator, any_client: Any) -> None:
        (execution_id,) = started(emulator, 0)
        cancel = any_client.executions.cancel
        assert isinstance(mode.end(cancel, execution_id).error, ConflictError)
        assert isinstance(mode.end(cancel, execution_id, if_ended="raise").error, ConflictError)
        emulator.requests.clear()
        ended = mode.run(cancel(execution_id, if_ended="ignore"))
        assert (ended.id, ended.status) == (execution_id, "completed")
        assert [each.method for each in emulator.requests] == ["POST", "GET"]

    def test_one_that_runs(self, mode: Mode, emulator: Emulator, any_client: Any) -> None:
        (execution_id,) = started(emulator, 60)
        emulator.requests.clear()
        assert mode.run(any_client.executions.cancel(execution_id, if_ended="ignore")).status == "cancelled"
        assert len(emulator.requests) == 1

    def test_an_error_about_anything_else_is_raised(self, mode: Mode, emulator: Emulator, any_client: Any) -> None:
        (execution_id,) = started(emulator, 60)
        emulator.fail("POST /executions/{id}/cancel", status=409)
        cancel = partial(mode.end, any_client.executions.cancel, if_ended="ignore")
        assert isinstance(cancel(execution_id).error, ConflictError)
        assert isinstance(cancel("exec_missing").error, NotFoundError)


BEYOND = "which would reach another endpoint"
WRONG: list[tuple[Callable[[Any], Any], type[Exception], str]] = [
    (lambda each: each.wait_all("exec_1"), TypeError, "ids must be a list of ids, not str. Pass one id as [id]"),
    (lambda each: each.wait_all(7), TypeError, "ids must be a list of ids, not int"),
    (lambda each: each.wait_all(["exec_1", 7]), TypeError, "ids[1] must be a str, not int"),
    (lambda each: each.wait_all(["exec_1", ""]), ValueError, f"ids[1] must not be '', {BEYOND}"),
    (lambda each: each.wait_all([".."]), ValueError, f"ids[0] must not be '..', {BEYOND}"),
    (lambda each: each.wait_all(["exec_1\ud800"]), ValueError, "lone surrogate"),
    (lambda each: each.watch(""), ValueError, f"execution_id must not be '', {BEYOND}"),
    (lambda each: each.watch("exec_1", timeout=0), ConfigurationError, "timeout must be above 0 seconds"),
    (lambda each: each.cancel("exec_1", if_ended="skip"), ValueError, "one of 'raise', 'ignore', not 'skip'"),
]


@each_row(("call", "kind", "text"), WRONG)
def test_wrong_arguments_are_refused_before_anything_is_sent(
    mode: Mode, emulator: Emulator, any_client: Any, call: Any, kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=re.escape(text)) as caught:
        mode.run(call(any_client.executions))
    assert type(caught.value) is kind
    assert len(emulator.requests) == 0


class TestCancelAll:
    @pytest.fixture
    def workflow_id(self, emulator: Emulator) -> str:
        with emulator.client() as client:
            return client.workflows.create(name="Slow", definition=pause(600)).id

    def run(self, emulator: Emulator, workflow_id: str, times: int) -> list[str]:
        with emulator.client() as client:
            return [client.workflows.execute(workflow_id).id for _ in range(times)]

    @both_modes
    def test_all_that_have_not_ended_of_one_workflow(
        self, mode: Mode, emulator: Emulator, any_client: Any, workflow_id: str
    ) -> None:
        ended, *running = self.run(emulator, workflow_id, 4)
        others = started(emulator, 600)
        mode.run(any_client.executions.cancel(ended))
        emulator.requests.clear()
        canceled = mode.run(any_client.executions.cancel_all(workflow_id=workflow_id))
        assert [each.id for each in canceled] == running[::-1]
        assert {each.status for each in canceled} == {"cancelled"}
        assert [each.method for each in emulator.requests] == ["GET", "POST", "POST", "POST"]
        assert mode.run(any_client.executions.get(others[0])).status == "running"
        assert mode.run(any_client.executions.cancel_all(workflow_id=workflow_id)) == []

    def test_one_that_ends_meanwhile_does_not_break_it(self, mode: Mode) -> None:
        def step(peer: Any) -> None:
            method: str = peer.request.method
            name: str = peer.request.path.removeprefix("/executions").strip("/").partition("/")[0]
            if method == "POST" and name == "b":
                respond(409, error_body("conflict", "it is completed"))(peer)
            elif method == "POST" and name == "gone":
                respond(404, error_body("not_found", "there is none"))(peer)
            elif name:
                respond_json({"data": {"id": name, "status": "cancelled" if method == "POST" else "completed"}})(peer)
            else:
                respond_json({"data": [{"id": each, "status": "running"} for each in ("c", "b", "gone", "a")]})(peer)

        with ScriptedServer(step) as server:
            canceled = mode.run(mode.client_of(server).executions.cancel_all(workflow_id="wf-1"))
        assert [each.id for each in canceled] == ["c", "a"]
        assert [each.method for each in server.requests] == ["GET", "POST", "POST", "GET", "POST", "POST"]

    def test_a_long_history_takes_a_list_for_each_status_and_one_that_the_sdk_does_not_know_has_not_ended(
        self, mode: Mode
    ) -> None:
        def step(peer: Any) -> None:
            if peer.request.method == "POST":
                respond_json({"data": {"id": peer.request.path.split("/")[2], "status": "cancelled"}})(peer)
            elif "status=paused" in peer.request.query:
                respond_json({"data": [{"id": each, "status": "paused"} for each in ("b", "a")]})(peer)
            elif "status=running" in peer.request.query:
                respond_json({"data": [{"id": "oldest", "status": "running"}, {"id": "d", "status": "failed"}]})(peer)
            elif "status=" in peer.request.query:
                respond_json({"data": []})(peer)
            else:
                page = [{"id": "c", "status": "completed"}, {"id": "b", "status": "paused"}]
                respond_json({"data": page, "meta": {"next_cursor": "x"}})(peer)

        with ScriptedServer(step) as server:
            canceled = mode.run(mode.client_of(server).executions.cancel_all(workflow_id="wf-1"))
        assert [each.id for each in canceled] == ["b", "oldest", "a"]
        queries = [each.query for each in server.requests if each.method == "GET"]
        statuses = [re.findall(r"status=(\w+)", query) for query in queries]
        assert statuses == [[], ["pending"], ["running"], ["pending_approval"], ["paused"]]

    def test_an_error_says_how_many_were_canceled(self, mode: Mode, emulator: Emulator, workflow_id: str) -> None:
        newest = self.run(emulator, workflow_id, 3)[-2]
        emulator.fail(f"POST /executions/{newest}/cancel", status=500)
        client = mode.client_of(emulator, max_retries=0)
        error = mode.end(client.executions.cancel_all, workflow_id=workflow_id).error
        assert isinstance(error, ServerError)
        assert error.__notes__ == ["1 of 3 executions were canceled before"]

    def test_each_cancellation_has_its_own_idempotency_key(
        self, mode: Mode, emulator: Emulator, workflow_id: str
    ) -> None:
        self.run(emulator, workflow_id, 3)
        client = mode.client_of(emulator, headers={"Idempotency-Key": "of-another-request"})
        mode.run(client.executions.cancel_all(workflow_id=workflow_id))
        keys = [each.headers["idempotency-key"] for each in emulator.requests.to("POST /executions/{id}/cancel")]
        assert len({*keys, "of-another-request"}) == 4

    @each_row(("value", "kind"), [("", ValueError), ("  ", ValueError), (None, TypeError), (7, TypeError)])
    def test_without_a_workflow_nothing_is_sent(
        self, mode: Mode, emulator: Emulator, any_client: Any, value: Any, kind: type[Exception]
    ) -> None:
        error = mode.end(any_client.executions.cancel_all, workflow_id=value).error
        assert type(error) is kind
        assert "workflow_id must" in str(error)
        assert len(emulator.requests) == 0
