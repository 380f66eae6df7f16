"""Workflows: create, read, change, delete, execute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field

from fibonacci.definitions import check_definition
from fibonacci.emulator import ids
from fibonacci.emulator.admission import execute
from fibonacci.emulator.body import Body, read
from fibonacci.emulator.call import Call
from fibonacci.emulator.clock import iso
from fibonacci.emulator.envelope import Reply, created, data_only, no_content
from fibonacci.emulator.errors import Detail, invalid, not_found
from fibonacci.emulator.executions import answer_of
from fibonacci.emulator.paging import paged
from fibonacci.emulator.store import Record, Store

Name = Annotated[str, Field(min_length=1)]


class WorkflowCreate(Body):
    """The body of creating a workflow."""

    name: Name
    description: str | None = None
    definition: dict[str, Any] | None = None


class WorkflowUpdate(Body):
    """The body of changing a workflow; what is not given stays."""

    name: Name = ""
    description: str | None = None
    definition: dict[str, Any] | None = None


class Execute(Body):
    """The body of executing a workflow."""

    inputs: dict[str, Any] = Field(default_factory=dict)


def list_workflows(call: Call) -> Reply:
    """GET /workflows."""
    return paged(call.store.workflows.rows(), call.query, kind="workflows")


def create_workflow(call: Call) -> Reply:
    """POST /workflows."""
    body = read(WorkflowCreate, call.body)
    _check(body.definition)
    now = iso(call.now)
    workflow: Record = {
        "id": ids.workflow_id(),
        "name": body.name,
        "description": body.description,
        "definition": body.definition,
        "version": 1,
        "status": "active",
        "created_at": now,
        "updated_at": now,
    }
    save_with_snapshot(call.store, workflow)
    return created(workflow)


def get_workflow(call: Call) -> Reply:
    """GET /workflows/{workflow_id}."""
    return Reply(find_workflow(call))


def update_workflow(call: Call) -> Reply:
    """PUT /workflows/{workflow_id}."""
    workflow = find_workflow(call)
    body = read(WorkflowUpdate, call.body)
    _check(body.definition)
    given = {name: getattr(body, name) for name in body.model_fields_set}
    if given:
        workflow = workflow | given | {"version": workflow["version"] + 1, "updated_at": iso(call.now)}
        save_with_snapshot(call.store, workflow)
    return Reply(workflow)


def delete_workflow(call: Call) -> Reply:
    """DELETE /workflows/{workflow_id}; its executions stay readable."""
    workflow_id = find_workflow(call)["id"]
    call.store.workflows.delete(workflow_id)
    call.store.versions.delete_all(workflow_id)
    call.store.registry.delete(workflow_id)
    return no_content()


def execute_workflow(call: Call) -> Reply:
    """POST /workflows/{workflow_id}/execute."""
    workflow = find_workflow(call)
    execution = execute(call, workflow, read(Execute, call.body).inputs)
    return data_only(answer_of(execution, call.now), _later(call, execution))


def _later(call: Call, execution: Record) -> Callable[[], Reply] | None:
    """How to wait for the end of an execution, when it may come soon."""
    if not call.engine.may_end_soon(execution, call.now):
        return None
    return lambda: data_only(answer_of(*call.engine.settle(execution)))


def find_workflow(call: Call) -> Record:
    """Return the workflow that the path names.

    Raises:
        ApiError: 404 when it is not there.
    """
    workflow_id = call.path["workflow_id"]
    workflow = call.store.workflows.get(workflow_id)
    if workflow is None:
        raise not_found("workflow_id", "workflow", workflow_id)
    return workflow


def save_with_snapshot(store: Store, workflow: Record, rolled_back_from: int | None = None) -> Record:
    """Put a workflow and the snapshot of its version; return the snapshot."""
    snapshot: Record = {
        "version": workflow["version"],
        "workflow_id": workflow["id"],
        "name": workflow["name"],
        "description": workflow["description"],
        "definition": workflow["definition"],
        "created_at": workflow["updated_at"],
        "rolled_back_from": rolled_back_from,
    }
    store.workflows.put(workflow["id"], record=workflow)
    store.versions.put(workflow["id"], str(workflow["version"]), record=snapshot)
    return snapshot


def _check(definition: dict[str, Any] | None) -> None:
    if definition is None:
        return
    problems = check_definition(definition)
    if problems:
        places = (f"definition.{problem.location}".rstrip(".") for problem in problems)
        messages = (f"{problem.message} ({problem.code})" for problem in problems)
        raise invalid(*map(Detail, places, messages))


ENDPOINTS = [
    ("GET", "/workflows", list_workflows),
    ("POST", "/workflows", create_workflow),
    ("GET", "/workflows/{workflow_id}", get_workflow),
    ("PUT", "/workflows/{workflow_id}", update_workflow),
    ("DELETE", "/workflows/{workflow_id}", delete_workflow),
    ("POST", "/workflows/{workflow_id}/execute", execute_workflow),
]
