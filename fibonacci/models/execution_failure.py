"""Why an execution failed: the platform does not document which field says so, hence the tables of names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

from fibonacci.errors import ExecutionCancelledError, ExecutionFailedError

if TYPE_CHECKING:
    from fibonacci.models.executions import Execution

# In the order in which they are asked. Those of nodes come first: they also name the node.
_LISTS_OF_NODES = ("trace", "nodes", "node_results", "node_executions", "steps", "outputs")
_REASON_FIELDS = (
    *("error", "error_message", "errors", "error_details", "failure", "failure_reason", "cancel_reason", "reason"),
    *("status_reason", "status_message", "message", "detail", "details"),
)
_TEXT_FIELDS = (
    "message",
    "error_message",
    "detail",
    "details",
    "error",
    "reason",
    "description",
    "title",
    "code",
    "type",
)
_ID_FIELDS = ("node_id", "id", "node", "name")
_FAILED_NODE_FIELDS = ("failed_node", "failed_node_id")
_NODE_FIELDS = (*_FAILED_NODE_FIELDS, "node_id", "node")
_FAILED = frozenset({"failed", "error", "errored", "timed_out"})
_LONGEST_REASON = 2000
_LEVELS = 3


class ExecutionFailure(NamedTuple):
    """Why an execution failed, as far as the platform states it."""

    node: str | None = None
    """The id of the node that failed; None when it is not known."""

    reason: str | None = None
    """The cause as a text; None when it is not known."""


def failure_of(execution: Execution) -> ExecutionFailure:
    """Return why an execution failed or was canceled."""
    document = execution.model_dump(mode="json")
    error = document.get("error")
    node = _first_text(error, _NODE_FIELDS) if _is_object(error) else None
    whole = ExecutionFailure(node or _first_text(document, _FAILED_NODE_FIELDS), _first_text(document, _REASON_FIELDS))
    if execution.status == "cancelled":
        return whole
    failed = list(_failed_nodes(document))
    first = next((node for node in failed if node.reason), failed[0] if failed else whole)
    return ExecutionFailure(first.node or whole.node, first.reason or whole.reason)


def execution_error(execution: Execution) -> ExecutionFailedError:
    """Return the error of an execution that has ended without success; one that was canceled has a class for that.

    Its texts are without the API key, which the platform may echo.
    """
    from fibonacci._core.log_filter import redact_keys_in_use

    failure = failure_of(execution)
    text, reason = redact_keys_in_use([failure_text(execution, failure), failure.reason])
    kind = ExecutionCancelledError if execution.status == "cancelled" else ExecutionFailedError
    return kind(text, execution=execution, reason=reason)


def failure_text(execution: Execution, failure: ExecutionFailure) -> str:
    """Return the message of an `ExecutionFailedError`."""
    how = {"failed": "failed", "cancelled": "was canceled"}.get(execution.status or "", f"ended as {execution.status}")
    where = f" at node {failure.node!r}" if failure.node else ""
    return f"execution {execution.id} {how}{where}" + (f": {failure.reason}" if failure.reason else "")


def error_text(error: object) -> str | None:
    """Return the text of an error as the platform sends it: a text, an object with a message, or a list of either."""
    return _text(error, _LEVELS)


def _failed_nodes(document: Mapping[str, Any]) -> Iterator[ExecutionFailure]:
    for field in _LISTS_OF_NODES:
        for name, entry in _entries(document.get(field)):
            if _is_object(entry) and str(entry.get("status")).lower() in _FAILED:
                yield ExecutionFailure(name or _first_text(entry, _ID_FIELDS), _first_text(entry, _REASON_FIELDS))


def _entries(nodes: object) -> Iterable[tuple[str | None, object]]:
    """Return nodes with their ids, which are the keys of an object, or stand in the elements of a list."""
    if _is_object(nodes):
        return nodes.items()
    return [(None, node) for node in nodes] if _is_array(nodes) else []


def _first_text(document: Mapping[str, Any], fields: Iterable[str], levels: int = _LEVELS) -> str | None:
    return next((text for field in fields if (text := _text(document.get(field), levels))), None)


def _text(value: object, levels: int) -> str | None:
    """Return the text of an error: itself a text, an object with a message or a code, or a list of either."""
    if isinstance(value, str):
        return value.strip()[:_LONGEST_REASON] or None
    if _is_object(value) and levels:
        return _first_text(value, _TEXT_FIELDS, levels - 1)
    if _is_array(value) and levels:
        return "; ".join(text for each in value if (text := _text(each, levels - 1)))[:_LONGEST_REASON] or None
    return None


def _is_object(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _is_array(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)
