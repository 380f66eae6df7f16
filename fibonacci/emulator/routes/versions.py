"""Versions: every deployment is a snapshot; rolling back makes a new one."""

from __future__ import annotations

from typing import Final

from fibonacci.emulator.call import Call
from fibonacci.emulator.clock import iso
from fibonacci.emulator.envelope import Reply
from fibonacci.emulator.errors import not_found
from fibonacci.emulator.keys import Role
from fibonacci.emulator.paging import paged
from fibonacci.emulator.routes.workflows import find_workflow, save_with_snapshot
from fibonacci.emulator.store import Record


def list_versions(call: Call) -> Reply:
    """GET /workflows/{workflow_id}/versions, newest first."""
    workflow_id = find_workflow(call)["id"]
    rows = call.store.versions.rows(workflow_id, newest_first=True)
    return paged(rows, call.query, kind=f"versions of {workflow_id}", newest_first=True)


def get_version(call: Call) -> Reply:
    """GET /workflows/{workflow_id}/versions/{version}."""
    return Reply(_find_version(call, find_workflow(call)["id"]))


def rollback(call: Call) -> Reply:
    """POST /workflows/{workflow_id}/versions/{version}/rollback."""
    workflow = find_workflow(call)
    old = _find_version(call, workflow["id"])
    changes = {name: old[name] for name in ("name", "description", "definition")}
    changes |= {"version": workflow["version"] + 1, "updated_at": iso(call.now)}
    return Reply(save_with_snapshot(call.store, workflow | changes, rolled_back_from=old["version"]))


def _find_version(call: Call, workflow_id: str) -> Record:
    version = call.path["version"]
    snapshot = call.store.versions.get(workflow_id, version)
    if snapshot is None:
        raise not_found("version", f"version of workflow {workflow_id!r}:", version)
    return snapshot


ENDPOINTS = [
    ("GET", "/workflows/{workflow_id}/versions", list_versions),
    ("GET", "/workflows/{workflow_id}/versions/{version}", get_version),
    ("POST", "/workflows/{workflow_id}/versions/{version}/rollback", rollback),
]
PERMISSIONS: Final[dict[tuple[str, str], Role]] = {
    ("GET", "/workflows/{workflow_id}/versions/{version}"): "admin",
    ("POST", "/workflows/{workflow_id}/versions/{version}/rollback"): "admin",
}
