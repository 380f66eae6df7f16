"""Rows: governance, quotas and tool policies of an organization."""

from __future__ import annotations

from typing import Any

from fibonacci.models import (
    ApprovalStats,
    AuditEntry,
    GovernanceReport,
    GovernanceSettings,
    Quota,
    RolePolicyOverride,
    ToolPolicy,
)
from tests.endpoints.endpoint_row import EndpointRow

SETTINGS: dict[str, Any] = {
    "require_approval_for_external_comm": True,
    "require_approval_for_public_writes": False,
    "require_approval_for_permission_changes": None,
    "allow_self_approval": False,
    "approval_threshold": 2,
    "category_flags": {"financial": True, "pii": None},
    "review_days": 30,
}
REPORT: dict[str, Any] = {"period": {"days": 30}, "flagged": 0, "rate": 1.0, "data": "a field of that name"}
AUDIT: dict[str, Any] = {"id": "aud_1", "action": "quota.updated", "at": "2026-11-25T01:02:03Z", "changes": [None]}
STATISTICS: dict[str, Any] = {"pending": 1, "approved": 2, "mean_hours": 3.25}
QUOTA: dict[str, Any] = {
    "plan": "pro",
    "limits": {"workflow_runs_per_hour": 1000, "concurrent_executions": 10, "memory_mb": 512},
    "overrides": {"memory_mb": 256, "concurrent_executions": None},
    "effective": {"workflow_runs_per_hour": 1000, "concurrent_executions": 10, "memory_mb": 256, "gpu_hours": 0.5},
}
POLICY: dict[str, Any] = {
    "tool_name": "email_send",
    "enabled": True,
    "allowed_roles": ["owner", "auditor"],
    "created_at": "2026-11-25T01:02:03Z",
}
OVERRIDE: dict[str, Any] = {"role": "viewer", "tool_name": "email_send", "enabled": False, "note": ""}
PAGE: dict[str, Any] = {"page_size": 100, "cursor": "n=2"}

GOVERNANCE = [
    EndpointRow("organizations.governance.get", "GET", "/organizations/acme/governance", SETTINGS, GovernanceSettings,
        ("acme",), bare=True),
    EndpointRow("organizations.governance.update", "PATCH", "/organizations/acme/governance", SETTINGS,
        GovernanceSettings, ("acme",),
        {
            "require_approval_for_external_comm": True,
            "require_approval_for_public_writes": False,
            "require_approval_for_permission_changes": True,
            "allow_self_approval": False,
            "approval_threshold": 0,
            "category_flags": {"financial": True, "pii": False},
        },
        body={
            "require_approval_for_external_comm": True,
            "require_approval_for_public_writes": False,
            "require_approval_for_permission_changes": True,
            "allow_self_approval": False,
            "approval_threshold": 0,
            "category_flags": {"financial": True, "pii": False},
        },
        bare=True),
    EndpointRow("organizations.governance.report", "GET", "/organizations/acme/governance/report", REPORT,
        GovernanceReport,
        ("acme",)),
    EndpointRow("organizations.governance.audit", "GET", "/organizations/acme/governance/audit", [AUDIT, {}],
        AuditEntry,
        ("acme",)),
    EndpointRow("organizations.governance.audit", "GET", "/organizations/acme/governance/audit?limit=100&cursor=n%3D2",
        [AUDIT], AuditEntry, ("acme",), PAGE),
    EndpointRow("organizations.governance.approvals", "GET", "/organizations/acme/governance/approvals", STATISTICS,
        ApprovalStats, ("acme",)),
]  # fmt: skip

QUOTAS = [
    EndpointRow("organizations.quota.get", "GET", "/organizations/acme/quota", QUOTA, Quota, ("acme",), bare=True),
    EndpointRow("organizations.quota.update", "PATCH", "/organizations/acme/quota", QUOTA, Quota, ("acme",),
        {"workflow_runs_per_hour": 0, "concurrent_executions": None, "memory_mb": 1},
        body={"workflow_runs_per_hour": 0, "concurrent_executions": None, "memory_mb": 1}, bare=True),
]  # fmt: skip

POLICIES = [
    EndpointRow("organizations.tool_policies.list", "GET", "/organizations/acme/tool-policies", [POLICY], ToolPolicy,
        ("acme",)),
    EndpointRow("organizations.tool_policies.list", "GET", "/organizations/acme/tool-policies?limit=100&cursor=n%3D2",
        [],
        ToolPolicy, ("acme",), PAGE),
    EndpointRow("organizations.tool_policies.create", "POST", "/organizations/acme/tool-policies", POLICY, ToolPolicy,
        ("acme",), {"tool_name": "email_send"}, body={"tool_name": "email_send"}, status=201),
    EndpointRow("organizations.tool_policies.create", "POST", "/organizations/acme/tool-policies", POLICY, ToolPolicy,
        ("acme",), {"tool_name": "email_send", "enabled": False, "allowed_roles": ("owner", "admin")},
        body={"tool_name": "email_send", "enabled": False, "allowed_roles": ["owner", "admin"]}, status=201),
    EndpointRow("organizations.tool_policies.update", "PATCH", "/organizations/acme/tool-policies/email_send", POLICY,
        ToolPolicy, ("acme", "email_send"), {"enabled": False}, body={"enabled": False}),
    EndpointRow("organizations.tool_policies.update", "PATCH", "/organizations/acme/tool-policies/mail%2Fsend", POLICY,
        ToolPolicy, ("acme", "mail/send"), {"allowed_roles": []}, body={"allowed_roles": []}),
    EndpointRow("organizations.tool_policies.delete", "DELETE", "/organizations/acme/tool-policies/email_send", None,
        type(None), ("acme", "email_send"), status=204),
    EndpointRow("organizations.tool_policies.list_role_overrides", "GET", "/organizations/acme/role-policy-overrides",
        [OVERRIDE], RolePolicyOverride, ("acme",)),
    EndpointRow("organizations.tool_policies.create_role_override", "POST", "/organizations/acme/role-policy-overrides",
        OVERRIDE, RolePolicyOverride, ("acme",), {"role": "viewer", "tool_name": "email_send"},
        body={"role": "viewer", "tool_name": "email_send"}, status=201),
    EndpointRow("organizations.tool_policies.create_role_override", "POST", "/organizations/acme/role-policy-overrides",
        OVERRIDE, RolePolicyOverride, ("acme",), {"role": "member", "tool_name": "wait", "enabled": False},
        body={"role": "member", "tool_name": "wait", "enabled": False}, status=201),
]  # fmt: skip

ROWS = [*GOVERNANCE, *QUOTAS, *POLICIES]
