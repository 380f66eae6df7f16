"""Factories of workflows, versions, executions and registry entries."""

from __future__ import annotations

from typing import Any, Final

from fibonacci.models import Execution, NodeTrace, RegistryEntry, ResponseInfo, Workflow, WorkflowVersion
from fibonacci.testing.factories.build import CREATED, build

_DEFINITION: Final = {"nodes": [{"id": "greet", "type": "llm", "instruction": "Greet {{input.name}}"}]}
_WORKFLOW: Final = {
    "id": "wf-abc123",
    "name": "Greeter",
    "description": None,
    "definition": _DEFINITION,
    "version": 1,
    "status": "active",
    "created_at": CREATED,
    "updated_at": CREATED,
}
_VERSION: Final = {
    "version": 1,
    "workflow_id": "wf-abc123",
    "name": "Greeter",
    "description": None,
    "definition": _DEFINITION,
    "created_at": CREATED,
}
_EXECUTION: Final = {
    "id": "exec_abc123",
    "status": "completed",
    "workflow_id": "wf-abc123",
    "outputs": {"greet": "Hello Ada"},
    "duration_ms": 1200,
    "nodes_executed": 1,
    "nodes_failed": 0,
    "created_at": CREATED,
    "updated_at": CREATED,
}
_NODE: Final = {
    "id": "greet",
    "type": "llm",
    "status": "completed",
    "started_at": CREATED,
    "ended_at": CREATED,
    "attempts": 1,
    "input": {"instruction": "Greet Ada"},
    "output": "Hello Ada",
    "error": None,
    "reason": None,
}
_ENTRY: Final = {
    "workflow_id": "wf-abc123",
    "name": "Greeter",
    "status": "approved",
    "created_at": CREATED,
    "updated_at": CREATED,
}


def make_workflow(*, response: ResponseInfo | None = None, **changes: Any) -> Workflow:
    """Make a workflow, with one node by default.

    Args:
        response: The HTTP response that it came in; a successful one by default.
        changes: Fields that replace the defaults, and further ones, by their names in a response.

    Returns:
        The model, as if it had come in a response.

    Example:
        >>> make_workflow(name="News").name
        'News'
    """
    return build(Workflow, _WORKFLOW, changes, response)


def make_workflow_version(*, response: ResponseInfo | None = None, **changes: Any) -> WorkflowVersion:
    """Make a snapshot of a workflow, version 1 by default.

    Args:
        response: The HTTP response that it came in; a successful one by default.
        changes: Fields that replace the defaults, and further ones, by their names in a response.

    Returns:
        The model, as if it had come in a response.

    Example:
        >>> make_workflow_version(version=2).version
        2
    """
    return build(WorkflowVersion, _VERSION, changes, response)


def make_execution(*, response: ResponseInfo | None = None, **changes: Any) -> Execution:
    """Make an execution, `completed` by default.

    Args:
        response: The HTTP response that it came in; a successful one by default.
        changes: Fields that replace the defaults, and further ones, by their names in a response.

    Returns:
        The model, as if it had come in a response.

    Example:
        >>> make_execution(status="failed", outputs={}).succeeded
        False
    """
    return build(Execution, _EXECUTION, changes, response)


def make_node_trace(*, response: ResponseInfo | None = None, **changes: Any) -> NodeTrace:
    """Make the trace of a node, `completed` by default.

    For `make_execution(trace=[...])`, dump it: `make_node_trace(id="sum").model_dump()`.

    Args:
        response: The HTTP response that it came in; a successful one by default.
        changes: Fields that replace the defaults, and further ones, by their names in a response.

    Returns:
        The model, as if it had come in a response.

    Example:
        >>> make_node_trace(status="failed", output=None, error="no value").error
        'no value'
    """
    return build(NodeTrace, _NODE, changes, response)


def make_registry_entry(*, response: ResponseInfo | None = None, **changes: Any) -> RegistryEntry:
    """Make a registry entry, `approved` by default.

    Args:
        response: The HTTP response that it came in; a successful one by default.
        changes: Fields that replace the defaults, and further ones, by their names in a response.

    Returns:
        The model, as if it had come in a response.

    Example:
        >>> make_registry_entry(status="archived").status
        'archived'
    """
    return build(RegistryEntry, _ENTRY, changes, response)
