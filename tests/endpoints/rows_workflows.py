"""Rows: workflows, executions, versions, the registry."""

from __future__ import annotations

from typing import Any

from fibonacci.models import Execution, RegistryEntry, Workflow, WorkflowVersion
from tests.endpoints.endpoint_row import EndpointRow

DEFINITION: dict[str, Any] = {
    "name": "Greeting",
    "nodes": [{"id": "greet", "type": "llm", "instruction": "Grüße {{input.name}}", "temperature": 0.0}],
    "outputs": {"text": "{{greet}}"},
}
WORKFLOW: dict[str, Any] = {
    "id": "wf-abc123",
    "name": "Greeting",
    "description": None,
    "definition": DEFINITION,
    "version": 3,
    "status": "active",
    "created_at": "2026-11-25T01:02:03.456789Z",
    "updated_at": "2026-11-25 01:02",
    "owner": {"name": "Zoë", "seats": 1.0},
}
EXECUTION: dict[str, Any] = {
    "execution_id": "exec_abc123",
    "status": "completed",
    "outputs": {"greet": "hello", "count": 2},
    "duration_ms": 1234,
    "nodes_executed": 1,
    "nodes_failed": 0,
}
RUNNING: dict[str, Any] = {
    "execution_id": "exec_def456",
    "status": "warming_up",
    "workflow_id": "wf-abc123",
    "outputs": None,
    "duration_ms": 0.5,
    "nodes_executed": None,
    "created_at": "yesterday",
    "node_states": [],
}
VERSION: dict[str, Any] = {
    "version": 2,
    "workflow_id": "wf-abc123",
    "name": "Greeting",
    "definition": DEFINITION,
    "created_at": "2026-11-25T01:02:03+01:00",
    "rolled_back_from": None,
}
NAMED_VERSION: dict[str, Any] = {"version": "2026-11", "definition": None}
ENTRY: dict[str, Any] = {"workflow_id": "wf-abc123", "name": "Greeting", "status": "approved", "approved_by": ["ada"]}

ROWS = [
    EndpointRow("workflows.list", "GET", "/workflows", [WORKFLOW, {"id": "wf-2"}], Workflow),
    EndpointRow("workflows.list", "GET", "/workflows", [], Workflow, options={"page_size": None, "cursor": None}),
    EndpointRow("workflows.list", "GET", "/workflows?limit=5&cursor=a%2Fb%3D%3D", [WORKFLOW], Workflow,
        options={"page_size": 5, "cursor": "a/b=="}),
    EndpointRow("workflows.create", "POST", "/workflows", WORKFLOW, Workflow, status=201,
        options={"name": "Greeting"}, body={"name": "Greeting"}),
    EndpointRow("workflows.create", "POST", "/workflows", WORKFLOW, Workflow, status=201,
        options={"name": "Grüße 👋", "description": "", "definition": DEFINITION},
        body={"name": "Grüße 👋", "description": "", "definition": DEFINITION}),
    EndpointRow("workflows.create", "POST", "/workflows", WORKFLOW, Workflow, status=201,
        options={"name": "x", "description": None, "definition": None},
        body={"name": "x", "description": None, "definition": None}),
    EndpointRow("workflows.get", "GET", "/workflows/wf-abc123", WORKFLOW, Workflow, ("wf-abc123",)),
    EndpointRow("workflows.get", "GET", "/workflows/a%2Fb%20c%3Fd%23e%25f", WORKFLOW | {"id": "a/b c?d#e%f"},
        Workflow, ("a/b c?d#e%f",)),
    EndpointRow("workflows.update", "PUT", "/workflows/wf-abc123", WORKFLOW, Workflow, ("wf-abc123",),
        {"name": "New"}, body={"name": "New"}),
    EndpointRow("workflows.update", "PUT", "/workflows/wf-abc123", WORKFLOW, Workflow, ("wf-abc123",),
        {"name": "New", "description": None, "definition": DEFINITION},
        body={"name": "New", "description": None, "definition": DEFINITION}),
    EndpointRow("workflows.delete", "DELETE", "/workflows/wf-abc123", None, type(None), ("wf-abc123",), status=204),
    EndpointRow("workflows.execute", "POST", "/workflows/wf-abc123/execute", EXECUTION, Execution, ("wf-abc123",),
        body={}),
    EndpointRow("workflows.execute", "POST", "/workflows/wf-abc123/execute", EXECUTION, Execution, ("wf-abc123",),
        {"inputs": {}}, body={"inputs": {}}),
    EndpointRow("workflows.execute", "POST", "/workflows/a%20b/execute", RUNNING, Execution, ("a b",),
        {"inputs": {"name": "Ada", "deep": {"list": [1, 2.5, None, True, "é"]}, "tuple": (1, 2)}},
        body={"inputs": {"name": "Ada", "deep": {"list": [1, 2.5, None, True, "é"]}, "tuple": [1, 2]}}),
    EndpointRow("executions.get", "GET", "/executions/exec_abc123", RUNNING | {"execution_id": "exec_abc123"},
        Execution, ("exec_abc123",)),
    EndpointRow("executions.get", "GET", "/executions/..%2F", EXECUTION | {"execution_id": "../"}, Execution, ("../",)),
    EndpointRow("executions.list", "GET", "/executions", [EXECUTION, RUNNING], Execution),
    EndpointRow("executions.list", "GET", "/executions?workflow_id=wf+1&status=pending_approval&limit=1&cursor=c",
        [RUNNING],
        Execution, options={"workflow_id": "wf 1", "status": "pending_approval", "page_size": 1, "cursor": "c"}),
    EndpointRow("executions.cancel", "POST", "/executions/exec_abc123/cancel", EXECUTION, Execution, ("exec_abc123",)),
    EndpointRow("versions.list", "GET", "/workflows/wf-abc123/versions", [VERSION, NAMED_VERSION], WorkflowVersion,
        ("wf-abc123",)),
    EndpointRow("versions.list", "GET", "/workflows/a%2Fb/versions?limit=2&cursor=x", [], WorkflowVersion, ("a/b",),
        {"page_size": 2, "cursor": "x"}),
    EndpointRow("versions.get", "GET", "/workflows/wf-abc123/versions/1", VERSION, WorkflowVersion, ("wf-abc123", 1)),
    EndpointRow("versions.get", "GET", "/workflows/wf-abc123/versions/2026%2F11", NAMED_VERSION, WorkflowVersion,
        ("wf-abc123", "2026/11")),
    EndpointRow("versions.rollback", "POST", "/workflows/wf-abc123/versions/1/rollback", VERSION, WorkflowVersion,
        ("wf-abc123", 1)),
    EndpointRow("registry.approve_template", "POST", "/workflow-registry/wf-abc123/approve-template", ENTRY,
        RegistryEntry,
        ("wf-abc123",)),
    EndpointRow("registry.deprecate", "POST", "/workflow-registry/wf-abc123/deprecate", ENTRY, RegistryEntry,
        ("wf-abc123",)),
    EndpointRow("registry.archive", "POST", "/workflow-registry/wf-abc123/archive", ENTRY, RegistryEntry,
        ("wf-abc123",)),
    EndpointRow("registry.list", "GET", "/workflow-registry", [ENTRY], RegistryEntry),
    EndpointRow("registry.list", "GET", "/workflow-registry?include_archived=true&limit=9&cursor=c", [ENTRY],
        RegistryEntry,
        options={"include_archived": True, "page_size": 9, "cursor": "c"}),
    EndpointRow("registry.list", "GET", "/workflow-registry?include_archived=false", [], RegistryEntry,
        options={"include_archived": False}),
]  # fmt: skip
