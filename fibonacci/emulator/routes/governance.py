"""Governance: settings, report, audit log and approvals of an organization."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from fibonacci.emulator.account.auth import KeyRole
from fibonacci.emulator.context import RequestContext
from fibonacci.emulator.engine.records import WAITING
from fibonacci.emulator.http.bodies import read
from fibonacci.emulator.http.paging import paged
from fibonacci.emulator.http.replies import Reply, bare
from fibonacci.emulator.policy.governance import GovernanceUpdate, settings_of
from fibonacci.emulator.policy.organizations import audit, organization_of
from fibonacci.emulator.state.clock import iso


def get_settings(context: RequestContext) -> Reply:
    """GET /organizations/{organization_id}/governance."""
    return bare(settings_of(context.store, organization_of(context)))


def update_settings(context: RequestContext) -> Reply:
    """PATCH /organizations/{organization_id}/governance."""
    organization = organization_of(context)
    given = read(GovernanceUpdate, context.body).model_dump(exclude_unset=True)
    before = settings_of(context.store, organization)
    after = before | given
    context.store.governance.put(organization, record=after)
    audit(context, "governance.updated", "governance", before, after)
    return bare(after)


def report(context: RequestContext) -> Reply:
    """GET /organizations/{organization_id}/governance/report."""
    organization = organization_of(context)
    store = context.store
    statuses = _statuses(context, organization)
    is_home = organization == context.organization
    content: dict[str, Any] = {
        "organization_id": organization,
        "generated_at": iso(context.now),
        "settings": settings_of(context.store, organization),
        "workflows": sum(1 for _ in store.workflows.records()) if is_home else 0,
        "executions": {"total": statuses.total(), "by_status": dict(statuses)},
        "registry": dict(Counter(entry["status"] for entry in store.registry.records())) if is_home else {},
        "tool_policies": sum(1 for _ in store.tool_policies.records(organization)),
        "role_policy_overrides": sum(1 for _ in store.role_overrides.records(organization)),
        "changes": dict(Counter(entry["action"] for entry in store.audit.records(organization))),
    }
    return Reply(content)


def audit_log(context: RequestContext) -> Reply:
    """GET /organizations/{organization_id}/governance/audit, newest first."""
    organization = organization_of(context)
    rows = context.store.audit.rows(organization, newest_first=True)
    return paged(rows, context.query, kind=f"audit of {organization}", newest_first=True)


def approvals(context: RequestContext) -> Reply:
    """GET /organizations/{organization_id}/governance/approvals."""
    organization = organization_of(context)
    decisions = Counter(entry["action"] for entry in context.store.audit.records(organization))
    counts = {
        "pending": _statuses(context, organization)[WAITING],
        "approved": decisions["approval.approved"],
        "rejected": decisions["approval.rejected"],
    }
    threshold = settings_of(context.store, organization)["approval_threshold"]
    return Reply({"organization_id": organization, **counts, "total": sum(counts.values()), "threshold": threshold})


def _statuses(context: RequestContext, organization: str) -> Counter[str]:
    """Count the executions of an organization by status; all belong to the emulator's own."""
    if organization != context.organization:
        return Counter()
    return Counter(execution["status"] for execution in context.store.executions.records())


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
