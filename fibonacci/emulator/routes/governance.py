"""Governance: settings, report, audit log and approvals of an organization."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from fibonacci.emulator.account import KeyRole
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.engine.records import WAITING
from fibonacci.emulator.http.bodies import read
from fibonacci.emulator.http.paging import paged
from fibonacci.emulator.http.replies import Reply, bare
from fibonacci.emulator.policy.admission import report_categories
from fibonacci.emulator.policy.approvals import GovernanceUpdate, settings_of
from fibonacci.emulator.policy.organizations import audit, organization_of
from fibonacci.emulator.state.clock import iso


def get_settings(context: RequestContext) -> Reply:
    """GET /organizations/{organization_id}/governance."""
    return bare(settings_of(context.store, organization_of(context)))


def update_settings(context: RequestContext) -> Reply:
    """PATCH /organizations/{organization_id}/governance."""
    organization = organization_of(context)
    given = read(GovernanceUpdate, context.body).model_dump(exclude_unset=True)
    report_categories(context, f"{organization}/governance", given.get("category_flags", {}))
    before = settings_of(context.store, organization)
    after = before | given
    context.store.governance.put(organization, record=after)
    audit(context, "governance.updated", "governance", before, after)
    return bare(after)


def report(context: RequestContext) -> Reply:
    """GET /organizations/{organization_id}/governance/report."""
    organization = organization_of(context)
    store = context.store
    is_home = organization == context.organization
    statuses = store.executions.counts("status") if is_home else {}
    content: dict[str, Any] = {
        "organization_id": organization,
        "generated_at": iso(context.now),
        "settings": settings_of(context.store, organization),
        "workflows": store.workflows.count() if is_home else 0,
        "executions": {"total": sum(statuses.values()), "by_status": statuses},
        "registry": store.registry.counts("status") if is_home else {},
        "tool_policies": store.tool_policies.count(organization),
        "role_policy_overrides": store.role_overrides.count(organization),
        "changes": store.audit.counts(organization),
    }
    return Reply(content)


def audit_log(context: RequestContext) -> Reply:
    """GET /organizations/{organization_id}/governance/audit, newest first."""
    organization = organization_of(context)
    rows = partial(context.store.audit.rows, organization)
    return paged(rows, context.query, kind=f"audit of {organization}", newest_first=True)


def approvals(context: RequestContext) -> Reply:
    """GET /organizations/{organization_id}/governance/approvals."""
    organization = organization_of(context)
    store = context.store
    counts = {
        "pending": store.executions.count("status", WAITING) if organization == context.organization else 0,
        "approved": store.audit.count(organization, "approval.approved"),
        "rejected": store.audit.count(organization, "approval.rejected"),
    }
    threshold = settings_of(context.store, organization)["approval_threshold"]
    return Reply({"organization_id": organization, **counts, "total": sum(counts.values()), "threshold": threshold})


ENDPOINTS = [
    ("GET", "/organizations/{organization_id}/governance", get_settings),
    ("PATCH", "/organizations/{organization_id}/governance", update_settings),
    ("GET", "/organizations/{organization_id}/governance/report", report),
    ("GET", "/organizations/{organization_id}/governance/audit", audit_log),
    ("GET", "/organizations/{organization_id}/governance/approvals", approvals),
]
PERMISSIONS: Final[dict[tuple[str, str], KeyRole]] = {
    ("PATCH", "/organizations/{organization_id}/governance"): "owner",
}
