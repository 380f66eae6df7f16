"""Why an execution failed: what the failed node says, else what the execution says."""

from __future__ import annotations

from typing import Any

import pytest

from fibonacci import ExecutionCancelledError, ExecutionFailedError
from fibonacci.emulator import Emulator, LLMCall
from fibonacci.models import Execution
from fibonacci.models.executions import ExecutionFailure, execution_error, failure_of
from tests.kit.assertions import each_row
from tests.kit.mode import Mode
from tests.kit.server import ScriptedServer

CASES: dict[str, tuple[dict[str, Any], ExecutionFailure]] = {
    "nothing": ({}, ExecutionFailure()),
    "a text": ({"error": " it broke\n"}, ExecutionFailure(None, "it broke")),
    "an object": ({"error": {"code": "x", "message": "it broke"}}, ExecutionFailure(None, "it broke")),
    "a code alone": ({"error": {"code": "tool_failed"}}, ExecutionFailure(None, "tool_failed")),
    "a list": ({"error": [{"message": "one"}, "two", {}]}, ExecutionFailure(None, "one; two")),
    "empty": ({"error": "", "message": 5}, ExecutionFailure()),
    "a trace": (
        {
            "error": "node 'greet': m",
            "trace": [
                {"id": "a", "status": "completed", "error": None},
                {"id": "greet", "status": "failed", "error": "m"},
                {"id": "last", "status": "skipped", "reason": "it depends on 'greet', which failed"},
            ],
        },
        ExecutionFailure("greet", "m"),
    ),
    "two failed nodes": (
        {"trace": [{"id": "a", "status": "failed"}, {"id": "b", "status": "failed", "error": {"message": "m"}}]},
        ExecutionFailure("b", "m"),
    ),
    "a failed node without a reason": (
        {"trace": [{"id": "a", "status": "failed"}], "error": "m"},
        ExecutionFailure("a", "m"),
    ),
    "other forms of nodes": ({"trace": [1, None, "x"], "error": "m"}, ExecutionFailure(None, "m")),
    "outputs that are no nodes": ({"outputs": {"error": "a text of the workflow's"}}, ExecutionFailure()),
}


@each_row("case", CASES)
def test_the_reason_is_found(case: str) -> None:
    fields, expected = CASES[case]
    assert failure_of(Execution.model_validate({"id": "exec_1", "status": "failed", **fields})) == expected


def test_a_long_reason_is_bounded() -> None:
    long = failure_of(Execution.model_validate({"id": "e", "status": "failed", "error": "x" * 100_000}))
    assert len(long.reason or "") == 2000


def test_a_failed_node_is_not_why_an_execution_was_canceled() -> None:
    document = {"id": "e", "status": "cancelled", "trace": [{"id": "a", "status": "failed", "error": "m"}]}
    assert failure_of(Execution.model_validate(document)) == ExecutionFailure()


def test_a_cancellation_has_a_class_of_its_own() -> None:
    for status, kind in (
        ("failed", ExecutionFailedError),
        ("cancelled", ExecutionCancelledError),
        ("timed_out", ExecutionFailedError),
    ):
        assert type(execution_error(Execution.model_validate({"id": "e", "status": status}))) is kind


class TestOnTheExecution:
    """What an execution says of its failure, whichever call returned it."""

    @each_row("status", ["completed", "running", "paused", None])
    def test_one_that_has_not_failed_has_no_reason_and_raises_nothing(self, status: str | None) -> None:
        made = Execution.model_validate({"id": "e", "status": status, "message": "all is well"})
        assert made.failure_reason is None
        assert made.raise_for_status() is made

    @each_row(
        ("error", "text"),
        [
            ("no value", "no value"),
            ({"code": "x", "message": "no value"}, "no value"),
            (["no", {"message": "value"}], "no; value"),
            (5, None),
            (None, None),
        ],
    )
    def test_the_error_is_a_text(self, error: Any, text: str | None) -> None:
        made = Execution.model_validate({"id": "e", "status": "failed", "error": error})
        assert made.error == made.failure_reason == text
        assert made.model_dump(mode="json")["error"] == error

    def test_every_call_returns_the_same_attributes(self, mode: Mode, emulator: Emulator) -> None:
        client = mode.client_of(emulator)
        definition = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]}
        workflow = mode.run(client.workflows.create(name="Greeter", definition=definition))

        def fail(call: LLMCall) -> str:
            raise ValueError("the model is overloaded")

        emulator.llm(fail)
        started = mode.run(client.workflows.execute(workflow.id, inputs={"name": "Ada"}))
        read = mode.run(client.executions.get(started.id))
        (listed,) = mode.run(client.executions.list())
        for each in (read, listed):
            assert each.inputs == {"name": "Ada"}
            assert "the model is overloaded" in (each.error or "")
            assert "the model is overloaded" in (each.failure_reason or "")
            assert each.completed_at is not None
            assert each.completed_at >= each.created_at
            with pytest.raises(ExecutionFailedError, match="the model is overloaded") as caught:
                each.raise_for_status()
            assert (caught.value.execution, caught.value.reason) == (each, each.failure_reason)
        assert (started.workflow_id, started.inputs) == (workflow.id, {"name": "Ada"})
        assert (started.error, started.failure_reason, started.completed_at) == (None,) * 3
        with pytest.raises(ExecutionFailedError, match=f"execution {started.id} failed"):
            started.raise_for_status()

    def test_the_error_has_no_key(self, mode: Mode, server: ScriptedServer) -> None:
        failed = {"execution_id": "e", "status": "failed", "error": f"refused {server.api_key}"}
        server.add_response({"data": failed})
        execution = mode.run(mode.client_of(server).executions.get("e"))
        with pytest.raises(ExecutionFailedError) as caught:
            execution.raise_for_status()
        assert server.api_key not in f"{caught.value} {caught.value.reason}"
        assert caught.value.reason == "refused [API key]"
