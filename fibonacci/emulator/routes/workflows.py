"""Workflows: create, read, change, delete, execute."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import Field

from fibonacci.definitions import Problem
from fibonacci.emulator.account import SEED
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.engine.definition_problems import problems_of
from fibonacci.emulator.engine.records import summary_of
from fibonacci.emulator.http.bodies import Body, read
from fibonacci.emulator.http.paging import paged
from fibonacci.emulator.http.replies import Detail, Reply, created, data_only, invalid, no_content, not_found
from fibonacci.emulator.policy.admission import execute, report_problems
from fibonacci.emulator.routes.executions import reply_of_run
from fibonacci.emulator.state import ids
from fibonacci.emulator.state.clock import iso
from fibonacci.emulator.state.json_encoding import to_json
from fibonacci.emulator.state.store import Store
from fibonacci.emulator.state.tables import Record

Name = Annotated[str, Field(min_length=1)]


class WorkflowCreate(Body):
    """The body of creating a workflow."""

    name: Name
    description: str | None = None
    definition: dict[str, Any] | None = None


class WorkflowUpdate(Body):
    """The body of updating a workflow; absent fields stay unchanged."""

    name: Name = ""
    description: str | None = None
    definition: dict[str, Any] | None = None


class WorkflowExecute(Body):
    """The body of executing a workflow."""

    inputs: dict[str, Any] = Field(default_factory=dict)


def list_workflows(context: RequestContext) -> Reply:
    """GET /workflows."""
    return paged(context.store.workflows.rows, context.query, kind="workflows")


def create_workflow(context: RequestContext) -> Reply:
    """POST /workflows."""
    body = read(WorkflowCreate, context.body)
    return created(add_workflow(context, body))


def add_workflow(context: RequestContext, body: WorkflowCreate, **more: Any) -> Record:
    """Store a new workflow with its first version, and with further fields of its record; return it.

    Raises:
        HTTPException: 422 if its definition is refused.
    """
    workflow_id = ids.workflow_id()
    _check(context, workflow_id, body.definition)
    now = iso(context.now)
    workflow: Record = {
        "id": workflow_id,
        "name": body.name,
        "description": body.description,
        "definition": body.definition,
        "version": 1,
        "organization_id": context.organization,
        "status": "active",
        "created_at": now,
        "updated_at": now,
        **more,
    }
    save_with_snapshot(context.store, workflow)
    return workflow


def get_workflow(context: RequestContext) -> Reply:
    """GET /workflows/{workflow_id}."""
    return Reply(find_workflow(context))


def update_workflow(context: RequestContext) -> Reply:
    """PUT /workflows/{workflow_id}."""
    return Reply(change_workflow(context, find_workflow(context), read(WorkflowUpdate, context.body)))


def change_workflow(context: RequestContext, workflow: Record, body: WorkflowUpdate, **more: Any) -> Record:
    """Store the given fields of a workflow as its next version, and further fields of its record; return it.

    Raises:
        HTTPException: 422 if its definition is refused.
    """
    _check(context, workflow["id"], body.definition)
    given = {name: getattr(body, name) for name in WorkflowUpdate.model_fields if name in body.model_fields_set}
    if given or more:
        changed = {"version": workflow["version"] + bool(given), "updated_at": iso(context.now)}
        workflow = workflow | given | more | changed
    if given:
        save_with_snapshot(context.store, workflow)
    elif more:
        context.store.workflows.put(workflow["id"], record=workflow)
    return workflow


def delete_workflow(context: RequestContext) -> Reply:
    """DELETE /workflows/{workflow_id}; its executions remain."""
    workflow_id = find_workflow(context)["id"]
    context.store.workflows.delete(workflow_id)
    context.store.versions.delete_all(workflow_id)
    context.store.registry.delete(workflow_id)
    return no_content()


def execute_workflow(context: RequestContext) -> Reply:
    """POST /workflows/{workflow_id}/execute."""
    workflow = find_workflow(context)
    execution = execute(context, workflow, read(WorkflowExecute, context.body).inputs)
    return reply_of_run(context, execution, lambda execution, now: data_only(summary_of(execution, now)))


def find_workflow(context: RequestContext) -> Record:
    """Return the workflow that the path names.

    Raises:
        HTTPException: 404 if it does not exist.
    """
    workflow_id = context.path["workflow_id"]
    workflow = context.store.workflows.get(workflow_id)
    if workflow is None:
        raise not_found("workflow_id", "workflow", workflow_id)
    return workflow


def save_with_snapshot(store: Store, workflow: Record, rolled_back_from: int | None = None) -> Record:
    """Store a workflow and the snapshot of its version; return the snapshot."""
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


def _check(context: RequestContext, workflow_id: str, definition: dict[str, Any] | None) -> None:
    if definition is None:
        return
    from fibonacci.definitions.checks.codes import INVALID  # the checks would slow the start of an emulator

    problems = problems_of(to_json(definition), context.environment)
    if context.actor == SEED.name:  # the user adds tools and models after it; each execution checks them
        problems = [problem for problem in problems if problem.code not in ("unknown_tool", "unknown_model")]
    refused: Iterable[Problem] = ()
    if context.environment.warnings.strict:
        refused = problems
    elif any(problem.code in INVALID for problem in problems):
        refused = (problem for problem in problems if problem.severity == "error")
    details = [
        Detail(f"definition.{problem.location}".rstrip("."), f"{problem.message} ({problem.code})")
        for problem in refused
    ]
    if details:
        raise invalid(*details)
    report_problems(context, workflow_id, problems)


ENDPOINTS = [
    ("GET", "/workflows", list_workflows),
    ("POST", "/workflows", create_workflow),
    ("GET", "/workflows/{workflow_id}", get_workflow),
    ("PUT", "/workflows/{workflow_id}", update_workflow),
    ("DELETE", "/workflows/{workflow_id}", delete_workflow),
    ("POST", "/workflows/{workflow_id}/execute", execute_workflow),
]
