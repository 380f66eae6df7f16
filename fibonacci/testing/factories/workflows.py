"""Workflows, their versions and runs, and their places in the registry."""

from __future__ import annotations

from typing import Any, Final

from fibonacci.models import Execution, RegistryEntry, ResponseInfo, Workflow, WorkflowVersion
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
_ENTRY: Final = {
    "workflow_id": "wf-abc123",
    "name": "Greeter",
    "status": "approved",
    "created_at": CREATED,
    "updated_at": CREATED,
}


def make_workflow(*, response: ResponseInfo | None = None, **changes: Any) -> Workflow:
    """Make a workflow.

    Args:
        response: The HTTP side of its answer.
        changes: Fields in place of the defaults, and further ones, by their names in an answer.

    Returns:
        The model, as if it had been received.

    Example:
        >>> make_workflow(name="News").name
        'News'
    """
    return build(Workflow, _WORKFLOW, changes, response)


def make_workflow_version(*, response: ResponseInfo | None = None, **changes: Any) -> WorkflowVersion:
    """Make a snapshot of a workflow.

    Args:
        response: The HTTP side of its answer.
        changes: Fields in place of the defaults, and further ones, by their names in an answer.

    Returns:
        The model, as if it had been received.

    Example:
        >>> make_workflow_version(version=2).version
        2
    """
    return build(WorkflowVersion, _VERSION, changes, response)


def make_execution(*, response: ResponseInfo | None = None, **changes: Any) -> Execution:
    """Make an execution, one that completed.

    Args:
        response: The HTTP side of its answer.
        changes: Fields in place of the defaults, and further ones, by their names in an answer.

    Returns:
        The model, as if it had been received.

    Example:
        >>> make_execution(status="failed", outputs={}).succeeded
        False
    """
    return build(Execution, _EXECUTION, changes, response)


def make_registry_entry(*, response: ResponseInfo | None = None, **changes: Any) -> RegistryEntry:
    """Make a workflow's place in the registry, approved.

    Args:
        response: The HTTP side of its answer.
        changes: Fields in place of the defaults, and further ones, by their names in an answer.

    Returns:
        The model, as if it had been received.

    Example:
        >>> make_registry_entry(status="archived").status
        'archived'
    """
    return build(RegistryEntry, _ENTRY, changes, response)
