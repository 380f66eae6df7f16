"""The workflow registry: which workflows are approved as templates, deprecated or archived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from fibonacci.emulator.account import KeyRole
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.http.paging import paged
from fibonacci.emulator.http.replies import Reply, conflict
from fibonacci.emulator.policy.organizations import Change, record_change
from fibonacci.emulator.routes.workflows import find_workflow
from fibonacci.emulator.state.clock import iso
from fibonacci.emulator.state.tables import Record

_TRANSITIONS: Final[Mapping[str | None, Sequence[str]]] = {
    None: ("approved",),
    "approved": ("deprecated", "archived"),
    "deprecated": ("archived",),
}
"""The statuses that may follow a status; `None` is that of a workflow that is not in the registry."""


def list_registry(context: RequestContext) -> Reply:
    """GET /workflow-registry."""
    include_archived = context.query.boolean("include_archived", default=False)
    registry = context.store.registry
    return paged(
        registry.rows if include_archived else partial(registry.rows, "listed"), context.query, kind="registry"
    )


def approve_template(context: RequestContext) -> Reply:
    """POST /workflow-registry/{workflow_id}/approve-template."""
    return _set_status(context, "approved")


def deprecate(context: RequestContext) -> Reply:
    """POST /workflow-registry/{workflow_id}/deprecate."""
    return _set_status(context, "deprecated")


def archive(context: RequestContext) -> Reply:
    """POST /workflow-registry/{workflow_id}/archive."""
    return _set_status(context, "archived")


def _set_status(context: RequestContext, status: str) -> Reply:
    workflow = find_workflow(context)
    now = iso(context.now)
    earlier = context.store.registry.get(workflow["id"]) or {"created_at": now, "status": None}
    if status not in _TRANSITIONS.get(earlier["status"], ()):
        state = earlier["status"] or "not in the registry"
        raise conflict("status", f"Workflow {workflow['id']!r} is {state} and cannot become {status}.")
    entry: Record = {
        "workflow_id": workflow["id"],
        "name": workflow["name"],
        "status": status,
        "version": workflow["version"],
        "created_at": earlier["created_at"],
        "updated_at": now,
    }
    context.store.registry.put(workflow["id"], record=entry)
    before = {"status": earlier["status"]}
    change = Change(
        context.actor, f"registry.{status}", f"workflow-registry/{workflow['id']}", before, {"status": status}
    )
    record_change(context.store, context.organization, change, context.now)
    return Reply(entry)


ENDPOINTS = [
    ("POST", "/workflow-registry/{workflow_id}/approve-template", approve_template),
    ("POST", "/workflow-registry/{workflow_id}/deprecate", deprecate),
    ("POST", "/workflow-registry/{workflow_id}/archive", archive),
    ("GET", "/workflow-registry", list_registry),
]
PERMISSIONS: Final[dict[tuple[str, str], KeyRole]] = {
    ("POST", "/workflow-registry/{workflow_id}/approve-template"): "admin",
    ("POST", "/workflow-registry/{workflow_id}/deprecate"): "admin",
    ("POST", "/workflow-registry/{workflow_id}/archive"): "admin",
}
