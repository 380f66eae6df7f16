"""Why an execution failed: it is read from whichever field has it."""

from __future__ import annotations

from typing import Any

import pytest

from fibonacci import ExecutionCancelledError, ExecutionFailedError
from fibonacci._core.execution_failure import ExecutionFailure, execution_error, failure_of, failure_text
from fibonacci.models import Execution
from tests.kit.assertions import each_row

CASES: dict[str, tuple[dict[str, Any], ExecutionFailure]] = {
    "nothing": ({}, ExecutionFailure()),
    "a text": ({"error": " it broke\n"}, ExecutionFailure(None, "it broke")),
    "an object": ({"error": {"code": "x", "message": "it broke"}}, ExecutionFailure(None, "it broke")),
    "a code alone": ({"error": {"code": "tool_failed"}}, ExecutionFailure(None, "tool_failed")),
    "an object with a node": ({"error": {"node_id": "greet", "message": "m"}}, ExecutionFailure("greet", "m")),
    "an object in an object": ({"error": {"error": {"message": "m"}}}, ExecutionFailure(None, "m")),
    "a list": ({"errors": [{"message": "one"}, "two", {}]}, ExecutionFailure(None, "one; two")),
    "error_message": ({"error_message": "m"}, ExecutionFailure(None, "m")),
    "failure_reason": ({"failure_reason": "m", "failed_node": "greet"}, ExecutionFailure("greet", "m")),
    "failed_node_id": ({"error_details": {"message": "m"}, "failed_node_id": "b"}, ExecutionFailure("b", "m")),
    "status_message": ({"status_message": "m"}, ExecutionFailure(None, "m")),
    "cancel_reason": ({"cancel_reason": "m", "details": ["n"]}, ExecutionFailure(None, "m")),
    "details": ({"details": [{"message": "m"}]}, ExecutionFailure(None, "m")),
    "reason": ({"error": None, "reason": "m"}, ExecutionFailure(None, "m")),
    "empty": ({"error": "", "reason": {}, "error_message": [], "message": 5}, ExecutionFailure()),
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
    "nodes by id": ({"nodes": {"a": {"status": "completed"}, "b": {"status": "FAILED", "error": {"message": "m"}}}},
                    ExecutionFailure("b", "m")),
    "steps": ({"steps": [{"node_id": "b", "status": "error", "error_message": "m"}]}, ExecutionFailure("b", "m")),
    "outputs of a failed node": (
        {"outputs": {"b": {"status": "failed", "error": "m"}, "c": 1}},
        ExecutionFailure("b", "m"),
    ),
    "a failed node without a reason": (
        {"nodes": [{"id": "b", "status": "failed"}], "error": "m"},
        ExecutionFailure("b", "m"),
    ),
    "two failed nodes": (
        {"nodes": [{"id": "a", "status": "failed"}, {"id": "b", "status": "failed", "error": "m"}]},
        ExecutionFailure("b", "m"),
    ),
    "other forms of nodes": ({"nodes": 3, "trace": [1, None, "x"], "error": "m"}, ExecutionFailure(None, "m")),
    "outputs that are no nodes": ({"outputs": {"error": "a text of the workflow's"}}, ExecutionFailure()),
}  # fmt: skip


@each_row("case", CASES)
def test_the_reason_is_found(case: str) -> None:
    fields, expected = CASES[case]
    assert failure_of(Execution.model_validate({"id": "exec_1", "status": "failed", **fields})) == expected


def test_a_deep_or_long_reason_is_bounded() -> None:
    deep: Any = "m"
    for _ in range(100):
        deep = {"error": deep}
    assert failure_of(Execution.model_validate({"id": "e", "status": "failed", "error": deep})) == ExecutionFailure()
    long = failure_of(Execution.model_validate({"id": "e", "status": "failed", "error": "x" * 100_000}))
    assert len(long.reason or "") == 2000


def test_a_failed_node_is_not_why_an_execution_was_canceled() -> None:
    document = {"id": "e", "status": "cancelled", "nodes": [{"id": "a", "status": "failed", "error": "m"}]}
    assert failure_of(Execution.model_validate(document)) == ExecutionFailure()


@pytest.mark.parametrize(
    ("status", "failure", "text"),
    [
        ("failed", ExecutionFailure(), "execution e failed"),
        ("failed", ExecutionFailure("greet", "no value"), "execution e failed at node 'greet': no value"),
        ("failed", ExecutionFailure("greet"), "execution e failed at node 'greet'"),
        ("cancelled", ExecutionFailure(None, "rejected"), "execution e was canceled: rejected"),
    ],
)
def test_the_text(status: str, failure: ExecutionFailure, text: str) -> None:
    assert failure_text(Execution.model_validate({"id": "e", "status": status}), failure) == text


def test_a_cancellation_has_a_class_of_its_own() -> None:
    for status, kind in (
        ("failed", ExecutionFailedError),
        ("cancelled", ExecutionCancelledError),
        ("timed_out", ExecutionFailedError),
    ):
        error = execution_error(Execution.model_validate({"id": "e", "status": status, "error": "the key sk-1 is bad"}))
        assert type(error) is kind
        redacted = execution_error(error.execution, lambda text: text.replace("sk-1", "[API key]"))
        assert redacted.reason == "the key [API key] is bad"
        assert "sk-1" not in str(redacted)
