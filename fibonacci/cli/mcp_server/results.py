"""From executions and errors to what a client is sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from mcp_types import CallToolResult, TextContent

from fibonacci._core.log_filter import redact_keys_in_use
from fibonacci.errors import APIError, FibonacciError
from fibonacci.models import Execution
from fibonacci.models.executions import failure_of, failure_text

EXPECTED: Final = (FibonacciError, ValueError, TypeError, ImportError)
"""What calls of the SDK raise, whose text is meant for who made the call."""

PENDING_APPROVAL: Final = "pending_approval"
_APPROVAL: Final = (
    "A person has to approve it on the platform; nothing runs before that. Tell the user, and call get_execution with"
    " this execution_id later. Do not run the workflow again: that would be another execution to approve."
)
_CONTINUES: Final = (
    "It has not ended, and continues. Call get_execution with this execution_id and wait_seconds, or cancel_execution."
    " Do not run the workflow again."
)
UNKNOWN_OUTCOME: Final = (
    "The workflow may have been started although no answer was received. Do not run it again before you know: look at"
    " its latest executions with get_execution, or ask the user."
)


def execution_result(execution: Execution, *, workflow_id: str | None = None, is_error: bool = False) -> CallToolResult:
    """Return the result of a tool that returns an execution.

    Args:
        execution: The execution.
        workflow_id: The id of the workflow, which not every response has.
        is_error: Whether the call has failed with it.
    """
    data: dict[str, Any] = {
        "execution_id": execution.id,
        "workflow_id": execution.workflow_id or workflow_id,
        "status": execution.status,
        "outputs": execution.outputs,
    }
    if execution.is_terminal:
        if not execution.succeeded:
            data["error"] = failure_text(execution, failure_of(execution))
    else:
        data["next"] = _APPROVAL if execution.status == PENDING_APPROVAL else _CONTINUES
    return result_of(data, is_error=is_error)


def error_result(error: Exception, **more: Any) -> CallToolResult:
    """Return the result of a call that failed.

    Args:
        error: The error. Its text is given, unless it is one that the SDK does not raise.
        more: Further fields.
    """
    if not isinstance(error, EXPECTED):
        return result_of({"error": f"{type(error).__name__} in the server; its log has more"}, is_error=True)
    notes: list[str] = getattr(error, "__notes__", [])
    data: dict[str, Any] = {"error": " ".join([str(error), *notes]), "kind": type(error).__name__}
    if isinstance(error, FibonacciError) and error.code:
        data["code"] = error.code
    if isinstance(error, APIError):
        data["outcome_unknown"] = error.outcome_unknown
        if error.outcome_unknown:
            data |= {"next": UNKNOWN_OUTCOME, "idempotency_key": error.idempotency_key}
    return result_of(data | more, is_error=True)


def result_of(data: Mapping[str, Any], *, is_error: bool = False) -> CallToolResult:
    """Return a result as structured content and as text, without the API key."""
    content = redact_keys_in_use(data)
    text = TextContent(text=json.dumps(content, ensure_ascii=False))
    return CallToolResult(content=[text], structured_content=content, is_error=is_error)


def text_result(text: str) -> CallToolResult:
    """Return a result that is a text."""
    return CallToolResult(content=[TextContent(text=text)])
