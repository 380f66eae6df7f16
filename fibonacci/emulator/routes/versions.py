"""Versions: every update creates one, and so does a rollback."""

from __future__ import annotations

from functools import partial
from typing import Final

from fibonacci.emulator.account import KeyRole
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.http.paging import paged
from fibonacci.emulator.http.replies import Reply, not_found
from fibonacci.emulator.routes.workflows import find_workflow, save_with_snapshot
from fibonacci.emulator.state.clock import iso
from fibonacci.emulator.state.tables import Record


def list_versions(context: RequestContext) -> Reply:
    """GET /workflows/{workflow_id}/versions, newest first."""
    workflow_id = find_workflow(context)["id"]
    rows = partial(context.store.versions.rows, workflow_id)
    return paged(rows, context.query, kind=f"versions of {workflow_id}", newest_first=True)


def get_version(context: RequestContext) -> Reply:
    """GET /workflows/{workflow_id}/versions/{version}."""
    return Reply(_find_version(context, find_workflow(context)["id"]))


def rollback(context: RequestContext) -> Reply:
    """POST /workflows/{workflow_id}/versions/{version}/rollback."""
    workflow = find_workflow(context)
    old = _find_version(context, workflow["id"])
    changes = {name: old[name] for name in ("name", "description", "definition")}
    changes |= {"version": workflow["version"] + 1, "updated_at": iso(context.now)}
    return Reply(save_with_snapshot(context.store, workflow | changes, rolled_back_from=old["version"]))


def _find_version(context: RequestContext, workflow_id: str) -> Record:
    version = context.path["version"]
    snapshot = context.store.versions.get(workflow_id, version)
    if snapshot is None:
        raise not_found("version", f"version of workflow {workflow_id!r}:", version)
    return snapshot


ENDPOINTS = [
    ("GET", "/workflows/{workflow_id}/versions", list_versions),
    ("GET", "/workflows/{workflow_id}/versions/{version}", get_version),
    ("POST", "/workflows/{workflow_id}/versions/{version}/rollback", rollback),
]
PERMISSIONS: Final[dict[tuple[str, str], KeyRole]] = {
    ("GET", "/workflows/{workflow_id}/versions/{version}"): "admin",
    ("POST", "/workflows/{workflow_id}/versions/{version}/rollback"): "admin",
}
