"""Factories of governance, quotas and tool policies."""

from __future__ import annotations

from typing import Any, Final

from fibonacci.models import (
    ApprovalStats,
    AuditEntry,
    GovernanceReport,
    GovernanceSettings,
    Quota,
    ResponseInfo,
    RolePolicyOverride,
    ToolPolicy,
)
from fibonacci.testing.factories.build import CREATED, build

_SETTINGS: Final = {
    "require_approval_for_external_comm": False,
    "require_approval_for_public_writes": False,
    "require_approval_for_permission_changes": False,
    "allow_self_approval": False,
    "approval_threshold": 1,
    "category_flags": {"financial": False, "pii": False},
}
_REPORT: Final = {"organization_id": "org-abc123", "generated_at": CREATED}
_AUDIT_ENTRY: Final = {
    "id": "audit_abc123",
    "actor": "owner",
    "action": "governance.updated",
    "target": "governance",
    "changes": {"approval_threshold": {"from": 1, "to": 2}},
    "created_at": CREATED,
}
_APPROVALS: Final = {"organization_id": "org-abc123", "pending": 0, "approved": 0, "rejected": 0, "total": 0}
_LIMITS: Final = {"workflow_runs_per_hour": 60, "concurrent_executions": 2, "memory_mb": 256}
_QUOTA: Final = {"plan": "free", "limits": _LIMITS, "overrides": {}, "effective": _LIMITS}
_POLICY: Final = {
    "tool_name": "slack_send_message",
    "enabled": True,
    "allowed_roles": ["owner", "admin", "member", "viewer"],
    "created_at": CREATED,
    "updated_at": CREATED,
}
_OVERRIDE: Final = {
    "role": "viewer",
    "tool_name": "slack_send_message",
    "enabled": False,
    "created_at": CREATED,
    "updated_at": CREATED,
}


def make_governance_settings(*, response: ResponseInfo | None = None, **changes: Any) -> GovernanceSettings:
    """Make governance settings that require no approval.

    Args:
        response: The HTTP response that it came in; a successful one by default.
        changes: Fields that replace the defaults, and further ones, by their names in a response.

    Returns:
        The model, as if it had come in a response.

    Example:
        >>> make_governance_settings(approval_threshold=2).approval_threshold
        2
    """
    return build(GovernanceSettings, _SETTINGS, changes, response)


def make_governance_report(*, response: ResponseInfo | None = None, **changes: Any) -> GovernanceReport:
    """Make a governance report; its fields are not documented.

    Args:
        response: The HTTP response that it came in; a successful one by default.
        changes: Fields that replace the defaults, and further ones, by their names in a response.

    Returns:
        The model, as if it had come in a response.

    Example:
        >>> make_governance_report(workflows=3).model_dump()["workflows"]
        3
    """
    return build(GovernanceReport, _REPORT, changes, response)


def make_audit_entry(*, response: ResponseInfo | None = None, **changes: Any) -> AuditEntry:
    """Make an entry of the audit log; its fields are not documented.

    Args:
        response: The HTTP response that it came in; a successful one by default.
        changes: Fields that replace the defaults, and further ones, by their names in a response.

    Returns:
        The model, as if it had come in a response.

    Example:
        >>> make_audit_entry(actor="admin").model_dump()["actor"]
        'admin'
    """
    return build(AuditEntry, _AUDIT_ENTRY, changes, response)


def make_approval_stats(*, response: ResponseInfo | None = None, **changes: Any) -> ApprovalStats:
    """Make approval statistics; their fields are not documented.

    Args:
        response: The HTTP response that it came in; a successful one by default.
        changes: Fields that replace the defaults, and further ones, by their names in a response.

    Returns:
        The model, as if it had come in a response.

    Example:
        >>> make_approval_stats(pending=2).model_dump()["pending"]
        2
    """
    return build(ApprovalStats, _APPROVALS, changes, response)


def make_quota(*, response: ResponseInfo | None = None, **changes: Any) -> Quota:
    """Make the quota of an organization on the plan `free`.

    Args:
        response: The HTTP response that it came in; a successful one by default.
        changes: Fields that replace the defaults, and further ones, by their names in a response.

    Returns:
        The model, as if it had come in a response.

    Example:
        >>> make_quota(plan="pro").plan
        'pro'
    """
    return build(Quota, _QUOTA, changes, response)


def make_tool_policy(*, response: ResponseInfo | None = None, **changes: Any) -> ToolPolicy:
    """Make a tool policy that allows the tool for every role.

    Args:
        response: The HTTP response that it came in; a successful one by default.
        changes: Fields that replace the defaults, and further ones, by their names in a response.

    Returns:
        The model, as if it had come in a response.

    Example:
        >>> make_tool_policy(enabled=False).enabled
        False
    """
    return build(ToolPolicy, _POLICY, changes, response)


def make_role_policy_override(*, response: ResponseInfo | None = None, **changes: Any) -> RolePolicyOverride:
    """Make an exception to a tool policy for one role.

    Args:
        response: The HTTP response that it came in; a successful one by default.
        changes: Fields that replace the defaults, and further ones, by their names in a response.

    Returns:
        The model, as if it had come in a response.

    Example:
        >>> make_role_policy_override(role="member").role
        'member'
    """
    return build(RolePolicyOverride, _OVERRIDE, changes, response)
