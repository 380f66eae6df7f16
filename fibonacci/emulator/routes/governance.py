"""Governance: settings, report, audit log and approvals of an organization."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from fibonacci.emulator.body import read
from fibonacci.emulator.call import Call
from fibonacci.emulator.clock import iso
from fibonacci.emulator.envelope import Reply, bare
from fibonacci.emulator.executions import WAITING
from fibonacci.emulator.governance import GovernanceSettings, settings_of
from fibonacci.emulator.keys import Role
from fibonacci.emulator.paging import paged
from fibonacci.emulator.routes.organizations import audit, organization_of


def get_settings(call: Call) -> Reply:
    """GET /organizations/{organization_id}/governance."""
    return bare(settings_of(call.store, organization_of(call)))


def update_settings(call: Call) -> Reply:
    """PATCH /organizations/{organization_id}/governance."""
    organization = organization_of(call)
    given = read(GovernanceSettings, call.body).model_dump(exclude_unset=True)
    before = settings_of(call.store, organization)
    after = before | given
    call.store.governance.put(organization, record=after)
    audit(call, "governance.updated", "governance", before, after)
    return bare(after)


def report(call: Call) -> Reply:
    """GET /organizations/{organization_id}/governance/report."""
    organization = organization_of(call)
    store = call.store
    statuses = _statuses(call, organization)
    is_home = organization == call.organization
    content: dict[str, Any] = {
        "organization_id": organization,
        "generated_at": iso(call.now),
        "settings": settings_of(call.store, organization),
        "workflows": sum(1 for _ in store.workflows.records()) if is_home else 0,
        "executions": {"total": statuses.total(), "by_status": dict(statuses)},
        "registry": dict(Counter(entry["status"] for entry in store.registry.records())) if is_home else {},
        "tool_policies": sum(1 for _ in store.tool_policies.records(organization)),
        "role_policy_overrides": sum(1 for _ in store.role_overrides.records(organization)),
        "changes": dict(Counter(entry["action"] for entry in store.audit.records(organization))),
    }
    return Reply(content)


def audit_log(call: Call) -> Reply:
    """GET /organizations/{organization_id}/governance/audit, newest first."""
    organization = organization_of(call)
    rows = call.store.audit.rows(organization, newest_first=True)
    return paged(rows, call.query, kind=f"audit of {organization}", newest_first=True)


def approvals(call: Call) -> Reply:
    """GET /organizations/{organization_id}/governance/approvals."""
    organization = organization_of(call)
    decisions = Counter(entry["action"] for entry in call.store.audit.records(organization))
    counts = {
        "pending": _statuses(call, organization)[WAITING],
        "approved": decisions["approval.approved"],
        "rejected": decisions["approval.rejected"],
    }
    threshold = settings_of(call.store, organization)["approval_threshold"]
    return Reply({"organization_id": organization, **counts, "total": sum(counts.values()), "threshold": threshold})


def _statuses(call: Call, organization: str) -> Counter[str]:
    """Count executions by status; all belong to the emulator's own organization."""
    if organization != call.organization:
        return Counter()
    return Counter(execution["status"] for execution in call.store.executions.records())


ENDPOINTS = [
    ("GET", "/organizations/{organization_id}/governance", get_settings),
    ("PATCH", "/organizations/{organization_id}/governance", update_settings),
    ("GET", "/organizations/{organization_id}/governance/report", report),
    ("GET", "/organizations/{organization_id}/governance/audit", audit_log),
    ("GET", "/organizations/{organization_id}/governance/approvals", approvals),
]
PERMISSIONS: Final[dict[tuple[str, str], Role]] = {
    ("PATCH", "/organizations/{organization_id}/governance"): "owner",
}
