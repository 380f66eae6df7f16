"""The workflow registry: which workflows are approved as templates, deprecated or archived."""

from __future__ import annotations

from typing import Final

from fibonacci.emulator.call import Call
from fibonacci.emulator.clock import iso
from fibonacci.emulator.envelope import Reply
from fibonacci.emulator.keys import Role
from fibonacci.emulator.paging import paged
from fibonacci.emulator.routes.workflows import find_workflow
from fibonacci.emulator.store import Record


def list_registry(call: Call) -> Reply:
    """GET /workflow-registry."""
    everything = call.query.boolean("include_archived", default=False)
    return paged(
        call.store.registry.rows(),
        call.query,
        kind="registry",
        keep=lambda entry: everything or entry["status"] != "archived",
    )


def approve_template(call: Call) -> Reply:
    """POST /workflow-registry/{workflow_id}/approve-template."""
    return _set_status(call, "approved")


def deprecate(call: Call) -> Reply:
    """POST /workflow-registry/{workflow_id}/deprecate."""
    return _set_status(call, "deprecated")


def archive(call: Call) -> Reply:
    """POST /workflow-registry/{workflow_id}/archive."""
    return _set_status(call, "archived")


def _set_status(call: Call, status: str) -> Reply:
    workflow = find_workflow(call)
    now = iso(call.now)
    earlier = call.store.registry.get(workflow["id"]) or {"created_at": now}
    entry: Record = {
        "workflow_id": workflow["id"],
        "name": workflow["name"],
        "status": status,
        "version": workflow["version"],
        "created_at": earlier["created_at"],
        "updated_at": now,
    }
    call.store.registry.put(workflow["id"], record=entry)
    return Reply(entry)


ENDPOINTS = [
    ("POST", "/workflow-registry/{workflow_id}/approve-template", approve_template),
    ("POST", "/workflow-registry/{workflow_id}/deprecate", deprecate),
    ("POST", "/workflow-registry/{workflow_id}/archive", archive),
    ("GET", "/workflow-registry", list_registry),
]
PERMISSIONS: Final[dict[tuple[str, str], Role]] = {
    ("POST", "/workflow-registry/{workflow_id}/approve-template"): "admin",
    ("POST", "/workflow-registry/{workflow_id}/deprecate"): "admin",
    ("POST", "/workflow-registry/{workflow_id}/archive"): "admin",
}
