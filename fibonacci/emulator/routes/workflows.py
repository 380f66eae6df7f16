"""Workflows, their versions, and their place in the registry of templates."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Annotated, Final, cast

from pydantic import Field

from fibonacci.definitions import Problem
from fibonacci.emulator.account import SEED
from fibonacci.emulator.context import Endpoint, RequestContext, RunReply
from fibonacci.emulator.engine.compiled import problems_of
from fibonacci.emulator.engine.records import summary_of
from fibonacci.emulator.http.messages import (
    Body,
    Detail,
    Reply,
    conflict,
    created,
    data_only,
    invalid,
    no_content,
    not_found,
    read,
)
from fibonacci.emulator.http.paging import paged
from fibonacci.emulator.policy.admission import execute, report_problems
from fibonacci.emulator.policy.organizations import Change, record_change
from fibonacci.emulator.state.clock import iso
from fibonacci.emulator.state.json_encoding import JSONObject, fields_of, to_json
from fibonacci.emulator.state.records import (
    RegistryStatus,
    StoredExecution,
    StoredRegistry,
    StoredVersion,
    StoredWorkflow,
)
from fibonacci.emulator.state.store import Store

Name = Annotated[str, Field(min_length=1)]
NO_FLAGS: Final[Mapping[str, object]] = {}


class WorkflowCreate(Body):
    """The body of creating a workflow."""

    name: Name
    description: str | None = None
    definition: JSONObject | None = None


class WorkflowUpdate(Body):
    """The body of updating a workflow, where absent fields stay unchanged."""

    name: Name = ""
    description: str | None = None
    definition: JSONObject | None = None


class WorkflowExecute(Body):
    """The body of executing a workflow."""

    inputs: JSONObject = Field(default_factory=dict)


def list_workflows(context: RequestContext) -> Reply:
    """GET /workflows."""
    return paged(context.store.workflows.rows, context.query, kind="workflows")


def create_workflow(context: RequestContext) -> Reply:
    """POST /workflows."""
    body = read(WorkflowCreate, context.body)
    return created(add_workflow(context, body))


def add_workflow(
    context: RequestContext, body: WorkflowCreate, flags: Mapping[str, object] = NO_FLAGS
) -> StoredWorkflow:
    """Store a new workflow with its first version, and return it.

    Raises:
        HTTPException: 422 if its definition is refused.
    """
    workflow_id, now = f"wf-{os.urandom(6).hex()}", iso(context.now)
    _check(context, workflow_id, body.definition)
    content = {"name": body.name, "description": body.description, "definition": body.definition, "version": 1}
    about = {"organization_id": context.organization, "status": "active", "created_at": now, "updated_at": now}
    workflow = cast("StoredWorkflow", {"id": workflow_id, **content, **about, **flags})
    save_with_snapshot(context.store, workflow)
    return workflow


def get_workflow(context: RequestContext) -> Reply:
    """GET /workflows/{workflow_id}."""
    return Reply(find_workflow(context))


def update_workflow(context: RequestContext) -> Reply:
    """PUT /workflows/{workflow_id}."""
    return Reply(change_workflow(context, find_workflow(context), read(WorkflowUpdate, context.body)))


def change_workflow(
    context: RequestContext, workflow: StoredWorkflow, body: WorkflowUpdate, flags: Mapping[str, object] = NO_FLAGS
) -> StoredWorkflow:
    """Store the given fields of a workflow as its next version, and its flags, which no version has. Return it.

    Raises:
        HTTPException: 422 if its definition is refused.
    """
    _check(context, workflow["id"], body.definition)
    given = {name: getattr(body, name) for name in WorkflowUpdate.model_fields.keys() & body.model_fields_set}
    if not given and not flags:
        return workflow
    times = {"version": workflow["version"] + bool(given), "updated_at": iso(context.now)}
    changed = cast("StoredWorkflow", {**workflow, **given, **flags, **times})
    if given:
        save_with_snapshot(context.store, changed)
    else:
        context.store.workflows.put(workflow["id"], record=changed)
    return changed


def delete_workflow(context: RequestContext) -> Reply:
    """DELETE /workflows/{workflow_id}, which also deletes its memory, but not its executions."""
    store, workflow_id = context.store, find_workflow(context)["id"]
    store.executions.keep_definitions(workflow_id)  # they continue with the definition of their version
    store.workflows.delete(workflow_id)
    store.versions.delete_all({"workflow_id": workflow_id})
    store.registry.delete(workflow_id)
    store.memory.delete_all({"scope": "workflow", "owner": workflow_id})
    return no_content()


def execute_workflow(context: RequestContext) -> RunReply:
    """POST /workflows/{workflow_id}/execute."""
    workflow = find_workflow(context)
    execution = execute(context, workflow, read(WorkflowExecute, context.body).inputs)
    return RunReply(execution, _summary)


def _summary(execution: StoredExecution, now: float) -> Reply:
    return data_only(summary_of(execution, now))


def find_workflow(context: RequestContext) -> StoredWorkflow:
    """Return the workflow that the path names.

    Raises:
        HTTPException: 404 if it does not exist.
    """
    workflow_id = context.path["workflow_id"]
    workflow = context.store.workflows.get(workflow_id)
    if workflow is None:
        raise not_found("workflow_id", "workflow", workflow_id)
    return workflow


def save_with_snapshot(store: Store, workflow: StoredWorkflow, rolled_back_from: int | None = None) -> StoredVersion:
    """Store a workflow and the snapshot of its version, and return the snapshot."""
    given, names = fields_of(workflow), ("version", "name", "description", "definition")
    fields = {name: given[name] for name in names} | {"created_at": workflow["updated_at"]}
    version = {"workflow_id": workflow["id"], **fields, "rolled_back_from": rolled_back_from}
    snapshot = cast("StoredVersion", version)
    store.workflows.put(workflow["id"], record=workflow)
    store.versions.put(workflow["id"], str(workflow["version"]), record=snapshot)
    return snapshot


def _check(context: RequestContext, workflow_id: str, definition: JSONObject | None) -> None:
    if definition is None:
        return
    from fibonacci.definitions.problems import INVALID  # the checks would slow the start of an emulator

    problems = problems_of(to_json(definition), context.environment)
    if context.actor is SEED:  # the user adds tools and models later, and each execution checks them
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


def list_versions(context: RequestContext) -> Reply:
    """GET /workflows/{workflow_id}/versions, newest first."""
    workflow_id = find_workflow(context)["id"]
    rows = partial(context.store.versions.rows, {"workflow_id": workflow_id})
    return paged(rows, context.query, kind=f"versions of {workflow_id}", newest_first=True)


def get_version(context: RequestContext) -> Reply:
    """GET /workflows/{workflow_id}/versions/{version}."""
    return Reply(_find_version(context, find_workflow(context)["id"]))


def rollback(context: RequestContext) -> Reply:
    """POST /workflows/{workflow_id}/versions/{version}/rollback."""
    workflow = find_workflow(context)
    old = _find_version(context, workflow["id"])
    content = {"name": old["name"], "description": old["description"], "definition": old["definition"]}
    changes = {"version": workflow["version"] + 1, "updated_at": iso(context.now)}
    back = cast("StoredWorkflow", {**workflow, **content, **changes})
    return Reply(save_with_snapshot(context.store, back, rolled_back_from=old["version"]))


def _find_version(context: RequestContext, workflow_id: str) -> StoredVersion:
    version = context.path["version"]
    snapshot = context.store.versions.get(workflow_id, version)
    if snapshot is None or str(snapshot["version"]) != version:
        raise not_found("version", f"version of workflow {workflow_id!r}:", version)
    return snapshot


TRANSITIONS: Final[Mapping[RegistryStatus | None, Sequence[RegistryStatus]]] = {
    None: ("approved",),
    "approved": ("deprecated", "archived"),
    "deprecated": ("archived",),
}
"""The statuses that may follow a status. `None` stands for a workflow that is not in the registry."""


def list_registry(context: RequestContext) -> Reply:
    """GET /workflow-registry."""
    include_archived = context.query.boolean("include_archived", default=False)
    registry = context.store.registry
    return paged(
        registry.rows if include_archived else partial(registry.rows, {"is_listed": "1"}),
        context.query,
        kind="registry",
    )


def set_registry_status(context: RequestContext, status: RegistryStatus) -> Reply:
    """POST /workflow-registry/{workflow_id}/approve-template, /deprecate and /archive."""
    workflow = find_workflow(context)
    now = iso(context.now)
    earlier = context.store.registry.get(workflow["id"])
    before = None if earlier is None else earlier["status"]
    if status not in TRANSITIONS.get(before, ()):
        state = before or "not in the registry"
        raise conflict("status", f"Workflow {workflow['id']!r} is {state} and cannot become {status}.")
    entry: StoredRegistry = {
        "workflow_id": workflow["id"],
        "name": workflow["name"],
        "status": status,
        "version": workflow["version"],
        "created_at": now if earlier is None else earlier["created_at"],
        "updated_at": now,
    }
    context.store.registry.put(workflow["id"], record=entry)
    target = f"workflow-registry/{workflow['id']}"
    change = Change(context.actor.name, f"registry.{status}", target, {"status": before}, {"status": status})
    record_change(context.store, context.organization, change, context.now)
    return Reply(entry)


_ACTIONS: Final[Mapping[str, RegistryStatus]] = {
    "approve-template": "approved",
    "deprecate": "deprecated",
    "archive": "archived",
}

ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint("GET", "/workflows", list_workflows),
    Endpoint("POST", "/workflows", create_workflow),
    Endpoint("GET", "/workflows/{workflow_id}", get_workflow),
    Endpoint("PUT", "/workflows/{workflow_id}", update_workflow),
    Endpoint("DELETE", "/workflows/{workflow_id}", delete_workflow),
    Endpoint("POST", "/workflows/{workflow_id}/execute", execute_workflow),
    Endpoint("GET", "/workflows/{workflow_id}/versions", list_versions),
    Endpoint("GET", "/workflows/{workflow_id}/versions/{version}", get_version, role="admin"),
    Endpoint("POST", "/workflows/{workflow_id}/versions/{version}/rollback", rollback, role="admin"),
    *(
        Endpoint(
            "POST",
            f"/workflow-registry/{{workflow_id}}/{action}",
            partial(set_registry_status, status=status),
            role="admin",
        )
        for action, status in _ACTIONS.items()
    ),
    Endpoint("GET", "/workflow-registry", list_registry),
)
